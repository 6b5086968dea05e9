//! What a program of this board brings that runs models: a counter, the end of the stack, handlers.

use crate::counter;
use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};
use firmware::Board;

unsafe extern "C" {
    /// End of the statics, start of what the stack may use; from `cortex-m-rt`'s linker script.
    static _stack_end: u32;
}

/// Starts the counter.
pub fn start() -> Board {
    if let Some(core) = cortex_m::Peripherals::take() {
        counter::start(core.SYST);
    }
    Board { instructions: counter::instructions, stack_end: (&raw const _stack_end).addr() }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    firmware::fault(format_args!("at {:#x}", frame.pc()))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
