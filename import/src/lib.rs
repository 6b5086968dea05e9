//! Takes a language model in the llama2.c format to the integers of a `.heed` file.
//!
//! Data flow: [`Checkpoint`] and [`Tokenizer`] (the published files) → [`float`] (the model in f32,
//! the reference) → [`calibrate`] (what its activations look like on some text) → [`quantise`] (a
//! [`DecoderModel`](heedful::format::write::DecoderModel)). [`perplexity`] and [`sample`] judge and run any
//! [`LanguageModel`], float or integer.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod calibrate;
mod checkpoint;
mod equalise;
mod error;
pub mod float;
mod model;
pub mod perplexity;
pub mod quantise;
pub mod sample;
mod tokenizer;

pub use checkpoint::{Checkpoint, Layer, Shape};
pub use error::Error;
pub use model::{BEGIN, END, Integer, LanguageModel};
pub use tokenizer::{Token, Tokenizer};
