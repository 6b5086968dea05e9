//! What the page in `web/page` asks of a model, in WebAssembly: the file read and checked, recordings decoded, sound
//! heard, and a look at what each head attends to.
//!
//! An instance of the program runs one model. The page makes a new instance for another one, and after a trap.
#![warn(missing_docs)]

#[cfg(target_arch = "wasm32")]
mod ffi;
mod look;
mod model;
#[path = "../../lab/src/inspect/ramp.rs"]
pub mod ramp;
mod session;
mod sound;

pub use look::{Look, look};
pub use model::{Facts, open};
pub use session::{Happened, Heard, Scored, Session};
pub use sound::{Decoded, Microphone, decode};
