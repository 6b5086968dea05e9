//! Chains of parts: loaded from any bytes, then run, by both doors.

use crate::bytes::Bytes;
use crate::heed::{Heed, repaired_as};
use heedful::format::{InputKind, MAJOR};
use heedful::{Input, Model, dynamic};

/// Multiply-accumulates, and words of memory, that a run may take.
const WORK: usize = if cfg!(miri) { 1 << 12 } else { 1 << 20 };

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

/// Any features and tokens, and any memory: as many as are wanted, fewer or more.
fn infer(from: &mut Bytes<'_>, host: &dynamic::Model, model: &mut Model<'_>) {
    let shape = *host.shape();
    let input = shape.input;
    let wanted = input.steps.saturating_mul(input.columns).saturating_mul(input.channels);
    let count = match from.byte() % 4 {
        0 => from.within(0, 50) as usize,
        _ => wanted.min(2000),
    };
    let memory = match shape.memory {
        Some(memory) => from.within(0, memory.steps.saturating_mul(memory.channels).min(2000) as u32 + 9) as usize,
        None => 0,
    };
    let memory: Vec<i8> = from.bytes(memory).into_iter().map(|byte| byte as i8).collect();
    let mut both = |input: Input<'_>| {
        let outcome = host.infer_input(input, &memory);
        assert_eq!(model.infer_input(input, &memory).logits(), outcome.logits());
        outcome
    };
    let rows = |positions: usize| if shape.rows == shape.positions { positions } else { positions.min(1) };
    if input.kind == InputKind::Tokens {
        let count = from.within(0, input.steps.min(300) as u32 + 2);
        let tokens: Vec<u16> = (0..count).map(|_| from.word() as u16 % 64).collect();
        let count = from.within(0, count) as usize;
        let types = from.bytes(count);
        let outcome = both(Input::Tokens(&tokens, &types));
        let positions = (tokens.len() + shape.class_tokens).min(shape.positions);
        assert_eq!(outcome.logits().len(), rows(positions) * shape.outputs);
        return;
    }
    let narrow: Vec<i8> = from.bytes(count).into_iter().map(|byte| byte as i8).collect();
    let outcome = both(Input::Features(&narrow));
    assert_eq!(outcome.logits().len(), shape.values());
    assert!(outcome.best().probability >= outcome.runner_up().probability);
    let wide: Vec<i16> = (0..count).map(|_| from.sample()).collect();
    both(Input::FineFeatures(&wide));
    both(Input::Readings(&wide));
}

/// A file of any shape, with parts that fit it, mostly.
pub fn file(from: &mut Bytes<'_>) -> Vec<u8> {
    let mut maker = Maker { width: from.count(20), positions: 0, vocabulary: 0, memory: None, heed: Heed::new(from) };
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
    vocabulary: usize,
    /// Rows and channels.
    memory: Option<[usize; 2]>,
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
        self.vocabulary = vocabulary;
        self.remember();
        let class_tokens = self.start(positions);
        self.heed.section(*b"EMBD", |to| {
            let factor = to.from.within(1, 1 << 23) >> to.from.within(0, 20);
            to.counts(&[vocabulary, width, class_tokens, factor.max(1) as usize]);
            to.linear(width, vocabulary);
        });
        if self.coin() {
            self.heed.section(*b"TYPE", |to| {
                let types = to.from.count(4);
                to.counts(&[types, width, class_tokens]);
                to.values((types * width).div_ceil(2));
            });
        }
    }

    /// A memory, or none.
    fn remember(&mut self) {
        if !self.heed.from.once_in(3) {
            return;
        }
        let [rows, channels] = [self.heed.from.count(12), self.heed.from.count(9)];
        self.memory = Some([rows, channels]);
        self.heed.section(*b"MEMO", |to| {
            to.counts(&[rows, channels]);
            to.any(2 * channels);
        });
    }

    fn features(&mut self, is_image: bool) {
        let from = &mut *self.heed.from;
        let mut input = [from.count(20), if is_image { from.count(12) } else { 1 }, from.count(5)];
        let (mut is_fine, has_readings) = (from.once_in(2), from.once_in(2));
        self.heed.section(*b"FEAT", |to| {
            to.counts(&input);
            to.put(if is_fine { 15 } else { 8 });
            let rate = to.from.word();
            to.put(rate);
            to.put(has_readings.into());
            to.any(2 * input[2]);
            if has_readings {
                to.linear(0, input[2]);
            }
        });
        self.remember();
        for _ in 0..self.heed.from.within(0, 2) {
            input = self.convolution(input, is_fine);
            is_fine = false;
        }
        let patches = Patches::any(self.heed.from, input, is_fine);
        let class_tokens = self.start(patches.total());
        let width = self.width;
        self.heed.section(*b"STEM", |to| {
            to.counts(&[width, class_tokens]);
            patches.write(to);
            to.linear(patches.places() * input[2], width);
            if is_fine {
                to.linear(0, width);
            }
        });
    }

    /// Full or depthwise; gives the map that it makes.
    fn convolution(&mut self, input: [usize; 3], is_fine: bool) -> [usize; 3] {
        let patches = Patches::any(self.heed.from, input, is_fine);
        let depthwise = self.coin();
        let outputs = self.heed.from.count(3) * if depthwise { input[2] } else { 2 };
        self.heed.section(*b"CONV", |to| {
            to.counts(&[outputs, depthwise.into()]);
            patches.write(to);
            to.linear(patches.places() * if depthwise { 1 } else { input[2] }, outputs);
            if is_fine {
                to.linear(0, outputs);
            }
            to.values(129);
        });
        [patches.count(0), patches.count(1), outputs].map(|count| count.max(1))
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
        let (width, memory) = (self.width, self.memory);
        self.heed.section(*b"ATTN", |to| {
            let kind = if memory.is_some() { to.from.within(0, 3) } else { to.from.within(0, 2) };
            let (groups, dim) = (to.from.within(0, 3) as usize, to.from.count(20));
            let heads = groups * if kind == 1 { 1 } else { to.from.count(3) };
            let [steps, channels] = memory.unwrap_or_default();
            let rank = match kind {
                2 => to.from.count(width as u32),
                3 => channels,
                _ => 0,
            };
            let (inputs, query_dim) = (if kind == 2 { rank } else { width }, if kind == 1 { width } else { dim });
            let rotates = kind != 1 && dim > 1;
            let pattern = if kind == 3 { 0 } else { to.from.within(0, if rotates { 31 } else { 15 }) };
            to.counts(&[width, heads, groups, dim, kind as usize, rank]);
            to.put(pattern);
            if kind == 3 {
                to.counts(&[steps]);
            }
            to.heads(heads);
            if kind == 2 {
                to.linear(width, 3 * rank);
            }
            to.linear(inputs, heads * query_dim);
            let inputs = if kind == 3 { channels } else { inputs };
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
        let (positions, vocabulary) = (self.positions, self.vocabulary);
        if !self.heed.from.once_in(4) {
            self.heed.section(*b"POOL", |to| {
                let (kind, count) = (to.from.within(0, 4) as usize, to.from.count(positions as u32));
                to.counts(&[values, kind, count]);
                if kind == 4 {
                    to.heads(1);
                    to.linear(values, 1);
                } else {
                    to.scale(1..=30);
                }
            });
        }
        self.heed.section(*b"OUTP", |to| {
            // None, its own, or that of the embedding.
            let layer = to.from.within(0, if vocabulary > 0 && values == width { 2 } else { 1 });
            let outputs = [values, if layer == 1 { to.from.count(8) } else { 0 }, vocabulary][layer as usize];
            let kind = to.from.within(0, 4) as usize;
            to.counts(&[values, outputs, kind, layer as usize]);
            to.steepness();
            let step = 0x3f80_0000 >> to.from.within(0, 4);
            to.put(step);
            if layer == 1 {
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

/// Which places a stem or a convolution looks at.
struct Patches {
    input: [usize; 3],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    is_fine: bool,
}

impl Patches {
    fn any(from: &mut Bytes<'_>, input: [usize; 3], is_fine: bool) -> Self {
        let kernel = [from.count(4), from.count(if input[1] > 1 { 4 } else { 1 })];
        let stride = [from.count(5), from.count(5)];
        let padding = kernel.map(|kernel| from.within(0, kernel as u32 - 1) as usize);
        Self { input, kernel, stride, padding, is_fine }
    }

    fn count(&self, axis: usize) -> usize {
        let rest = (self.input[axis] + 2 * self.padding[axis]).checked_sub(self.kernel[axis]);
        rest.map_or(0, |rest| rest / self.stride[axis] + 1)
    }

    fn total(&self) -> usize {
        (self.count(0) * self.count(1)).max(1)
    }

    /// Of a channel.
    fn places(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn write(&self, to: &mut Heed<'_, '_>) {
        to.counts(&self.input);
        to.put(if self.is_fine { 15 } else { 8 });
        to.counts(&[self.kernel, self.stride, self.padding].concat());
        to.any(1);
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
