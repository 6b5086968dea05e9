//! Shapes of attention blocks and of matrix products, as `--shape` takes them and counts name them.

use anyhow::{Result, bail};

/// Checks `--shape`.
pub fn checked(text: &str) -> Result<String> {
    let text = text.replace(' ', "");
    parse(&text).map(|_| text)
}

/// Positions, width, heads, head dimension.
pub fn parse(text: &str) -> Result<[u64; 4]> {
    let sizes: Vec<_> = text.split(',').map(str::parse::<u64>).collect();
    match *sizes.as_slice() {
        [Ok(s @ 1..=4096), Ok(e @ 1..=4096), Ok(h @ 1..=4096), Ok(p @ 1..=4096)] => Ok([s, e, h, p]),
        _ => bail!("not a shape: {text:?}; expected positions,width,heads,head dimension, such as 32,32,8,32"),
    }
}

/// Products of a block (all four projections, scores and weighted sums; the softmax counts none) or of a matrix
/// product.
pub fn macs(shape: &[u64]) -> u64 {
    match *shape {
        [s, e, h, p] => 4 * s * e * h * p + 2 * s * s * h * p,
        [rows, inputs, outputs] => rows * inputs * outputs,
        _ => 0,
    }
}
