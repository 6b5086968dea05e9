//! Layer norm for Armv7-M: 11 instructions for a value.

use crate::kernels::NormView;
use crate::norm::NormChannel;
use core::arch::naked_asm;

/// [`Kernels::layer_norm`](crate::kernels::Kernels::layer_norm).
#[inline(never)]
pub(in crate::kernels::thumb) fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
    let n = x.len();
    if !norm.takes(x, out) {
        return;
    }
    let ends = x.as_ptr_range();
    // Four values a turn, after what is left over.
    let fours = ends.start.wrapping_add(n % 4);
    let mut sums = Sums { sum: 0, squares: 0 };
    // SAFETY: there is at least one value up to the end, and whole turns of four from `fours` on.
    unsafe { add_up(ends.start, fours, ends.end, &raw mut sums) };
    sums.sum = norm.taken_off(sums.sum);
    let (root, up, places) = norm.inverse_root(n, sums.sum, sums.squares).parts();
    let call = Normalise {
        x: ends.start,
        channels: norm.channels.as_ptr(),
        out: out.as_mut_ptr(),
        n: (n as i32) << up,
        minus_sum: sums.sum.wrapping_neg() << up,
        root,
        one: 1 << (places + 8),
        places: places - 16,
        fours,
        end: ends.end,
    };
    // SAFETY: the same; channels and outputs are as many.
    unsafe { normalise(&raw const call) };
}

/// What [`add_up`] writes by offsets.
#[repr(C)]
struct Sums {
    sum: i32,
    squares: u64,
}

/// `$value` for each value from r0 up to `$fours`, then four times a turn up to `$end`.
macro_rules! each {
    ($value:expr, $fours:literal, $end:literal) => {
        lines!(
            "b 3f",
            "2:",
            $value,
            "3:",
            concat!("cmp r0, ", $fours),
            "bne 2b",
            "b 5f",
            "4:",
            $value,
            $value,
            $value,
            $value,
            "5:",
            concat!("cmp r0, ", $end),
            "bne 4b",
        )
    };
}

/// Sum and sum of squares.
///
/// # Safety
/// From `x` to `fours` lie values, and from there to `end` a multiple of four of them.
#[unsafe(naked)]
unsafe extern "C" fn add_up(x: *const i16, fours: *const i16, end: *const i16, sums: *mut Sums) {
    naked_asm!(
        "push {{r4-r7}}",
        "mov r4, #0",
        "mov r5, #0",
        "mov r6, #0",
        each!(lines!("ldrsh r7, [r0], #2", "add r4, r4, r7", "smlal r5, r6, r7, r7"), "r1", "r2"),
        "str r4, [r3]",
        "strd r5, r6, [r3, #8]",
        "pop {{r4-r7}}",
        "bx lr",
    )
}

/// What [`normalise`] needs, in the order of its registers.
#[repr(C)]
struct Normalise {
    x: *const i16,
    channels: *const NormChannel,
    out: *mut i8,
    /// Values of the row and their negative sum, both shifted as
    /// [`InverseRoot::parts`](crate::norm::InverseRoot::parts) tells.
    n: i32,
    minus_sum: i32,
    root: u32,
    /// One of an offset, in units of the final double word.
    one: i32,
    /// Fraction bits of the final upper word.
    places: u32,
    fours: *const i16,
    end: *const i16,
}

/// `InverseRoot::apply` on all values. The root times the distance from the mean, by the gain and plus the offset and
/// half an output, is one double word; what the specification rounds off on the way are bits below all that it adds
/// later.
///
/// # Safety
/// As for [`add_up`]; channels and outputs are as many.
#[unsafe(naked)]
unsafe extern "C" fn normalise(call: *const Normalise) {
    naked_asm!(
        "push {{r4-r11, lr}}",
        "ldr lr, [r0, #36]",
        "ldm r0, {{r0-r8}}",
        each!(
            lines!(
                "ldrsh r9, [r0], #2",
                "ldrsh r10, [r1], #4",
                "ldrsh r11, [r1, #-2]",
                "mla r9, r9, r3, r4",
                "smull r12, r9, r9, r5",
                "add r11, r11, #128",
                "smull r11, r12, r11, r6",
                "smlal r11, r12, r9, r10",
                "asr r12, r12, r7",
                "ssat r12, #8, r12",
                "strb r12, [r2], #1",
            ),
            "r8",
            "lr"
        ),
        "pop {{r4-r11, pc}}",
    )
}
