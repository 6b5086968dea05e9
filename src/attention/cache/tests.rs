//! Streams without end: what `tests/cache.rs` cannot reach, because it would take too long to come there.
//!
//! `cargo test --release --lib ten_million` takes ten million steps, without `--release` a hundred thousand. Under Miri
//! all are few.

use super::*;
use crate::arithmetic::requantise::{Channel, Scale};
use crate::attention::{HeadScale, Projection};
use crate::kernels::{Epilogue, Portable, Rotation, RowScale, Turn, linear as linear_on};
use crate::rope::{Pairing, Rope, frequencies};
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

const E: usize = 8;
const H: usize = 2;
const P: usize = 4;
const STEPS: u64 = match (cfg!(miri), cfg!(debug_assertions)) {
    (true, _) => 14,
    (_, true) => 100_000,
    _ => 10_000_000,
};
/// Steps from the start.
const FIRST: u64 = if cfg!(miri) { 12 } else { 500 };
/// Steps before and after a place far away.
const AROUND: u64 = if cfg!(miri) { 6 } else { 100 };
/// Positions of a long cache, of a short one, and of one with four sinks.
const LONG: usize = if cfg!(miri) { 4 } else { 16 };
const SHORT: usize = if cfg!(miri) { 3 } else { 8 };
const SUNK: usize = if cfg!(miri) { 5 } else { 9 };
static FREQUENCIES: [u32; 2] = frequencies(10000.0);

/// Any position's input, made anew each time.
fn input(position: u64) -> [i8; E] {
    let z = (position ^ 0x5851_f42d).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 32)).to_le_bytes().map(|byte| byte as i8)
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn attention() -> MultiHeadAttention<E, H, P> {
    let channel = |scale: f64| Channel { bias: 300, scale: Scale::from_real(scale).unwrap() };
    let weights = |seed: u64| core::array::from_fn(|h| core::array::from_fn(|p| input(seed + (h * P + p) as u64)));
    // Queries and keys with 64 steps to one, as they are rotated.
    let [query, key] = [1000, 2000].map(|seed| Projection::new(leak(weights(seed)), leak([[channel(0.15); P]; H])));
    let value = Projection::new(leak(weights(3000)), leak([[channel(0.004); P]; H]));
    let output: [[[i8; P]; H]; E] =
        core::array::from_fn(|e| *input(4000 + e as u64).as_chunks().0.first_chunk().unwrap());
    let heads = leak([HeadScale::from_real(0.0007, 1.5).unwrap(), HeadScale::from_real(0.0002, 1.2).unwrap()]);
    MultiHeadAttention::new(query, key, value, leak(output), leak([channel(0.004); E]), heads)
}

/// The newest of some inputs at true positions: everything made anew, one operation after the other.
fn recomputed(attention: &MultiHeadAttention<E, H, P>, rope: Rope<'_>, positions: &[u64]) -> [i8; E] {
    let view = &attention.view;
    let linear = |projection: crate::attention::ProjectionView<'_>, position: u64, epilogue: Epilogue<'_>| {
        let x = input(position);
        linear_on::<Portable>(Rows::new(&x, E), &mut [projection.layer().to(epilogue)]);
    };
    let rotated = |projection, position: u64| {
        let (mut wide, mut out) = ([0; H * P], [0; H * P]);
        linear(projection, position, Epilogue::Add { out: &mut wide, width: H * P });
        // Positions count modulo 2^32: angles are in turns of 2^32.
        let mut turns = vec![Turn::ZERO; rope.frequencies.len()];
        Portable::turns(rope.frequencies, (position % (1 << 32)) as u32, 1, &mut turns);
        let rotation =
            Rotation { pairing: rope.pairing, dim: P, pairs: rope.frequencies.len(), turns: &turns, stride: 0 };
        Portable::rotate(rotation, &wide, &mut out);
        out
    };
    let newest = *positions.last().unwrap();
    let query = rotated(view.query, newest);
    let keys: Vec<[i8; H * P]> = positions.iter().map(|&position| rotated(view.key.unwrap(), position)).collect();
    let values: Vec<[i8; H * P]> = positions
        .iter()
        .map(|&position| {
            let mut out = [0; H * P];
            linear(view.value, position, Epilogue::Store { out: &mut out, row_stride: H * P, output_stride: 1 });
            out
        })
        .collect();
    let mut heads = [0; H * P];
    for (h, (out, scale)) in heads.chunks_mut(P).zip(view.head_scales).enumerate() {
        let part = h * P..(h + 1) * P;
        let keys: Vec<i8> = keys.iter().flat_map(|key| key[part.clone()].to_vec()).collect();
        let values: Vec<i8> = part.clone().flat_map(|d| values.iter().map(move |value| value[d])).collect();
        let (mut scores, mut weights) = (vec![0; positions.len()], vec![Wide::ZERO; positions.len()]);
        let max = Portable::scores(&query[part], &keys, &mut scores);
        let sum = Portable::exp2(&scores, max, scale.steepness(), &mut weights);
        Portable::weighted_sum(&weights, &values, positions.len(), RowScale::new(sum, scale.value()), out);
    }
    let mut out = [0; E];
    view.output.store::<Portable>(&heads, &mut out);
    out
}

/// The positions that a cache still knows after `newest`.
fn window(slots: u64, sinks: u64, newest: u64) -> Vec<u64> {
    let first = (newest + 1).saturating_sub(slots - sinks).max(sinks.min(newest + 1));
    (0..sinks.min(newest + 1)).chain(first..=newest).collect()
}

/// Steps from position `start` on, compared with [`recomputed`] every `every` steps and at the last ones.
fn run<const N: usize, const SINKS: usize>(pairing: Pairing, start: u64, steps: u64, every: u64) {
    let attention = attention();
    let rope = Rope { pairing, frequencies: &FREQUENCIES };
    let mut cache = KvCache::<N, H, P, SINKS>::new();
    let mut scratch = StepScratch::new();
    let mut first = start;
    if start > 0 {
        // The sinks at their positions, then what the cache would still know.
        for position in 0..SINKS as u64 {
            attention.step(&input(position), rope, &mut cache, &mut scratch);
        }
        first = start - (N - SINKS) as u64;
        cache.ring = Ring::after(N, SINKS, first);
    }
    let mut compared = 0;
    for position in first..start + steps {
        let y = *attention.step(&input(position), rope, &mut cache, &mut scratch);
        if position >= start && ((position - start).is_multiple_of(every) || position + 3 * N as u64 >= start + steps) {
            assert_eq!(y, recomputed(&attention, rope, &window(N as u64, SINKS as u64, position)), "{position}");
            compared += 1;
        }
    }
    assert!(compared > 2 * N && cache.seen() == start + steps);
}

/// Cached and recomputed, and at another place than the first, where the rotation is another.
#[test]
fn ten_million_steps() {
    run::<LONG, 0>(Pairing::Halves, 0, STEPS, (STEPS / 200).max(50) - 1);
}

#[test]
fn from_the_start() {
    run::<SHORT, 0>(Pairing::Interleaved, 0, FIRST, 1);
    run::<SUNK, 4>(Pairing::Halves, 0, FIRST, 1);
    run::<1, 0>(Pairing::Halves, 0, (FIRST / 10).max(3), 1);
}

/// Across 2^30, where patterns stop counting, 2^32, where angles wrap, and 2^63.
#[test]
fn far_away() {
    let far: &[u64] = if cfg!(miri) { &[1 << 32] } else { &[1 << 30, 1 << 32, 1 << 63] };
    for start in far.iter().map(|far| far - AROUND) {
        run::<SHORT, 0>(Pairing::Interleaved, start, 2 * AROUND, 1);
        run::<SUNK, 4>(Pairing::Halves, start, 2 * AROUND, 1);
    }
}

/// Positions matter: what is compared above is not blind to them.
#[test]
fn positions_count() {
    let attention = attention();
    let rope = Rope { pairing: Pairing::Halves, frequencies: &FREQUENCIES };
    let at = |shift: u64| {
        let positions: Vec<u64> = (100..108).collect();
        let mut moved = positions.clone();
        // The oldest keys at another distance.
        moved[0] = positions[0] - shift;
        recomputed(&attention, rope, &moved)
    };
    assert!((1..50).any(|shift| at(shift) != at(0)));
}
