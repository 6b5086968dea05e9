//! The last layer of a gated feed-forward part on 15-bit hidden values: they are made where [`row`] looks for a row of
//! 16-bit values, and pass the layer once.

use super::expand::UNWRITTEN;
use super::few::whole;
use super::gate::four_products;
use super::row::words;
use crate::arithmetic::requantise::{Channel, HIDDEN15_EXTRA_BITS, Scale};
use crate::kernels::{Epilogue, Gated, Layer, rows, tiles};
use core::arch::naked_asm;
use core::mem::MaybeUninit;

/// Outputs whose sums are in memory at a time.
const OUTPUTS: usize = 64;

/// [`Kernels::linear_hidden15`](crate::kernels::Kernels::linear_hidden15)
#[inline(never)]
pub(super) fn linear(hidden: Gated<'_, '_>) {
    let Gated { table, product, gate, up, layer } = hidden;
    let weights = layer.weights;
    let inputs = weights.inputs;
    let mut memory = UNWRITTEN;
    let (Epilogue::Add { out, width }, Some(memory)) = (&mut layer.epilogue, memory.get_mut(..words(inputs))) else {
        return other(Gated { table, product, gate, up, layer });
    };
    for (row, (gate, up)) in rows(gate, inputs).zip(rows(up, inputs)).enumerate() {
        let x = fill(table, product, gate, up, memory);
        let mut out = out.get_mut(row * *width..).unwrap_or(&mut []);
        let mut data = weights.data;
        for channels in tiles(layer.channels, OUTPUTS) {
            let mut memory = [0; OUTPUTS];
            let sums = memory.get_mut(..channels.len()).unwrap_or(&mut []);
            whole(1, x, inputs, data, weights.stride, sums);
            add_all(sums, channels, out);
            // Wraps only behind the last outputs.
            let next = OUTPUTS.wrapping_mul(weights.stride);
            (out, data) = (out.get_mut(OUTPUTS..).unwrap_or(&mut []), data.get(next..).unwrap_or(&[]));
        }
    }
}

/// A layer on rows that are very long, or to somewhere else.
#[cold]
#[inline(never)]
fn other(hidden: Gated<'_, '_>) {
    let Gated { table, product, gate, up, layer } = hidden;
    let Layer { weights, channels, epilogue } = layer;
    for (row, (gate, up)) in rows(gate, weights.inputs).zip(rows(up, weights.inputs)).enumerate() {
        for (output, &channel) in channels.iter().enumerate() {
            let w = weights.data.get(output * weights.stride..).unwrap_or(&[]);
            let mut sum = 0i32;
            for ((&gate, &up), &w) in gate.iter().zip(up).zip(w) {
                sum = sum.wrapping_add(value(table, product, gate, up) * i32::from(w));
            }
            epilogue.put_hidden15(row, output, sum, channel);
        }
    }
}

/// One copy of [`Gated::hidden15`].
#[inline(never)]
fn value(table: &[i16; 256], product: Scale, gate: i8, up: i8) -> i32 {
    Gated::hidden15(table, product, gate, up)
}

/// Adds what the channels make of some sums to `out`.
#[inline]
fn add_all(sums: &[i32], channels: &[Channel], out: &mut [i16]) {
    let count = sums.len().min(channels.len()).min(out.len());
    if count > 0 {
        let end = sums.as_ptr().wrapping_add(count);
        // SAFETY: up to `end` there is at least one sum, and as many channels and outputs.
        unsafe { add(sums.as_ptr(), channels.as_ptr(), out.as_mut_ptr(), end) };
    }
}

/// [`Epilogue::put_hidden15`] of one sum after the other; the scale is taken apart as in [`row`](super::row).
///
/// # Safety
/// From `sums` to `end` lies at least one sum; there are as many channels, and outputs.
#[unsafe(naked)]
unsafe extern "C" fn add(sums: *const i32, channels: *const Channel, out: *mut i16, end: *const i32) {
    naked_asm!(
        cpu!(),
        "push {{r4-r8, lr}}",
        "2:",
        "ldr r4, [r0], #4",
        "ldrd r5, r6, [r1], #8",
        "ldrsh r8, [r2]",
        "add r4, r4, r5, lsl #7",
        "and r7, r6, #31",
        "bic r6, r6, #31",
        "smmla r4, r4, r6, r4",
        "asr r4, r4, r7",
        "add r4, r4, #128",
        "ssat r4, #16, r4, asr #8",
        "qadd16 r4, r4, r8",
        "strh r4, [r2], #2",
        "cmp r0, r3",
        "bne 2b",
        "pop {{r4-r8, pc}}",
    )
}

/// The hidden values of a row, `memory` being as many words as they take; `gate` and `up` have one length.
#[inline]
fn fill<'m>(
    table: &[i16; 256],
    product: Scale,
    gate: &[i8],
    up: &[i8],
    memory: &'m mut [MaybeUninit<u32>],
) -> &'m [u32] {
    let (gates, gates_left) = gate.as_chunks::<4>();
    let (ups, ups_left) = up.as_chunks::<4>();
    if let Some((pairs, singles)) = memory.split_at_mut_checked(2 * gates.len())
        && ups.len() == gates.len()
        && singles.len() == gates_left.len()
        && ups_left.len() == gates_left.len()
    {
        if !gates.is_empty() {
            let shift = product.shift().saturating_sub(HIDDEN15_EXTRA_BITS).max(1);
            let call =
                Call { multiplier: 2 * product.bits(), half: 1 << (shift - 1), shift, end: gates.as_ptr_range().end };
            // SAFETY: up to the end lies a positive number of fours, there are as many of `up`, and two words for each.
            unsafe { products(gates.as_ptr(), ups.as_ptr(), table, pairs.as_mut_ptr().cast(), &raw const call) };
        }
        for (word, (&gate, &up)) in singles.iter_mut().zip(gates_left.iter().zip(ups_left)) {
            word.write(value(table, product, gate, up) as u32);
        }
        // SAFETY: all words have been written: two for each four, and what is left.
        return unsafe { core::slice::from_raw_parts(memory.as_ptr().cast(), memory.len()) };
    }
    &[]
}

/// What [`products`] has in further registers.
#[repr(C)]
struct Call {
    /// Twice the multiplier.
    multiplier: i32,
    half: i32,
    shift: u32,
    end: *const [i8; 4],
}

/// # Safety
/// From `gate` to `call.end` lies a positive number of fours; `up` has as many, and there are two words for each.
#[unsafe(naked)]
unsafe extern "C" fn products(
    gate: *const [i8; 4],
    up: *const [i8; 4],
    table: &[i16; 256],
    words: *mut u32,
    call: *const Call,
) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldr r4, [sp, #36]",
        "ldm r4, {{r4-r7}}",
        "mov r11, r7",
        "2:",
        four_products!("15"),
        "pkhbt r10, r10, lr, lsl #16",
        "pkhbt r12, r12, r7, lsl #16",
        "strd r10, r12, [r3], #8",
        "cmp r0, r11",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}
