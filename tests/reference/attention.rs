//! Attention as a whole against an exact softmax in f64, on the same int8 queries, keys and values.

mod cross;
mod fused;
mod layouts;
mod long_rows;
mod low_rank;

use crate::support::{Errors, Random, bare, snr};
use heedful::{HeadScale, Mask, Narrow, Scale, Scratch, Steepness, Weight, Wide};

/// `softmax(q·k) · v` of each head and query: `[S][H * P]`, neither rounded nor saturated; and by how much rounded
/// weights may change it.
///
/// A weight `w` may be off by `δ <= w / 2^9` (the exponential, to a common factor) and half a step.
/// As the weights `w + δ` give `Σ (w + δ)·v / Σ (w + δ)`, the output moves by at most
/// `Σ δ·|v - output| / Σ (w + δ)`, where the last sum is at least that of the maximum alone.
fn exact<const E: usize, const S: usize, W: Weight>(
    x: &[[i8; E]; S],
    heads: &[HeadScale],
    mask: Mask,
) -> Vec<(f64, f64)> {
    let (parts, dim) = (E / 3, E / 3 / heads.len());
    let mut out = Vec::new();
    for (position, query) in x.iter().enumerate() {
        for (h, head) in heads.iter().enumerate() {
            let part = |row: &[i8; E], part: usize| -> Vec<f64> {
                row[part * parts + h * dim..][..dim].iter().map(|&v| f64::from(v)).collect()
            };
            let query = part(query, 0);
            let visible = match mask {
                Mask::Causal => position + 1,
                Mask::Length(length) => length.min(S),
                Mask::CausalLength(length) => length.min(position + 1),
                _ => S,
            };
            let score = |x| query.iter().zip(part(x, 1)).map(|(q, k)| q * k).sum::<f64>();
            let scores: Vec<f64> = x[..visible].iter().map(score).collect();
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|s| (head.steepness().to_real() * (s - max)).exp2()).collect();
            let values: Vec<Vec<f64>> = x[..visible].iter().map(|x| part(x, 2)).collect();
            let ratio = head.value().to_real() * 256.0;
            let sum: f64 = weights.iter().sum();
            let (relative, step) = (1.0 / 512.0, 0.5 / f64::from(W::FULL_SCALE));
            let least = (sum * (1.0 - relative) - visible as f64 * step).max(1.0 - relative);
            for d in 0..dim {
                if visible == 0 {
                    out.push((0.0, 0.0));
                    continue;
                }
                let y = weights.iter().zip(&values).map(|(w, v)| w * v[d]).sum::<f64>() / sum;
                let off = |(w, v): (&f64, &Vec<f64>)| (w * relative + step) * (v[d] - y).abs();
                let moved = weights.iter().zip(&values).map(off).sum::<f64>() / least;
                out.push((y * ratio, moved * ratio));
            }
        }
    }
    out
}

fn head(c: f64, ratio: f64) -> HeadScale {
    HeadScale::new(Steepness::from_real(c).unwrap(), Scale::from_real(ratio / 256.0).unwrap()).unwrap()
}

/// Errors over all masks, from the flattest to the steepest softmax; each within its derived bound.
fn pairs<const E: usize, const H: usize, const P: usize, const S: usize, W: Weight>(seed: u64) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    let masks =
        [Mask::None, Mask::Causal, Mask::Length(0), Mask::Length(1), Mask::Length(S / 2 + 1), Mask::CausalLength(3)];
    for mask in masks {
        for octaves in [0.02, 1.0, 4.0, 30.0] {
            // So many octaves per standard deviation of the scores.
            let c = (octaves / (74.0 * 74.0 * (P as f64).sqrt())).clamp(4e-6, 0.05);
            let heads = std::array::from_fn(|h| head(c * (1.0 + h as f64 / 8.0), 0.3 + random.uniform()));
            let x: [[i8; E]; S] = std::array::from_fn(|_| std::array::from_fn(|_| random.next() as i8));
            let mut scratch = Scratch::new();
            let y = bare::<E, H, P, W>(heads).forward(&x, mask, &mut scratch);
            let found = y.iter().flat_map(|y| &y[..H * P]).map(|&y| f64::from(y));
            for (found, (exact, moved)) in found.zip(exact::<E, S, W>(&x, &heads, mask)) {
                let exact = exact.clamp(-128.0, 127.0);
                assert!((found - exact).abs() <= moved + 0.501, "{found}, {exact} ± {moved}");
                pairs.push((found, exact));
            }
        }
    }
    pairs
}

fn shapes<W: Weight>() -> Errors {
    let mut all = pairs::<3, 1, 1, 1, W>(1);
    all.extend(pairs::<3, 1, 1, 40, W>(2));
    all.extend(pairs::<30, 2, 5, 7, W>(3));
    all.extend(pairs::<144, 3, 16, 25, W>(4));
    all.extend(pairs::<192, 1, 64, 33, W>(5));
    all.extend(pairs::<768, 1, 256, 9, W>(6));
    all.extend(pairs::<12, 1, 4, 130, W>(7));
    Errors::of(all)
}

#[test]
fn wide_weights() {
    shapes::<Wide>().within(0.01, 0.29, 0.85);
}

#[test]
fn narrow_weights() {
    shapes::<Narrow>().within(0.01, 0.4, 2.0);
}

/// Largest and smallest values everywhere: scores of ±2^22, values that saturate.
#[test]
fn extremes() {
    let mut random = Random(8);
    for octaves in [4e-6, 0.001, 0.06] {
        let heads = [head(octaves, 1.0)];
        let x: [[i8; 768]; 12] = std::array::from_fn(|_| {
            let extremes = [-128, 127];
            let [q, k, v] = [0; 3].map(|_| extremes[random.int(0, 1) as usize]);
            std::array::from_fn(|e| [q, k, v][e / 256])
        });
        let mut scratch = Scratch::new();
        let y = bare::<768, 1, 256, Wide>(heads).forward(&x, Mask::None, &mut scratch);
        let found = y.iter().flat_map(|y| &y[..256]).map(|&y| f64::from(y));
        for (found, (exact, moved)) in found.zip(exact::<768, 12, Wide>(&x, &heads, Mask::None)) {
            assert!((found - exact).abs() <= moved + 0.501, "{found}, {exact} ± {moved}");
        }
    }
}

/// Signal-to-noise ratios, of ours and of an exact softmax on the same int8 values, both with int8 output,
/// against floats: unit-variance queries, keys and values.
fn ratios<const S: usize, W: Weight>() -> (f64, f64) {
    const P: usize = 16;
    let mut random = Random(S as u64);
    // int8 reaches to four standard deviations.
    let scale = 4.0 / 127.0;
    let c = std::f64::consts::LOG2_E / (P as f64).sqrt();
    let float: Vec<[f64; 3 * P]> = (0..S).map(|_| std::array::from_fn(|_| random.normal())).collect();
    let ideal: Vec<f64> = float
        .iter()
        .flat_map(|query| {
            let score = |x: &[f64; 3 * P]| c * query[..P].iter().zip(&x[P..2 * P]).map(|(q, k)| q * k).sum::<f64>();
            let weights: Vec<f64> = float.iter().map(|x| score(x).exp2()).collect();
            let sum: f64 = weights.iter().sum();
            let float = &float;
            (0..P).map(move |d| weights.iter().zip(float).map(|(w, x)| w * x[2 * P + d]).sum::<f64>() / sum)
        })
        .collect();
    // The output's own scale, calibrated to its largest value.
    let out_scale = ideal.iter().fold(0.0f64, |m, y| m.max(y.abs())) / 127.0;
    let heads = [head(c * scale * scale, scale / out_scale)];
    let x: [[i8; 3 * P]; S] = std::array::from_fn(|s| float[s].map(|x| (x / scale).round() as i8));

    let mut scratch = Box::new(Scratch::<S, { 3 * P }, 1, P, W>::new());
    let y = bare::<{ 3 * P }, 1, P, W>(heads).forward(&x, Mask::None, &mut scratch);
    let ours = y.iter().flat_map(|y| &y[..P]).map(|&y| f64::from(y) * out_scale);
    let exact = exact::<{ 3 * P }, S, W>(&x, &heads, Mask::None);
    let exact = exact.into_iter().map(|(y, _)| y.round().clamp(-128.0, 127.0) * out_scale);
    (snr(ours.zip(ideal.iter().copied())), snr(exact.zip(ideal)))
}

#[test]
fn signal_to_noise() {
    fn check<W: Weight>(name: &str, loss: f64) {
        let lengths = [ratios::<32, W>(), ratios::<128, W>(), ratios::<512, W>()];
        for ((ours, exact), positions) in lengths.into_iter().zip([32, 128, 512]) {
            println!("{positions} positions, {name} weights: {ours:.2} dB, an exact softmax {exact:.2} dB");
            assert!(ours >= exact - loss && ours > 30.0);
        }
    }
    check::<Wide>("wide", 0.5);
    check::<Narrow>("narrow", 3.0);
}
