//! A minute of sound from a timer's interrupt through a queue into a listener, on an emulated Cortex-M board.
#![no_std]
#![no_main]

#[path = "../sampler.rs"]
mod sampler;

use core::panic::PanicInfo;
use cortex_m::asm::wfi;
use cortex_m_rt::{ExceptionFrame, entry, exception};

#[entry]
fn main() -> ! {
    if let Some(core) = cortex_m::Peripherals::take() {
        sampler::start(core.SYST, 1);
    }
    firmware::microphone(wfi)
}

#[exception]
fn SysTick() {
    firmware::on_sample();
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    firmware::fault(format_args!("at {:#x}", frame.pc()))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
