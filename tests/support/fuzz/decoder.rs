//! Language models: loaded from any bytes, then run.

use crate::bytes::Bytes;
use crate::heed::{Heed, letter, repaired};
use heedful::dynamic::{Decoder, Session};
use heedful::{greedy, sample};

/// Multiply-accumulates that a run may take.
const WORK: usize = if cfg!(miri) { 1 << 14 } else { 1 << 18 };

/// What begins as a file is one, but for its checksum; anything else says what is in a file. True if there was a model
/// to run.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let file = if data.starts_with(b"HEED") { repaired(data) } else { file(&mut from) };
    let Ok(model) = Decoder::load(&file) else { return false };
    let c = *model.shape();
    let context = if from.once_in(8) { 500 + from.count(100) } else { from.count(12) };
    if c.macs > WORK / 8 || model.memory(context) > 2 * WORK {
        return false;
    }
    // Rows of more than 512 weights are worth their time.
    let work = if context > 500 { 16 * WORK } else { WORK };
    let steps = (work / (c.macs + c.layers * c.heads * c.head_dim * context)).clamp(4, context + 20);

    let mut session = model.session(context);
    let mut text: Vec<usize> = Vec::new();
    let mut logits = Vec::new();
    for _ in 0..steps {
        match from.byte() % 8 {
            0 if context < 500 || from.once_in(64) => {
                session.reset();
                text.clear();
            }
            1 => {
                let length = if from.once_in(4) { from.long() } else { from.within(0, text.len() as u32 + 1).into() };
                match session.rewind(length) {
                    Ok(()) => text.truncate(length as usize),
                    Err(_) => assert!(length != session.seen(), "back to where it is"),
                }
            }
            2 => {
                let token = from.any();
                session.push(token);
                text.push(token);
            }
            _ => {
                let token = from.within(0, c.outputs as u32) as usize;
                logits = session.step(token).to_vec();
                text.push(token);
                assert!(greedy(&logits) < c.outputs);
                assert!(sample(&logits, c.logit, from.word()) < c.outputs);
            }
        }
        assert_eq!(session.seen(), text.len() as u64);
    }
    assert!(logits.is_empty() || logits.len() == c.outputs);
    same_from_the_start(session, model.session(context), &text);
    if let Some(tokenizer) = model.tokenizer() {
        let text: Vec<u8> = (0..from.within(0, 12)).map(|_| letter(&mut from)).collect();
        let mut tokens = vec![0; text.len() + 2];
        let count = tokenizer.encode(&text, &mut tokens).expect("room enough");
        assert!(tokens[..count].iter().all(|&token| usize::from(token) < c.outputs));
    }
    true
}

/// However a text came about, what may follow is the same.
fn same_from_the_start(mut session: Session<'_>, mut fresh: Session<'_>, text: &[usize]) {
    text.iter().for_each(|&token| fresh.push(token));
    assert_eq!(session.step(1), fresh.step(1));
}

/// A file of any shape, with sections that fit it.
fn file(from: &mut Bytes<'_>) -> Vec<u8> {
    let mut c = Shape::new(from);
    while c.macs() > WORK / 16 {
        c.shrink();
    }
    let Shape { tokens, width, heads, key_heads, head_dim, hidden, layers, wide, pairs, hidden15, has_tokens } = c;
    let mut heed = Heed::new(from);
    heed.section(*b"DECO", |to| {
        for count in [tokens, width, heads, key_heads, head_dim, hidden, layers] {
            to.put(count as u32);
        }
        to.put(if wide { 15 } else { 8 });
        let factor = if to.from.once_in(2) { to.from.within(1, 1 << 23) } else { 1 << to.from.within(0, 23) };
        to.put(factor);
        to.steepness();
        let pairing = to.from.within(0, 2);
        to.put(pairing);
        to.put(pairs as u32);
        to.any(pairs);
    });
    heed.section(*b"EMBD", |to| to.linear(width, tokens));
    for _ in 0..layers {
        heed.section(*b"DBLK", |to| {
            to.norm(width);
            to.heads(heads);
            to.linear(width, heads * head_dim);
            to.linear(width, key_heads * head_dim);
            to.linear(width, key_heads * head_dim);
            to.linear(heads * head_dim, width);
            to.norm(width);
            to.linear(width, hidden);
            to.linear(width, hidden);
            to.values(128);
            to.scale(if hidden15 { 9..=30 } else { 1..=30 });
            to.linear_within(hidden, width, if hidden15 { (1 << 22) - 1 } else { 1 << 30 });
            if hidden15 || to.from.once_in(2) {
                to.put(u32::from(hidden15));
            }
        });
    }
    heed.section(*b"NORM", |to| to.norm(width));
    if has_tokens {
        heed.section(*b"TOKN", |to| to.tokens(tokens));
    }
    heed.finish()
}

#[derive(Clone, Copy)]
struct Shape {
    tokens: usize,
    width: usize,
    heads: usize,
    key_heads: usize,
    head_dim: usize,
    hidden: usize,
    layers: usize,
    wide: bool,
    pairs: usize,
    hidden15: bool,
    has_tokens: bool,
}

impl Shape {
    fn new(from: &mut Bytes<'_>) -> Self {
        let mut shape = Self {
            tokens: from.count(30),
            width: from.count(20),
            heads: 0,
            key_heads: from.count(3),
            head_dim: from.count(16),
            hidden: from.count(20),
            layers: from.count(3),
            wide: from.once_in(2),
            pairs: 0,
            hidden15: from.once_in(2),
            has_tokens: from.once_in(4),
        };
        match from.byte() % 16 {
            0 => shape.tokens = from.count(1000),
            1 => shape.width = from.count(1024),
            2 => shape.head_dim = from.count(256),
            3 | 4 => shape.hidden = from.count(768),
            5 => shape.layers = from.count(20),
            6 => shape.key_heads = from.count(20),
            _ => {}
        }
        if shape.has_tokens {
            shape.tokens = 258 + from.count(20);
        }
        shape.heads = shape.key_heads * from.count(3);
        shape.pairs = from.within(0, shape.head_dim as u32 / 2) as usize;
        shape
    }

    fn macs(&self) -> usize {
        let block = 2 * (self.heads + self.key_heads) * self.head_dim + 3 * self.hidden;
        self.width * (self.layers * block + self.tokens)
    }

    /// Halves what is halved without another number being wrong, but for the largest.
    fn shrink(&mut self) {
        let Self { width, hidden, layers, head_dim, .. } = self;
        let mut sizes = [width, hidden, layers, head_dim];
        sizes.sort_by_key(|size| **size);
        let last = usize::from(sizes[..3].iter().all(|size| **size == 1));
        for size in &mut sizes[..3 + last] {
            **size = size.div_ceil(2);
        }
        self.pairs = self.pairs.min(self.head_dim / 2);
    }
}
