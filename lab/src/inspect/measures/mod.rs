//! Measures of attention heads: pure functions of maps, outputs and values. `docs/heads.md` says how to read each.
//!
//! A [`Map`] holds the weights of one head in one recording. A measure that is not defined, such as the entropy of a
//! head whose every row is masked, is `None`, or NaN in a matrix, never a number that looks like one. What sums over
//! recordings takes them one by one (`add`) and keeps memory that does not grow with them.

pub mod diversity;
pub mod flow;
pub mod head;
pub mod language;
mod map;
mod noise;
mod norms;
pub mod probe;
pub mod ranking;
mod share;

pub use map::{Map, MapError};
pub use noise::NoiseSum;
pub use norms::{NormError, norm_map, norm_map_of, norm_weights, norm_weights_of};
pub use share::{Share, ShareSum, share_where};
