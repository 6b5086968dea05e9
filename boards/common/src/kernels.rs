//! The kernels on random cases: the board's backend against the portable one, and a digest of all
//! outputs that the host compares with its own.

#[path = "../../../tests/support/adversarial.rs"]
mod adversarial;
#[path = "../../../tests/support/kernels.rs"]
mod cases;

use crate::{fail, succeed};
use cases::{Memory, differs};
use heedful::internals::{Active, Portable};
use semihosting::println;
use static_cell::ConstStaticCell;

/// Cases, by their seeds.
const CASES: u64 = 1200;
/// Cases whose lengths and strides do not fit together.
const ADVERSARIAL: u64 = 3000;

static MEMORY: ConstStaticCell<Memory> = ConstStaticCell::new(Memory::new());

/// Runs all cases, prints the digest and ends the emulation.
pub fn check_kernels() -> ! {
    let memory = MEMORY.take();
    for seed in 0..CASES {
        if let Some(kernel) = differs::<Active, Portable>(seed, memory) {
            println!("{} differs from portable in {kernel}, case {seed}", heedful::backend());
            fail();
        }
    }
    for seed in 0..ADVERSARIAL {
        if let Some(kernel) = adversarial::differs::<Active, Portable>(seed) {
            println!("{} differs from portable in {kernel}, adversarial case {seed}", heedful::backend());
            fail();
        }
    }
    println!("kernels cases={CASES} digest={:016x} backend={}", memory.digest, heedful::backend());
    succeed()
}
