//! The product of a gate and what it lets through, four values a turn.

use crate::arithmetic::requantise::Scale;
use crate::kernels::portable;
use core::arch::naked_asm;

/// Four gates at r0 and the values beside them at r1 to their products, saturated to some bits, in r10, r12, lr and r7;
/// both are stepped on. r2 is the table, r4 to r6 are twice the multiplier, the half and the shift; r8 and r9 are lost.
macro_rules! four_products {
    ($bits:literal) => {
        lines!(
            "ldr r7, [r0], #4",
            "ldr r8, [r1], #4",
            "sxtb16 r9, r8",
            "sxtb16 r8, r8, ror #8",
            "uxtb r10, r7",
            "ubfx r12, r7, #8, #8",
            "ubfx lr, r7, #16, #8",
            "lsr r7, r7, #24",
            four_products!("r10", "r9", "b", $bits),
            four_products!("r12", "r8", "b", $bits),
            four_products!("lr", "r9", "t", $bits),
            four_products!("r7", "r8", "t", $bits),
        )
    };
    // The register with a gate's bits, that of the values beside and the half of it.
    ($value:literal, $up:literal, $half:literal, $bits:literal) => {
        lines!(
            concat!("ldrsh ", $value, ", [r2, ", $value, ", lsl #1]"),
            concat!("smulb", $half, " ", $value, ", ", $value, ", ", $up),
            concat!("smmla ", $value, ", ", $value, ", r4, r5"),
            concat!("asr ", $value, ", ", $value, ", r6"),
            concat!("ssat ", $value, ", #", $bits, ", ", $value),
        )
    };
}
pub(super) use four_products;

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
    naked_asm!(
        cpu!(),
        "push {{r4-r10, lr}}",
        "add r6, sp, #32",
        "ldm r6, {{r4-r6}}",
        "2:",
        four_products!("8"),
        "strb r10, [r0, #-4]",
        "strb r12, [r0, #-3]",
        "strb lr, [r0, #-2]",
        "strb r7, [r0, #-1]",
        "cmp r0, r3",
        "bne 2b",
        "pop {{r4-r10, pc}}",
    )
}
