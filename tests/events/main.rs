//! From a stream to events.

mod capture;
mod detector;
mod distance;
mod dynamic;
mod file;
mod listener;
mod long;
mod series;
#[path = "../support/skip.rs"]
mod skip;
mod slices;
mod sound;
#[path = "../support/mod.rs"]
mod support;

heedful::model!(pub Digits = "../../models/digits.heed");
heedful::model!(pub Tokens = "../../models/digits_stream.heed");
heedful::model!(pub Gestures = "../models/events_series.heed");
