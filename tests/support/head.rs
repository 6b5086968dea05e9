//! One attention head on random Q, K and V: how far int8 attention is from floating point, with the
//! library's kernels and with others' arithmetic. For `tests/snr.rs` and `examples/snr.rs`.
#![allow(dead_code)]

use crate::support::{Random, snr};
use heedful::internals::{Active, Kernels, RowScale};
use heedful::{Narrow, Scale, Steepness, Weight, Wide};

/// Real-valued Q, K and V of one head, `[positions][dim]` each.
pub struct Head {
    pub positions: usize,
    pub dim: usize,
    pub query: Vec<f64>,
    pub key: Vec<f64>,
    pub value: Vec<f64>,
}

impl Head {
    /// Values of mean 0 and variance 1: the scores have variance 1 too.
    pub fn normal(random: &mut Random, positions: usize, dim: usize) -> Self {
        Self::draw(positions, dim, || random.normal())
    }

    /// Values between `-bound` and `bound`.
    pub fn uniform(random: &mut Random, positions: usize, dim: usize, bound: f64) -> Self {
        Self::draw(positions, dim, || bound * (2.0 * random.uniform() - 1.0))
    }

    /// [`Head::normal`] with scores of a standard deviation, in nats.
    pub fn scored(random: &mut Random, positions: usize, dim: usize, deviation: f64) -> Self {
        let mut head = Self::normal(random, positions, dim);
        head.query.iter_mut().for_each(|q| *q *= deviation);
        head
    }

    fn draw(positions: usize, dim: usize, mut value: impl FnMut() -> f64) -> Self {
        let mut tensor = || (0..positions * dim).map(|_| value()).collect();
        Self { positions, dim, query: tensor(), key: tensor(), value: tensor() }
    }

    /// Softmax attention of one query, in floating point.
    fn attend(&self, query: usize) -> Vec<f64> {
        let row = &self.query[query * self.dim..][..self.dim];
        let dot = |key: &[f64]| row.iter().zip(key).map(|(q, k)| q * k).sum::<f64>();
        let scores: Vec<f64> = self.key.chunks(self.dim).map(|k| dot(k) / (self.dim as f64).sqrt()).collect();
        let weights = softmax(&scores);
        mix(&weights, &self.value, self.dim)
    }
}

/// Softmax of one row.
pub fn softmax(scores: &[f64]) -> Vec<f64> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// `Σ w·v`, with values `[positions][dim]`.
pub fn mix(weights: &[f64], values: &[f64], dim: usize) -> Vec<f64> {
    let mut out = vec![0.0; dim];
    for (w, row) in weights.iter().zip(values.chunks(dim)) {
        for (o, v) in out.iter_mut().zip(row) {
            *o += w * v;
        }
    }
    out
}

/// A tensor in int8, symmetric, with one scale: its largest magnitude is 127.
pub struct Int8 {
    pub data: Vec<i8>,
    pub scale: f64,
}

impl Int8 {
    pub fn new(x: &[f64]) -> Self {
        let scale = calibrate(x);
        Self { data: x.iter().map(|x| round(x / scale)).collect(), scale }
    }

    pub fn reals(&self) -> Vec<f64> {
        self.data.iter().map(|&q| f64::from(q) * self.scale).collect()
    }
}

/// The scale at which the largest magnitude is 127.
pub fn calibrate(x: &[f64]) -> f64 {
    x.iter().fold(0.0f64, |max, x| max.max(x.abs())) / 127.0
}

/// To the nearest int8, saturated.
pub fn round(x: f64) -> i8 {
    x.round().clamp(-128.0, 127.0) as i8
}

/// Signal-to-noise of a head's output, in dB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level {
    /// Before the output is rounded to int8.
    pub real: f64,
    /// With an int8 output that has its own calibrated scale.
    pub int8: f64,
}

/// The same int8 Q, K and V through four softmaxes, each against floating point on the real Q, K and V.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    /// An exact softmax and weighted sum.
    pub exact: Level,
    /// heedful with [`Wide`] weights.
    pub wide: Level,
    /// heedful with [`Narrow`] weights.
    pub narrow: Level,
    /// Probabilities in steps of 1/256, as int8 runtimes store them.
    pub usual: Level,
}

impl Levels {
    /// The mean over several measurements.
    pub fn mean(all: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> Level| {
            let n = all.len() as f64;
            Level {
                real: all.iter().map(|l| of(l).real).sum::<f64>() / n,
                int8: all.iter().map(|l| of(l).int8).sum::<f64>() / n,
            }
        };
        Self { exact: mean(|l| l.exact), wide: mean(|l| l.wide), narrow: mean(|l| l.narrow), usual: mean(|l| l.usual) }
    }
}

/// Measures several heads together; of each, `queries` evenly spaced queries look at all positions.
pub fn measure(heads: &[Head], queries: usize) -> Levels {
    let rows: Vec<Vec<usize>> =
        heads.iter().map(|h| (0..queries).map(|i| i * h.positions / queries).collect()).collect();
    let reference: Vec<f64> =
        heads.iter().zip(&rows).flat_map(|(head, rows)| rows.iter().flat_map(|&row| head.attend(row))).collect();
    let out_scale = calibrate(&reference);
    let run = |one: &dyn Fn(&Quantised, usize) -> Output| {
        let (mut real, mut int8) = (Vec::new(), Vec::new());
        for (head, rows) in heads.iter().zip(&rows) {
            let head = Quantised::new(head, out_scale);
            for &row in rows {
                let (y, rounded) = one(&head, row);
                int8.extend(rounded.iter().map(|&q| f64::from(q) * out_scale));
                real.extend(y);
            }
        }
        let level = |found: Vec<f64>| snr(found.into_iter().zip(reference.iter().copied()));
        Level { real: level(real), int8: level(int8) }
    };
    Levels {
        exact: run(&|head, row| head.exact(row, |p| p)),
        wide: run(&|head, row| head.heedful::<Wide>(row)),
        narrow: run(&|head, row| head.heedful::<Narrow>(row)),
        usual: run(&|head, row| head.exact(row, |p| (p * 256.0).round().min(255.0) / 256.0)),
    }
}

/// The farthest that the output of some evenly spaced queries lies from an exact softmax on the same int8 Q, K and V
/// before it is rounded, in steps of the values: with wide weights and with narrow ones.
pub fn farthest(head: &Head, queries: usize) -> [f64; 2] {
    let quantised = Quantised::new(head, calibrate(&head.value));
    (0..queries).map(|i| i * head.positions / queries).fold([0.0; 2], |farthest: [f64; 2], row| {
        let (exact, _) = quantised.exact(row, |p| p);
        let found = [quantised.heedful::<Wide>(row).0, quantised.heedful::<Narrow>(row).0];
        let off = found.map(|y| y.iter().zip(&exact).fold(0.0f64, |most, (y, e)| most.max((y - e).abs())));
        [0, 1].map(|i| farthest[i].max(off[i] / quantised.value.scale))
    })
}

/// The output for one query, before and after it is rounded to int8.
type Output = (Vec<f64>, Vec<i8>);

/// A head in int8, and the scale of its output.
struct Quantised {
    positions: usize,
    dim: usize,
    query: Int8,
    key: Int8,
    value: Int8,
    /// Of the real values, `[positions][dim]`.
    values: Vec<f64>,
    /// `[dim][positions]`, as the kernels take them.
    transposed: Vec<i8>,
    out_scale: f64,
}

impl Quantised {
    fn new(head: &Head, out_scale: f64) -> Self {
        let (positions, dim) = (head.positions, head.dim);
        let value = Int8::new(&head.value);
        Self {
            positions,
            dim,
            query: Int8::new(&head.query),
            key: Int8::new(&head.key),
            values: value.reals(),
            transposed: transpose(&value.data, dim),
            value,
            out_scale,
        }
    }

    fn row(&self, query: usize) -> &[i8] {
        &self.query.data[query * self.dim..][..self.dim]
    }

    /// Natural units per unit of an integer score.
    fn unit(&self) -> f64 {
        self.query.scale * self.key.scale / (self.dim as f64).sqrt()
    }

    /// An exact softmax on the int8 inputs, of which each probability is then changed.
    fn exact(&self, query: usize, probability: impl Fn(f64) -> f64) -> Output {
        let scores: Vec<f64> =
            self.key.data.chunks(self.dim).map(|key| f64::from(dot(self.row(query), key)) * self.unit()).collect();
        let weights: Vec<f64> = softmax(&scores).into_iter().map(probability).collect();
        let y = mix(&weights, &self.values, self.dim);
        let rounded = y.iter().map(|y| round(y / self.out_scale)).collect();
        (y, rounded)
    }

    /// The library's kernels.
    fn heedful<W: Weight>(&self, query: usize) -> Output {
        let steepness = Steepness::from_real(self.unit() * std::f64::consts::LOG2_E).unwrap();
        let ratio = Scale::from_real(self.value.scale / self.out_scale / 256.0).unwrap();
        let (out, weights) =
            attend::<W>(self.row(query), &self.key.data, &self.transposed, self.positions, steepness, ratio);
        let sum: i64 = weights.iter().map(|w| i64::from(w.to_int())).sum();
        let weights: Vec<f64> = weights.iter().map(|w| f64::from(w.to_int()) / sum as f64).collect();
        (mix(&weights, &self.values, self.dim), out)
    }
}

/// One query over the first `visible` keys, through the kernels that this build uses: the head's output
/// and its softmax weights. `keys` is `[positions][dim]`, the values are transposed: `[dim][positions]`.
pub fn attend<W: Weight>(
    query: &[i8],
    keys: &[i8],
    transposed_values: &[i8],
    visible: usize,
    steepness: Steepness,
    ratio: Scale,
) -> (Vec<i8>, Vec<W>) {
    let positions = keys.len() / query.len();
    let (mut scores, mut weights, mut out) = (vec![0; visible], vec![W::ZERO; visible], vec![0; query.len()]);
    let max = Active::scores(query, keys, &mut scores);
    let sum = Active::exp2(&scores, max, steepness, &mut weights);
    Active::weighted_sum(&weights, transposed_values, positions, RowScale::new(sum, ratio), &mut out);
    (out, weights)
}

/// The farthest that a head's output can lie from an exact softmax on the same int8 Q, K and V before it is
/// rounded, in steps of the values, for weights of a full scale. `docs/numerics.md` derives it.
pub fn worst_case(full_scale: i32, positions: usize) -> f64 {
    let relative = 1.0 / 512.0;
    let rounded = positions as f64 - 1.0;
    let shape = relative / 2.0 / (1.0 - relative);
    let steps = rounded / (2.0 * f64::from(full_scale) + rounded);
    255.0 * (shape + steps)
}

/// `[rows][dim]` to `[dim][rows]`
pub fn transpose(x: &[i8], dim: usize) -> Vec<i8> {
    (0..dim).flat_map(|d| x.iter().skip(d).step_by(dim).copied()).collect()
}

fn dot(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}
