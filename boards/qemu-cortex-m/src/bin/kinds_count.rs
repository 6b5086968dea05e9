//! Instructions of each kind of attention on this board.
#![no_std]
#![no_main]

#[path = "../counter.rs"]
mod counter;

use core::panic::PanicInfo;
use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    if let Some(core) = cortex_m::Peripherals::take() {
        counter::start(core.SYST);
    }
    firmware::count_kinds(counter::instructions)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
