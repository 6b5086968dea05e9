//! How the heads of a model differ from each other.

mod collapse;
mod divergence;
mod number;
mod order;
mod outputs;
mod patterns;
mod scaling;
mod warning;

pub use collapse::residual_share;
pub use divergence::{divergence, row_divergence};
pub use number::effective_number;
pub use order::cluster_order;
pub use outputs::{OutputError, OutputSums, cka};
pub use patterns::{PatternSums, ShapeError};
pub use scaling::{Layout, classical_scaling};
pub use warning::{Warning, warnings};
