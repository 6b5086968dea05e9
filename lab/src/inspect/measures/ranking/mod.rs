//! Rankings of heads: how much each matters, and how far two rankings agree.

mod correlation;
mod greedy;
mod shapley;

pub use correlation::{kendall, ranks, spearman};
pub use greedy::{Removal, greedy_removal};
pub use shapley::{Shapley, shapley};
