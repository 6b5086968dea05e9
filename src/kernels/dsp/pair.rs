//! Two rows of 16-bit values against rows of int8, and the scores of one or two queries.
//!
//! Two rows are laid out as one: for each 4 inner positions `i`, the words `x[i] | x[i + 2] << 16` and
//! `x[i + 1] | x[i + 3] << 16` of the first row, then those of the second.

use crate::kernels::RowScale;
use core::arch::naked_asm;

/// Rows.
pub(super) const PAIR: usize = 2;
/// Inner positions, or keys, that are unrolled; a whole number of them is done.
pub(super) const EIGHT: usize = 8;
/// How many turns are unrolled.
const TURNS: usize = 4;

/// Rows of `inputs` values that lie in `w`, at most `most`.
#[inline]
pub(super) fn rows_in(w: &[i8], inputs: usize, stride: usize, most: usize) -> usize {
    match w.len().checked_sub(inputs) {
        Some(rest) => rest.checked_div(stride).map_or(most, |rows| most.min(rows + 1)),
        None => 0,
    }
}

/// A [`RowScale`] for sums that drop no bits, as assembly takes it.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(super) struct Finish {
    /// Twice the multiplier.
    multiplier: i32,
    half: i32,
    shift: u32,
}

impl From<RowScale> for Finish {
    #[inline]
    fn from(scale: RowScale) -> Self {
        let (multiplier, shift) = scale.parts();
        Self { multiplier: 2 * multiplier, half: 1i32.wrapping_shl(shift.wrapping_sub(1)), shift }
    }
}

/// `Σ x·w` of both rows of `x` for rows of `w`, `stride` bytes apart: those that lie in `w`. Gives their number.
/// `inputs` is a multiple of 8.
pub(super) fn sums(x: &[u32], inputs: usize, w: &[i8], stride: usize, sums: &mut [[i32; PAIR]]) -> usize {
    let Some(pass) = Pass::new(x, inputs, w, stride, sums.len()) else { return 0 };
    let to = sums.as_mut_ptr();
    let call = pass.call(to.cast(), to.wrapping_add(pass.rows).cast(), [Finish::default(); PAIR], 0, false);
    // SAFETY: the pass found `x` and `w` long enough; there is a sum for each row.
    unsafe { products(&raw const call, w.as_ptr()) };
    pass.rows
}

/// The sums of [`sums`] by a scale for each of both rows, to int8 side by side, `out_stride` from the first row's to
/// the second row's.
pub(super) fn outputs(
    x: &[u32],
    inputs: usize,
    w: &[i8],
    stride: usize,
    scales: [RowScale; PAIR],
    out: &mut [i8],
    out_stride: usize,
) -> usize {
    let rows = out.len().saturating_sub(out_stride);
    let Some(pass) = Pass::new(x, inputs, w, stride, rows) else { return 0 };
    let scales = scales.map(Finish::from);
    let to = out.as_mut_ptr();
    let call = pass.call(to.cast(), to.wrapping_add(pass.rows).cast(), scales, out_stride, true);
    // SAFETY: the pass found `x` and `w` long enough; `out_stride` behind the first row's outputs there are as many.
    unsafe { products(&raw const call, w.as_ptr()) };
    pass.rows
}

/// How [`products`] goes through its rows.
struct Pass {
    x: *const u32,
    x_end: *const u32,
    skip: usize,
    rows: usize,
    left_out: usize,
}

impl Pass {
    /// For at most so many rows; nothing where there is nothing to do.
    #[inline]
    fn new(x: &[u32], inputs: usize, w: &[i8], stride: usize, most: usize) -> Option<Self> {
        let rows = rows_in(w, inputs, stride, most);
        let x = x.get(..inputs)?;
        (rows > 0 && inputs > 0 && inputs.is_multiple_of(EIGHT)).then(|| Self {
            x: x.as_ptr(),
            x_end: x.as_ptr_range().end,
            skip: if rows == 1 { 0 } else { stride.wrapping_sub(inputs) },
            rows,
            left_out: (inputs / EIGHT).wrapping_neg() % TURNS,
        })
    }

    #[inline]
    fn call(&self, to: *mut (), end: *const (), scales: [Finish; PAIR], out_stride: usize, scaled: bool) -> Call {
        let &Self { x, x_end, skip, left_out, .. } = self;
        Call { x, to, end, x_end, skip, left_out, scaled: usize::from(scaled), scales, out_stride }
    }
}

#[repr(C)]
struct Call {
    x: *const u32,
    /// Sums of both rows, or outputs of the first.
    to: *mut (),
    end: *const (),
    x_end: *const u32,
    skip: usize,
    /// Turns that the first pass over the unrolled ones leaves out.
    left_out: usize,
    /// 1 for outputs, 0 for sums.
    scaled: usize,
    scales: [Finish; PAIR],
    out_stride: usize,
}

/// Both sums of one row of `w` after the other, or what the scales make of them.
///
/// # Safety
/// From `call.x` to `call.x_end` lie 8 words for each 8 bytes of each row from `w` on, and at least one such eight;
/// rows are `call.skip` bytes apart, and there is one for each of the results up to `call.end`, one at least. Outputs
/// may be written `call.out_stride` further on, too.
#[unsafe(naked)]
unsafe extern "C" fn products(call: *const Call, w: *const i8) {
    // 60 bytes of code.
    macro_rules! eight {
        () => {
            lines!(
                "ldr r12, [r1], #4",
                "ldm r0!, {{r4-r11}}",
                "sxtb16 lr, r12",
                "smlad r2, r4, lr, r2",
                "smlad r3, r6, lr, r3",
                "sxtb16 r12, r12, ror #8",
                "smlad r2, r5, r12, r2",
                "smlad r3, r7, r12, r3",
                "ldr r12, [r1], #4",
                "sxtb16 lr, r12",
                "smlad r2, r8, lr, r2",
                "smlad r3, r10, lr, r3",
                "sxtb16 r12, r12, ror #8",
                "smlad r2, r9, r12, r2",
                "smlad r3, r11, r12, r3"
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #60",
        "ldm r0!, {{r4-r10}}",
        // Where a row starts, and where it goes on, as addresses.
        "mov r12, #60",
        "adr r11, 3f",
        "mla r9, r9, r12, r11",
        "add r9, r9, #1",
        "adr r11, 4f",
        "add r11, r11, #1",
        "adr r12, 5f",
        "cmp r10, #0",
        "it ne",
        "addne r11, r12, #1",
        "mov r10, r11",
        "stm sp, {{r4-r10}}",
        "ldm r0, {{r4-r10}}",
        "add r12, sp, #28",
        "stm r12, {{r4-r10}}",
        "2:",
        "ldr r0, [sp]",
        "mov r2, #0",
        "mov r3, #0",
        "ldr pc, [sp, #20]",
        ".p2align 2",
        "3:",
        eight!(),
        eight!(),
        eight!(),
        eight!(),
        "ldr r12, [sp, #12]",
        "cmp r0, r12",
        "bne 3b",
        "ldr pc, [sp, #24]",
        ".p2align 2",
        "4:",
        "ldrd r4, r5, [sp, #4]",
        "strd r2, r3, [r4], #8",
        "b 6f",
        ".p2align 2",
        "5:",
        "add r12, sp, #28",
        "ldm r12, {{r4-r10}}",
        "smmla r2, r2, r4, r5",
        "smmla r3, r3, r7, r8",
        "asr r2, r2, r6",
        "asr r3, r3, r9",
        "ldrd r4, r5, [sp, #4]",
        "ssat r2, #8, r2",
        "ssat r3, #8, r3",
        "strb r3, [r4, r10]",
        "strb r2, [r4], #1",
        "6:",
        "ldr r6, [sp, #16]",
        "str r4, [sp, #4]",
        "add r1, r1, r6",
        "cmp r4, r5",
        "bne 2b",
        "add sp, sp, #60",
        "pop {{r4-r11, pc}}",
    )
}

/// [`sums`] for rows of 8 bytes, one after the other, if they lie in words.
pub(super) fn sums_of_eight(x: &[u32; EIGHT], w: &[i8], sums: &mut [[i32; PAIR]]) -> usize {
    let rows = (w.len() / EIGHT).min(sums.len());
    if rows > 0 && w.as_ptr().cast::<u32>().is_aligned() {
        let end = sums.as_ptr().wrapping_add(rows);
        // SAFETY: `w` has 8 aligned bytes for each of the sums up to `end`, of which there is one at least.
        unsafe { eights(w.as_ptr(), sums.as_mut_ptr(), x, end, rows.wrapping_neg() % TURNS) };
        return rows;
    }
    0
}

/// # Safety
/// From `w` on there are 8 aligned bytes for each of the sums up to `end`, and at least one; `left_out` more are a
/// multiple of 4.
#[unsafe(naked)]
unsafe extern "C" fn eights(
    w: *const i8,
    sums: *mut [i32; PAIR],
    x: &[u32; EIGHT],
    end: *const [i32; PAIR],
    left_out: usize,
) {
    // 56 bytes of code.
    macro_rules! key {
        () => {
            lines!(
                "ldrd r2, r3, [r0], #8",
                "sxtb16 lr, r2",
                "smuad r12, r4, lr",
                "smuad lr, r6, lr",
                "sxtb16 r2, r2, ror #8",
                "smlad r12, r5, r2, r12",
                "smlad lr, r7, r2, lr",
                "sxtb16 r2, r3",
                "smlad r12, r8, r2, r12",
                "smlad lr, r10, r2, lr",
                "sxtb16 r2, r3, ror #8",
                "smlad r12, r9, r2, r12",
                "smlad lr, r11, r2, lr",
                "strd r12, lr, [r1], #8"
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r3-r11, lr}}",
        "ldr r12, [sp, #40]",
        "ldm r2, {{r4-r11}}",
        "mov r2, #56",
        "adr r3, 2f",
        "mla r12, r12, r2, r3",
        "add r12, r12, #1",
        "bx r12",
        ".p2align 2",
        "2:",
        key!(),
        key!(),
        key!(),
        key!(),
        "ldr r2, [sp]",
        "cmp r1, r2",
        "bne 2b",
        "pop {{r3-r11, pc}}",
    )
}

/// `Σ x·w` of one row of 8 for rows of `w` of 8 bytes, in words, one after the other; gives their number, and raises
/// `max` to the largest.
pub(super) fn single_sums_of_eight(x: &[u32; EIGHT / 2], w: &[i8], sums: &mut [i32], max: &mut i32) -> usize {
    let rows = (w.len() / EIGHT).min(sums.len());
    if rows > 0 && w.as_ptr().cast::<u32>().is_aligned() {
        let end = sums.as_ptr().wrapping_add(rows);
        // SAFETY: `w` has 8 aligned bytes for each of the sums up to `end`, of which there is one at least.
        *max = unsafe { single_eights(w.as_ptr(), sums.as_mut_ptr(), end, *max, x, rows.wrapping_neg() % TURNS) };
        return rows;
    }
    0
}

/// # Safety
/// From `w` on there are 8 aligned bytes for each of the sums up to `end`, and at least one; `left_out` more are a
/// multiple of 4.
#[unsafe(naked)]
unsafe extern "C" fn single_eights(
    w: *const i8,
    sums: *mut i32,
    end: *const i32,
    max: i32,
    x: &[u32; EIGHT / 2],
    left_out: usize,
) -> i32 {
    // 46 bytes of code.
    macro_rules! key {
        () => {
            lines!(
                "ldrd r8, r9, [r0], #8",
                "sxtb16 r10, r8",
                "smuad r11, r4, r10",
                "sxtb16 r8, r8, ror #8",
                "smlad r11, r5, r8, r11",
                "sxtb16 r10, r9",
                "smlad r11, r6, r10, r11",
                "sxtb16 r9, r9, ror #8",
                "smlad r11, r7, r9, r11",
                "str r11, [r1], #4",
                "cmp r11, r3",
                "it gt",
                "movgt r3, r11"
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldrd r4, r12, [sp, #36]",
        "adr r8, 2f",
        "mov r9, #46",
        "mla r12, r12, r9, r8",
        "add r12, r12, #1",
        "ldm r4, {{r4-r7}}",
        "bx r12",
        ".p2align 2",
        "2:",
        key!(),
        key!(),
        key!(),
        key!(),
        "cmp r1, r2",
        "bne 2b",
        "mov r0, r3",
        "pop {{r4-r11, pc}}",
    )
}

/// Raises `max` to the largest of the even and of the odd elements of `scores`, up to the last multiple of 8; gives how
/// many that are.
pub(super) fn raise(scores: &[i32], max: &mut [i32; PAIR]) -> usize {
    let (eights, _) = scores.as_chunks::<EIGHT>();
    if !eights.is_empty() {
        let eights = eights.as_ptr_range();
        // SAFETY: whole eights lie between the two, and at least one.
        unsafe { largest(eights.start, eights.end, max) };
    }
    eights.len() * EIGHT
}

/// # Safety
/// From `scores` to `end` lies at least one eight.
#[unsafe(naked)]
unsafe extern "C" fn largest(scores: *const [i32; EIGHT], end: *const [i32; EIGHT], max: &mut [i32; PAIR]) {
    macro_rules! two {
        ($even:literal, $odd:literal) => {
            lines!(
                concat!("cmp ", $even, ", r3"),
                "it gt",
                concat!("movgt r3, ", $even),
                concat!("cmp ", $odd, ", r12"),
                "it gt",
                concat!("movgt r12, ", $odd)
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldrd r3, r12, [r2]",
        "2:",
        "ldm r0!, {{r4-r11}}",
        two!("r4", "r5"),
        two!("r6", "r7"),
        two!("r8", "r9"),
        two!("r10", "r11"),
        "cmp r0, r1",
        "bne 2b",
        "strd r3, r12, [r2]",
        "pop {{r4-r11, pc}}",
    )
}
