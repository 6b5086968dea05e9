//! Chains of parts: loaded from any bytes, then run, by both doors.

use crate::bytes::Bytes;
use crate::heed::{Heed, repaired_as};
use heedful::format::{InputKind, MAJOR};
use heedful::{Model, dynamic};

/// Multiply-accumulates, and words of memory, that a run may take.
const WORK: usize = if cfg!(miri) { 1 << 14 } else { 1 << 20 };

/// What begins as a file is one, but for its checksum; anything else says what is in a file. True if there was a model
/// to run.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let file = if data.starts_with(b"HEED") { repaired_as(data, MAJOR) } else { file(&mut from) };
    let words: Vec<u32> = file.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
    let bytes: &[u8] = bytemuck::cast_slice(&words);
    let host = dynamic::Model::load(bytes);
    let needed = match Model::memory(bytes) {
        Ok(needed) => needed / 4,
        Err(error) => {
            assert_eq!(host.err(), Some(error));
            return false;
        }
    };
    if needed > WORK {
        return false;
    }
    let mut memory = vec![from.word(); needed];
    if needed > 0 {
        assert!(Model::load(bytes, &mut memory[1..]).is_err());
    }
    let (host, mut model) = match (host, Model::load(bytes, &mut memory)) {
        (Ok(host), Ok(model)) => (host, model),
        // Names that only one of them reads.
        (_, Err(_)) => return false,
        (Err(error), Ok(_)) => panic!("{error}"),
    };
    let shape = *host.shape();
    assert_eq!(*model.shape(), shape);
    if shape.macs > WORK || shape.values() > WORK {
        return false;
    }
    for _ in 0..2 {
        infer(&mut from, &host, &mut model);
    }
    let _ = (host.labels(), model.label(from.any()), host.channels(), host.infer_real(&[f32::NAN, 1e30, -1e30]));
    true
}

/// Any features and tokens: as many as are wanted, fewer or more.
fn infer(from: &mut Bytes<'_>, host: &dynamic::Model, model: &mut Model<'_>) {
    let shape = *host.shape();
    let input = shape.input;
    let wanted = input.steps.saturating_mul(input.columns).saturating_mul(input.channels);
    let count = match from.byte() % 4 {
        0 => from.within(0, 50) as usize,
        _ => wanted.min(2000),
    };
    let rows = |positions: usize| if shape.rows == shape.positions { positions } else { positions.min(1) };
    if input.kind == InputKind::Tokens {
        let count = from.within(0, input.steps.min(300) as u32 + 2);
        let tokens: Vec<u16> = (0..count).map(|_| from.word() as u16 % 64).collect();
        let outcome = host.infer_tokens(&tokens);
        assert_eq!(model.infer_tokens(&tokens).logits(), outcome.logits());
        let positions = (tokens.len() + shape.class_tokens).min(shape.positions);
        assert_eq!(outcome.logits().len(), rows(positions) * shape.outputs);
        return;
    }
    let narrow: Vec<i8> = from.bytes(count).into_iter().map(|byte| byte as i8).collect();
    let outcome = host.infer(&narrow);
    assert_eq!(model.infer(&narrow).logits(), outcome.logits());
    assert_eq!(outcome.logits().len(), shape.values());
    assert!(outcome.best().probability >= outcome.runner_up().probability);
    let fine: Vec<i16> = (0..count).map(|_| from.sample()).collect();
    assert_eq!(model.infer_fine(&fine).logits(), host.infer_fine(&fine).logits());
}

/// A file of any shape, with parts that fit it, mostly.
pub fn file(from: &mut Bytes<'_>) -> Vec<u8> {
    let mut maker = Maker { width: from.count(20), positions: 0, heed: Heed::new(from) };
    let wide = maker.coin();
    maker.heed.section(*b"MODL", |to| to.put(if wide { 15 } else { 8 }));
    match maker.heed.from.byte() % 4 {
        0 => maker.tokens(),
        1 => maker.features(true),
        _ => maker.features(false),
    }
    for _ in 0..maker.heed.from.within(1, 6) {
        maker.block();
    }
    maker.end();
    maker.heed.finish_as(MAJOR)
}

struct Maker<'a, 'd> {
    width: usize,
    positions: usize,
    heed: Heed<'a, 'd>,
}

impl Maker<'_, '_> {
    fn coin(&mut self) -> bool {
        self.heed.from.once_in(2)
    }

    fn start(&mut self, after: usize) -> usize {
        let class_tokens = self.heed.from.within(0, 3) as usize;
        self.positions = after + class_tokens;
        let (positions, width) = (self.positions, self.width);
        self.heed.section(*b"POSI", |to| {
            let has_values = to.from.once_in(2);
            to.counts(&[positions, width, class_tokens, has_values.into()]);
            if has_values {
                to.values((positions * width).div_ceil(2));
            }
        });
        class_tokens
    }

    fn tokens(&mut self) {
        let [positions, vocabulary, width] = [self.heed.from.count(20), self.heed.from.count(60), self.width];
        self.heed.section(*b"TOKS", |to| to.counts(&[positions, vocabulary]));
        let class_tokens = self.start(positions);
        self.heed.section(*b"EMBD", |to| {
            let factor = to.from.within(1, 1 << 23) >> to.from.within(0, 20);
            to.counts(&[vocabulary, width, class_tokens, factor.max(1) as usize]);
            to.linear(width, vocabulary);
        });
    }

    fn features(&mut self, is_image: bool) {
        let from = &mut *self.heed.from;
        let input = [from.count(20), if is_image { from.count(12) } else { 1 }, from.count(5)];
        let is_fine = from.once_in(2);
        let kernel = [from.count(4) as u32, from.count(if is_image { 4 } else { 1 }) as u32];
        let stride = [from.count(5) as u32, from.count(5) as u32];
        let padding = [from.within(0, kernel[0] - 1), from.within(0, kernel[1] - 1)];
        self.heed.section(*b"FEAT", |to| {
            to.counts(&input);
            to.put(if is_fine { 15 } else { 8 });
            to.counts(&[0, 0]);
            to.any(2 * input[2]);
        });
        let patches = |axis: usize| {
            let rest = (input[axis] as u32 + 2 * padding[axis]).checked_sub(kernel[axis]);
            rest.map_or(0, |rest| rest / stride[axis] + 1) as usize
        };
        let class_tokens = self.start((patches(0) * patches(1)).max(1));
        let width = self.width;
        self.heed.section(*b"STEM", |to| {
            to.counts(&[width, class_tokens]);
            to.counts(&input);
            to.put(if is_fine { 15 } else { 8 });
            [kernel, stride, padding].as_flattened().iter().for_each(|&count| to.put(count));
            to.any(1);
            to.linear((kernel[0] * kernel[1]) as usize * input[2], width);
            if is_fine {
                to.linear(0, width);
            }
        });
    }

    /// Rows, and what reads them.
    fn block(&mut self) {
        let width = self.width;
        match self.heed.from.byte() % 3 {
            0 => self.heed.section(*b"ROWS", |to| {
                to.put(width as u32);
                to.linear(0, width);
            }),
            kind => self.heed.section(*b"NORM", |to| {
                let (rms, carries) = (to.from.once_in(2), kind == 2);
                to.counts(&[width, rms.into(), carries.into()]);
                to.norm(width);
                if carries {
                    to.scale(1..=30);
                    to.values(width);
                }
            }),
        }
        if self.heed.from.once_in(4) {
            self.heed.section(*b"RESI", |to| {
                let factor = to.from.within(1, 65_280);
                to.counts(&[width, factor as usize]);
            });
        }
        match self.heed.from.byte() % 6 {
            0..=2 => self.attention(),
            3 => self.feed_forward(*b"FFWD", 64),
            4 => self.feed_forward(*b"FFWF", 129),
            _ => self.gated(),
        }
    }

    fn attention(&mut self) {
        let width = self.width;
        self.heed.section(*b"ATTN", |to| {
            let kind = to.from.within(0, 2);
            let (groups, dim) = (to.from.within(0, 3) as usize, to.from.count(20));
            let heads = groups * if kind == 1 { 1 } else { to.from.count(3) };
            let rank = if kind == 2 { to.from.count(width as u32) } else { 0 };
            let (inputs, query_dim) = (if kind == 2 { rank } else { width }, if kind == 1 { width } else { dim });
            let rotates = kind != 1 && dim > 1;
            let pattern = to.from.within(0, if rotates { 31 } else { 15 });
            to.counts(&[width, heads, groups, dim, kind as usize, rank]);
            to.put(pattern);
            to.heads(heads);
            if kind == 2 {
                to.linear(width, 3 * rank);
            }
            to.linear(inputs, heads * query_dim);
            if kind != 1 {
                to.linear(inputs, groups * dim);
            }
            to.linear(inputs, groups * dim);
            to.linear(heads * dim, width);
            self::pattern(to, pattern, heads, query_dim);
        });
    }

    fn feed_forward(&mut self, tag: [u8; 4], table: usize) {
        let (width, hidden) = (self.width, self.heed.from.count(24));
        self.heed.section(tag, |to| {
            to.counts(&[width, hidden]);
            to.linear(width, hidden);
            to.values(table);
            to.linear(hidden, width);
        });
    }

    fn gated(&mut self) {
        let (width, hidden) = (self.width, self.heed.from.count(24));
        self.heed.section(*b"GATE", |to| {
            let hidden15 = to.from.once_in(2);
            to.counts(&[width, hidden, hidden15.into()]);
            to.linear(width, hidden);
            to.linear(width, hidden);
            to.values(128);
            to.scale(if hidden15 { 8..=30 } else { 1..=30 });
            to.linear_within(hidden, width, if hidden15 { (1 << 22) - 1 } else { 1 << 30 });
        });
    }

    /// A last norm, pooling or none, dense layers, the output.
    fn end(&mut self) {
        let width = self.width;
        self.heed.section(*b"NORM", |to| {
            to.counts(&[width, 0, 0]);
            to.norm(width);
        });
        let mut values = width;
        for _ in 0..self.heed.from.within(0, 2) {
            let outputs = self.heed.from.count(30);
            self.heed.section(*b"DENS", |to| {
                let has_activation = to.from.once_in(2);
                to.counts(&[values, outputs, has_activation.into()]);
                to.linear(values, outputs);
                if has_activation {
                    to.values(64);
                }
            });
            values = outputs;
        }
        let positions = self.positions;
        if !self.heed.from.once_in(4) {
            self.heed.section(*b"POOL", |to| {
                let (kind, count) = (to.from.within(0, 3) as usize, to.from.count(positions as u32));
                to.counts(&[values, kind, count]);
                to.scale(1..=30);
            });
        }
        self.heed.section(*b"OUTP", |to| {
            let has_layer = to.from.once_in(2);
            let outputs = if has_layer { to.from.count(8) } else { values };
            let kind = to.from.within(0, 4) as usize;
            to.counts(&[values, outputs, kind, has_layer.into()]);
            to.steepness();
            let step = 0x3f80_0000 >> to.from.within(0, 4);
            to.put(step);
            if has_layer {
                to.linear(values, outputs);
            }
        });
        if self.heed.from.once_in(4) {
            self.heed.section(*b"labl", |to| {
                let words = to.from.within(0, 9) as usize;
                (0..words).for_each(|_| to.put(0x6362_6103));
            });
        }
    }
}

fn pattern(to: &mut Heed<'_, '_>, pattern: u32, heads: usize, dim: usize) {
    let bound = |to: &mut Heed<'_, '_>| match to.from.byte() {
        byte @ 0..200 => u32::from(byte % 24),
        _ => u32::MAX,
    };
    if pattern & 2 != 0 {
        for _ in 0..heads {
            let words = [bound(to), bound(to), to.from.within(1, 5), bound(to)];
            words.into_iter().for_each(|word| to.put(word));
        }
    }
    if pattern & 4 != 0 {
        for _ in 0..heads {
            let slope = to.from.word() >> to.from.within(0, 31);
            to.put(slope);
        }
    }
    if pattern & 8 != 0 {
        let span = to.from.count(40);
        to.put(span as u32);
        to.any(heads * span);
    }
    if pattern & 16 != 0 {
        let (pairing, pairs) = (to.from.within(0, 2), to.from.count(dim as u32 / 2));
        to.counts(&[pairing as usize, pairs]);
        to.any(pairs);
    }
}
