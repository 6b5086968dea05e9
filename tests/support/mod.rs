//! What several tests need: random numbers, random models, error statistics.
#![allow(dead_code)]

use heedful::audio::{Params, Tables};
use heedful::format::write::{BlockModel, EncoderModel, LinearModel, NormModel};
use heedful::format::{Config, Softmax};
use heedful::{Channel, HeadScale, MultiHeadAttention, NormChannel, Projection, Scale, Steepness, Weight};

/// A small generator (Steele, Lea and Flood 2014: SplitMix64), so that failures repeat.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let r = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        r * (core::f64::consts::TAU * self.uniform()).cos()
    }

    pub fn int(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub fn i8s(&mut self, count: usize, bound: i64) -> Vec<i8> {
        (0..count).map(|_| self.int(-bound, bound) as i8).collect()
    }
}

/// Mean, root mean square and maximum of an error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    pub mean: f64,
    pub rms: f64,
    pub max: f64,
}

impl Errors {
    pub fn of(pairs: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let (mut n, mut sum, mut squares, mut max) = (0.0, 0.0, 0.0, 0.0f64);
        for (found, expected) in pairs {
            let e = found - expected;
            n += 1.0;
            sum += e;
            squares += e * e;
            max = max.max(e.abs());
        }
        Self { mean: sum / n, rms: (squares / n).sqrt(), max }
    }

    /// Asserts bounds, and shows what was found.
    #[track_caller]
    pub fn within(self, mean: f64, rms: f64, max: f64) {
        println!("mean {:+.5}, rms {:.5}, max {:.5}", self.mean, self.rms, self.max);
        assert!(self.mean.abs() <= mean && self.rms <= rms && self.max <= max, "{self:?}");
    }
}

/// Signal-to-noise ratio in dB.
pub fn snr(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let (signal, noise) = pairs.into_iter().fold((0.0, 0.0), |(s, n), (found, expected)| {
        (s + expected * expected, n + (found - expected) * (found - expected))
    });
    10.0 * (signal / noise).log10()
}

/// A shape for tests, small and with odd numbers in it.
pub fn config(softmax: Softmax) -> Config {
    Config {
        positions: 7,
        inputs: 6,
        width: 10,
        heads: 2,
        head_dim: 5,
        hidden: 9,
        layers: 2,
        classes: 3,
        softmax,
        pool: Scale::from_real(1.0 / 7.0).unwrap(),
        logit: Steepness::from_real(0.001).unwrap(),
    }
}

pub fn linear(random: &mut Random, inputs: usize, outputs: usize, gain: f64) -> LinearModel {
    let scale = gain / (70.0 * 70.0 * (inputs.max(1) as f64).sqrt() / 70.0);
    LinearModel {
        weights: random.i8s(inputs * outputs, 127),
        channels: (0..outputs)
            .map(|_| Channel {
                bias: random.int(-5000, 5000) as i32,
                scale: Scale::from_real((scale * (0.7 + 0.6 * random.uniform())).min(0.2)).unwrap(),
            })
            .collect(),
    }
}

pub fn norm(random: &mut Random, width: usize) -> NormModel {
    let channels = (0..width)
        .map(|_| NormChannel {
            gain: fixed::types::I8F8::from_num(25.0 + 10.0 * random.uniform()),
            offset: fixed::types::I8F8::from_num(10.0 * random.uniform() - 5.0),
        })
        .collect();
    NormModel { channels, epsilon: 10 }
}

/// A model with random weights, of which the activations neither vanish nor all saturate.
pub fn random_model(seed: u64, config: Config, audio: Option<Params>) -> EncoderModel {
    let mut random = Random(seed);
    let r = &mut random;
    let (width, inner) = (config.width, config.heads * config.head_dim);
    let blocks = (0..config.layers)
        .map(|_| BlockModel {
            attention_norm: norm(r, width),
            heads: (0..config.heads)
                .map(|_| {
                    HeadScale::new(
                        Steepness::from_real(0.0005 * (1.0 + r.uniform())).unwrap(),
                        Scale::from_real((1.0 + r.uniform()) / 256.0).unwrap(),
                    )
                    .unwrap()
                })
                .collect(),
            reduce: None,
            query: linear(r, width, inner, 1.0),
            key: Some(linear(r, width, inner, 1.0)),
            value: linear(r, width, inner, 1.0),
            output: linear(r, inner, width, 4.0),
            hidden_norm: norm(r, width),
            expand: linear(r, width, config.hidden, 1.0),
            activation: heedful::table(heedful::gelu, 1.0 / 32.0, 1.0 / 32.0),
            contract: linear(r, config.hidden, width, 4.0),
        })
        .collect();
    EncoderModel {
        embedding: linear(r, config.inputs, width, 8.0),
        positions: (0..config.positions * width).map(|_| r.int(-500, 500) as i16).collect(),
        blocks,
        norm: norm(r, width),
        classifier: linear(r, width, config.classes, 16.0),
        audio: audio.map(|params| Tables::design(params).unwrap()),
        labels: (0..config.classes).map(|class| format!("class {class}")).collect(),
        config,
    }
}

/// Gives each block of a random model any number of heads, and separate, fused or low-rank weights.
pub fn vary(model: &mut EncoderModel, random: &mut Random) {
    let Config { width, head_dim, heads, .. } = model.config;
    for block in &mut model.blocks {
        let heads = random.int(0, heads as i64) as usize;
        let inner = heads * head_dim;
        block.heads.truncate(heads);
        let kind = random.int(0, 2);
        let rank = (kind == 2).then(|| random.int(1, width as i64) as usize);
        block.reduce = rank.map(|rank| linear(random, width, 3 * rank, 1.0));
        let (inputs, fused) = (rank.unwrap_or(width), kind == 1 && width <= head_dim);
        block.query = linear(random, inputs, if fused { heads * width } else { inner }, 1.0);
        block.key = (!fused).then(|| linear(random, inputs, inner, 1.0));
        block.value = linear(random, inputs, inner, 1.0);
        block.output = linear(random, inner, width, 4.0);
    }
}

/// The model behind the committed files of `tests/models/`: one block, so that they stay small.
pub fn tiny(softmax: Softmax) -> EncoderModel {
    random_model(7, Config { layers: 1, hidden: 7, ..config(softmax) }, None)
}

/// CRC-32 of ISO-HDLC (that of zip and PNG), bit by bit: by other code than the crate's.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Little-endian words of a file.
pub fn to_words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

/// Gives words a header with their length and checksum; the first four words are overwritten but for
/// the version.
pub fn seal(words: &mut [u32]) {
    words[0] = u32::from_le_bytes(*b"HEED");
    words[2] = words.len() as u32;
    words[3] = crc32(&to_bytes(&words[4..]));
}

pub fn to_bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// For layers that borrow their weights for good.
pub fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Takes a value of weight 64 over as it is.
pub const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(1.0 / 64.0).unwrap() };

/// Attention whose queries, keys and values lie in its input, one after the other (`E = 3 · H · P`), and
/// whose heads come out in the first `H · P` values of its output, the others being 0.
pub fn bare<const E: usize, const H: usize, const P: usize, W: Weight>(
    heads: [HeadScale; H],
) -> MultiHeadAttention<E, H, P, W> {
    assert_eq!(E, 3 * H * P);
    // On the heap from the start: the largest would not fit a test's stack.
    let part = |part: usize| {
        let mut weights: Box<[[[i8; E]; P]; H]> = vec![[[0; E]; P]; H].try_into().unwrap();
        for (i, row) in weights.as_flattened_mut().iter_mut().enumerate() {
            row[part * H * P + i] = 64;
        }
        Projection::new(Box::leak(weights), leak([[UNIT; P]; H]))
    };
    let mut output: Box<[[[i8; P]; H]; E]> = vec![[[0; P]; H]; E].try_into().unwrap();
    for (i, row) in output.iter_mut().enumerate().take(H * P) {
        row.as_flattened_mut()[i] = 64;
    }
    MultiHeadAttention::new(part(0), part(1), part(2), Box::leak(output), leak([UNIT; E]), leak(heads))
}
