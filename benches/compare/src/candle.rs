//! Attention in f32 on candle.

use crate::float::values;
use crate::race::Runner;
use candle_core::{Device, Result, Tensor};
use std::hint::black_box;

const E: usize = 64;
const H: usize = 4;
const P: usize = 16;

/// Threads that candle uses at most.
pub fn threads() -> usize {
    candle_core::utils::get_num_threads()
}

struct Attention {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
}

impl Attention {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let positions = x.dim(0)?;
        let heads = |weights: &Tensor| x.matmul(weights)?.reshape((positions, H, P))?.transpose(0, 1)?.contiguous();
        let (q, k, v) = (heads(&self.query)?, heads(&self.key)?, heads(&self.value)?);
        let scores = (q.matmul(&k.t()?)? * (1.0 / (P as f64).sqrt()))?;
        let weights = candle_nn::ops::softmax_last_dim(&scores)?;
        weights.matmul(&v)?.transpose(0, 1)?.contiguous()?.reshape((positions, H * P))?.matmul(&self.output)
    }
}

/// The block.
pub fn block(positions: usize) -> Result<Runner> {
    let matrix = |rows, columns, seed| Tensor::from_vec(values(rows * columns, seed), (rows, columns), &Device::Cpu);
    let x = matrix(positions, E, 1)?;
    let attention = Attention {
        query: matrix(E, H * P, 2)?,
        key: matrix(E, H * P, 3)?,
        value: matrix(E, H * P, 4)?,
        output: matrix(H * P, E, 5)?,
    };
    attention.forward(&x)?;
    Ok(Box::new(move |repetitions| {
        for _ in 0..repetitions {
            black_box(attention.forward(black_box(&x)).expect("it ran before"));
        }
    }))
}
