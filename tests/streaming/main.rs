//! Models that take a token of their input at a time.

#[path = "../support/chain.rs"]
mod chain;
mod errors;
mod long;
mod random;
mod shipped;
#[path = "../support/skip.rs"]
mod skip;
#[path = "../events/sound.rs"]
mod sound;
#[path = "../support/mod.rs"]
mod support;
mod typed;

heedful::model!(pub Digits = "../../models/digits_stream.heed");
heedful::model!(pub Strokes = "../models/streaming_series.heed");
