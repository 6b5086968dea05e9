//! The arithmetic that all else stands on: scales and rounding, the softmax's exponential and reciprocal, the norms'
//! inverse root.

pub(crate) mod head_scale;
pub(crate) mod inverse_root;
pub(crate) mod requantise;
pub(crate) mod softmax;
