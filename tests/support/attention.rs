//! Attention of any kind with random weights, and the same in f64.
#![allow(dead_code)]

use crate::support::{Random, UNIT, leak};
use heedful::{Channel, HeadScale, MultiHeadAttention, Pairing, Projection, Rope, Scale, Steepness, Weight};

/// A projection with random weights: `sets` of them, and a bias and scale for each of `groups`.
pub struct Dense {
    /// `[sets * dim][inputs]`
    pub weights: Vec<i8>,
    /// `[groups * dim]`
    pub channels: Vec<Channel>,
    pub inputs: usize,
    pub dim: usize,
}

impl Dense {
    /// Weights that bring random bytes to a standard deviation of some 40, and biases of their own of 20.
    pub fn random(random: &mut Random, inputs: usize, dim: usize, sets: usize, groups: usize) -> Self {
        let scale = 40.0 / (74.0 * 73.0 * (inputs as f64).sqrt());
        let mut channel = |_| {
            let scale = scale * (0.7 + 0.6 * random.uniform());
            let bias = 20.0 * random.normal() / scale;
            Channel { bias: bias as i32, scale: Scale::from_real(scale).unwrap() }
        };
        let channels = (0..groups * dim).map(&mut channel).collect();
        Self { weights: random.i8s(sets * dim * inputs, 127), channels, inputs, dim }
    }

    /// The same with each set of weights, and each of channels, so many times in a row.
    pub fn repeated(&self, weights: usize, channels: usize) -> Self {
        fn repeat<T: Copy>(x: &[T], length: usize, times: usize) -> Vec<T> {
            x.chunks(length).flat_map(|set| set.repeat(times)).collect()
        }
        Self {
            weights: repeat(&self.weights, self.dim * self.inputs, weights),
            channels: repeat(&self.channels, self.dim, channels),
            ..*self
        }
    }

    /// For the typed attention: `N` sets of weights, `H` of channels.
    pub fn projection<const E: usize, const H: usize, const P: usize, const N: usize>(&self) -> Projection<E, H, P> {
        let weights: [[[i8; E]; P]; N] = self.weights.as_chunks().0.as_chunks().0.try_into().unwrap();
        Projection::shared(leak(weights), leak(self.channels.as_chunks().0.try_into().unwrap()))
    }

    /// What lies before the rounding of one head's values, by hand: the sum of each, and its channel.
    pub fn sums(&self, head: usize, heads: usize, x: &[i8]) -> Vec<(i32, Channel)> {
        let group = |length: usize| head * (length / self.dim) / heads * self.dim;
        let weights = &self.weights[group(self.weights.len() / self.inputs) * self.inputs..];
        let channels = &self.channels[group(self.channels.len())..];
        let dot = |w: &[i8]| w.iter().zip(x).map(|(&w, &x)| i32::from(w) * i32::from(x)).sum::<i32>();
        weights.chunks(self.inputs).zip(channels).take(self.dim).map(|(w, &c)| (dot(w) + c.bias, c)).collect()
    }

    /// The values of one head, int8.
    pub fn apply(&self, head: usize, heads: usize, x: &[i8]) -> Vec<f64> {
        self.sums(head, heads, x).into_iter().map(|(sum, channel)| f64::from(channel.scale.to_i8(sum))).collect()
    }
}

/// Scales of heads that turn scores of `deviation` into so many octaves, each head a little steeper than the one
/// before.
pub fn scales<const H: usize>(random: &mut Random, deviation: f64, octaves: f64) -> [HeadScale; H] {
    std::array::from_fn(|h| {
        let c = (octaves / deviation * (1.0 + h as f64 / 8.0)).clamp(4e-6, 0.06);
        let steepness = Steepness::from_real(c).unwrap();
        HeadScale::new(steepness, Scale::from_real((0.3 + random.uniform()) / 256.0).unwrap()).unwrap()
    })
}

/// An output projection that shows the heads' outputs as they are, in the first `H * P` of `E` values.
pub fn shown<const E: usize, const H: usize, const P: usize>() -> &'static [[[i8; P]; H]; E] {
    let mut output: Box<[[[i8; P]; H]; E]> = vec![[[0; P]; H]; E].try_into().unwrap();
    for (i, row) in output.iter_mut().enumerate().take(H * P) {
        row.as_flattened_mut()[i] = 64;
    }
    Box::leak(output)
}

/// Attention of these projections whose heads come out as they are; `N` and `NG` are the sets of weights of queries,
/// and of keys and values.
pub fn attention<
    const E: usize,
    const H: usize,
    const P: usize,
    W: Weight,
    const G: usize,
    const M: usize,
    const N: usize,
    const NG: usize,
>(
    parts: [&Dense; 3],
    heads: [HeadScale; H],
) -> MultiHeadAttention<E, H, P, W, G, M> {
    assemble::<E, H, P, W, G, M, N, NG>(parts, heads, shown(), leak([UNIT; E]))
}

/// The same with an output projection of one's own.
pub fn assemble<
    const E: usize,
    const H: usize,
    const P: usize,
    W: Weight,
    const G: usize,
    const M: usize,
    const N: usize,
    const NG: usize,
>(
    [query, key, value]: [&Dense; 3],
    heads: [HeadScale; H],
    output: &'static [[[i8; P]; H]; E],
    channels: &'static [Channel; E],
) -> MultiHeadAttention<E, H, P, W, G, M> {
    let query = query.projection::<E, H, P, N>();
    let [key, value] = [key, value].map(|part| part.projection::<M, G, P, NG>());
    MultiHeadAttention::new(query, key, value, output, channels, leak(heads))
}

pub fn input<const E: usize, const S: usize>(random: &mut Random) -> [[i8; E]; S] {
    std::array::from_fn(|_| std::array::from_fn(|_| random.next() as i8))
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The output of one head for one query, in f64, neither rounded nor saturated; and by how much the library's may
/// differ before it is rounded. `keys` are those that are looked at: the score, by how much the library's score may
/// differ, the values.
///
/// A weight `w` may be off by `δ <= w·relative` (2^-9 of the exponential, and what the score's difference makes) and
/// half a step. As the weights `w + δ` give `Σ (w + δ)·v / Σ (w + δ)`, the output moves by at most
/// `Σ δ·|v - output| / Σ (w + δ)`.
pub fn head<W: Weight>(keys: &[(f64, f64, Vec<f64>)], dim: usize, head: &HeadScale) -> Vec<(f64, f64)> {
    if keys.is_empty() {
        return vec![(0.0, 0.0); dim];
    }
    let (c, ratio) = (head.steepness().to_real(), head.value().to_real() * 256.0);
    let max = keys.iter().map(|key| key.0).fold(f64::NEG_INFINITY, f64::max);
    let slack = keys.iter().map(|key| key.1).fold(0.0, f64::max);
    let weights: Vec<f64> = keys.iter().map(|key| (c * (key.0 - max)).exp2()).collect();
    let sum: f64 = weights.iter().sum();
    let step = 0.5 / f64::from(W::FULL_SCALE) * (c * slack).exp2();
    let relative = |own: f64| (1.0 + 1.0 / 512.0) * (c * (own + slack)).exp2() - 1.0;
    let off: Vec<f64> = weights.iter().zip(keys).map(|(w, key)| w * relative(key.1) + step).collect();
    let least = (sum - off.iter().sum::<f64>()).max((1.0 - 1.0 / 512.0) / (c * slack).exp2());
    (0..dim)
        .map(|d| {
            let y = weights.iter().zip(keys).map(|(w, key)| w * key.2[d]).sum::<f64>() / sum;
            let moved = off.iter().zip(keys).map(|(off, key)| off * (key.2[d] - y).abs()).sum::<f64>() / least;
            (y * ratio, moved * ratio)
        })
        .collect()
}

/// [`head`] of all heads and queries: `[positions][heads * dim]`.
///
/// `score` gives what a head, query and key make and by how much the library's may differ, in units of the score;
/// `None` where the key is not looked at.
pub fn all_heads<W: Weight>(
    heads: &[HeadScale],
    [positions, keys, dim]: [usize; 3],
    score: impl Fn(usize, usize, usize) -> Option<(f64, f64)>,
    value: impl Fn(usize, usize) -> Vec<f64>,
) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    for query in 0..positions {
        for (h, scale) in heads.iter().enumerate() {
            let look = |key| score(h, query, key).map(|(score, slack)| (score, slack, value(h, key)));
            let seen: Vec<_> = (0..keys).filter_map(look).collect();
            out.extend(head::<W>(&seen, dim, scale));
        }
    }
    out
}

/// Holds the heads in the first values of each row of `found` against [`all_heads`], each value within its own bound
/// and the rounding; adds to `pairs` for the statistics.
#[track_caller]
pub fn hold<const E: usize>(found: &[[i8; E]], expected: &[(f64, f64)], pairs: &mut Vec<(f64, f64)>) {
    let inner = expected.len() / found.len();
    let found = found.iter().flat_map(|row| &row[..inner]);
    for (i, (&found, &(exact, moved))) in found.zip(expected).enumerate() {
        let (found, exact) = (f64::from(found), exact.clamp(-128.0, 127.0));
        let (row, column) = (i / inner, i % inner);
        assert!((found - exact).abs() <= moved + 0.501, "row {row}, value {column}: {found}, {exact} ± {moved}");
        pairs.push((found, exact));
    }
}

/// Steps of a projection to the step of its rotation.
pub const STEPS: f64 = 64.0;

/// A rotated value, and whether the library's may be the next one: sine and cosine are within 2^-15.
pub type Turned = Vec<(f64, bool)>;

/// The values of a query or key, of 64 steps to one, turned in f64.
pub fn turned(values: &[f64], rope: &Rope<'_>, position: u128) -> Turned {
    let mut turned: Vec<(f64, f64)> = values.iter().map(|&x| (x, 0.0)).collect();
    for (i, &frequency) in rope.frequencies.iter().enumerate() {
        let (a, b) = match rope.pairing {
            Pairing::Interleaved | Pairing::Folded => (2 * i, 2 * i + 1),
            Pairing::Halves => (i, i + rope.frequencies.len()),
        };
        let angle = (u128::from(frequency) * position % (1 << 32)) as f64 / 4_294_967_296.0 * std::f64::consts::TAU;
        let (xa, xb) = (values[a], values[b]);
        let off = (xa.abs() + xb.abs()) / 32768.0;
        turned[a] = (xa * angle.cos() - xb * angle.sin(), off);
        turned[b] = (xa * angle.sin() + xb * angle.cos(), off);
    }
    if rope.pairing == Pairing::Folded {
        for a in 0..rope.frequencies.len() {
            let b = 2 * rope.frequencies.len() - 1 - a;
            let ((ya, off_a), (yb, off_b)) = (turned[a], turned[b]);
            // Each of them loses its last bit, 2^-15 of a step of these.
            let off = off_a + off_b + 1.0 / 32768.0;
            (turned[a], turned[b]) = ((ya + yb, off), (ya - yb, off));
        }
    }
    let round = |(y, off): (f64, f64)| {
        let (y, off) = (y / STEPS + 0.5, off / STEPS + 1e-9);
        (y.floor().clamp(-128.0, 127.0), y.fract().rem_euclid(1.0).min(1.0 - y.fract().rem_euclid(1.0)) < off)
    };
    // Values that are not turned are rounded alone.
    turned.into_iter().map(round).collect()
}

/// The product, and by how much the library's may differ.
pub fn meet(query: &Turned, key: &Turned) -> (f64, f64) {
    let doubt = |doubt: bool, other: f64| if doubt { other.abs() + 1.0 } else { 0.0 };
    query
        .iter()
        .zip(key)
        .fold((0.0, 0.0), |(score, slack), (q, k)| (score + q.0 * k.0, slack + doubt(q.1, k.0) + doubt(k.1, q.0)))
}
