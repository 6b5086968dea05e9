//! The product of a gate and what it lets through, four values a turn.

use crate::kernels::portable;
use crate::requantise::Scale;
use core::arch::naked_asm;

/// [`Kernels::gate`](crate::kernels::Kernels::gate)
pub(super) fn gate(table: &[i16; 256], product: Scale, gate: &mut [i8], up: &[i8]) {
    let (fours, _) = gate.as_chunks_mut::<4>();
    let (ups, _) = up.as_chunks::<4>();
    let count = fours.len().min(ups.len());
    let fours = fours.get_mut(..count).unwrap_or(&mut []);
    if !fours.is_empty() {
        let (shift, fours) = (product.shift(), fours.as_mut_ptr_range());
        let (multiplier, half) = (2 * product.bits(), 1i32.wrapping_shl(shift.wrapping_sub(1)));
        // SAFETY: up to the end lies a positive number of fours, and there are as many of `up`.
        unsafe { products(fours.start, ups.as_ptr(), table, fours.end, multiplier, half, shift) };
    }
    let (gate, up) = (gate.get_mut(4 * count..).unwrap_or(&mut []), up.get(4 * count..).unwrap_or(&[]));
    portable::gate(table, product, gate, up);
}

/// # Safety
/// From `gate` to `end` lies a positive number of fours; `up` has as many.
#[unsafe(naked)]
unsafe extern "C" fn products(
    gate: *mut [i8; 4],
    up: *const [i8; 4],
    table: &[i16; 256],
    end: *const [i8; 4],
    multiplier: i32,
    half: i32,
    shift: u32,
) {
    macro_rules! value {
        // The register with the value's bits, that of `up` and the half of it, and where to in `gate`.
        ($value:literal, $up:literal, $half:literal, $to:literal) => {
            concat!(
                "ldrsh ",
                $value,
                ", [r2, ",
                $value,
                ", lsl #1]\n",
                "smulb",
                $half,
                " ",
                $value,
                ", ",
                $value,
                ", ",
                $up,
                "\n",
                "smmla ",
                $value,
                ", ",
                $value,
                ", r4, r5\n",
                "asr ",
                $value,
                ", ",
                $value,
                ", r6\n",
                "ssat ",
                $value,
                ", #8, ",
                $value,
                "\n",
                "strb ",
                $value,
                ", [r0, #",
                $to,
                "]\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r10, lr}}",
        "add r6, sp, #32",
        "ldm r6, {{r4-r6}}",
        "2:",
        "ldr r7, [r0]",
        "ldr r8, [r1], #4",
        "sxtb16 r9, r8",
        "sxtb16 r8, r8, ror #8",
        "uxtb r10, r7",
        "ubfx r12, r7, #8, #8",
        "ubfx lr, r7, #16, #8",
        "lsr r7, r7, #24",
        value!("r10", "r9", "b", "0"),
        value!("r12", "r8", "b", "1"),
        value!("lr", "r9", "t", "2"),
        value!("r7", "r8", "t", "3"),
        "add r0, r0, #4",
        "cmp r0, r3",
        "bne 2b",
        "pop {{r4-r10, pc}}",
    )
}
