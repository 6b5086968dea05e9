//! What every emulated board runs: each model hears each clip, and one line of text per
//! clip goes to the host through semihosting.
//!
//! A board brings a counter of executed instructions, the end of its stack, and the handlers
//! for panics and faults.
#![no_std]

mod blocks;
mod clips;
mod constant;
mod count;
mod decoder;
#[cfg(feature = "listening")]
mod ear;
#[cfg(feature = "listening")]
mod ever;
mod external;
#[cfg(feature = "infer")]
mod infer;
mod kernels;
mod kinds;
mod kinds_count;
#[cfg(feature = "listening")]
mod microphone;
#[cfg(feature = "listening")]
mod minute;
mod models;
#[cfg(any(feature = "parts", feature = "slices"))]
mod noise;
#[cfg(feature = "parts")]
mod parts;
mod report;
#[cfg(feature = "slices")]
mod slices;
mod stack;
#[cfg(feature = "stories")]
mod stories;
#[cfg(feature = "streaming")]
mod streaming;
mod watch;

pub use clips::{Clip, clips};
pub use constant::constant;
pub use count::count;
pub use decoder::{write, write_for_ever};
#[cfg(feature = "listening")]
pub use ever::hear_for_ever;
pub use external::external;
pub use heedful::audio::excerpt;
#[cfg(feature = "infer")]
pub use infer::infer;
pub use kernels::check_kernels;
pub use kinds::kinds;
pub use kinds_count::count_kinds;
#[cfg(feature = "digits-small")]
pub use models::listen_small;
pub use models::{Listener, Visitor, each_model, listen};
#[cfg(feature = "parts")]
pub use parts::parts;
pub use report::{Board, fail, fault, panicked, run, succeed};
#[cfg(feature = "slices")]
pub use slices::slices;
#[cfg(feature = "stories")]
pub use stories::tell;
#[cfg(feature = "streaming")]
pub use streaming::hear_sound;
pub use watch::{watch, watch_for_ever};
#[cfg(feature = "listening")]
pub use {
    ear::{EAR, Words},
    microphone::{Sound, microphone, on_sample, print_event, sound},
    minute::RATE,
};
