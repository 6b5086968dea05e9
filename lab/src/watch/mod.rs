//! Rows of attention from a device: put together to inferences, held against a model, drawn in a terminal.

mod draw;
mod error;
mod fit;
mod inference;

pub use draw::{Style, draw, line};
pub use error::WatchError;
pub use fit::Fit;
pub use inference::{Assembler, Inference, Kept};
