//! Each operation against the same in f64, from the same quantised inputs: mean, root mean square and largest
//! error, in units of the last place of the result (`cargo test --test reference -- --nocapture` prints them).
//!
//! An ideal rounding errs by at most 0.5, with a root mean square of `1/sqrt(12)` = 0.2887.

mod arithmetic;
mod attention;
#[path = "../support/attention.rs"]
mod attention_support;
mod blocks;
#[path = "../support/decoder.rs"]
mod decoder_support;
mod encoder;
mod excerpt;
mod feed_forward;
mod front_end;
mod norm;
mod pattern;
mod rope;
mod softmax;
#[path = "../support/mod.rs"]
mod support;
