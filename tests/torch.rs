//! heedful against PyTorch: whole multi-head attention in int8, layer norm and GELU, on the fixtures
//! that `tests/fixtures/make_fixtures.py` made.
//!
//! Weights are quantised per output channel, activations per tensor, with the scales calibrated on what
//! PyTorch computed. That alone costs most of the signal-to-noise ratio, so each case also shows what
//! the same int8 tensors give with exact arithmetic and an exact softmax in between.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/head.rs"]
mod head;
mod support;

use fixture::Case;
use head::{Int8, attend, calibrate, mix, round, softmax, transpose};
use heedful::{
    Channel, HeadScale, LayerNorm, Mask, MultiHeadAttention, Narrow, NormChannel, Projection, Scale, Scratch,
    Steepness, Weight, Wide,
};
use support::{Errors, snr};

impl Case {
    fn mask(&self) -> Mask {
        match self.words[7].as_str() {
            "none" => Mask::None,
            "causal" => Mask::Causal,
            "length" => Mask::Length(self.number(8)),
            "causal-length" => Mask::CausalLength(self.number(8)),
            other => panic!("mask {other}"),
        }
    }
}

/// A linear layer in int8: `y = (W·x + bias) * scale`, one scale per output.
struct Layer {
    weights: Vec<i8>,
    inputs: usize,
    channels: Vec<Channel>,
}

impl Layer {
    fn new(case: &Case, name: &str, inputs: usize, in_scale: f64, out_scale: f64) -> Self {
        let bias = case.tensor(&format!("{name}.bias"));
        let rows: Vec<Int8> = case.tensor(&format!("{name}.weight")).chunks(inputs).map(Int8::new).collect();
        let channels = rows.iter().zip(bias).map(|(row, bias)| {
            let acc_scale = in_scale * row.scale;
            Channel { bias: (bias / acc_scale).round() as i32, scale: Scale::from_real(acc_scale / out_scale).unwrap() }
        });
        Self { channels: channels.collect(), weights: rows.into_iter().flat_map(|row| row.data).collect(), inputs }
    }

    /// The layer in real arithmetic, rounded once.
    fn ideal(&self, x: &[i8]) -> Vec<i8> {
        let row = |x: &[i8]| -> Vec<i8> {
            let outputs = self.weights.chunks(self.inputs).zip(&self.channels);
            outputs
                .map(|(w, c)| {
                    let dot: i32 = w.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum();
                    round(f64::from(dot + c.bias) * c.scale.to_real())
                })
                .collect()
        };
        x.chunks(self.inputs).flat_map(row).collect()
    }

    fn channels<const N: usize>(&self) -> [Channel; N] {
        *self.channels.first_chunk().unwrap()
    }

    fn projection<const E: usize, const H: usize, const P: usize>(&self) -> Projection<E, H, P> {
        let weights = *self.weights.as_chunks::<E>().0.as_chunks::<P>().0.first_chunk::<H>().unwrap();
        let channels = *self.channels.as_chunks::<P>().0.first_chunk::<H>().unwrap();
        Projection::new(leak(weights), leak(channels))
    }
}

/// On a microcontroller the weights are statics.
fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A case in int8.
struct Quantised {
    heads: usize,
    dim: usize,
    mask: Mask,
    x: Int8,
    query: Layer,
    key: Layer,
    value: Layer,
    output: Layer,
    head: HeadScale,
    out_scale: f64,
}

impl Quantised {
    fn new(case: &Case) -> Self {
        let (width, heads, dim) = (case.number(1), case.number(2), case.number(3));
        let x = Int8::new(&case.tensor("x"));
        let scale = |name: &str| calibrate(&case.tensor(name));
        let (query, key, value) = (scale("query.out"), scale("key.out"), scale("value.out"));
        let (inner, out_scale) = (scale("heads"), scale("y"));
        Self {
            heads,
            dim,
            mask: case.mask(),
            query: Layer::new(case, "query", width, x.scale, query),
            key: Layer::new(case, "key", width, x.scale, key),
            value: Layer::new(case, "value", width, x.scale, value),
            output: Layer::new(case, "output", heads * dim, inner, out_scale),
            head: HeadScale::new(
                Steepness::from_real(query * key * std::f64::consts::LOG2_E / (dim as f64).sqrt()).unwrap(),
                Scale::from_real(value / inner / 256.0).unwrap(),
            )
            .unwrap(),
            out_scale,
            x,
        }
    }

    /// The same int8 tensors, with exact arithmetic and an exact softmax between them.
    fn ideal(&self) -> Vec<i8> {
        let [q, k, v] = [&self.query, &self.key, &self.value].map(|layer| layer.ideal(&self.x.data));
        let inner = self.heads * self.dim;
        let positions = q.len() / inner;
        let mut heads = vec![0; q.len()];
        for query in 0..positions {
            for first in (0..inner).step_by(self.dim) {
                let at = |x: &[i8], row: usize| -> Vec<f64> {
                    x[row * inner + first..][..self.dim].iter().map(|&x| f64::from(x)).collect()
                };
                let seen = 0..self.mask.visible(query, positions);
                let unit = self.head.steepness().to_real() * std::f64::consts::LN_2;
                let own = at(&q, query);
                let dot = |key: usize| own.iter().zip(at(&k, key)).map(|(q, k)| q * k).sum::<f64>() * unit;
                let weights = softmax(&seen.clone().map(dot).collect::<Vec<_>>());
                let values: Vec<f64> = seen.flat_map(|key| at(&v, key)).collect();
                let row = &mut heads[query * inner + first..][..self.dim];
                for (out, y) in row.iter_mut().zip(mix(&weights, &values, self.dim)) {
                    *out = round(y * self.head.value().to_real() * 256.0);
                }
            }
        }
        self.output.ideal(&heads)
    }

    /// heedful's attention, by the type that firmware uses.
    fn heedful<const S: usize, const E: usize, const H: usize, const P: usize, W: Weight>(&self) -> Vec<i8> {
        let output = *self.output.weights.as_chunks::<P>().0.as_chunks::<H>().0.first_chunk::<E>().unwrap();
        let attention = MultiHeadAttention::<E, H, P, W>::new(
            self.query.projection(),
            self.key.projection(),
            self.value.projection(),
            leak(output),
            leak(self.output.channels()),
            leak([self.head; H]),
        );
        let x = self.x.data.as_chunks::<E>().0.first_chunk::<S>().unwrap();
        let mut scratch = Box::new(Scratch::new());
        attention.forward(x, self.mask, &mut scratch).as_flattened().to_vec()
    }
}

/// A test per case: its index, shape and the least signal-to-noise in dB with wide and narrow weights,
/// 1 dB below what was measured.
macro_rules! attention {
    ($($name:ident: $index:literal, [$s:literal, $e:literal, $h:literal, $p:literal], $wide:literal, $narrow:literal;)*) => {$(
        #[test]
        fn $name() {
            let case = Case::open("attention", $index);
            assert_eq!([0, 1, 2, 3].map(|word| case.number(word)), [$s, $e, $h, $p]);
            let int8 = Quantised::new(&case);
            let expected = case.tensor("y");
            let level = |found: Vec<i8>| {
                assert_eq!(found.len(), expected.len());
                snr(found.iter().map(|&y| f64::from(y) * int8.out_scale).zip(expected.iter().copied()))
            };
            let ideal = level(int8.ideal());
            let wide = level(int8.heedful::<$s, $e, $h, $p, Wide>());
            let narrow = level(int8.heedful::<$s, $e, $h, $p, Narrow>());
            println!("{}: wide {wide:.1} dB, narrow {narrow:.1} dB, exact softmax {ideal:.1} dB", case.words.join(" "));
            assert!(wide >= $wide && narrow >= $narrow, "wide {wide:.2} dB, narrow {narrow:.2} dB");
            // What is left between the two is where single outputs happen to be rounded: more in small cases.
            assert!(wide >= ideal - 1.0 && narrow >= ideal - 1.0, "{wide:.2}, {narrow:.2} dB of {ideal:.2} dB");
        }
    )*};
}

attention! {
    none_7_10: 0, [7, 10, 2, 5], 31.8, 32.4;
    none_25_48: 1, [25, 48, 3, 16], 32.6, 32.6;
    causal_25_48: 2, [25, 48, 3, 16], 31.1, 31.2;
    length_50_24: 3, [50, 24, 2, 12], 31.0, 30.7;
    causal_33_30: 4, [33, 30, 5, 6], 31.1, 30.6;
    one_position: 5, [1, 8, 1, 8], 33.6, 33.6;
    one_key: 6, [48, 32, 4, 8], 31.8, 31.8;
    causal_length_19_33: 7, [19, 33, 3, 11], 32.1, 31.8;
    none_40_20: 8, [40, 20, 3, 9], 31.7, 31.5;
    causal_13_29: 9, [13, 29, 1, 31], 34.1, 34.0;
}

/// `scaled_dot_product_attention` alone: PyTorch's Q, K, V in int8 through the kernels, against its heads.
fn heads<W: Weight>(case: &Case) -> f64 {
    let (positions, heads, dim) = (case.number(0), case.number(2), case.number(3));
    let (mask, expected) = (case.mask(), case.tensor("heads"));
    let [q, k, v] = ["query.out", "key.out", "value.out"].map(|name| Int8::new(&case.tensor(name)));
    let out_scale = calibrate(&expected);
    let steepness = Steepness::from_real(q.scale * k.scale * std::f64::consts::LOG2_E / (dim as f64).sqrt()).unwrap();
    let ratio = Scale::from_real(v.scale / out_scale / 256.0).unwrap();
    let mut found = vec![0.0; expected.len()];
    for head in 0..heads {
        let part = |x: &Int8| -> Vec<i8> {
            x.data.chunks(heads * dim).flat_map(|row| row[head * dim..][..dim].iter().copied()).collect()
        };
        let (q, k, v) = (part(&q), part(&k), transpose(&part(&v), dim));
        for (position, query) in q.chunks(dim).enumerate() {
            let (out, _) = attend::<W>(query, &k, &v, mask.visible(position, positions), steepness, ratio);
            for (found, y) in found[(position * heads + head) * dim..].iter_mut().zip(out) {
                *found = f64::from(y) * out_scale;
            }
        }
    }
    snr(found.into_iter().zip(expected))
}

#[test]
fn scaled_dot_product() {
    // 1 dB below what was measured.
    let floors = [39.5, 33.2, 34.4, 32.1, 32.8, 47.5, 36.5, 34.1, 33.5, 37.4];
    for (index, floor) in floors.into_iter().enumerate() {
        let case = Case::open("attention", index);
        let (wide, narrow) = (heads::<Wide>(&case), heads::<Narrow>(&case));
        println!("{}: wide {wide:.1} dB, narrow {narrow:.1} dB", case.words.join(" "));
        assert!(wide >= floor && narrow >= floor, "case {index}: wide {wide:.2} dB, narrow {narrow:.2} dB");
    }
}

/// Scale of the int8 output of the norms: the fixture's weights over it are exact in `I8F8`.
const NORM_SCALE: f64 = 1.0 / 32.0;

/// What heedful gives and what PyTorch gives, both in units of the output.
fn layer_norm<const S: usize, const E: usize>(index: usize) -> Vec<(f64, f64)> {
    let case = Case::open("layer_norm", index);
    assert_eq!([case.number(0), case.number(1)], [S, E]);
    let (gains, offsets) = (case.tensor("weight"), case.tensor("bias"));
    let channels = core::array::from_fn(|e| NormChannel {
        gain: fixed::types::I8F8::from_num(gains[e] / NORM_SCALE),
        offset: fixed::types::I8F8::from_num(offsets[e] / NORM_SCALE),
    });
    let norm = LayerNorm::<E>::new(leak(channels), case.number(2) as u32);
    let x: Vec<i16> = case.tensor("x").iter().map(|x| (x * 1024.0) as i16).collect();
    let mut out = [[0; E]; S];
    norm.forward(x.as_chunks().0.first_chunk::<S>().unwrap(), &mut out);
    let expected = case.tensor("y").into_iter().map(|y| (y / NORM_SCALE).clamp(-128.0, 127.0));
    out.as_flattened().iter().map(|&y| f64::from(y)).zip(expected).collect()
}

#[test]
fn layer_norms() {
    let all = [layer_norm::<3, 48>(0), layer_norm::<5, 33>(1), layer_norm::<2, 1>(2), layer_norm::<4, 256>(3)];
    Errors::of(all.concat()).within(0.05, 0.31, 0.52);
}

#[test]
fn gelu() {
    for index in 0..4 {
        let case = Case::open("gelu", index);
        let in_scale: f64 = case.words[0].parse().unwrap();
        let y = case.tensor("y");
        let out_scale = calibrate(&y);
        let table = heedful::table(heedful::gelu, in_scale, out_scale);
        // PyTorch's values stand in order from -128, the table's by the bits of the input.
        let pairs = (-128i8..=127).zip(y).map(|(x, y)| (f64::from(table[usize::from(x as u8)]), y / out_scale));
        Errors::of(pairs).within(0.1, 0.35, 0.5001);
    }
}
