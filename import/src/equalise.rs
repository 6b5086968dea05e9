//! Moving scales between layers, so that the values of a tensor fill one int8 range alike. What the model computes
//! stays the same; nothing of it costs anything when it runs. (Xiao et al., "SmoothQuant", 2023, do so for norms.)

use crate::calibrate::Activations;
use crate::float::{Site, silu};
use crate::{Checkpoint, Layer, Shape};

/// How far the ranges of normalised channels become alike, at the expense of the weights that read them.
const NORM_SHARE: f32 = 0.75;
/// How far the ranges of the pairs of a key become alike, at the expense of those of the query. Not all the way, so
/// that a pair of small products gives way to the pair that it is folded with.
const KEY_SHARE: f32 = 0.5;

/// Equalises all layers, as far as `seen` shows that it is needed.
#[must_use]
pub fn equalise(checkpoint: &Checkpoint, seen: &Activations) -> Checkpoint {
    let mut equal = checkpoint.clone();
    let shape = checkpoint.shape;
    for (index, layer) in equal.layers.iter_mut().enumerate() {
        keys(layer, &shape, seen, index);
        hidden(layer, shape.hidden, seen, index);
        let Layer { attention_norm, query, key, value, hidden_norm, gate, up, .. } = layer;
        norm(attention_norm, [query, key, value], &seen.largest_of(index, Site::AttentionNorm, shape.width));
        norm(hidden_norm, [gate, up], &seen.largest_of(index, Site::HiddenNorm, shape.width));
    }
    equal
}

/// Divides the normalised channels by what the columns of the matrices are multiplied by.
fn norm<const N: usize>(gain: &mut [f32], mut readers: [&mut Vec<f32>; N], largest: &[f32]) {
    let mut weights = vec![0f32; gain.len()];
    for row in readers.iter().flat_map(|matrix| matrix.chunks(gain.len())) {
        row.iter().zip(&mut weights).for_each(|(weight, most)| *most = most.max(weight.abs()));
    }
    let factors = largest.iter().zip(weights).map(|(value, weight)| balance(*value, weight, NORM_SHARE));
    let factors = around_one(factors.collect());
    gain.iter_mut().zip(&factors).for_each(|(gain, factor)| *gain /= factor);
    readers.iter_mut().for_each(|matrix| scale_columns(matrix, &factors));
}

/// Divides each hidden channel by what its column of the second layer is multiplied by.
///
/// The rounding errors of the hidden values and of the half that is not gated add up; with ranges of at most 1 and
/// `room`, the factors cannot be smaller than they are below, and `room` is the one that gives the smallest sum.
fn hidden(layer: &mut Layer, count: usize, seen: &Activations, index: usize) {
    let values = seen.largest_of(index, Site::Hidden, count);
    let ups = seen.largest_of(index, Site::Up, count);
    let gates = seen.mean_square(index, Site::Gate, silu);
    let mut readers = vec![0.0; count];
    for row in layer.down.chunks(count) {
        row.iter().zip(&mut readers).for_each(|(weight, sum)| *sum += weight * weight);
    }
    let factors =
        |room: f32| values.iter().zip(&ups).map(move |(value, up)| value.max(up / room).max(f32::MIN_POSITIVE));
    let error = |room: f32| -> f32 {
        let terms = factors(room).zip(&gates).zip(&readers);
        terms.map(|((factor, gate), reader)| factor * factor * reader * (1.0 + room * room * gate)).sum()
    };
    let rooms = (-20..=40).map(|quarter| (quarter as f32 / 4.0).exp2());
    let Some(room) = rooms.min_by(|a, b| error(*a).total_cmp(&error(*b))) else { return };
    let factors = around_one(factors(room).collect());
    divide_rows(&mut layer.up, &factors);
    scale_columns(&mut layer.down, &factors);
}

/// Divides each pair of a key by what the same pair of the queries that read it is multiplied by; that commutes with
/// RoPE.
fn keys(layer: &mut Layer, shape: &Shape, seen: &Activations, index: usize) {
    let (dim, width) = (shape.head_dim(), shape.width);
    let keys = seen.largest_turned(index, Site::Key);
    let queries = seen.largest_turned(index, Site::Query);
    let group = shape.heads / shape.kv_heads;
    let pairs = dim / 2;
    for (head, keys) in keys.chunks(pairs).enumerate() {
        let readers = &queries[head * group * pairs..][..group * pairs];
        let factors = keys.iter().enumerate().map(|(pair, &key)| {
            let query = readers.iter().skip(pair).step_by(pairs).copied().fold(0.0, f32::max);
            balance(key, query, KEY_SHARE)
        });
        let factors: Vec<f32> = around_one(factors.collect()).into_iter().flat_map(|factor| [factor; 2]).collect();
        divide_rows(&mut layer.key[head * dim * width..][..dim * width], &factors);
        for query in layer.query[head * group * dim * width..][..group * dim * width].chunks_mut(dim * width) {
            query.chunks_mut(width).zip(&factors).for_each(|(row, factor)| row.iter_mut().for_each(|w| *w *= factor));
        }
    }
}

/// The factor that makes a range of `largest` alike to the others to the extent of `share`, and the range of what reads
/// it (or is multiplied by it) for the rest.
fn balance(largest: f32, reader: f32, share: f32) -> f32 {
    if largest > 0.0 && reader > 0.0 { largest.powf(share) / reader.powf(1.0 - share) } else { 1.0 }
}

/// Factors over their geometric mean, so that ranges stay where they were; at most 2^20 from it.
fn around_one(mut factors: Vec<f32>) -> Vec<f32> {
    let mean = factors.iter().map(|factor| factor.log2()).sum::<f32>() / factors.len() as f32;
    factors.iter_mut().for_each(|factor| *factor = (factor.log2() - mean).clamp(-20.0, 20.0).exp2());
    factors
}

fn scale_columns(matrix: &mut [f32], factors: &[f32]) {
    for row in matrix.chunks_mut(factors.len()) {
        row.iter_mut().zip(factors).for_each(|(weight, factor)| *weight *= factor);
    }
}

fn divide_rows(matrix: &mut [f32], factors: &[f32]) {
    let width = matrix.len() / factors.len();
    for (row, factor) in matrix.chunks_mut(width).zip(factors) {
        row.iter_mut().for_each(|weight| *weight /= factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float::Session;
    use crate::{BEGIN, LanguageModel};
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    fn random() -> Checkpoint {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut tensor = |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-1.0..1.0)).collect() };
        let shape = Shape { width: 16, hidden: 12, layers: 2, heads: 4, kv_heads: 2, vocabulary: 20, context: 8 };
        let layer = |_| Layer {
            attention_norm: tensor(16),
            query: tensor(256),
            key: tensor(128),
            value: tensor(128),
            output: tensor(256),
            hidden_norm: tensor(16),
            gate: tensor(192),
            down: tensor(192),
            up: tensor(192),
        };
        let layers = (0..2).map(layer).collect();
        Checkpoint { shape, layers, embedding: tensor(320), norm: tensor(16), frequencies: None }
    }

    /// The largest of all channels over the smallest.
    fn spread(largest: &[f32]) -> f32 {
        largest.iter().copied().fold(0.0, f32::max) / largest.iter().copied().fold(f32::MAX, f32::min)
    }

    #[test]
    fn the_model_stays_the_same_and_its_ranges_become_alike() {
        let model = random();
        let texts = [vec![BEGIN, 5, 9, 13, 7], vec![BEGIN, 19, 3, 3, 8, 2]];
        let seen = Activations::observe(&model, &texts).unwrap();
        let equal = equalise(&model, &seen);
        assert_ne!(equal, model);
        let (mut before, mut after) = (Session::new(&model, 8), Session::new(&equal, 8));
        for &token in &[1, 4, 4, 18, 0, 11] {
            let pairs = before.step(token).iter().zip(after.step(token));
            pairs.for_each(|(a, b)| assert!((a - b).abs() <= 2e-4 * a.abs().max(1.0), "{a} {b}"));
        }
        let then = Activations::observe(&equal, &texts).unwrap();
        for layer in 0..2 {
            for (site, groups) in [(Site::AttentionNorm, 16), (Site::Hidden, 12), (Site::HiddenNorm, 16)] {
                let [before, after] = [&seen, &then].map(|seen| spread(&seen.largest_of(layer, site, groups)));
                assert!(after < before, "{layer} {site:?}: {before} {after}");
            }
            // The first key head's pairs.
            let [before, after] = [&seen, &then].map(|seen| spread(&seen.largest_turned(layer, Site::Key)[..2]));
            assert!(after < before, "{layer}: {before} {after}");
        }
    }
}
