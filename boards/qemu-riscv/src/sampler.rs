//! The core's timer as the clock of a converter: an interrupt for each sample.

use core::ptr::with_exposed_provenance_mut;
use core::sync::atomic::{AtomicU32, Ordering};
use riscv::register::{mie, mstatus};

/// The timer of QEMU's `virt`, which counts tenths of a microsecond: when it interrupts the core, and its count.
const COMPARE: *mut u32 = with_exposed_provenance_mut(0x0200_4000);
const COUNT: *mut u32 = with_exposed_provenance_mut(0x0200_BFF8);
/// Of its ticks, a sample.
const SAMPLE: u32 = 1250;

/// When the next sample is due. The run ends long before it wraps around.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Starts interrupts, 8,000 in a second of the emulated time.
pub fn start() {
    // SAFETY: the timer's registers, which nothing else uses; the handler of its interrupt is in place.
    unsafe {
        NEXT.store(COUNT.read_volatile(), Ordering::Relaxed);
        COMPARE.add(1).write_volatile(0);
        next();
        mie::set_mtimer();
        mstatus::set_mie();
    }
}

/// Has the next interrupt come a sample later, however late this one is.
pub fn next() {
    let next = NEXT.load(Ordering::Relaxed) + SAMPLE;
    NEXT.store(next, Ordering::Relaxed);
    // SAFETY: as above; the upper half stays 0.
    unsafe { COMPARE.write_volatile(next) };
}
