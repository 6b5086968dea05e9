//! Models that take a token of their input at a time.

#[path = "../support/chain.rs"]
mod chain;
mod errors;
mod long;
mod random;
#[path = "../support/mod.rs"]
mod support;
mod typed;

heedful::model!(pub Strokes = "../models/streaming_series.heed");
