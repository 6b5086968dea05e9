//! One row of 16-bit values against rows of int8: a token at a time.
//!
//! The row is expanded once, in the order that SXTB16 gives: for each 4 inner positions `i` two words,
//! `x[i] | x[i + 2] << 16` and `x[i + 1] | x[i + 3] << 16`; what is left over are words of one value each. Four bytes
//! then take two SXTB16 and two SMLAD, and as few loads as the registers allow.

use super::INNER;
use super::expand::{Expanded, Memory, UNWRITTEN};
use super::pair::{Finish, rows_in};
use crate::arithmetic::requantise::Channel;
use crate::kernels::generic::linear::{RowTile, TileLinear};
use crate::kernels::{Epilogue, Layer, Matrix, Products, RowScale, Rows};
use core::arch::naked_asm;
use core::mem::offset_of;

/// Inner positions of a block.
const BLOCK: usize = 32;
/// Groups of four inner positions that are unrolled.
const QUADS: usize = 8;

/// All layers on less than four rows.
#[inline(never)]
pub(super) fn linear(products: Products<'_, '_>) {
    // SAFETY: these are all of its layers and rows.
    unsafe { rows(products.x, 0, &mut { UNWRITTEN }, products.layers) };
}

/// All layers on some rows, of which the first is row `first` of the sinks, one after the other.
///
/// # Safety
/// Layers and rows are of the same [`Products`], and the first row is row `first` of these.
#[inline(never)]
pub(super) unsafe fn rows(x: Rows<'_>, first: usize, memory: &mut Memory, layers: &mut [Layer<'_>]) {
    let mut row = Row { memory, inputs: 0 };
    for (index, x) in (first..).zip(x.iter()) {
        row.inputs = 0;
        for layer in &mut *layers {
            let inputs = x.len().min(layer.weights.inputs);
            // Expanded once for all layers, unless they look at more or less of it.
            let there = row.inputs == inputs || row.fill(x.get(..inputs).unwrap_or(x));
            // SAFETY: the layer fits the row, which is row `index`.
            unsafe {
                if !(there && row.layer(layer, index)) {
                    row.inputs = 0;
                    other(x, index, inputs, row.memory, layer);
                }
            }
        }
    }
}

/// A layer on a row that is very long.
///
/// # Safety
/// The layer fits rows as those of [`Products`] do, of which this is row `first`.
#[cold]
#[inline(never)]
unsafe fn other(x: &[i8], first: usize, inputs: usize, memory: &mut Memory, layer: &mut Layer<'_>) {
    let mut expanded = Expanded::new(memory);
    let tile = RowTile { x: Rows { data: x, width: x.len() }, first, lanes: 1 };
    // SAFETY: as the caller promises.
    unsafe {
        if inputs <= INNER {
            expanded.load(tile, 0, inputs);
        }
        expanded.layer(tile, inputs, layer);
    }
}

/// A row of activations for some layers, expanded.
struct Row<'m> {
    memory: &'m mut Memory,
    /// Its values; 0 while it is not there.
    inputs: usize,
}

impl Row<'_> {
    /// Takes a row; false if it does not fit.
    #[inline]
    fn fill(&mut self, x: &[i8]) -> bool {
        let fits = expand(x, self.memory);
        self.inputs = if fits { x.len() } else { 0 };
        fits
    }

    /// One layer, of which this is row `row`; false if there is nothing to multiply, and nothing is done.
    ///
    /// # Safety
    /// The layer fits rows as those of [`Products`] do, of which this is row `row`.
    #[inline]
    unsafe fn layer(&self, layer: &mut Layer<'_>, row: usize) -> bool {
        let Layer { weights, channels, epilogue } = layer;
        let Some(first) = channels.first() else { return true };
        let words = self.memory.get(..words(self.inputs)).unwrap_or(&[]);
        // SAFETY: `fill` has written the words of a row of `inputs`.
        let x = unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), words.len()) };
        let (out, out_stride, finish) = match epilogue {
            Epilogue::Store { out, row_stride, output_stride } => {
                let finish = if *output_stride == 1 { Entry::StoreNext } else { Entry::Store };
                (out.as_mut_ptr().wrapping_add(row * *row_stride).cast(), *output_stride, finish)
            }
            Epilogue::Add { out, width } => (out.as_mut_ptr().wrapping_add(row * *width).cast(), 0, Entry::Add),
        };
        // Not by way of the first channel alone, for the others are behind it.
        let channel = channels.as_ptr().wrapping_byte_add(offset_of!(Channel, scale)).cast();
        let cursor = Cursor { channel, out, end: channels.as_ptr_range().end.cast(), out_stride };
        let Matrix { data, stride, .. } = *weights;
        let Some(call) = Call::new(x, self.inputs, data, stride, channels.len(), cursor, finish) else { return false };
        // SAFETY: `Call::new` found the row long enough, and a channel at least, each with weights and a place.
        unsafe { products(&raw const call, data.as_ptr(), first.bias) };
        true
    }
}

/// Words of a row of so many values.
#[inline]
pub(super) const fn words(inputs: usize) -> usize {
    inputs / 4 * 2 + inputs % 4
}

/// Expands a row into the words that it has; false if they do not fit.
#[inline]
fn expand(x: &[i8], memory: &mut Memory) -> bool {
    let (quads, rest) = x.as_chunks::<4>();
    let Some((pairs, singles)) =
        memory.get_mut(..words(x.len())).and_then(|words| words.split_at_mut_checked(2 * quads.len()))
    else {
        return false;
    };
    if !quads.is_empty() {
        // SAFETY: there are two words for each of the quads, of which there is one at least.
        unsafe { expand_quads(quads.as_ptr(), pairs.as_mut_ptr().cast(), quads.as_ptr_range().end) };
    }
    for (word, &x) in singles.iter_mut().zip(rest) {
        word.write(i32::from(x) as u32);
    }
    true
}

/// # Safety
/// From `x` to `end` lies a positive number of quads, and there are two words for each.
#[unsafe(naked)]
unsafe extern "C" fn expand_quads(x: *const [i8; 4], words: *mut u32, end: *const [i8; 4]) {
    naked_asm!(
        cpu!(),
        "2:",
        "ldr r3, [r0], #4",
        "sxtb16 r12, r3",
        "sxtb16 r3, r3, ror #8",
        "strd r12, r3, [r1], #8",
        "cmp r0, r2",
        "bne 2b",
        "bx lr",
    )
}

/// `Σ x·w` for rows of `w`, `stride` bytes apart: those that lie in `w`. Gives their number.
pub(super) fn sums(x: &[u32], inputs: usize, w: &[i8], stride: usize, sums: &mut [i32]) -> usize {
    let rows = rows_in(w, inputs, stride, sums.len());
    let Some(sums) = sums.get_mut(..rows) else { return 0 };
    let out = sums.as_mut_ptr_range();
    let cursor = Cursor { channel: core::ptr::null(), out: out.start.cast(), end: out.end.cast(), out_stride: 0 };
    let Some(call) = Call::new(x, inputs, w, stride, rows, cursor, Entry::Sum) else { return 0 };
    // SAFETY: `Call::new` found the row long enough, and a sum at least; so many rows lie in `w`.
    unsafe { products(&raw const call, w.as_ptr(), 0) };
    rows
}

/// The sums of [`sums`] by a scale, to int8.
pub(super) fn outputs(x: &[u32], inputs: usize, w: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) -> usize {
    let rows = rows_in(w, inputs, stride, out.len());
    let scale = Finish::from(scale);
    let end = out.as_ptr().wrapping_add(rows).cast();
    let cursor = Cursor { channel: (&raw const scale).cast(), out: out.as_mut_ptr().cast(), end, out_stride: 0 };
    let Some(call) = Call::new(x, inputs, w, stride, rows, cursor, Entry::Scaled) else { return 0 };
    // SAFETY: `Call::new` found the row long enough, and an output at least; so many rows lie in `w`.
    unsafe { products(&raw const call, w.as_ptr(), 0) };
    rows
}

/// Where [`products`] goes on: its table has the same order.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Entry {
    /// Two blocks.
    Blocks = 0,
    /// The second of them.
    Block = 1,
    /// All quads that are unrolled; the entries behind it leave out more and more of them.
    Quads = 2,
    MoreBlocks = 2 + QUADS as u32,
    MoreQuads,
    Singles,
    Skip,
    StoreNext,
    Store,
    Add,
    Sum,
    Scaled,
}

/// Where outputs come from and go to.
#[repr(C)]
struct Cursor {
    /// The scale of the first channel; or that of all outputs.
    channel: *const (),
    out: *mut (),
    /// End of the channels; of `out` where there are none.
    end: *const (),
    /// From an output to the next, where it is not the one beside it.
    out_stride: usize,
}

/// What [`products`] has on its stack, but for the entries: there they are addresses.
#[repr(C)]
struct Call {
    x: *const u32,
    cursor: Cursor,
    block_end: *const u32,
    quad_end: *const u32,
    x_end: *const u32,
    skip: usize,
    /// Start of a row; after the blocks, of two or of one; after all blocks; after the quads; after the row; and the
    /// output.
    entries: [u32; 6],
}

impl Call {
    /// For `rows` rows from the start of `w` on, if `x` is as long, and they are not empty.
    #[inline(always)] // Else it would be copied.
    fn new(
        x: &[u32],
        inputs: usize,
        w: &[i8],
        stride: usize,
        rows: usize,
        cursor: Cursor,
        finish: Entry,
    ) -> Option<Self> {
        let words = words(inputs);
        if rows == 0 || inputs == 0 || x.len() < words {
            return None;
        }
        // A block loads several words at a time, which must be aligned.
        let aligned = w.as_ptr().cast::<u32>().is_aligned() && (stride.is_multiple_of(4) || rows == 1);
        let blocks = if aligned { inputs / BLOCK } else { 0 };
        let quads = inputs / 4 - blocks * (BLOCK / 4);
        let skip = if rows == 1 { 0 } else { stride.wrapping_sub(inputs) };

        let end = if skip == 0 { finish } else { Entry::Skip } as u32;
        let after_all_quads = if inputs.is_multiple_of(4) { end } else { Entry::Singles as u32 };
        // The first pass over what is unrolled does the turns that fill no whole pass.
        let rest = match quads {
            0 => after_all_quads,
            _ => Entry::Quads as u32 + (quads.wrapping_neg() % QUADS) as u32,
        };
        let start = match blocks {
            0 => rest,
            _ if blocks.is_multiple_of(2) => Entry::Blocks as u32,
            _ => Entry::Block as u32,
        };
        let after_blocks = if blocks > 2 { Entry::MoreBlocks as u32 } else { rest };
        let after_quads = if quads > QUADS { Entry::MoreQuads as u32 } else { after_all_quads };
        let entries = [start, after_blocks, rest, after_quads, end, finish as u32];
        let x = x.as_ptr();
        let (block_end, quad_end) = (x.wrapping_add(blocks * (BLOCK / 2)), x.wrapping_add(inputs / 4 * 2));
        Some(Self { x, cursor, block_end, quad_end, x_end: x.wrapping_add(words), skip, entries })
    }
}

/// Four products of the word `w` with the words `even` and `odd` of the row, added to r2; `w` and lr are lost.
macro_rules! quad {
    ($w:literal, $even:literal, $odd:literal) => {
        lines!(
            concat!("sxtb16 lr, ", $w),
            concat!("smlad r2, ", $even, ", lr, r2"),
            concat!("sxtb16 ", $w, ", ", $w, ", ror #8"),
            concat!("smlad r2, ", $odd, ", ", $w, ", r2")
        )
    };
}

/// 32 inner positions, of which the first word of weights is in r12: words are loaded into whatever registers are free,
/// as many as there is room for. The last weights are loaded into r3, r4, r11 and what is said, such as the next
/// block's first word into r12.
macro_rules! block {
    ($and_next:literal) => {
        lines!(
            "ldm r0!, {{r3-r10}}",
            quad!("r12", "r3", "r4"),
            "ldm r1!, {{r3, r4, r11, r12}}",
            quad!("r3", "r5", "r6"),
            quad!("r4", "r7", "r8"),
            quad!("r11", "r9", "r10"),
            "ldm r0!, {{r3-r10}}",
            quad!("r12", "r3", "r4"),
            concat!("ldm r1!, {{r3, r4, r11", $and_next, "}}"),
            quad!("r3", "r5", "r6"),
            quad!("r4", "r7", "r8"),
            quad!("r11", "r9", "r10")
        )
    };
}

/// Four inner positions in 24 bytes of code, from weights that lie anywhere.
macro_rules! loaded {
    () => {
        lines!("ldr r12, [r1], #4", "ldrd r3, r4, [r0], #8", quad!("r12", "r3", "r4"))
    };
}

/// Requantises r2 into r9, saturated to a number of bits; x, channel, output and end of channels go to r0 and r3 to r5.
///
/// The word of a scale without its shift is four times the multiplier, but negative: SMMLA, which adds the sum once
/// more, gives the product by 2^30, rounded down.
macro_rules! requantise {
    ($bits:literal) => {
        lines!(
            "ldm sp, {{r0, r3, r4, r5}}",
            "ldr r7, [r3], #4",
            "and r8, r7, #31",
            "bic r7, r7, #31",
            "smmla r9, r2, r7, r2",
            "asr r9, r9, r8",
            "add r9, r9, #1",
            concat!("ssat r9, #", $bits, ", r9, asr #1")
        )
    };
}

/// On to the next channel, if there is one.
macro_rules! next {
    () => {
        lines!("cmp r3, r5", "beq 99f", "ldr r2, [r3], #4", "strd r3, r4, [sp, #4]", "ldr pc, [sp, #36]")
    };
}

/// `sum + Σ x·w` for one row after the other, each to where `call` says; `sum` is the first channel's bias.
///
/// # Safety
/// `call` comes from [`Call::new`]: `x` has the words, and each row from `w` on the bytes, that it goes through;
/// outputs may be written from `out` on for each channel up to the end.
#[unsafe(naked)]
unsafe extern "C" fn products(call: *const Call, w: *const i8, sum: i32) {
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "sub sp, sp, #60",
        "ldm r0!, {{r4-r12}}",
        "stm sp, {{r4-r12}}",
        // Entries become addresses.
        "add r3, sp, #36",
        "add r4, r3, #24",
        "adr r5, 90f",
        "2:",
        "ldr r6, [r0], #4",
        "ldrsh r6, [r5, r6, lsl #1]",
        "add r6, r6, r5",
        "str r6, [r3], #4",
        "cmp r3, r4",
        "bne 2b",
        "ldr r0, [sp]",
        "ldr pc, [sp, #36]",
        ".p2align 2",
        "90:",
        ".hword 10f - 90b + 1",
        ".hword 11f - 90b + 1",
        ".hword 20f - 90b + 1",
        ".hword 20f - 90b + 25",
        ".hword 20f - 90b + 49",
        ".hword 20f - 90b + 73",
        ".hword 20f - 90b + 97",
        ".hword 20f - 90b + 121",
        ".hword 20f - 90b + 145",
        ".hword 20f - 90b + 169",
        ".hword 30f - 90b + 1",
        ".hword 40f - 90b + 1",
        ".hword 50f - 90b + 1",
        ".hword 60f - 90b + 1",
        ".hword 70f - 90b + 1",
        ".hword 71f - 90b + 1",
        ".hword 72f - 90b + 1",
        ".hword 73f - 90b + 1",
        ".hword 74f - 90b + 1",
        ".p2align 2",
        "10:",
        "ldr r12, [r1], #4",
        block!(", r12"),
        "12:",
        block!(""),
        "ldr pc, [sp, #40]",
        "11:",
        "ldr r12, [r1], #4",
        "b 12b",
        "30:",
        "ldr r3, [sp, #20]",
        "cmp r0, r3",
        "bne 10b",
        "ldr pc, [sp, #44]",
        "20:",
        loaded!(),
        loaded!(),
        loaded!(),
        loaded!(),
        loaded!(),
        loaded!(),
        loaded!(),
        loaded!(),
        "ldr pc, [sp, #48]",
        "40:",
        "ldr r3, [sp, #24]",
        "cmp r0, r3",
        "bne 20b",
        "ldr r3, [sp, #28]",
        "cmp r0, r3",
        "bne 50f",
        "ldr pc, [sp, #52]",
        // What is left of a row, value by value.
        "50:",
        "ldrsb r3, [r1], #1",
        "ldr r4, [r0], #4",
        "mla r2, r3, r4, r2",
        "ldr r5, [sp, #28]",
        "cmp r0, r5",
        "bne 50b",
        "ldr pc, [sp, #52]",
        // What lies between two rows.
        "60:",
        "ldr r3, [sp, #32]",
        "add r1, r1, r3",
        "ldr pc, [sp, #56]",
        // To int8, one beside the other.
        "70:",
        requantise!("8"),
        "strb r9, [r4], #1",
        next!(),
        // To int8, further apart.
        "71:",
        requantise!("8"),
        "strb r9, [r4]",
        "ldr r6, [sp, #16]",
        "add r4, r4, r6",
        next!(),
        // Added to int16.
        "72:",
        requantise!("16"),
        "ldrsh r6, [r4]",
        "qadd16 r9, r9, r6",
        "strh r9, [r4], #2",
        next!(),
        // The sum as it is.
        "73:",
        "ldr r0, [sp]",
        "ldrd r4, r5, [sp, #8]",
        "str r2, [r4], #4",
        "mov r2, #0",
        "str r4, [sp, #8]",
        "cmp r4, r5",
        "beq 99f",
        "ldr pc, [sp, #36]",
        // To int8, all by one scale.
        "74:",
        "ldm sp, {{r0, r3, r4, r5}}",
        "ldm r3, {{r6-r8}}",
        "smmla r9, r2, r6, r7",
        "mov r2, #0",
        "asr r9, r9, r8",
        "ssat r9, #8, r9",
        "strb r9, [r4], #1",
        "str r4, [sp, #8]",
        "cmp r4, r5",
        "beq 99f",
        "ldr pc, [sp, #36]",
        "99:",
        "add sp, sp, #60",
        "pop {{r4-r11, pc}}",
    )
}
