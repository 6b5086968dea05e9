//! Takes models that other programs made to the integers of a `.heed` file.
//!
//! For any transformer: [`torch`] and [`hf`] take [`weights`] by their names into a float model, a chain of parts
//! ([`graph`]), whose forward pass shows each tensor to a quantiser. An importer of another format is one more way
//! from names to parts.
//!
//! For language models in the llama2.c format: [`Checkpoint`] and [`Tokenizer`] (the published files) → [`float`] (the
//! model in f32, the reference) → [`calibrate`] (what its activations look like on some text) → [`quantise`] (a
//! [`DecoderModel`](heedful::format::write::DecoderModel)). [`perplexity`] and [`sample`] judge and run any
//! [`LanguageModel`], float or integer.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod arrays;
pub mod calibrate;
mod checkpoint;
pub mod compare;
pub mod convert;
mod equalise;
mod error;
pub mod float;
mod front_end;
pub mod graph;
pub mod hf;
mod import_error;
mod model;
pub mod nearest;
pub mod perplexity;
pub mod quantise;
pub mod report;
mod rope_tables;
pub mod sample;
pub mod samples;
mod tokenizer;
pub mod torch;
pub mod weights;
pub mod words;

pub use checkpoint::{Checkpoint, Layer, Shape};
pub use error::Error;
pub use front_end::{AudioConfig, FrontEnd, SpectrumName};
pub use import_error::ImportError;
pub use model::{BEGIN, END, Integer, LanguageModel};
pub use tokenizer::{Token, Tokenizer};
