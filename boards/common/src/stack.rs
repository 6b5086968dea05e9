//! How much stack a piece of work takes: paint what is free, run, look how far the paint is gone.

use core::hint::black_box;

/// A word that no code is likely to leave on the stack.
const PAINT: u32 = 0x5AFE_57AC;
/// Not painted, below the painter's own variables: its frame, and that of an interrupt.
const MARGIN: usize = 256;
/// Painting stops this far down, bytes; no model comes near it.
const DEPTH: usize = 32 * 1024;

/// Runs `work` and gives the bytes of stack that it took, at least `MARGIN`.
///
/// `end` is the lowest address of the stack (the linker script knows it); the stack grows down to it.
pub fn measure(end: usize, work: impl FnOnce()) -> usize {
    let top = paint(end);
    work();
    let lowest = painted(end, top).find(|&word| {
        // SAFETY: as in `paint`.
        unsafe { word.read_volatile() != PAINT }
    });
    lowest.map_or(MARGIN, |word| top - word.addr())
}

/// Paints the free stack; gives the address that counts as its top.
#[inline(never)]
fn paint(end: usize) -> usize {
    let here = 0u32;
    let top = (black_box(&raw const here)).addr() & !3;
    for word in painted(end, top) {
        // SAFETY: aligned words of RAM between the end of the stack and a margin under this
        // function's frame: no variable lives there, and an interrupt that uses it is over
        // before the next write.
        unsafe { word.write_volatile(PAINT) };
    }
    top
}

/// The words under `top` that are painted, lowest first.
fn painted(end: usize, top: usize) -> impl Iterator<Item = *mut u32> {
    let end = end.max(top.saturating_sub(DEPTH)).next_multiple_of(4);
    (end..top.saturating_sub(MARGIN)).step_by(4).map(core::ptr::with_exposed_provenance_mut)
}
