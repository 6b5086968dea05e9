//! The exponential over its whole domain, and the division of a row.

use crate::support::{Errors, Random};
use bytemuck::pod_read_unaligned;
use heedful::internals::{Kernels, Portable, RowScale};
use heedful::{MAX_POSITIONS, Narrow, Scale, Steepness, Weight, Wide};

const BOUND: f64 = 1.0 / 512.0;

/// Weights of scores that lie `below` the maximum.
fn weights<W: Weight>(c: Steepness, below: impl Iterator<Item = u32>) -> Vec<i32> {
    // Any maximum: only the distance counts.
    let max = 8_388_608;
    let scores: Vec<i32> = below.map(|below| max - below as i32).collect();
    let mut weights = vec![W::default(); scores.len()];
    let sum = Portable::exp2(&scores, max, c, &mut weights);
    let weights: Vec<i32> = weights.into_iter().map(W::to_int).collect();
    assert_eq!(i64::from(sum), weights.iter().map(|&w| i64::from(w)).sum::<i64>() & 0xffff_ffff);
    weights
}

/// Falls monotonically from full scale, and for some factor common to all of the row (which the
/// division takes out) each weight lies within 2^-9 of the exponential, and half a step.
fn check<W: Weight>(c: Steepness, step: usize, last: u32) -> Errors {
    let below = (0..=last).step_by(step);
    let weights = weights::<W>(c, below.clone());
    assert_eq!(weights[0], W::FULL_SCALE);
    assert!(weights.is_sorted_by(|a, b| a >= b), "not monotone at {c:?}");

    let (mut least, mut most) = (0.0f64, f64::INFINITY);
    for (&w, below) in weights.iter().zip(below.clone()) {
        let exact = (-c.to_real() * f64::from(below)).exp2();
        least = least.max((f64::from(w) - 0.5) / exact / (1.0 + BOUND));
        most = most.min((f64::from(w) + 0.5) / exact / (1.0 - BOUND));
    }
    assert!(least <= most, "no common factor at {c:?}: {least} to {most}");
    let factor = (least + most) / 2.0;
    // Relative errors, where the weights are large enough for their steps not to count.
    Errors::of(
        weights
            .iter()
            .zip(below)
            .filter(|(w, _)| **w > W::FULL_SCALE / 8)
            .map(|(&w, below)| (f64::from(w) / factor / (-c.to_real() * f64::from(below)).exp2(), 1.0)),
    )
}

#[test]
fn exponential() {
    // 2^-11 octaves per unit: every exponent there is, and the steepness brings no rounding of its own.
    let every = Steepness::from_real(1.0 / 2048.0).unwrap();
    print!("wide: ");
    check::<Wide>(every, 1, 1 << 16).within(0.0005, 0.0014, BOUND);
    print!("narrow: ");
    check::<Narrow>(every, 1, 1 << 16).within(0.0005, 0.005, BOUND + 0.5 / 31.0);
}

/// Scores as far apart as a head of 256 has them, from the flattest to the steepest.
#[test]
fn steepness() {
    let mut random = Random(5);
    let mut steep = vec![1.0 / 16.0 - 1e-10, 1.0 / 17.0, 0.001, 1e-5, 1.0 / 262_144.0];
    steep.extend((0..20).map(|_| (-4.0 - 14.0 * random.uniform()).exp2()));
    for c in steep {
        let c = Steepness::from_real(c).unwrap();
        // As far as the weights reach 0, in some 20,000 steps; and to the end in coarser ones.
        let pattern = ((17.0 / c.to_real()) as u32).min((1 << 24) - 1);
        check::<Wide>(c, pattern as usize / 20_000 + 1, pattern);
        check::<Narrow>(c, pattern as usize / 20_000 + 1, pattern);
        check::<Wide>(c, 4099, (1 << 24) - 1);
        check::<Narrow>(c, 4099, (1 << 24) - 1);
    }
    // What steepness can be represented, and how well.
    assert!(Steepness::from_real(1.0 / 16.0).ok().is_none() && Steepness::from_real(0.0).ok().is_none());
    assert!(Steepness::from_real(0.9 / 262_144.0).ok().is_none());
    assert!(Steepness::from_real(f64::NAN).ok().is_none() && Steepness::from_real(-0.01).ok().is_none());
    let error = Steepness::from_real(0.001).unwrap().to_real() / 0.001 - 1.0;
    assert!(error.abs() < 1e-7, "{error}");
}

/// Rows of given integer weights through the division, and what it should give.
fn divide<W: Weight>(ratio: f64, weights: &[i32], values: &[i8]) -> Vec<(f64, f64)> {
    let typed: Vec<W> = weights.iter().map(|w| pod_read_unaligned(&w.to_le_bytes()[..size_of::<W>()])).collect();
    let sum: u32 = weights.iter().map(|&w| w as u32).sum();
    let scale = RowScale::new(sum, Scale::from_real(ratio / 256.0).unwrap());
    let mut out = vec![0; values.len() / weights.len()];
    Portable::weighted_sum(&typed, values, weights.len(), scale, &mut out);
    out.into_iter()
        .zip(values.chunks(weights.len()))
        .map(|(y, values)| {
            let products: i64 = weights.iter().zip(values).map(|(&w, &v)| i64::from(w) * i64::from(v)).sum();
            (f64::from(y), (ratio * products as f64 / f64::from(sum)).clamp(-128.0, 127.0))
        })
        .collect()
}

/// One unit in the last place, given the integer weights: for rows of 1 to 65,536 positions, past the 512 beyond which
/// sums leave 32 bits, and sums from one full scale to all that there can be.
fn division<W: Weight>() -> Errors {
    let mut random = Random(6);
    let mut pairs = Vec::new();
    let full = W::FULL_SCALE;
    let mut lengths: Vec<usize> = (0..=16).flat_map(|log2| [(1 << log2) - 1, 1 << log2, (1 << log2) + 1]).collect();
    lengths.extend([0; 60].map(|_| (10.0 * random.uniform()).exp2() as usize));
    for length in lengths.into_iter().filter(|length| (1..=MAX_POSITIONS).contains(length)) {
        for pattern in 0..4 {
            let mut weights: Vec<i32> = (0..length)
                .map(|_| match pattern {
                    0 => full,
                    // The least sum: the row's maximum alone.
                    1 => 0,
                    2 => 1,
                    _ => random.int(0, i64::from(full)) as i32,
                })
                .collect();
            weights[length / 2] = full;
            // The whole range of ratios is 2^-8 to 32; and the extremes of values.
            let extreme = [-128, 127, 1][pattern % 3];
            pairs.extend(divide::<W>(0.99, &weights, &vec![extreme; length]));
            let ratio = (-8.0 + 13.0 * random.uniform()).exp2();
            let values: Vec<i8> =
                (0..if length < 2000 { 4 * length } else { length }).map(|_| random.next() as i8).collect();
            pairs.extend(divide::<W>(ratio, &weights, &values));
            // A mean of random values vanishes in long rows: some that do not.
            let values: Vec<i8> = values.iter().map(|&v| (v / 2).saturating_add(30)).collect();
            pairs.extend(divide::<W>(1.0, &weights, &values));
        }
    }
    Errors::of(pairs)
}

/// Results a little to either side of a half, over all kinds of sums: where a reciprocal that is off by 1e-6 shows.
fn division_near_halves<W: Weight>() -> Errors {
    let mut random = Random(20);
    let mut pairs = Vec::new();
    for case in 0..2000 {
        let mut weights: Vec<i32> =
            (0..1 + case % 300).map(|_| random.int(0, i64::from(W::FULL_SCALE)) as i32).collect();
        weights[0] = W::FULL_SCALE;
        let aside = if case % 2 == 0 { 1e-4 } else { -1e-4 };
        let ratio = (random.int(100, 126) as f64 + 0.5 + aside) / 127.0;
        pairs.extend(divide::<W>(ratio, &weights, &vec![127; weights.len()]));
    }
    Errors::of(pairs)
}

#[test]
fn division_of_wide_rows() {
    division::<Wide>().within(0.02, 0.29, 0.5 + 2e-5);
    division_near_halves::<Wide>().within(0.02, 0.5, 0.49995);
}

#[test]
fn division_of_narrow_rows() {
    division::<Narrow>().within(0.02, 0.29, 0.5 + 2e-5);
    division_near_halves::<Narrow>().within(0.02, 0.5, 0.49995);
}
