//! Measures of heads that read tokens.

mod logits;
mod pairs;
mod tokens;

pub use logits::{LogitError, attribution, logit_direction};
pub use pairs::{PairScore, PairSum};
pub use tokens::{TokenScores, TokenSums};
