//! A loop that listens on an emulated Cortex-M board, and what it loses.
#![no_std]
#![no_main]

#[path = "../counter.rs"]
mod counter;

use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use firmware::Board;

unsafe extern "C" {
    /// End of the statics, start of what the stack may use; from `cortex-m-rt`'s linker script.
    static _stack_end: u32;
}

#[entry]
fn main() -> ! {
    if let Some(core) = cortex_m::Peripherals::take() {
        counter::start(core.SYST);
    }
    firmware::microphone(Board { instructions: counter::instructions, stack_end: (&raw const _stack_end).addr() })
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    firmware::fault(format_args!("at {:#x}", frame.pc()))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
