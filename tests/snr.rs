//! Signal-to-noise of int8 attention on random heads, and the worst case of a head. The tables of
//! `docs/numerics.md` are of the same heads: `cargo run --release --example snr`.

#[path = "support/head.rs"]
mod head;
mod support;

use head::{Head, Levels, attend, farthest, measure, mix, worst_case};
use heedful::{Narrow, Scale, Steepness, Weight, Wide};
use support::Random;

/// Mean over seeds; of each head, `queries` rows.
fn levels(queries: usize, heads: impl Fn(&mut Random) -> Vec<Head>) -> Levels {
    let all: Vec<Levels> = (1..=3).map(|seed| measure(&heads(&mut Random(seed)), queries)).collect();
    Levels::mean(&all)
}

#[test]
fn near_an_exact_softmax() {
    for (positions, queries) in [(32, 32), (128, 64), (512, 32)] {
        let found = levels(queries, |random| vec![Head::normal(random, positions, 64)]);
        println!("{positions} positions: {found:?}");
        let Levels { exact, wide, narrow, .. } = found;
        for (exact, wide, narrow) in [(exact.real, wide.real, narrow.real), (exact.int8, wide.int8, narrow.int8)] {
            assert!(wide >= exact - 0.5, "{positions} positions: wide {wide:.2} dB, exact {exact:.2} dB");
            assert!(narrow >= exact - 3.0, "{positions} positions: narrow {narrow:.2} dB, exact {exact:.2} dB");
        }
    }
}

#[test]
fn does_not_fade_with_length() {
    let found = levels(8, |random| vec![Head::normal(random, 2048, 64)]);
    println!("{found:?}");
    assert!(found.wide.int8 >= found.exact.int8 - 0.5);
    assert!(found.wide.int8 >= 32.0 && found.narrow.int8 >= 30.0);
    assert!(found.usual.int8 <= 5.0, "probabilities in steps of 1/256 do fade");
}

/// Scores that spread: wide weights hold, narrow ones do on short rows only.
#[test]
fn where_narrow_weights_hold() {
    for deviation in [2.0, 4.0] {
        for (positions, most, steps) in [(32, 1.0, 1.5), (128, 2.5, 3.0), (512, 7.0, 7.0), (2048, 13.0, 10.0)] {
            let heads = |random: &mut Random| vec![Head::scored(random, positions, 64, deviation)];
            let Levels { exact, wide, narrow, .. } = levels(32, heads);
            let off = farthest(&heads(&mut Random(1))[0], 16);
            println!("{deviation} nats, {positions} positions: {exact:?} {wide:?} {narrow:?} {off:?}");
            assert!(wide.real >= exact.real - 0.2 && wide.int8 >= exact.int8 - 0.2 && off[0] < 0.3);
            assert!(narrow.real >= exact.real - most && off[1] < steps);
            if positions == 2048 {
                assert!(narrow.real < exact.real - 2.0 && off[1] > 1.0, "narrow weights hold: say so");
            }
        }
    }
}

/// The workload that QFlash publishes, and its figures.
#[test]
fn above_qflash() {
    for (heads, positions, dim, published) in [(6, 197, 64, 32.50), (24, 49, 32, 31.02)] {
        let found = levels(12, |random| (0..heads).map(|_| Head::uniform(random, positions, dim, 4.0)).collect());
        println!("{heads} heads of {dim}, {positions} positions: {found:?}");
        assert!(found.wide.int8 > published && found.narrow.int8 > published);
    }
}

/// One row: a query against keys that score `127·a + b`, all of the head's own making.
struct Row {
    keys: Vec<i8>,
    values: Vec<i8>,
    steepness: Steepness,
}

impl Row {
    /// Distance of the head's output from softmax in real arithmetic, in steps of the output, which here
    /// are steps of the values.
    fn error<W: Weight>(&self) -> f64 {
        let ratio = Scale::from_real(1.0 / 256.0).unwrap();
        let (found, _) =
            attend::<W>(&[127, 1], &self.keys, &pairs(&self.values), self.values.len(), self.steepness, ratio);
        let scores: Vec<f64> = self.keys.chunks(2).map(|k| 127.0 * f64::from(k[0]) + f64::from(k[1])).collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (-self.steepness.to_real() * (max - s)).exp2()).collect();
        let sum: f64 = weights.iter().sum();
        let values: Vec<f64> = self.values.iter().map(|&v| f64::from(v)).collect();
        let expected = mix(&weights, &values, 1)[0] / sum;
        (f64::from(found[0]) - expected.min(127.0)).abs()
    }
}

/// The values twice: a query of two numbers has an output of two.
fn pairs(values: &[i8]) -> Vec<i8> {
    [values, values].concat()
}

fn bounded<W: Weight>(positions: usize) {
    let bound = worst_case(W::FULL_SCALE, positions) + 0.5 + 1e-4;
    let mut random = Random(positions as u64);
    let mut largest = 0.0f64;
    for _ in 0..40 {
        let row = Row {
            keys: random.i8s(2 * positions, 127),
            values: random.i8s(positions, 128),
            steepness: Steepness::from_real((-4.5 - 10.0 * random.uniform()).exp2()).unwrap(),
        };
        largest = largest.max(row.error::<W>());
    }
    // The adversary: one key far ahead, all others where their weight is just rounded to nothing, or
    // just rounded up, and values as far apart as int8 goes.
    let mut adverse = 0.0f64;
    let octaves = f64::from(2 * W::FULL_SCALE).log2();
    for i in -20..20 {
        let below = 100.0 * 127.0;
        let row = Row {
            keys: (0..2 * positions).map(|j| if j == 0 { 100 } else { 0 }).collect(),
            values: (0..positions).map(|j| if j == 0 { 127 } else { -128 }).collect(),
            steepness: Steepness::from_real((octaves + f64::from(i) * 4e-4) / below).unwrap(),
        };
        adverse = adverse.max(row.error::<W>());
    }
    println!("{positions} positions: bound {bound:.3}, random rows {largest:.3}, adversary {adverse:.3}");
    assert!(largest <= bound && adverse <= bound);
    // Where the steps of the weights make up most of the bound, the adversary comes close to it.
    let steps = worst_case(W::FULL_SCALE, positions) - worst_case(W::FULL_SCALE, 1);
    assert!(adverse >= 0.9 * steps - 0.6);
}

#[test]
fn within_the_worst_case() {
    for positions in [1, 2, 25, 128, 512, 700] {
        bounded::<Wide>(positions);
        bounded::<Narrow>(positions);
    }
}
