//! Cortex-M4, M7 and M33: the DSP extension, two 16-bit products per instruction (SMLAD).
//!
//! Everything is brought to one loop, [`products`]: four rows of 16-bit values, interleaved, against
//! rows of int8. The four rows are activations of four positions, four queries, or the softmax weights
//! of four queries; the int8 rows are weights in flash, keys, or transposed values. Four bytes are
//! loaded, split into two pairs (SXTB16) and multiplied with all four rows: 13 instructions for 16 products.

use super::{Kernels, Layer, RowScale, Rows, Tile, Witness, portable, tiles};
use crate::softmax::{Steepness, Weight};
use core::arch::{asm, naked_asm};

/// The extension is optional in Armv8-M, where the assembler must be told of a core that has it.
#[cfg(heedful_armv8m)]
macro_rules! cpu {
    () => {
        ".cpu cortex-m33"
    };
}
#[cfg(not(heedful_armv8m))]
macro_rules! cpu {
    () => {
        ""
    };
}

/// The backend for Cortex-M cores with the DSP extension.
#[derive(Clone, Copy, Debug)]
pub struct Dsp;

/// Rows that [`products`] takes at a time.
const LANES: usize = 4;
/// Inner positions that are expanded at a time: 2 KiB of stack.
const INNER: usize = 256;
/// Outputs whose sums are in memory at a time: 512 bytes of stack.
const OUTPUTS: usize = 32;
/// Words of four rows and four inner positions.
const GROUP: usize = 2 * LANES;

/// One value per row.
type Lanes = [i32; LANES];

impl Kernels for Dsp {
    const NAME: &'static str = "DSP";
    const QUERIES: usize = LANES;
    // Weights take the place of the scores; a row is laid out in order for a witness only.
    const WEIGHT_ROWS: usize = 1;

    // Not inlined, here and below: each copy would have its own buffers on the stack.
    #[inline(never)]
    fn linear(x: Rows<'_>, layers: &mut [Layer<'_>]) {
        let mut expanded = Expanded::new();
        for (tile, data) in tiles(x.data, x.width * LANES).enumerate() {
            let x = Rows { data, ..x };
            let mut filled = None;
            for layer in &mut *layers {
                // Rows that fit at once are expanded once for all layers.
                let inputs = x.width.min(layer.weights.inputs);
                if inputs <= INNER && filled != Some(inputs) {
                    expanded.fill(data, x.width, 0, inputs);
                    filled = Some(inputs);
                }
                tile_linear(x, tile * LANES, inputs, &mut expanded, layer);
            }
        }
    }

    #[inline(never)]
    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
        let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
        scores.fill([0; LANES]);
        let mut expanded = Expanded::new();
        expanded.fill(tile.queries, tile.dim, 0, tile.dim);
        accumulate(&expanded.words, tile.keys, tile.dim, tile.dim, scores);

        let (shared, rest) = scores.split_at(shared(tile.visible).min(scores.len()));
        let mut max = [i32::MIN; LANES];
        for scores in shared {
            for (max, &score) in max.iter_mut().zip(scores) {
                *max = (*max).max(score);
            }
        }
        for (lane, (max, &visible)) in max.iter_mut().zip(tile.visible).enumerate() {
            let seen = rest.iter().take(visible - shared.len()).filter_map(|scores| scores.get(lane));
            *max = seen.fold(*max, |max, &score| max.max(score));
        }
        for (to, max) in tile.max.iter_mut().zip(max) {
            *to = max;
        }
    }

    /// Weights take the place of their scores: those of the keys that all queries see in the layout of
    /// [`Expanded`], in the first half of their scores; those of the other keys each in the place of its score.
    #[inline(never)]
    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        let (scores, _) = tile.scores.as_chunks_mut::<LANES>();
        let Some(scores) = scores.get_mut(..most(tile.visible)) else { return };
        let (shared, rest) = scores.split_at_mut(shared(tile.visible).min(scores.len()));
        let seen = shared.len();
        let mut softmax = Softmax::new::<W>(&tile.max, tile.steepness);
        softmax.weigh_shared(shared);
        for (key, scores) in rest.iter_mut().enumerate() {
            let lanes = scores.iter_mut().zip(&tile.max).zip(&mut softmax.sums);
            for (lane, ((score, &max), sum)) in lanes.enumerate() {
                *score = match tile.visible.get(lane) {
                    Some(&visible) if seen + key < visible => {
                        W::exp2(tile.steepness.exponent(max.wrapping_sub(*score) as u32)).to_int()
                    }
                    _ => 0,
                };
                *sum += *score as u32;
            }
        }
        for (to, sum) in tile.sums.iter_mut().zip(softmax.sums) {
            *to = sum;
        }
    }

    #[inline(never)]
    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        let (scores, _) = tile.scores.as_chunks::<LANES>();
        let Some(scores) = scores.get(..most(tile.visible)) else { return };
        let (shared, rest) = scores.split_at(shared(tile.visible).min(scores.len()));
        let weights = Weights { shared: bytemuck::must_cast_slice(shared.as_flattened()), keys: shared.len(), rest };
        let scales: [RowScale; LANES] =
            core::array::from_fn(|lane| RowScale::new(tile.sums.get(lane).copied().unwrap_or(0), tile.ratio));
        let mut first = 0;
        while first < tile.dim {
            let count = (tile.dim - first).min(OUTPUTS);
            let totals = weights.sums(tile.values.get(first * tile.positions..).unwrap_or(&[]), tile.positions, count);
            for (dim, totals) in totals.iter().take(count).enumerate() {
                for (lane, ((scale, &total), _)) in scales.iter().zip(totals).zip(tile.visible).enumerate() {
                    if let Some(out) = tile.out.get_mut(lane * tile.out_stride + first + dim) {
                        *out = scale.to_i8(total);
                    }
                }
            }
            first += count;
        }
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, witness: &mut impl Witness<W>) {
        let (scores, _) = tile.scores.as_chunks::<LANES>();
        let Some(scores) = scores.get(..most(tile.visible)) else { return };
        let (shared, rest) = scores.split_at(shared(tile.visible).min(scores.len()));
        let words: &[u32] = bytemuck::must_cast_slice(shared.as_flattened());
        for (lane, &visible) in tile.visible.iter().enumerate() {
            let Some(row) = tile.weights.get_mut(..visible) else { return };
            let rest = rest.iter().filter_map(|weights| weights.get(lane)).copied();
            let weights = (0..shared.len()).map(|key| lane_of(words, key, lane)).chain(rest);
            for (to, weight) in row.iter_mut().zip(weights) {
                *to = W::from_int(weight);
            }
            witness.row(lane, row);
        }
    }
}

/// Keys that any of the queries sees.
#[inline]
fn most(visible: &[usize]) -> usize {
    visible.iter().copied().max().unwrap_or(0)
}

/// Keys that all queries see, in whole groups.
#[inline]
fn shared(visible: &[usize]) -> usize {
    visible.iter().copied().min().unwrap_or(0) & !3
}

/// One layer on a tile of up to four rows, of which the first is row `first` of the sink. The rows are already
/// expanded if they fit.
#[inline]
fn tile_linear(x: Rows<'_>, first: usize, inputs: usize, expanded: &mut Expanded, layer: &mut Layer<'_>) {
    let Layer { weights, channels, sink } = layer;
    let rows = x.data.len().checked_div(x.width).unwrap_or(0);
    let mut sums = [[0; LANES]; OUTPUTS];
    for (block, channels) in tiles(channels, OUTPUTS).enumerate() {
        let (Some(data), Some(sums)) =
            (weights.data.get(block * OUTPUTS * weights.stride..), sums.get_mut(..channels.len()))
        else {
            return;
        };
        for (sum, channel) in sums.iter_mut().zip(channels) {
            *sum = [channel.bias; LANES];
        }
        let mut start = 0;
        while start < inputs {
            let length = (inputs - start).min(INNER);
            if inputs > INNER {
                expanded.fill(x.data, x.width, start, length);
            }
            accumulate(&expanded.words, data.get(start..).unwrap_or(&[]), weights.stride, length, sums);
            start += length;
        }
        for (output, (sums, &channel)) in sums.iter().zip(channels).enumerate() {
            for (lane, &sum) in sums.iter().take(rows).enumerate() {
                sink.put(first + lane, block * OUTPUTS + output, sum, channel);
            }
        }
    }
}

/// Up to four rows, expanded to 16 bits and interleaved. For each 4 inner positions `i` there are eight
/// words: `x[i] | x[i + 2] << 16` of each row, then `x[i + 1] | x[i + 3] << 16` of each row.
struct Expanded {
    words: [u32; INNER / 4 * GROUP],
}

impl Expanded {
    #[inline]
    const fn new() -> Self {
        Self { words: [0; _] }
    }

    /// Takes `length` values from `start` on of each row of `x` `[rows][width]`; what is missing becomes 0.
    #[inline]
    fn fill(&mut self, x: &[i8], width: usize, start: usize, length: usize) {
        for lane in 0..LANES {
            let row = x.get(lane * width + start..).unwrap_or(&[]);
            let row = row.get(..length).unwrap_or(&[]);
            let (quads, tail) = row.as_chunks::<4>();
            let mut last = [0; 4];
            for (to, &from) in last.iter_mut().zip(tail) {
                *to = from;
            }
            let quads = quads.iter().copied().chain(core::iter::once(last)).chain(core::iter::repeat([0; 4]));
            let (groups, _) = self.words.as_chunks_mut::<GROUP>();
            for (group, quad) in groups.iter_mut().take(length.div_ceil(4)).zip(quads) {
                let quad = u32::from_le_bytes(quad.map(|x| x as u8));
                let (evens, odds) = group.split_at_mut(LANES);
                if let (Some(evens), Some(odds)) = (evens.get_mut(lane), odds.get_mut(lane)) {
                    *evens = even(quad);
                    *odds = even(quad.rotate_right(8));
                }
            }
        }
    }
}

/// Bytes 0 and 2 of a word, as two 16-bit integers.
#[inline]
fn even(quad: u32) -> u32 {
    let pair;
    // SAFETY: only registers are read and written.
    unsafe {
        asm!(cpu!(), "sxtb16 {}, {}", out(reg) pair, in(reg) quad, options(pure, nomem, nostack, preserves_flags))
    };
    pair
}

/// The value of one row at one inner position.
#[inline]
fn lane_of(words: &[u32], inner: usize, lane: usize) -> i32 {
    let word = words.get(inner / 4 * GROUP + inner % 2 * LANES + lane).copied().unwrap_or(0);
    i32::from((word >> (inner % 4 / 2 * 16)) as i16)
}

/// Adds to `sums[o][lane]` the products of the row `o` of `w` (`stride` bytes apart, `length` of which count) with each lane of `x`.
#[inline]
fn accumulate(x: &[u32], w: &[i8], stride: usize, length: usize, sums: &mut [Lanes]) {
    let groups = length / 4;
    // As many rows as the weights hold, the last one without what lies between rows.
    let rows = match w.len().checked_sub(length) {
        Some(rest) => (rest.checked_div(stride).unwrap_or(0) + 1).min(sums.len()),
        None => 0,
    };
    let Some(sums) = sums.get_mut(..rows) else { return };
    if groups > 0 && !sums.is_empty() && x.len() >= groups * GROUP {
        let end = sums.as_mut_ptr_range().end;
        let shape = Shape { groups, skip: stride.wrapping_sub(4 * groups), end };
        // SAFETY: there is at least one row and one group. `x` holds `groups` groups (checked above) and is word-aligned;
        // `w` holds `rows` rows, each of at least 4 * groups bytes (by the count of rows above); `sums` ends at `end`.
        unsafe { products(x.as_ptr(), w.as_ptr(), &raw const shape, sums.as_mut_ptr()) };
    }
    for inner in groups * 4..length {
        for (row, sums) in sums.iter_mut().enumerate() {
            let w = i32::from(w.get(row * stride + inner).copied().unwrap_or(0));
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = sum.wrapping_add(w * lane_of(x, inner, lane));
            }
        }
    }
}

/// What [`products`] needs to know besides its pointers.
#[repr(C)]
struct Shape {
    /// Inner positions over 4, at least 1.
    groups: usize,
    /// Bytes from the end of a row's last group to the next row.
    skip: usize,
    /// End of the sums.
    end: *mut Lanes,
}

/// Adds `Σ w·x` of four rows `x` to each `sums`, up to `shape.end`.
///
/// # Safety
/// `x` points to `8 * groups` aligned words, `w` to a row of `4 * groups` bytes for each element from `sums` to `end`,
/// `skip` bytes apart; there is at least one element, and `groups > 0`.
#[unsafe(naked)]
unsafe extern "C" fn products(x: *const u32, w: *const i8, shape: *const Shape, sums: *mut Lanes) {
    macro_rules! group {
        () => {
            "ldr r12, [r1], #4
             ldm r0!, {{r8-r11}}
             sxtb16 lr, r12
             smlad r4, r8, lr, r4
             smlad r5, r9, lr, r5
             smlad r6, r10, lr, r6
             smlad r7, r11, lr, r7
             ldm r0!, {{r8-r11}}
             sxtb16 lr, r12, ror #8
             smlad r4, r8, lr, r4
             smlad r5, r9, lr, r5
             smlad r6, r10, lr, r6
             smlad r7, r11, lr, r7"
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "ldm r2, {{r2, r4, r5}}",
        // x, groups, skip, end: the start of each row is loaded from here.
        "push {{r0, r2, r4, r5}}",
        "2:",
        "ldm sp, {{r0, r2}}",
        "ldm r3, {{r4-r7}}",
        "lsrs r2, r2, #1",
        "bcc 3f",
        group!(),
        "cmp r2, #0",
        "beq 4f",
        "3:",
        group!(),
        group!(),
        "subs r2, r2, #1",
        "bne 3b",
        "4:",
        "stm r3!, {{r4-r7}}",
        "ldrd r8, r9, [sp, #8]",
        "add r1, r1, r8",
        "cmp r3, r9",
        "bne 2b",
        "add sp, sp, #16",
        "pop {{r4-r11, pc}}",
    )
}

/// The softmax of four rows of scores; [`weigh`] reads it by offsets.
#[repr(C)]
struct Softmax {
    /// Maximum of each row, times 2^8.
    max: Lanes,
    /// Sum of the weights of each row.
    sums: [u32; LANES],
    steepness: u32,
    /// Added to the exponent, so that its octaves are the final shift.
    bias: u32,
    /// Coefficients, the lower two with rounding for a shift by 11.
    a2: i32,
    a1: i32,
    a0: i32,
    /// End of the scores.
    end: *const Lanes,
}

impl Softmax {
    #[inline]
    fn new<W: Weight>(max: &[i32], steepness: Steepness) -> Self {
        let [a0, a1, a2] = W::POLYNOMIAL;
        Self {
            max: core::array::from_fn(|lane| max.get(lane).copied().unwrap_or(0) << 8),
            sums: [0; LANES],
            steepness: steepness.bits(),
            bias: (11 + W::SHIFT) << 11,
            a2,
            // (a·f·2^4 + 2^14) >> 15 is (a·f + 2^10) >> 11.
            a1: (a1 << 11) + (1 << 10),
            a0: (a0 << 11) + (1 << 10),
            end: core::ptr::null(),
        }
    }

    /// Turns scores (a multiple of 4 keys) into weights, in place: they take the first half, laid out as [`Expanded`].
    #[inline]
    fn weigh_shared(&mut self, scores: &mut [Lanes]) {
        if !scores.is_empty() && scores.len().is_multiple_of(4) {
            self.end = scores.as_ptr_range().end;
            // SAFETY: `scores` is a positive multiple of 4 keys long and ends at `end`.
            unsafe { weigh(scores.as_mut_ptr(), self) };
        }
    }
}

/// Turns four rows of scores into weights, in place, four keys at a time, and adds up their sums.
///
/// A row's two words are written where the row's own scores have been read before, at the latest in the same turn.
///
/// # Safety
/// `softmax.end` is a positive multiple of 4 elements after `scores`.
#[unsafe(naked)]
unsafe extern "C" fn weigh(scores: *mut Lanes, softmax: *mut Softmax) {
    macro_rules! weight {
        // r2: maximum, r3: softmax, r4: steepness, r5: a2, r6: a1, r7: a0, r8: bias; r11 and r12 are lost.
        ($w:literal, $offset:literal) => {
            concat!(
                "ldr ",
                $w,
                ", [r0, #",
                $offset,
                "]
",
                "sub ",
                $w,
                ", r2, ",
                $w,
                ", lsl #8
",
                "smmla ",
                $w,
                ", ",
                $w,
                ", r4, r8
",
                "usat ",
                $w,
                ", #16, ",
                $w,
                "
",
                "ubfx r11, ",
                $w,
                ", #0, #11
",
                "mla r12, r5, r11, r6
",
                "asr r12, r12, #11
",
                "mla r12, r12, r11, r7
",
                // Without the bits below the polynomial, the carry is the bit to round by, also at a shift of none.
                "bfc r12, #0, #11
",
                "lsr ",
                $w,
                ", ",
                $w,
                ", #11
",
                "lsrs ",
                $w,
                ", r12, ",
                $w,
                "
",
                "adc ",
                $w,
                ", ",
                $w,
                ", #0
",
            )
        };
    }
    macro_rules! row {
        ($max:literal, $sum:literal, $k0:literal, $k1:literal, $k2:literal, $k3:literal) => {
            concat!(
                "ldr r2, [r3, #",
                $max,
                "]
",
                weight!("r9", $k0),
                weight!("r10", $k2),
                "pkhbt lr, r9, r10, lsl #16
",
                weight!("r9", $k1),
                weight!("r10", $k3),
                "pkhbt r9, r9, r10, lsl #16
",
                "ldr r10, [r3, #",
                $sum,
                "]
",
                "mov r11, #0x00010001
",
                "smlad r10, lr, r11, r10
",
                "smlad r10, r9, r11, r10
",
                "str r10, [r3, #",
                $sum,
                "]
",
                "str lr, [r1, #",
                $max,
                "]
",
                "str r9, [r1, #",
                $sum,
                "]
",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "mov r3, r1",
        "mov r1, r0",
        "add r2, r3, #32",
        "ldm r2, {{r4, r8}}",
        "add r2, r3, #40",
        "ldm r2, {{r5-r7}}",
        "2:",
        row!("0", "16", "0", "16", "32", "48"),
        row!("4", "20", "4", "20", "36", "52"),
        row!("8", "24", "8", "24", "40", "56"),
        row!("12", "28", "12", "28", "44", "60"),
        "add r0, r0, #64",
        "add r1, r1, #32",
        "ldr r2, [r3, #52]",
        "cmp r0, r2",
        "bne 2b",
        "pop {{r4-r11, pc}}",
    )
}

/// The weights of four queries, as [`Dsp::tile_softmax`] leaves them.
struct Weights<'a> {
    /// Of the keys that all see, expanded.
    shared: &'a [u32],
    /// How many keys these are.
    keys: usize,
    /// Of the keys after them.
    rest: &'a [Lanes],
}

impl Weights<'_> {
    /// `Σ w·v` of the four queries for the first `count` dimensions of `values`, `stride` bytes apart.
    #[inline]
    fn sums(&self, values: &[i8], stride: usize, count: usize) -> [[i64; LANES]; OUTPUTS] {
        let mut totals = [[0i64; LANES]; OUTPUTS];
        let mut start = 0;
        while start < self.keys {
            let length = (self.keys - start).min(portable::CHUNK);
            let mut sums = [[0; LANES]; OUTPUTS];
            let weights = self.shared.get(start / 4 * GROUP..).unwrap_or(&[]);
            let sums = sums.get_mut(..count).unwrap_or(&mut []);
            accumulate(weights, values.get(start..).unwrap_or(&[]), stride, length, sums);
            for (total, sum) in totals.iter_mut().zip(&*sums) {
                for (total, &sum) in total.iter_mut().zip(sum) {
                    *total += i64::from(sum);
                }
            }
            start += length;
        }
        for (dim, total) in totals.iter_mut().take(count).enumerate() {
            let values = values.get(dim * stride + self.keys..).unwrap_or(&[]);
            for (weights, &value) in self.rest.iter().zip(values) {
                for (total, &weight) in total.iter_mut().zip(weights) {
                    *total += i64::from(weight * i32::from(value));
                }
            }
        }
        totals
    }
}
