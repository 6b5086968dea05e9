//! Layer norm for Armv6-M, whose compiler would call for every long multiplication.

use crate::norm::{NormChannel, NormView};
use core::arch::naked_asm;

/// [`Kernels::layer_norm`](crate::kernels::Kernels::layer_norm).
#[inline(never)]
pub(in crate::kernels::thumb) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    if !norm.takes(x, out) {
        return;
    }
    let mut moments = Moments { squares: 0, sum: 0 };
    let ends = x.as_ptr_range();
    // SAFETY: `x` is not empty.
    unsafe { sum_up(ends.start, ends.end, &raw mut moments) };
    let Moments { squares, sum } = moments;
    let sum = norm.taken_off(sum);
    let (root, up, places) = norm.inverse_root(x.len(), sum, squares).parts();
    let call = Norm {
        x: ends.start,
        root,
        n: (x.len() as i32) << up,
        sum: sum << up,
        places: places - 8,
        channels: norm.channels.as_ptr(),
        half: (128 << 8) + 128,
        out: out.as_mut_ptr(),
        end: ends.end,
    };
    // SAFETY: the row is not empty, and there are as many channels and outputs.
    unsafe { normalise(&raw const call) };
}

/// What [`sum_up`] writes by offsets.
#[repr(C)]
struct Moments {
    squares: u64,
    sum: i32,
}

/// What [`normalise`] reads by offsets.
#[repr(C)]
struct Norm {
    x: *const i16,
    root: u32,
    /// Values of the row and their sum, both shifted as [`InverseRoot::parts`](crate::norm::InverseRoot::parts) tells.
    n: i32,
    sum: i32,
    /// Fraction bits of a result before its offset is added, which has 8.
    places: u32,
    channels: *const NormChannel,
    /// Half an output, and what [`put_i8`] adds.
    half: u32,
    out: *mut i8,
    end: *const i16,
}

/// Sums of `x` and of its squares.
///
/// # Safety
/// There is at least one value from `x` to `end`.
#[unsafe(naked)]
unsafe extern "C" fn sum_up(x: *const i16, end: *const i16, moments: *mut Moments) {
    macro_rules! value {
        ($at:literal) => {
            lines!(
                concat!("ldrsh r3, [r0, ", $at, "]"),
                "adds r6, r6, r3",
                "muls r3, r3, r3",
                "adds r4, r4, r3",
                "adcs r5, r7",
            )
        };
    }
    naked_asm!(
        "push {{r4-r7, lr}}",
        "push {{r2}}",
        "movs r4, #0",
        "movs r5, #0",
        "movs r6, #0",
        "movs r7, #0",
        // Of an odd number, one first.
        "subs r2, r1, r0",
        "lsls r2, r2, #30",
        "bpl 2f",
        value!("r7"),
        "adds r0, #2",
        "2:",
        "movs r2, #2",
        "b 4f",
        "3:",
        value!("r7"),
        value!("r2"),
        "adds r0, #4",
        "4:",
        "cmp r0, r1",
        "bne 3b",
        "pop {{r2}}",
        "stm r2!, {{r4-r6}}",
        "pop {{r4-r7, pc}}",
    )
}

/// Each value's distance from the mean by the root, by its gain, plus its offset.
///
/// # Safety
/// All of `norm` is as its fields say: from `x` to `end` there is at least one value, and there are as many channels
/// and outputs.
#[unsafe(naked)]
unsafe extern "C" fn normalise(norm: *const Norm) {
    macro_rules! value {
        // Bytes from r0 to the value, and from r7 to the result.
        ($x:literal, $out:literal) => {
            lines!(
                concat!("movs r2, #", $x),
                "ldrsh r1, [r0, r2]",
                // n·x - Σx is exact where x - mean is not.
                "mov r2, r8",
                "muls r1, r2, r1",
                "mov r2, r9",
                "subs r1, r1, r2",
                high!("asrs", "r5", "r6"),
                "mov r2, r11",
                "ldm r2!, {{r3}}",
                "mov r11, r2",
                "sxth r4, r3",
                "asrs r3, r3, #16",
                // A product of 32 by 16 bits, without the lowest 16.
                "uxth r2, r1",
                "asrs r1, r1, #16",
                "muls r2, r4, r2",
                "muls r1, r4, r1",
                "asrs r2, r2, #16",
                "adds r1, r1, r2",
                "mov r2, r10",
                "asrs r1, r2",
                "adds r1, r1, r3",
                "add r1, r12",
                "asrs r1, r1, #8",
                unsigned!("8"),
                "subs r1, #128",
                concat!("strb r1, [r7, #", $out, "]"),
            )
        };
    }
    naked_asm!(
        enter!(),
        "ldr r1, [r0, #32]",
        "push {{r1}}",
        "ldr r1, [r0, #24]",
        "mov r12, r1",
        "ldr r7, [r0, #28]",
        "ldm r0!, {{r1-r6}}",
        "mov r8, r3",
        "mov r9, r4",
        "mov r10, r5",
        "mov r11, r6",
        "mov r0, r1",
        "uxth r5, r2",
        "lsrs r6, r2, #16",
        // Of an odd number, one first.
        "ldr r2, [sp]",
        "subs r2, r2, r0",
        "lsls r2, r2, #30",
        "bpl 2f",
        value!("0", "0"),
        "adds r7, #1",
        "adds r0, #2",
        "2:",
        "b 4f",
        "3:",
        value!("0", "0"),
        value!("2", "1"),
        "adds r7, #2",
        "adds r0, #4",
        "4:",
        "ldr r2, [sp]",
        "cmp r0, r2",
        "bne 3b",
        "add sp, #4",
        leave!(),
    )
}
