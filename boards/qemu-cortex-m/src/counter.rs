//! Executed instructions, by SysTick.
//!
//! Under QEMU's `-icount shift=6` an instruction takes 64 ns, so that time counts instructions.
//! They are instructions, not cycles: the emulator knows nothing of pipelines and wait states.

use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};

/// SysTick counts down from here.
const RELOAD: u32 = 0x00FF_FFFF;
/// Nanoseconds of an instruction: `2^shift`.
const INSTRUCTION: u64 = 64;

/// A SysTick tick takes `TICK / DIVISOR` nanoseconds; the build script knows the machine.
const TICK: u64 = number(env!("TICK_NANOSECONDS"));
const DIVISOR: u64 = number(env!("TICK_DIVISOR"));

/// How often SysTick has passed 0.
static WRAPS: AtomicU32 = AtomicU32::new(0);

/// Starts counting.
pub fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(RELOAD);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// Instructions executed since [`start`], rounded down, without those of the interrupt.
// Not inlined: between two entries of this function in the emulator's log lie exactly the instructions counted here.
#[inline(never)]
pub fn instructions() -> u64 {
    let (wraps, ticks) = loop {
        let before = WRAPS.load(Ordering::Relaxed);
        let current = SYST::get_current();
        let settled = !SCB::is_pendst_pending() && before == WRAPS.load(Ordering::Relaxed);
        if settled {
            let wraps = u64::from(before);
            break (wraps, wraps * u64::from(RELOAD + 1) + u64::from(RELOAD - current));
        }
    };
    (ticks * TICK / (DIVISOR * INSTRUCTION)).saturating_sub(wraps * INTERRUPT)
}

/// Instructions of [`SysTick`].
const INTERRUPT: u64 = 5;

/// Counts a wrap, in a known number of instructions.
#[unsafe(naked)]
#[unsafe(no_mangle)]
extern "C" fn SysTick() {
    naked_asm!(
        "ldr r0, ={wraps}",
        "ldr r1, [r0]",
        "adds r1, r1, #1",
        "str r1, [r0]",
        "bx lr",
        ".ltorg",
        wraps = sym WRAPS,
    )
}

/// A decimal number, when the crate compiles.
const fn number(digits: &str) -> u64 {
    match u64::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("not a number"),
    }
}
