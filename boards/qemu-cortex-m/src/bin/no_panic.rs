//! Links only if no panic is left in the inference path: the panic handler calls a
//! function that does not exist, and the linker removes it only where nothing can panic.
//!
//! It is also the smallest firmware with a model, whose size `xtask` reports. Not to be run.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;
// Cores without an atomic swap take their critical section from it.
use cortex_m as _;
use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    #[cfg(feature = "panicking")]
    assert!(black_box(true));
    #[cfg(feature = "writing")]
    firmware::write_for_ever(|| black_box(0));
    #[cfg(feature = "hearing")]
    firmware::hear_for_ever(|| black_box(0));
    #[cfg(feature = "watching")]
    firmware::watch_for_ever(|| black_box(0));
    #[cfg(feature = "small")]
    firmware::listen_small(|| black_box(0));
    #[cfg(not(any(feature = "small", feature = "hearing", feature = "writing", feature = "watching")))]
    firmware::listen(|| black_box(0))
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_is_left_in_the_inference_path() -> !;
    }
    // SAFETY: never called, for it does not link.
    unsafe { a_panic_is_left_in_the_inference_path() }
}
