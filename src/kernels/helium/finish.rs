//! From sums to results: eight outputs of four rows at a time.

use super::LANES;
use crate::arithmetic::requantise::Channel;
use crate::kernels::Epilogue;
use core::arch::naked_asm;

/// Adds the biases to the sums `[rows][channels]`, requantises them and puts them to the epilogue, rows from `row` and
/// outputs from `output` on. False unless there are whole groups of channels and of rows; then nothing is done.
///
/// # Safety
/// There is a sum for each of the rows and channels, and a place for what becomes of it in the epilogue.
#[inline]
pub(super) unsafe fn finish(
    sums: &[i32],
    rows: usize,
    channels: &[Channel],
    epilogue: &mut Epilogue<'_>,
    row: usize,
    output: usize,
) -> bool {
    let (groups, tiles) = (channels.len() / 8, rows / LANES);
    let whole = channels.len().is_multiple_of(8) && rows.is_multiple_of(LANES);
    if groups == 0 || tiles == 0 || !whole {
        return false;
    }
    match epilogue {
        Epilogue::Store { out, row_stride, output_stride } => {
            // The offsets of eight outputs are 16-bit numbers.
            if *output_stride > 0xffff / 7 {
                return false;
            }
            let first = row * *row_stride + output * *output_stride;
            let stride = *output_stride as u16;
            // Only those that are not next to each other are stored by offsets.
            let offsets = if stride == 1 { [0; 8] } else { [0, 1, 2, 3, 4, 5, 6, 7].map(|i: u16| i * stride) };
            let call = Call {
                offsets,
                out: out.as_mut_ptr().wrapping_add(first).cast(),
                row_stride: *row_stride,
                step: 8 * *output_stride,
                groups,
                tiles,
            };
            let store = if stride == 1 { store } else { scatter };
            // SAFETY: there are `groups` groups of channels, and as many sums and places for each row.
            unsafe { store(sums.as_ptr(), channels.as_ptr(), &raw const call) };
        }
        Epilogue::Add { out, width } => {
            let out = out.as_mut_ptr().wrapping_add(row * *width + output).cast();
            let call = Call { offsets: [0; 8], out, row_stride: 2 * *width, step: 16, groups, tiles };
            // SAFETY: as above; strides count bytes.
            unsafe { add(sums.as_ptr(), channels.as_ptr(), &raw const call) };
        }
    }
    true
}

/// The functions below read it by offsets.
#[repr(C, align(4))]
struct Call {
    /// Of eight outputs, from the first.
    offsets: [u16; 8],
    out: *mut u8,
    row_stride: usize,
    /// From eight outputs to the next.
    step: usize,
    groups: usize,
    /// Four rows each.
    tiles: usize,
}

/// Defines a function for all groups: what is done with the eight 16-bit results in q6 of one row, whose place is in
/// a register, is up to `$put`.
macro_rules! finish {
    ($name:ident, $put:ident) => {
        /// # Safety
        /// Groups and tiles are positive; there are as many groups of eight channels and, for four rows per tile, of
        /// sums and, at the call's strides, of results.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(sums: *const i32, channels: *const Channel, call: *const Call) {
    #[rustfmt::skip]
            macro_rules! row {
                ($sums:literal, $out:literal) => {
                    concat!(
                        "vld20.32 {{q6, q7}}, [", $sums, "]\n",
                        "vld21.32 {{q6, q7}}, [", $sums, "]!\n",
                        "vadd.i32 q6, q6, q0\n",
                        "vadd.i32 q7, q7, q2\n",
                        "vqdmulh.s32 q6, q6, q1\n",
                        "vqdmulh.s32 q7, q7, q3\n",
                        "vrshl.s32 q6, q6, q4\n",
                        "vrshl.s32 q7, q7, q5\n",
                        "vqmovnb.s32 q6, q6\n",
                        "vqmovnt.s32 q6, q7\n",
                        $put!($out),
                    )
                };
            }
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "ldr r3, [r2, #16]",
                "ldr r11, [r2, #32]",
                // Below: the channels, the tile's place.
                "push {{r1, r3}}",
                "5:",
                "ldr r1, [sp]",
                "ldr r3, [sp, #4]",
                "ldr r12, [r2, #20]",
                "ldrd r7, lr, [r2, #24]",
                "add r4, r3, r12",
                "add r5, r4, r12",
                "add r6, r5, r12",
                "add r12, r6, r12",
                "str r12, [sp, #4]",
                "add r8, r0, lr, lsl #5",
                "add r9, r8, lr, lsl #5",
                "add r10, r9, lr, lsl #5",
                "dls lr, lr",
                "2:",
                // Biases and scales of even outputs, then of odd ones.
                "vld40.32 {{q0, q1, q2, q3}}, [r1]",
                "vld41.32 {{q0, q1, q2, q3}}, [r1]",
                "vld42.32 {{q0, q1, q2, q3}}, [r1]",
                "vld43.32 {{q0, q1, q2, q3}}, [r1]!",
                "vmov q4, q1",
                "vmov q5, q3",
                "vbic.i32 q1, #31",
                "vbic.i32 q3, #31",
                // The negative shifts, and the multipliers.
                "vsub.i32 q4, q1, q4",
                "vsub.i32 q5, q3, q5",
                "vshr.u32 q1, q1, #2",
                "vshr.u32 q3, q3, #2",
                row!("r0", "r3"),
                row!("r8", "r4"),
                row!("r9", "r5"),
                row!("r10", "r6"),
                "le lr, 2b",
                "mov r0, r10",
                "subs r11, r11, #1",
                "bne 5b",
                "add sp, sp, #8",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

#[rustfmt::skip]
macro_rules! put_store {
    ($out:literal) => {
        concat!("vqmovnb.s16 q6, q6\n", "vstrb.16 q6, [", $out, "], #8\n")
    };
}

#[rustfmt::skip]
macro_rules! put_scatter {
    ($out:literal) => {
        concat!(
            "vldrh.u16 q7, [r2]\n",
            "vqmovnb.s16 q6, q6\n",
            "vstrb.16 q6, [", $out, ", q7]\n",
            "add ", $out, ", ", $out, ", r7\n",
        )
    };
}

#[rustfmt::skip]
macro_rules! put_add {
    ($out:literal) => {
        concat!(
            "vldrh.u16 q7, [", $out, "]\n",
            "vqadd.s16 q6, q6, q7\n",
            "vstrh.16 q6, [", $out, "], #16\n",
        )
    };
}

finish!(store, put_store);
finish!(scatter, put_scatter);
finish!(add, put_add);
