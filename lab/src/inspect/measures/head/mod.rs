//! Measures of one head: where it looks, how sure it is, what it answers to.

mod distance;
mod entropy;
mod lags;
mod moments;
mod name;
mod pattern;
mod place;
mod rank;
mod response;
mod summary;

pub use distance::{Distance, NEAR, distance};
pub use entropy::{breadth, confidence, entropy, relative_entropy, row_entropy};
pub use lags::{LagSums, Period};
pub use moments::MapSums;
pub use name::{Looks, Name};
pub use pattern::{Pattern, PatternCounts, PatternShares};
pub use place::{Place, marked};
pub use rank::effective_rank;
pub(crate) use rank::spectrum_size;
pub use response::{ClassSums, Response};
pub use summary::{Average, HeadSummary, HeadSums, Recording};
