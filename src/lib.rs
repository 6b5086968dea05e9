#![doc = include_str!("lib.md")]
#![doc = concat!("<div>\n", include_str!("../docs/heads.svg"), "</div>")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code, unnameable_types)]
#![warn(missing_docs)]
#[cfg(feature = "std")]
extern crate std;

/// What the project's own tests, boards and benchmarks reach the kernels by. No part of the interface: it may change
/// with any release.
#[doc(hidden)]
pub mod internals {
    pub use crate::kernels::*;
}

/// The examples of the documents must hold.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/kinds.md")]
    struct Kinds;
    #[doc = include_str!("../docs/watch.md")]
    struct Watch;
}

mod activation;
mod arithmetic;
mod attention;
#[cfg(feature = "audio")]
pub mod audio;
#[doc(hidden)]
pub mod backend;
mod block;
#[cfg(feature = "defmt")]
mod defmt;
#[cfg(feature = "std")]
pub mod dynamic;
mod embedding;
mod error;
pub mod events;
mod feed_forward;
pub mod format;
mod kernels;
pub mod language;
mod linear;
mod loaded;
mod message;
pub mod model;
mod norm;
mod observe;
mod outcome;
mod parts;
mod pattern;
mod plan;
mod position;
mod real;
mod rope;
mod sample;
mod tokenizer;
pub mod watch;

/// Casts between plain data and bytes: bounds of [`Weight`], and what types that `.heed` files hold in place implement.
pub use bytemuck;
/// Numbers of a fixed scale: weights of the softmax, gains of norms, probabilities, tables of the front end.
pub use fixed;

pub use activation::{Activation, RELU};
#[cfg(feature = "std")]
pub use activation::{gelu, table};
pub use arithmetic::requantise::{Channel, Scale};
pub use arithmetic::softmax::{Narrow, Steepness, Weight, Wide};
pub use attention::{
    FusedAttention, HeadScale, HeadScratch, KvCache, LowRankAttention, LowRankScratch, MAX_HEAD_DIM, MAX_POSITIONS,
    MultiHeadAttention, Projection, RewindError, Scratch, StepScratch,
};
pub use block::{DecoderBlock, EncoderBlock, ResidualScale, TiedEmbedding};
pub use error::{Allowed, Error};
pub use feed_forward::{FeedForward, GatedFeedForward, MAX_HIDDEN15_BIAS, MAX_HIDDEN15_INPUTS, PlainFeedForward};
#[cfg(feature = "std")]
pub use feed_forward::{gate_table, silu};
pub use kernels::backend;
pub use language::{CompiledLanguageModel, LanguageModel};
pub use linear::{Linear, MAX_BIAS, MAX_INPUTS};
pub use loaded::Model;
pub use message::Message;
pub use model::{CompiledModel, Streaming};
pub use norm::{LayerNorm, MAX_EPSILON, MAX_WIDTH, Norm, NormChannel, RmsNorm};
pub use observe::{Observer, Row, Unobserved};
pub use outcome::{Guess, Outcome};
pub use parts::{Input, MemoryShape, Patches, PoolKind};
pub use pattern::{Alibi, AttentionPattern, BitMask, HeadMask, MASKED, Mask, RelativeBias, Slope, Window, Windows};
pub use position::sinusoidal;
pub use real::{FromReal, OutOfRange};
pub use rope::{Pairing, Rope, frequencies};
pub use sample::{greedy, sample};
pub use tokenizer::{TextTooLong, Tokenizer};
