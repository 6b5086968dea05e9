//! A small instance of each kind of attention, and a digest of each that the host compares with its own.
//!
//! ```text
//! kind multi-head 0123456789abcdef
//! kinds done backend=DSP
//! ```

#[path = "../../../tests/support/instances.rs"]
mod instances;

use crate::succeed;
use heedful::internals::Active;
use semihosting::println;

/// Runs all kinds, prints their digests and ends the emulation.
pub fn kinds() -> ! {
    instances::each::<Active>(|name, digest| println!("kind {name} {digest:016x}"));
    println!("kinds done backend={}", heedful::backend());
    succeed()
}
