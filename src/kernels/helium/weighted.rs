//! Sums of four queries' weighted values, two dimensions at a time, and the outputs that they make.
//!
//! Weights lie as `attend` and `last_keys` leave them.

use super::{GROUP, LANES};
use crate::arithmetic::requantise::Scale;
use crate::kernels::holds;
use core::arch::naked_asm;

/// Weights of eight keys after the groups, in pairs.
pub(super) const BLOCK: usize = GROUP / 2;

/// The weights of four queries.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// Whole groups.
    pub grouped: &'a [i32],
    /// Of the keys after them, whole blocks; what there is beyond the last key may be anything.
    pub rest: &'a [i32],
    /// How many these keys are.
    pub keys: usize,
}

/// Values `[dims][stride]`.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub data: &'a [i8],
    pub stride: usize,
    /// An even number.
    pub dims: usize,
}

/// What the functions read by offsets.
#[repr(C)]
struct Call {
    /// Null where there are no groups.
    weights: *const i32,
    stride: usize,
    /// Groups after the first one.
    more: usize,
    out: *mut i8,
    rest: *const i32,
    /// Blocks of the rest.
    blocks: usize,
    /// From the end of a row to the row after the next one, may wrap.
    next: usize,
    /// Where `out` ends.
    end: *const i8,
    /// Keys of the last block.
    last: usize,
    /// Of the weights of each query.
    sums: *const u32,
    /// Multiplier of the ratio of scales, and 24 more than its shift.
    multiplier: u32,
    shift: u32,
    /// Of each query's pair of outputs.
    offsets: [u16; 2 * LANES],
    /// From a query's totals to the next one's, in bytes.
    pitch: usize,
    /// From the last query's totals of a pair to the first one's of the next pair, may wrap.
    back: usize,
}

impl Call {
    /// Without an end and scales; `None` unless there are weights, and dimensions in pairs.
    #[inline]
    fn new(weights: Weights<'_>, values: Values<'_>, out: *mut i8) -> Option<Self> {
        let Weights { grouped, rest, keys } = weights;
        let groups = grouped.len() / GROUP;
        let blocks = keys.div_ceil(8);
        let some = (groups > 0 || keys > 0) && values.dims > 1 && values.dims.is_multiple_of(2);
        (some && rest.len() / BLOCK >= blocks).then(|| Self {
            weights: if groups > 0 { grouped.as_ptr() } else { core::ptr::null() },
            stride: values.stride,
            more: groups.saturating_sub(1),
            out,
            rest: rest.as_ptr(),
            blocks,
            next: values.stride.wrapping_mul(2).wrapping_sub(8 * (groups + blocks)),
            end: core::ptr::null(),
            last: keys.wrapping_sub(1) % 8 + 1,
            sums: core::ptr::null(),
            multiplier: 0,
            shift: 0,
            offsets: [0; 2 * LANES],
            pitch: 0,
            back: 0,
        })
    }
}

/// The outputs of four queries, whose weights add up to `sums`, less than 512 full scales each. `ratio` is that of
/// [`RowScale::new`](crate::arithmetic::softmax::RowScale::new). False if the shape does not allow it; then nothing is
/// done.
///
/// # Safety
/// There are values of all keys for each dimension, and places for as many outputs of four queries.
#[inline]
pub(super) unsafe fn outputs(
    weights: Weights<'_>,
    values: Values<'_>,
    sums: &[u32; LANES],
    ratio: Scale,
    out: &mut [i8],
    out_stride: usize,
) -> bool {
    // The offsets are 16-bit numbers.
    if out_stride > 0xfffe / 3 {
        return false;
    }
    let Some(call) = Call::new(weights, values, out.as_mut_ptr()) else { return false };
    let call = Call {
        sums: sums.as_ptr(),
        multiplier: ratio.bits() as u32,
        shift: ratio.shift() + 24,
        offsets: [0, 1, 2, 3, 4, 5, 6, 7].map(|i: u16| i / 2 * out_stride as u16 + i % 2),
        end: call.out.wrapping_add(values.dims),
        ..call
    };
    // SAFETY: the weights of all keys are there (see `Call::new`), and values and places, as the caller promises.
    unsafe { output_pairs(&raw const call, values.data.as_ptr()) };
    true
}

/// Adds the sums of each query, over at most 512 keys, to its totals, `pitch` apart. False if these are too few, or
/// the shape does not allow it; then nothing is done.
///
/// # Safety
/// There are values of all keys for each dimension.
#[inline]
pub(super) unsafe fn add(weights: Weights<'_>, values: Values<'_>, totals: &mut [i64], pitch: usize) -> bool {
    if !holds(totals, LANES, pitch, values.dims) {
        return false;
    }
    let Some(call) = Call::new(weights, values, totals.as_mut_ptr().cast()) else { return false };
    let back = 16usize.wrapping_sub((LANES - 1) * 8 * pitch);
    let call = Call { end: call.out.wrapping_add(8 * values.dims), pitch: 8 * pitch, back, ..call };
    // SAFETY: the weights of all keys are there (see `Call::new`), and values, as the caller promises; so are the
    // totals of four queries.
    unsafe { total_pairs(&raw const call, values.data.as_ptr()) };
    true
}

/// A function that, after a start with q0 to q5 and r0 to r8 free, leaves the sums of a pair of dimensions in r0, r2,
/// r4, r6 (the first one's, of all queries) and r8, r10, r12, lr, to be finished.
macro_rules! pairs {
    ($name:ident, [$($start:literal),*], [$($finish:literal),*]) => {
        /// # Safety
        /// `call.weights` points to all groups and `call.rest` to all blocks, `values` to as many rows as there are
        /// dimensions, `call.stride` apart, with a value per key; to `call.out` may be written what each pair gives.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(call: *const Call, values: *const i8) {
            #[rustfmt::skip]
            macro_rules! products {
                ($op:literal) => {
                    concat!(
                        $op, " r0, q0, q4\n", $op, " r8, q0, q5\n",
                        $op, " r2, q1, q4\n", $op, " r10, q1, q5\n",
                        $op, " r4, q2, q4\n", $op, " r12, q2, q5\n",
                        $op, " r6, q3, q4\n", $op, " lr, q3, q5\n",
                    )
                };
            }
            #[rustfmt::skip]
            macro_rules! load {
                () => {
                    concat!(
                        "vldrh.u16 q1, [r1, #32]\n",
                        "vldrh.u16 q2, [r1, #64]\n",
                        "vldrh.u16 q3, [r1, #96]\n",
                        "vldrh.u16 q0, [r1], #128\n",
                        "vldrb.s16 q4, [r3], #8\n",
                        "vldrb.s16 q5, [r5], #8\n",
                    )
                };
            }
            #[rustfmt::skip]
            macro_rules! block {
                () => {
                    concat!(
                        "vld40.32 {{q0, q1, q2, q3}}, [r1]\n",
                        "vld41.32 {{q0, q1, q2, q3}}, [r1]\n",
                        "vld42.32 {{q0, q1, q2, q3}}, [r1]\n",
                        "vld43.32 {{q0, q1, q2, q3}}, [r1]!\n",
                    )
                };
            }
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "mov r9, r0",
                "mov r3, r1",
                "ldr r11, [r9, #12]",
                "ldr r0, [r9, #32]",
                "vctp.16 r0",
                $($start,)*
                "2:",
                "ldm r9, {{r1, r5, r7}}",
                "cmp r1, #0",
                "add r5, r5, r3",
                "beq 7f",
                load!(),
                products!("vmladav.s16"),
                "lsrs r7, r7, #1",
                "bcc 6f",
                load!(),
                products!("vmladava.s16"),
                "6:",
                "cbz r7, 4f",
                "3:",
                ".rept 2",
                load!(),
                products!("vmladava.s16"),
                ".endr",
                "subs r7, r7, #1",
                "bne 3b",
                "4:",
                "ldrd r1, r7, [r9, #16]",
                "cbz r7, 5f",
                "subs r7, r7, #1",
                "bne 9f",
                // The lanes apart again; of the values, those that are there.
                "8:",
                block!(),
                "vpstt",
                "vldrbt.s16 q4, [r3], #8",
                "vldrbt.s16 q5, [r5], #8",
                products!("vmladava.s16"),
                "5:",
                $($finish,)*
                "ldrd r7, r2, [r9, #24]",
                "add r3, r3, r7",
                "cmp r11, r2",
                "bne 2b",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                "7:",
                "mov r0, #0",
                "mov r2, #0",
                "mov r4, #0",
                "mov r6, #0",
                "mov r8, #0",
                "mov r10, #0",
                "mov r12, #0",
                "mov lr, #0",
                "b 4b",
                "9:",
                block!(),
                "vldrb.s16 q4, [r3], #8",
                "vldrb.s16 q5, [r5], #8",
                products!("vmladava.s16"),
                "subs r7, r7, #1",
                "bne 9b",
                "b 8b",
            )
        }
    };
}

pairs!(
    output_pairs,
    [
        // `RowScale::new` and `RowScale::parts` of four sums: multipliers to q6, and to q7 how far to shift left.
        "ldrd r4, r5, [r9, #36]",
        "ldr r6, [r9, #44]",
        "vldrw.u32 q0, [r4]",
        "mov r7, #1",
        "vdup.32 q5, r7",
        "vmax.u32 q0, q0, q5",
        "vclz.i32 q1, q0",
        "vshl.u32 q0, q0, q1",
        "movw r7, #0xf0f0",
        "movt r7, #0xf0f0",
        "vdup.32 q2, r7",
        "vmulh.u32 q2, q0, q2",
        "vshr.u32 q2, q2, #1",
        "movw r7, #0xb4b4",
        "movt r7, #0xb4b4",
        "vdup.32 q3, r7",
        "vsub.i32 q2, q3, q2",
        "mov r7, #0x80000000",
        "vdup.32 q4, r7",
        ".rept 3",
        "vmulh.u32 q3, q0, q2",
        "vsub.i32 q3, q4, q3",
        "vmulh.u32 q6, q2, q3",
        "vmul.i32 q2, q2, q3",
        "vshr.u32 q2, q2, #30",
        "vsli.32 q2, q6, #2",
        ".endr",
        "vdup.32 q3, r5",
        "vmulh.u32 q6, q2, q3",
        "vmul.i32 q2, q2, q3",
        "vshr.u32 q2, q2, #30",
        "vsli.32 q2, q6, #2",
        "vshr.u32 q3, q2, #30",
        "vneg.s32 q4, q3",
        "vshl.u32 q6, q2, q4",
        "vadd.i32 q1, q1, q3",
        "vsub.i32 q1, q1, r6",
        "vneg.s32 q5, q5",
        "vmin.s32 q7, q1, q5"
    ],
    [
        "vmov q0[2], q0[0], r0, r4",
        "vmov q0[3], q0[1], r2, r6",
        "vmov q1[2], q1[0], r8, r12",
        "vmov q1[3], q1[1], r10, lr",
        "vqdmulh.s32 q0, q0, q6",
        "vqdmulh.s32 q1, q1, q6",
        "vrshl.s32 q0, q0, q7",
        "vrshl.s32 q1, q1, q7",
        "vqmovnb.s32 q0, q0",
        "vqmovnt.s32 q0, q1",
        "vldrh.u16 q1, [r9, #48]",
        "vqmovnb.s16 q0, q0",
        "vstrb.16 q0, [r11, q1]",
        "add r11, r11, #2"
    ]
);
#[rustfmt::skip]
pairs!(
    total_pairs,
    [],
    [
        "mov r7, #1",
        "ldrd r1, r5, [r11]", "smlal r1, r5, r0, r7", "strd r1, r5, [r11]",
        "ldrd r1, r5, [r11, #8]", "smlal r1, r5, r8, r7", "strd r1, r5, [r11, #8]",
        "ldrd r0, r8, [r9, #64]",
        "add r11, r11, r0",
        "ldrd r1, r5, [r11]", "smlal r1, r5, r2, r7", "strd r1, r5, [r11]",
        "ldrd r1, r5, [r11, #8]", "smlal r1, r5, r10, r7", "strd r1, r5, [r11, #8]",
        "add r11, r11, r0",
        "ldrd r1, r5, [r11]", "smlal r1, r5, r4, r7", "strd r1, r5, [r11]",
        "ldrd r1, r5, [r11, #8]", "smlal r1, r5, r12, r7", "strd r1, r5, [r11, #8]",
        "add r11, r11, r0",
        "ldrd r1, r5, [r11]", "smlal r1, r5, r6, r7", "strd r1, r5, [r11]",
        "ldrd r1, r5, [r11, #8]", "smlal r1, r5, lr, r7", "strd r1, r5, [r11, #8]",
        "add r11, r11, r8"
    ]
);

/// `Σ w·v` of one query, whose weights start with its first, over at most 64 groups.
#[inline]
pub(super) fn total(weights: &[i32], values: &[i8], groups: usize) -> i32 {
    // Divisions, for products might not fit.
    if groups == 0 || groups > (weights.len() + GROUP - 4) / GROUP || groups > values.len() / 8 {
        return 0;
    }
    // SAFETY: weights and values of all groups lie within their slices.
    unsafe { total_groups(weights.as_ptr(), values.as_ptr(), groups) }
}

/// # Safety
/// Eight weights lie at `weights` and every 32 words after it, `groups` times, which is positive, and as many
/// values at `values`.
#[unsafe(naked)]
unsafe extern "C" fn total_groups(weights: *const i32, values: *const i8, groups: usize) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "mov r3, r0",
        "mov r0, #0",
        "dls lr, r2",
        "2:",
        "vldrh.u16 q0, [r3], #128",
        "vldrb.s16 q1, [r1], #8",
        "vmladava.s16 r0, q0, q1",
        "le lr, 2b",
        "pop {{r4, pc}}",
    )
}
