//! Random chains of parts, of all kinds, and inputs for them.
#![allow(dead_code)]

use crate::support::{Random, linear, norm};
use heedful::audio::{Params, Tables};
use heedful::dynamic::Model;
use heedful::format::write::{
    AttentionModel, ChainModel, ChannelModel, InputModel, LinearModel, PartModel, PatternModel,
};
use heedful::format::{InputKind, OutputKind, Shape, Softmax};
use heedful::{Channel, HeadScale, NormChannel, Pairing, Patches, PoolKind, ResidualScale, Scale, Steepness, Window};

/// What a model reads.
#[derive(Clone, Debug)]
pub enum Given {
    Narrow(Vec<i8>),
    Fine(Vec<i16>),
    Tokens(Vec<u16>),
}

/// An input for a model: of all its features, or of some tokens, a few of them unknown.
pub fn input(random: &mut Random, shape: &Shape) -> Given {
    let count = shape.input.steps * shape.input.columns * shape.input.channels;
    match shape.input.kind {
        InputKind::Tokens => {
            let count = random.int(0, shape.input.steps as i64 + 2);
            Given::Tokens((0..count).map(|_| random.int(0, shape.input.channels as i64) as u16).collect())
        }
        _ if shape.input.fine => Given::Fine((0..count).map(|_| random.int(-16_384, 16_383) as i16).collect()),
        _ => Given::Narrow(random.i8s(count, 128)),
    }
}

/// What comes out of a model on the host.
pub fn outputs(model: &Model, given: &Given) -> Vec<i16> {
    let outcome = match given {
        Given::Narrow(values) => model.infer(values),
        Given::Fine(values) => model.infer_fine(values),
        Given::Tokens(tokens) => model.infer_tokens(tokens),
    };
    outcome.logits().to_vec()
}

/// Makes chains.
pub struct Maker<'r> {
    random: &'r mut Random,
    width: usize,
    positions: usize,
    parts: Vec<PartModel>,
}

/// A chain of a few parts: the number decides its input and its blocks, and the generator the rest.
pub fn chain(random: &mut Random, number: u64) -> ChainModel {
    let softmax = if number.is_multiple_of(2) { Softmax::Wide } else { Softmax::Narrow };
    let width = random.int(1, 13) as usize;
    let mut maker = Maker { random, width, positions: 0, parts: vec![] };
    let input = match number % 5 {
        0 => maker.series(),
        1 | 2 => maker.image(number.is_multiple_of(3)),
        3 => maker.tokens(),
        _ => maker.sound(),
    };
    maker.blocks(number);
    let outputs = maker.end(number);
    let parts = maker.parts;
    let labels = if number.is_multiple_of(4) { (0..outputs).map(|i| format!("output {i}")).collect() } else { vec![] };
    ChainModel { softmax, input, parts, labels, unit: String::new(), tokens: vec![] }
}

impl Maker<'_> {
    fn count(&mut self, most: usize) -> usize {
        self.random.int(1, most as i64) as usize
    }

    fn coin(&mut self) -> bool {
        self.random.int(0, 1) == 1
    }

    /// The start of the residual stream, before so many patches or tokens; gives the class tokens.
    fn start(&mut self, after: usize) -> usize {
        let class_tokens = self.random.int(0, 2) as usize;
        self.positions = after + class_tokens;
        let (count, width) = (self.positions, self.width);
        let length = if self.random.int(0, 4) == 0 { 0 } else { count * width };
        let values = (0..length).map(|_| self.random.int(-500, 500) as i16).collect();
        self.parts.push(PartModel::Positions { count, width, class_tokens, values });
        class_tokens
    }

    fn stem(&mut self, patches: Patches, fine: bool) {
        let class_tokens = self.start(patches.total());
        let layer = linear(self.random, patches.values(), self.width, 8.0);
        let low =
            |channel: &Channel| Channel { bias: 0, scale: Scale::from_real(channel.scale.to_real() / 128.0).unwrap() };
        let fine = if fine { layer.channels.iter().map(low).collect() } else { vec![] };
        self.parts.push(PartModel::Stem { class_tokens, patches, layer, fine });
    }

    fn series(&mut self) -> InputModel {
        let (steps, channels, fine) = (self.count(12), self.count(4), self.coin());
        let patches = if self.coin() {
            Patches::of_series(steps, channels, self.random.int(1, steps as i64) as usize)
        } else {
            self.patches([steps, 1, channels])
        };
        self.stem(patches, fine);
        self.features(patches, fine)
    }

    fn image(&mut self, fine: bool) -> InputModel {
        let size = [self.count(7), self.count(6), self.count(3)];
        let patches = self.patches(size);
        self.stem(patches, fine);
        self.features(patches, fine)
    }

    fn features(&mut self, patches: Patches, fine: bool) -> InputModel {
        let [steps, columns, channels] = patches.input;
        let channel = |i: usize| ChannelModel { zero: i as f32 - 0.5, ..ChannelModel::of_unit(0.25 + i as f32) };
        let channels = (0..channels).map(channel).collect();
        InputModel::Features { steps, columns, fine, millihertz: 0, channels }
    }

    /// Patches that fit, overlap or leave something out, and reach beyond the edges.
    fn patches(&mut self, input: [usize; 3]) -> Patches {
        loop {
            let kernel = [self.count(input[0].min(4)), self.count(input[1].min(4))];
            let stride = [self.count(kernel[0] + 1), self.count(kernel[1] + 1)];
            let padding = kernel.map(|kernel| self.random.int(0, kernel as i64 - 1) as usize);
            let patches = Patches { input, kernel, stride, padding, zero: self.random.next() as i8 };
            if (1..=20).contains(&patches.total()) {
                return patches;
            }
        }
    }

    fn sound(&mut self) -> InputModel {
        let (frames, bands, window) = (self.count(9), self.count(6), if self.coin() { 256 } else { 512 });
        let patches = if self.coin() {
            Patches::of_series(frames, bands, self.random.int(1, frames as i64) as usize)
        } else {
            self.patches([frames, 1, bands])
        };
        self.stem(patches, false);
        let (bands, low_hz) = (bands as u32, 100);
        let params = Params { sample_rate: 8000, window, hop: 70, bands, low_hz, high_hz: 4000, floor_log2: 8 };
        InputModel::Audio { frames, tables: Tables::design(params).unwrap() }
    }

    fn tokens(&mut self) -> InputModel {
        let (positions, vocabulary) = (self.count(9), self.count(30));
        let class_tokens = self.start(positions);
        let layer = linear(self.random, self.width, vocabulary, 0.5);
        let factor = self.random.int(100, 3000) as u32;
        self.parts.push(PartModel::Embedding { class_tokens, factor, layer });
        InputModel::Tokens { positions, vocabulary }
    }

    fn norm(&mut self, carries: bool) {
        let layer = norm(self.random, self.width);
        let carry = carries.then(|| {
            let channels = layer.channels.iter().map(|c| NormChannel { gain: c.gain / 2, ..*c }).collect();
            (channels, Scale::from_real((5.0 + 20.0 * self.random.uniform()) / 65_536.0).unwrap())
        });
        let rms = self.coin();
        self.parts.push(PartModel::Norm { norm: layer, rms, carry });
    }

    fn rows(&mut self) {
        let scale = |random: &mut Random| Scale::from_real(0.03 + 0.2 * random.uniform()).unwrap();
        let channels = (0..self.width)
            .map(|_| Channel { bias: self.random.int(-40, 40) as i32, scale: scale(self.random) })
            .collect();
        self.parts.push(PartModel::Rows(channels));
    }

    fn residual(&mut self) {
        let scale = ResidualScale::from_word(self.random.int(200, 6000) as u32).unwrap();
        self.parts.push(PartModel::Residual { width: self.width, scale });
    }

    /// Pre-norm blocks, post-norm blocks that carry their norms on, or others with the rows as the residual stream.
    fn blocks(&mut self, number: u64) {
        let kind = number / 5 % 3;
        if kind == 1 {
            self.rows();
        }
        for _ in 0..self.count(2) {
            if kind != 1 {
                self.norm(false);
            }
            if kind == 2 {
                self.residual();
            }
            let attention = self.attention();
            self.parts.push(PartModel::Attention(attention));
            self.norm(kind == 1);
            self.feed_forward();
            if kind == 1 {
                self.norm(true);
            }
        }
    }

    fn feed_forward(&mut self) {
        let (width, hidden) = (self.width, self.count(14));
        let r = &mut *self.random;
        let (expand, contract) = (linear(r, width, hidden, 1.0), linear(r, hidden, width, 4.0));
        self.parts.push(match r.int(0, 3) {
            0 => {
                let activation = heedful::table(heedful::gelu, 1.0 / 32.0, 1.0 / 32.0);
                PartModel::FeedForward { expand, activation, contract }
            }
            1 => {
                let expand = linear(r, width, hidden, 256.0);
                let at = |i: usize| (256.0 * (i as f64 - 128.0)).min(32_767.0) / 8192.0;
                let table = std::array::from_fn(|i| (heedful::gelu(at(i)) * 8192.0).round() as i16);
                PartModel::FineFeedForward { expand, table, contract }
            }
            kind => {
                let up = linear(r, width, hidden, 1.0);
                let table = std::array::from_fn(|i| (heedful::silu(f64::from(i as u8 as i8) / 24.0) * 6000.0) as i16);
                let product = Scale::from_real(0.0001 + 0.0002 * r.uniform()).unwrap();
                PartModel::Gated { gate: expand, up, table, product, down: contract, hidden15: kind == 3 }
            }
        });
    }

    fn attention(&mut self) -> AttentionModel {
        let width = self.width;
        let (key_heads, head_dim) = (self.random.int(0, 3) as usize, self.count(9));
        let kind = self.random.int(0, 3);
        let (fused, low_rank) = (kind == 1, kind == 2);
        let heads = key_heads * if fused { 1 } else { self.count(2) };
        let rank = low_rank.then(|| self.count(width));
        let (dim, inputs) = (if fused { width } else { head_dim }, rank.unwrap_or(width));
        let pattern = self.pattern(heads, if fused { 0 } else { head_dim / 2 });
        // Rotated values have 64 steps to one.
        let gain = if pattern.rope.is_some() { 64.0 } else { 1.0 };
        let r = &mut *self.random;
        let scale = |r: &mut Random| {
            let steepness = Steepness::from_real(0.0005 * (1.0 + r.uniform())).unwrap();
            HeadScale::new(steepness, Scale::from_real((1.0 + r.uniform()) / 256.0).unwrap()).unwrap()
        };
        AttentionModel {
            heads: (0..heads).map(|_| scale(r)).collect(),
            key_heads,
            head_dim,
            reduce: rank.map(|rank| linear(r, width, 3 * rank, 1.0)),
            query: linear(r, inputs, heads * dim, gain),
            key: (!fused).then(|| linear(r, inputs, key_heads * head_dim, gain)),
            value: linear(r, inputs, key_heads * head_dim, 1.0),
            output: linear(r, heads * head_dim, width, 4.0),
            pattern,
            memory: None,
        }
    }

    fn pattern(&mut self, heads: usize, most_pairs: usize) -> PatternModel {
        let mut pattern = PatternModel { causal: self.coin(), ..PatternModel::default() };
        if heads == 0 || self.random.int(0, 3) == 0 {
            return pattern;
        }
        if self.coin() {
            pattern.windows = (0..heads).map(|_| self.window()).collect();
        }
        if self.coin() {
            pattern.slopes = (0..heads).map(|_| self.random.int(0, 300_000) as u32).collect();
        }
        if self.coin() {
            let span = self.count(9);
            let biases = (0..heads * span).map(|_| self.random.int(-3000, 3000) as i32).collect();
            pattern.relative = Some((span, biases));
        }
        if most_pairs > 0 && self.coin() {
            let pairing = [Pairing::Interleaved, Pairing::Halves, Pairing::Folded][self.random.int(0, 2) as usize];
            let pairs = self.count(most_pairs);
            pattern.rope = Some((pairing, (0..pairs).map(|_| self.random.next() as u32).collect()));
        }
        pattern
    }

    fn window(&mut self) -> Window {
        let (far, near) = (self.random.int(0, 9) as usize, self.random.int(0, 3) as usize);
        let window = match self.random.int(0, 3) {
            0 => Window::ALL,
            1 => Window::back(near),
            2 => Window { ahead: far, ..Window::back(near) },
            _ => Window { back: usize::MAX, ..Window::around(near) },
        };
        window.dilated(self.count(3)).with_sinks(self.random.int(0, 2) as usize)
    }

    /// Pooling or every position, layers of a head, the output; gives the number of outputs of a row.
    fn end(&mut self, number: u64) -> usize {
        let mut values = self.width;
        if !number.is_multiple_of(3) {
            self.norm(false);
        } else {
            self.rows();
        }
        if self.coin() {
            values = self.dense(values);
        }
        if !number.is_multiple_of(4) {
            let kind = [PoolKind::Mean, PoolKind::First, PoolKind::Last, PoolKind::Max][self.random.int(0, 3) as usize];
            let count = self.count(self.positions);
            let scale = Scale::from_real((1.0 / count as f64).min(0.24)).unwrap();
            self.parts.push(PartModel::Pool { width: values, kind, count, scale });
        }
        for _ in 0..self.random.int(0, 2) {
            values = self.dense(values);
        }
        let outputs = self.count(5);
        let layer = self.coin().then(|| linear(self.random, values, outputs, 16.0));
        let outputs = if layer.is_some() { outputs } else { values };
        let (logit, step) = (Steepness::from_real(0.001).unwrap(), 0.125);
        let kinds =
            [OutputKind::Classes, OutputKind::Labels, OutputKind::Values, OutputKind::Embedding, OutputKind::NextToken];
        let kind = kinds[self.random.int(0, 4) as usize];
        self.parts.push(PartModel::Output { width: values, kind, logit, step, layer });
        outputs
    }

    fn dense(&mut self, inputs: usize) -> usize {
        let outputs = self.count(15);
        let activation = self.coin().then(|| heedful::table(f64::tanh, 1.0 / 40.0, 1.0 / 127.0));
        let layer: LinearModel = linear(self.random, inputs, outputs, 1.0);
        self.parts.push(PartModel::Dense { layer, activation });
        outputs
    }
}
