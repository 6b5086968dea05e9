//! What a program of this board brings that runs models: a counter, the end of the stack, handlers.

use core::panic::PanicInfo;
use firmware::Board;
use riscv::register::{mcause, mepc, minstret};
use riscv_rt::TrapFrame;

unsafe extern "C" {
    /// End of the statics and of the empty heap, start of what the stack may use; from
    /// `riscv-rt`'s linker script.
    static __eheap: u32;
}

/// The core counts by itself.
pub fn start() -> Board {
    Board { instructions: minstret::read64, stack_end: (&raw const __eheap).addr() }
}

/// Any exception ends the run.
#[unsafe(no_mangle)]
extern "C" fn ExceptionHandler(_: &TrapFrame) -> ! {
    firmware::fault(format_args!("at {:#x}, cause {}", mepc::read(), mcause::read().code()))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
