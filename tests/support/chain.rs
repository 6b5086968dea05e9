//! Random chains of parts, of all kinds, and inputs for them.
#![allow(dead_code)]

#[path = "streaming.rs"]
pub mod streaming;

use crate::support::{Random, linear, norm};
use heedful::audio::{Level, Params, Spectrum, Tables};
use heedful::dynamic::Model;
use heedful::format::write::{
    AttentionModel, ChainModel, ChannelModel, InputModel, LinearModel, PartModel, PatternModel,
};
use heedful::format::{InputKind, InputShape, OutputKind, Shape, Softmax};
use heedful::{
    Channel, HeadScale, Input, MemoryShape, NormChannel, Pairing, Patches, PoolKind, ResidualScale, Scale, Steepness,
    Window,
};

/// What a model reads.
#[derive(Clone, Debug)]
pub enum Given {
    Narrow(Vec<i8>),
    Fine(Vec<i16>),
    /// Raw readings of sensors.
    Readings(Vec<i16>),
    /// Tokens, and the type of each.
    Tokens(Vec<u16>, Vec<u8>),
    /// One of these, and a memory beside it.
    Beside(Box<Given>, Vec<i8>),
}

impl Given {
    pub fn input(&self) -> Input<'_> {
        match self {
            Self::Narrow(values) => Input::Features(values),
            Self::Fine(values) => Input::FineFeatures(values),
            Self::Readings(values) => Input::Readings(values),
            Self::Tokens(tokens, types) => Input::Tokens(tokens, types),
            Self::Beside(given, _) => given.input(),
        }
    }

    pub fn memory(&self) -> &[i8] {
        if let Self::Beside(_, memory) = self { memory } else { &[] }
    }

    /// Without the memory.
    pub fn alone(&self) -> &Self {
        if let Self::Beside(given, _) = self { given } else { self }
    }

    /// The file, what it is given (values, whether they are raw readings, types of tokens, memory) and what comes out,
    /// as the reader in Python takes them.
    pub fn row(&self, file: &str, outputs: &[i16]) -> String {
        let (values, raw, types) = match self.input() {
            Input::Features(values) => (format!("{values:?}"), false, &[][..]),
            Input::FineFeatures(values) => (format!("{values:?}"), false, &[][..]),
            Input::Readings(values) => (format!("{values:?}"), true, &[][..]),
            Input::Tokens(tokens, types) => (format!("{tokens:?}"), false, types),
        };
        let memory = self.memory();
        format!("[\"{file}\",{values},{raw},{types:?},{memory:?},{outputs:?}]").replace(", ", ",")
    }
}

/// An input for a model: of all its features, or of some tokens, a few of them unknown; and a memory where it has one,
/// shorter than said, as long, or longer.
pub fn input(random: &mut Random, shape: &Shape) -> Given {
    let given = one_input(random, shape);
    let Some(MemoryShape { steps, channels }) = shape.memory else { return given };
    let rows = [0, random.int(1, steps as i64) as usize, steps, steps + 1][random.int(0, 3) as usize];
    let rest = random.int(0, channels as i64 - 1) as usize;
    Given::Beside(Box::new(given), random.i8s(rows * channels + rest, 128))
}

fn one_input(random: &mut Random, shape: &Shape) -> Given {
    let InputShape { kind, steps, columns, channels, millihertz, fine } = shape.input;
    let count = steps * columns * channels;
    match kind {
        InputKind::Tokens => {
            let count = random.int(0, steps as i64 + 2);
            let tokens = (0..count).map(|_| random.int(0, channels as i64) as u16).collect();
            Given::Tokens(tokens, (0..random.int(0, count)).map(|_| random.int(0, 3) as u8).collect())
        }
        // Here, where there is a rate, readings are described.
        InputKind::Features if millihertz > 0 && random.int(0, 1) == 0 => {
            Given::Readings((0..count).map(|_| random.next() as i16).collect())
        }
        _ if fine => Given::Fine((0..count).map(|_| random.int(-16_384, 16_383) as i16).collect()),
        _ => Given::Narrow(random.i8s(count, 128)),
    }
}

/// What comes out of a model on the host.
pub fn outputs(model: &Model, given: &Given) -> Vec<i16> {
    model.infer_input(given.input(), given.memory()).logits().to_vec()
}

/// Makes chains.
pub struct Maker<'r> {
    random: &'r mut Random,
    width: usize,
    positions: usize,
    memory: Option<MemoryShape>,
    /// Tokens of the vocabulary.
    vocabulary: usize,
    /// Whether it can take a token at a time.
    streams: bool,
    parts: Vec<PartModel>,
}

/// A chain of a few parts: the number decides its input and its blocks, and the generator the rest.
pub fn chain(random: &mut Random, number: u64) -> ChainModel {
    let softmax = if number.is_multiple_of(2) { Softmax::Wide } else { Softmax::Narrow };
    let width = random.int(1, 13) as usize;
    let mut maker = Maker { random, width, positions: 0, memory: None, vocabulary: 0, streams: false, parts: vec![] };
    if maker.random.int(0, 3) == 0 {
        maker.remember();
    }
    let input = match number % 5 {
        0 => maker.series(),
        1 | 2 => maker.image(number.is_multiple_of(3)),
        3 => maker.tokens(),
        _ => maker.sound(),
    };
    maker.blocks(number);
    let outputs = maker.end(number);
    let unit = if maker.coin() { String::from("°C") } else { String::new() };
    let parts = maker.parts;
    let labels = if number.is_multiple_of(4) { (0..outputs).map(|i| format!("output {i}")).collect() } else { vec![] };
    ChainModel { softmax, input, parts, labels, unit, tokens: vec![] }
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

    /// A second input.
    fn remember(&mut self) {
        let (steps, channels) = (self.count(9), self.count(6));
        self.memory = Some(MemoryShape { steps, channels });
        self.parts.push(PartModel::Memory { steps, channels: vec![(0.5, 0.25); channels] });
    }

    /// Channels of the lower 7 bits of values of 15.
    fn lower(layer: &LinearModel, fine: bool) -> Vec<Channel> {
        let low =
            |channel: &Channel| Channel { bias: 0, scale: Scale::from_real(channel.scale.to_real() / 128.0).unwrap() };
        if fine { layer.channels.iter().map(low).collect() } else { vec![] }
    }

    /// Convolutions or none, then a stem over what they make of the input.
    fn stem(&mut self, input: [usize; 3], fine: bool) {
        let (mut input, mut fine) = (input, fine);
        if self.coin() {
            for _ in 0..self.count(3) {
                (input, fine) = (self.convolution(input, fine), false);
            }
        }
        let patches = if input[1] == 1 && self.coin() {
            Patches::of_series(input[0], input[2], self.random.int(1, input[0] as i64) as usize)
        } else {
            self.patches(input, 20)
        };
        let class_tokens = self.start(patches.total());
        let layer = linear(self.random, patches.values(), self.width, 8.0);
        let fine = Self::lower(&layer, fine);
        self.parts.push(PartModel::Stem { class_tokens, patches, layer, fine });
    }

    /// A convolution, full or depthwise; gives the map that it makes.
    fn convolution(&mut self, input: [usize; 3], fine: bool) -> [usize; 3] {
        let (patches, depthwise) = (self.patches(input, 60), self.coin());
        let (outputs, inputs) = if depthwise {
            (input[2] * self.count(2), patches.values() / input[2])
        } else {
            (self.count(6), patches.values())
        };
        let layer = linear(self.random, inputs, outputs, 256.0);
        let fine = Self::lower(&layer, fine);
        let at = |i: usize| (256.0 * (i as f64 - 128.0)).min(32_767.0) / 1024.0;
        let table = std::array::from_fn(|i| (heedful::gelu(at(i)) * 8192.0).round() as i16);
        self.parts.push(PartModel::Convolution { patches, depthwise, layer, fine, table });
        let [rows, columns] = patches.counts();
        [rows, columns, outputs]
    }

    fn series(&mut self) -> InputModel {
        let (input, fine) = ([self.count(12), 1, self.count(4)], self.coin());
        self.stem(input, fine);
        self.features(input, fine)
    }

    fn image(&mut self, fine: bool) -> InputModel {
        let input = [self.count(7), self.count(6), self.count(3)];
        self.stem(input, fine);
        self.features(input, fine)
    }

    fn features(&mut self, input: [usize; 3], fine: bool) -> InputModel {
        let [steps, columns, channels] = input;
        let has_readings = self.coin();
        let channels = (0..channels).map(|i| self.channel(i, has_readings, fine)).collect();
        InputModel::Features { steps, columns, fine, millihertz: if has_readings { 62_500 } else { 0 }, channels }
    }

    /// Of raw readings, some are beyond what the model takes.
    fn channel(&mut self, index: usize, has_readings: bool, fine: bool) -> ChannelModel {
        let scale = (1.0 + self.random.uniform()) / if fine { 8192.0 } else { 1_048_576.0 };
        let bias = self.random.int(-16_000_000, 16_000_000) as i32;
        ChannelModel {
            name: if self.coin() { format!("channel {index}") } else { String::new() },
            zero: index as f32 - 0.5,
            unit: 0.25 + index as f32,
            reading: has_readings.then(|| Channel { bias, scale: Scale::from_real(scale).unwrap() }),
        }
    }

    /// At most so many patches that fit, overlap or leave something out, and reach beyond the edges.
    fn patches(&mut self, input: [usize; 3], most: usize) -> Patches {
        loop {
            let kernel = [self.count(input[0].min(4)), self.count(input[1].min(4))];
            let stride = [self.count(kernel[0] + 1), self.count(kernel[1] + 1)];
            let padding = kernel.map(|kernel| self.random.int(0, kernel as i64 - 1) as usize);
            let patches = Patches { input, kernel, stride, padding, zero: self.random.next() as i8 };
            if (1..=most).contains(&patches.total()) {
                return patches;
            }
        }
    }

    fn sound(&mut self) -> InputModel {
        let (frames, bands, window) = (self.count(9), self.count(6), 200 + self.count(400) as u32);
        let (is_picture, cepstra) = (self.coin(), if self.coin() { self.count(bands) } else { 0 });
        let values = if cepstra > 0 { cepstra } else { bands };
        self.stem(if is_picture { [frames, values, 1] } else { [frames, 1, values] }, cepstra > 0);
        let params = Params {
            window,
            hop: 70,
            bands: bands as u32,
            low_hz: 100,
            floor_log2: 8,
            spectrum: if self.coin() { Spectrum::Magnitude } else { Spectrum::Power },
            remove_dc: self.coin(),
            level: if self.coin() { Level::Running { shift: self.count(12) as u32 } } else { Level::Mean },
            ..Params::DEFAULT
        };
        let units: Vec<f64> = (0..cepstra).map(|_| 0.001 + 0.01 * self.random.uniform()).collect();
        let tables = if cepstra > 0 { Tables::design_cepstra(params, &units) } else { Tables::design(params) };
        InputModel::Audio { frames, is_picture, tables: tables.unwrap() }
    }

    fn tokens(&mut self) -> InputModel {
        let (positions, vocabulary) = (self.count(9), self.count(30));
        let class_tokens = self.start(positions);
        let layer = linear(self.random, self.width, vocabulary, 0.5);
        let factor = self.random.int(100, 3000) as u32;
        self.parts.push(PartModel::Embedding { class_tokens, factor, layer });
        self.vocabulary = vocabulary;
        if self.coin() {
            let (types, width) = (self.count(3), self.width);
            let values = (0..types * width).map(|_| self.random.int(-900, 900) as i16).collect();
            let types = PartModel::TokenTypes { class_tokens, width, values };
            // Whichever comes first.
            let at = self.parts.len() - usize::from(self.coin());
            self.parts.insert(at, types);
        }
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
        let kind = if self.streams { 2 * self.random.int(0, 1) } else { self.random.int(0, 3) };
        let memory = self.memory.filter(|_| kind == 3);
        let (fused, low_rank) = (kind == 1, kind == 2);
        let heads = key_heads * if fused { 1 } else { self.count(2) };
        let rank = low_rank.then(|| self.count(width));
        let (dim, inputs) = (if fused { width } else { head_dim }, rank.unwrap_or(width));
        let pattern = match memory {
            Some(_) => PatternModel::default(),
            None => self.pattern(heads, if fused { 0 } else { head_dim / 2 }),
        };
        let key_inputs = memory.map_or(inputs, |memory| memory.channels);
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
            key: (!fused).then(|| linear(r, key_inputs, key_heads * head_dim, gain)),
            value: linear(r, key_inputs, key_heads * head_dim, 1.0),
            output: linear(r, heads * head_dim, width, 4.0),
            pattern,
            memory,
        }
    }

    fn pattern(&mut self, heads: usize, most_pairs: usize) -> PatternModel {
        let mut pattern = PatternModel { causal: self.coin(), ..PatternModel::default() };
        if self.streams {
            self.look_back(&mut pattern, heads);
        } else if heads == 0 || self.random.int(0, 3) == 0 {
            return pattern;
        } else if self.coin() {
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
            self.pool(values);
        }
        for _ in 0..self.random.int(0, 2) {
            values = self.dense(values);
        }
        let (logit, step) = (Steepness::from_real(0.001).unwrap(), 0.125);
        if values == self.width && self.vocabulary > 0 && self.coin() {
            let outputs = self.vocabulary;
            self.parts.push(PartModel::TiedOutput { width: values, outputs, logit, step });
            return outputs;
        }
        let outputs = self.count(5);
        let layer = self.coin().then(|| linear(self.random, values, outputs, 16.0));
        let outputs = if layer.is_some() { outputs } else { values };
        let kinds =
            [OutputKind::Classes, OutputKind::Labels, OutputKind::Values, OutputKind::Embedding, OutputKind::NextToken];
        let kind = kinds[self.random.int(0, if self.streams { 3 } else { 4 }) as usize];
        self.parts.push(PartModel::Output { width: values, kind, logit, step, layer });
        outputs
    }

    fn pool(&mut self, width: usize) {
        if !self.streams && self.random.int(0, 3) == 0 {
            let steepness = Steepness::from_real(0.005 * (1.0 + self.random.uniform())).unwrap();
            let scale = HeadScale::new(steepness, Scale::from_real(1.0 / 256.0).unwrap()).unwrap();
            let layer = linear(self.random, width, 1, 16.0);
            self.parts.push(PartModel::WeightedPool { layer, scale });
            return;
        }
        let kinds = [PoolKind::Mean, PoolKind::First, PoolKind::Last, PoolKind::Max];
        let kind = if self.streams { PoolKind::Last } else { kinds[self.random.int(0, 3) as usize] };
        let count = self.count(self.positions);
        let scale = Scale::from_real((1.0 / count as f64).min(0.24)).unwrap();
        self.parts.push(PartModel::Pool { width, kind, count, scale });
    }

    fn dense(&mut self, inputs: usize) -> usize {
        let outputs = self.count(15);
        let activation = self.coin().then(|| heedful::table(f64::tanh, 1.0 / 40.0, 1.0 / 127.0));
        let layer: LinearModel = linear(self.random, inputs, outputs, 1.0);
        self.parts.push(PartModel::Dense { layer, activation });
        outputs
    }
}
