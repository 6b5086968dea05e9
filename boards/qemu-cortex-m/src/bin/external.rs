//! Weights in a memory of their own on this board.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
// Cores without an atomic swap take their critical section from it.
use cortex_m as _;
use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    firmware::external()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
