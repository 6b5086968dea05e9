//! SysTick as the clock of a converter: an interrupt for each sample, or each few of them.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// A SysTick tick takes `TICK / DIVISOR` nanoseconds; the build script knows the machine.
const TICK: u32 = number(env!("TICK_NANOSECONDS"));
const DIVISOR: u32 = number(env!("TICK_DIVISOR"));
/// Nanoseconds of a sample.
const SAMPLE: u32 = 125_000;
const _: () = assert!((SAMPLE * DIVISOR).is_multiple_of(TICK), "not a whole number of ticks");

/// Starts interrupts, one for so many samples, of which there are 8,000 in a second of the emulated time.
pub fn start(mut timer: SYST, samples: u32) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(samples * (SAMPLE * DIVISOR / TICK) - 1);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// A decimal number, when the crate compiles.
const fn number(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("not a number"),
    }
}
