#![doc = include_str!("../README.md")]
#![no_std]
#![deny(unsafe_code)]
#![warn(missing_docs)]
#[cfg(feature = "std")]
extern crate std;

mod activation;
mod attention;
#[cfg(feature = "audio")]
pub mod audio;
#[cfg(feature = "defmt")]
mod defmt;
#[cfg(feature = "std")]
pub mod dynamic;
mod encoder;
mod error;
pub mod format;
pub mod kernels;
mod linear;
mod mask;
pub mod model;
mod norm;
mod observe;
mod outcome;
mod position;
mod reach;
mod requantise;
mod rope;
mod softmax;

pub use activation::{Activation, RELU};
#[cfg(feature = "std")]
pub use activation::{gelu, table};
pub use attention::{
    FusedAttention, HeadScale, Heads, LowRankAttention, LowRankScratch, MAX_HEAD_DIM, MAX_POSITIONS,
    MultiHeadAttention, Projection, Scratch,
};
pub use error::Error;
pub use kernels::backend;
pub use linear::{Linear, MAX_BIAS, MAX_INPUTS};
pub use mask::Mask;
pub use model::Model;
pub use norm::{LayerNorm, MAX_EPSILON, MAX_WIDTH, NormChannel, RmsNorm};
pub use observe::{Observer, Row, Unobserved};
pub use outcome::{Guess, Outcome};
pub use position::sinusoidal;
pub use reach::{Alibi, Bits, Reach, RelativeBias, Slope, Window, Windows, Without};
pub use requantise::{Channel, Scale};
pub use rope::{Pairing, Rope, frequencies};
pub use softmax::{Narrow, Steepness, Weight, Wide};
