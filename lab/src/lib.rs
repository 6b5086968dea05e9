//! Host tools of `heedful`: training, conversion and evaluation of models.
//!
//! The library behind the `heedful` binary. Data flow:
//! [`data`] (recordings, split) → [`augment`] and [`features`] (the front end of the
//! target itself) → [`train`] ([`encoder`] in burn, [`fake_quant`] in the loop) →
//! [`weights`] (a safetensors file) → [`convert`] (a `.heed` file) → [`evaluate`].
//!
//! For any architecture: [`dataset`] → [`network`] (a float model of the importer in burn, and back) → [`training`] (on
//! any source of examples) → [`network::file`] (a safetensors file that `heedful import torch` reads) and the
//! importer's conversion.
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic where nobody reads.

pub mod augment;
pub mod budget;
pub mod calibrate;
pub mod checkpoint;
pub mod config;
pub mod convert;
pub mod data;
pub mod dataset;
pub mod encoder;
pub mod error;
pub mod evaluate;
pub mod fake_quant;
pub mod features;
pub mod file;
pub mod fuse;
pub mod head_index;
pub mod inspect;
pub mod low_rank;
pub mod narrow;
pub mod network;
pub mod project;
pub mod prune;
pub mod ranges;
pub mod remove_heads;
pub mod settings;
pub mod stream;
pub mod target;
pub mod train;
pub mod training;
pub mod watch;
pub mod weights;

pub use config::{Config, Preset};
pub use error::Error;
