//! Encoders: loaded from any bytes, then run.

use crate::bytes::Bytes;
use crate::heed::{Heed, repaired};
use heedful::Input;
use heedful::audio::features;
use heedful::dynamic::Model;
use heedful::format::write::EncoderModel;

/// Multiply-accumulates that a run may take.
pub const WORK: usize = if cfg!(miri) { 1 << 14 } else { 1 << 20 };

/// What begins as a file is one, but for its checksum; anything else says what is in a file. True if there was a model
/// to run.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let file = if data.starts_with(b"HEED") { repaired(data) } else { file(&mut from) };
    let Ok(model) = Model::load(&file) else {
        assert!(EncoderModel::load(&file).is_err(), "what cannot be run can be changed");
        return false;
    };
    let c = *model.shape();
    if model.macs() > WORK || c.positions * c.heads * c.head_dim > WORK {
        return false;
    }
    // As many as are wanted, fewer or more.
    let count = match from.byte() % 4 {
        0 => from.within(0, 50) as usize,
        _ => c.positions * c.inputs,
    };
    let input: Vec<i8> = from.bytes(count).into_iter().map(|byte| byte as i8).collect();
    let outcome = model.infer(&input);
    assert_eq!(outcome.logits().len(), c.outputs);
    assert!(outcome.best().probability >= outcome.runner_up().probability);
    assert_eq!(outcome.probability(usize::MAX), 0);
    assert!(model.labels().is_empty() || model.labels().len() == c.outputs);
    assert_eq!(model.heads().len(), c.layers);

    // What only looks changes nothing, and sees shares of 1.
    let mut rows = 0;
    let observed = model.infer_observed(Input::Features(&input), |row| {
        let sum: f32 = row.weights.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        rows += 1;
    });
    assert_eq!(observed, outcome);
    assert_eq!(rows, c.positions * model.heads().iter().sum::<usize>());
    let off = (from.byte() as usize % c.layers, from.byte() as usize % c.heads.max(1));
    let _ = model.infer_without(Input::Features(&input), &[off, (usize::MAX, 0)]);

    // What is written is what was read.
    let parameters = EncoderModel::load(&file).expect("what can be run can be changed");
    let again = Model::load(&parameters.to_bytes().expect("what was read can be written")).unwrap();
    assert_eq!(again.infer(&input), outcome);

    if let Some(frontend) = model.frontend() {
        let bands = frontend.params.bands as usize;
        let frames = (c.positions * c.inputs / bands).min(8);
        let samples: Vec<i16> = (0..from.within(0, 1500)).map(|_| from.sample()).collect();
        let mut heard = vec![0; frames * bands];
        features(&frontend, &samples, frames, &mut heard);
        let _ = model.infer(&heard);
    }
    true
}

/// A file of any shape, with sections that fit it.
pub fn file(from: &mut Bytes<'_>) -> Vec<u8> {
    let mut c = Shape::new(from);
    // Rows of more than 512 weights are worth their time.
    let work = if c.positions > 512 { WORK } else { WORK / 8 };
    while c.macs() > work {
        c.shrink();
    }
    let bands = c.bands;
    let mut heed = Heed::new(from);
    heed.section(*b"CONF", |to| {
        let Shape { positions, inputs, width, heads, head_dim, hidden, layers, classes, wide, .. } = c;
        for count in [positions, inputs, width, heads, head_dim, hidden, layers, classes] {
            to.put(count as u32);
        }
        to.put(if wide { 15 } else { 8 });
        to.scale(1..=30);
        to.steepness();
    });
    if bands > 0 {
        heed.section(*b"AUDI", |to| audio(to, bands));
    }
    heed.section(*b"EMBD", |to| to.linear(c.inputs, c.width));
    heed.section(*b"POSI", |to| to.values((c.positions * c.width).div_ceil(2)));
    for _ in 0..c.layers {
        block(&mut heed, &c);
    }
    heed.section(*b"NORM", |to| to.norm(c.width));
    heed.section(*b"CLAS", |to| to.linear(c.width, c.classes));
    if heed.from.once_in(2) {
        heed.section(*b"LABL", |to| {
            let words = to.from.within(0, 9) as usize;
            // Labels of three letters, mostly.
            for _ in 0..words {
                let word = if to.from.once_in(16) { to.from.word() } else { 0x6362_6103 };
                to.put(word);
            }
        });
    }
    heed.finish()
}

fn audio(to: &mut Heed<'_, '_>, bands: usize) {
    let window = if to.from.once_in(2) { 512 } else { 256 };
    let hop = to.from.within(1, window);
    let words = [to.from.word(), window, hop, bands as u32, to.from.word(), to.from.word(), to.from.word()];
    words.into_iter().for_each(|word| to.put(word));
    to.values(window as usize / 2);
    for _ in 0..=window / 2 {
        let bin = if to.from.once_in(8) { to.from.word() } else { to.from.word() & 0xffff_001f };
        to.put(bin);
    }
}

fn block(heed: &mut Heed<'_, '_>, c: &Shape) {
    let (width, dim, hidden) = (c.width, c.head_dim, c.hidden);
    let variant = heed.from.once_in(2);
    let heads = if variant { heed.from.within(0, c.heads as u32) as usize } else { c.heads };
    let kind = match heed.from.byte() % 3 {
        _ if !variant => 0,
        1 if width > dim => 0,
        kind => u32::from(kind),
    };
    heed.section(if variant { *b"BLKV" } else { *b"BLCK" }, |to| {
        let mut inputs = width;
        if variant {
            to.put(heads as u32);
            to.put(kind);
        }
        if kind == 2 {
            inputs = to.from.count(width as u32);
            to.put(inputs as u32);
        }
        to.norm(width);
        to.heads(heads);
        if kind == 2 {
            to.linear(width, 3 * inputs);
        }
        to.linear(inputs, heads * if kind == 1 { width } else { dim });
        if kind != 1 {
            to.linear(inputs, heads * dim);
        }
        to.linear(inputs, heads * dim);
        to.linear(heads * dim, width);
        to.norm(width);
        to.linear(width, hidden);
        to.values(64);
        to.linear(hidden, width);
    });
}

#[derive(Clone, Copy)]
struct Shape {
    positions: usize,
    inputs: usize,
    width: usize,
    heads: usize,
    head_dim: usize,
    hidden: usize,
    layers: usize,
    classes: usize,
    wide: bool,
    /// 0: no front end.
    bands: usize,
}

impl Shape {
    fn new(from: &mut Bytes<'_>) -> Self {
        let mut shape = Self {
            positions: from.count(20),
            inputs: from.count(12),
            width: from.count(20),
            heads: from.count(4),
            head_dim: from.count(20),
            hidden: from.count(20),
            layers: from.count(3),
            classes: from.count(6),
            wide: from.once_in(2),
            bands: 0,
        };
        // One of the numbers may be large: rows of more than 512 weights, of more than a vector's values.
        match from.byte() % 16 {
            0 | 1 => shape.positions = 480 + from.count(256),
            2 => shape.inputs = from.count(2000),
            3 => shape.width = from.count(1024),
            4 => shape.heads = from.count(64),
            5 | 6 => shape.head_dim = from.count(256),
            7 => shape.hidden = from.count(2000),
            8 => shape.layers = from.count(20),
            9 => shape.classes = from.count(500),
            _ => {}
        }
        if from.once_in(4) {
            shape.bands = from.count(24);
            shape.inputs = shape.bands * from.count(3);
        }
        shape
    }

    fn macs(&self) -> usize {
        let inner = self.heads * self.head_dim.max(self.width.min(self.head_dim));
        let block = 4 * inner * self.width + 3 * self.width * self.width + 2 * self.positions * inner;
        let block = block + 2 * self.width * self.hidden;
        self.positions * (self.inputs * self.width + self.layers * block) + self.width * self.classes
    }

    /// Halves all but the largest number.
    fn shrink(&mut self) {
        let Self { positions, width, heads, head_dim, hidden, layers, .. } = self;
        let mut sizes = [positions, width, heads, head_dim, hidden, layers];
        sizes.sort_by_key(|size| **size);
        for size in &mut sizes[..5] {
            **size = size.div_ceil(2);
        }
        if sizes[..5].iter().all(|size| **size == 1) {
            *sizes[5] = sizes[5].div_ceil(2);
        }
    }
}
