//! Attention in f32 on ndarray, whose products are those of matrixmultiply; the softmax is plain Rust.

use crate::race::Runner;
use ndarray::{Array2, ArrayView2, s};
use std::hint::black_box;

const E: usize = 64;
const H: usize = 4;
const P: usize = 16;

/// Values between -1 and 1.
pub fn values(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn matrix(rows: usize, columns: usize, seed: u32) -> Array2<f32> {
    Array2::from_shape_vec((rows, columns), values(rows * columns, seed)).expect("as many values")
}

/// One head of `x` `[S][E]`.
fn head(q: ArrayView2<'_, f32>, k: ArrayView2<'_, f32>, v: ArrayView2<'_, f32>) -> Array2<f32> {
    let mut scores = q.dot(&k.t());
    for mut row in scores.rows_mut() {
        let row = row.as_slice_mut().expect("contiguous");
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for score in &mut *row {
            *score = ((*score - max) / (P as f32).sqrt()).exp();
            sum += *score;
        }
        for score in row {
            *score /= sum;
        }
    }
    scores.dot(&v)
}

/// The block.
pub fn block(positions: usize) -> Runner {
    let x = matrix(positions, E, 1);
    let [query, key, value, output] = [2, 3, 4, 5].map(|seed| matrix(E, H * P, seed));
    Box::new(move |repetitions| {
        for _ in 0..repetitions {
            let x = black_box(&x);
            let (q, k, v) = (x.dot(&query), x.dot(&key), x.dot(&value));
            let mut heads = Array2::zeros((positions, H * P));
            for i in 0..H {
                let part = s![.., i * P..(i + 1) * P];
                heads.slice_mut(part).assign(&head(q.slice(part), k.slice(part), v.slice(part)));
            }
            black_box(heads.dot(&output));
        }
    })
}
