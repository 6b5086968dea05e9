//! Look-up in a table of 256 bytes, 16 at a time.

use core::arch::naked_asm;

/// Replaces each value by its entry.
#[inline]
pub(super) fn look_up(table: &[i8; 256], x: &mut [i8]) {
    // SAFETY: `x` has that many values, and any byte is an index of the table.
    unsafe { look_up_bytes(table.as_ptr(), x.as_mut_ptr(), x.len()) }
}

/// # Safety
/// `table` points to 256 entries, `x` to `length` values.
#[unsafe(naked)]
unsafe extern "C" fn look_up_bytes(table: *const i8, x: *mut i8, length: usize) {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "wlstp.8 lr, r2, 3f",
        "2:",
        "vldrb.u8 q0, [r1]",
        "vldrb.u8 q1, [r0, q0]",
        "vstrb.8 q1, [r1], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r4, pc}}",
    )
}
