//! The one loop that all products are brought to: four packed rows against rows of int8, one
//! packed row per 32-bit lane of the sums. What is packed, and how, differs by element type and by core.

use crate::arithmetic::softmax::Weight;
use core::arch::aarch64::*;
use core::arch::asm;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// Packed rows: one per 32-bit lane of a vector.
pub(super) const LANES: usize = 4;
/// Inner positions per step: a vector of int8.
pub(super) const STEP: usize = 16;
/// Rows of int8 per pass, and so vectors of sums.
pub(super) const BLOCK: usize = 8;
/// Bytes of packed rows.
const BYTES: usize = 4096;

/// Sums of the four packed rows with one row of int8.
pub(super) type Lanes = int32x4_t;

/// Sums of one row of int8 on their way; types use as many as they need.
type Partial = [Lanes; LANES];

/// How four rows are packed and multiplied.
pub(super) trait Operand {
    /// An element of the packed rows.
    type Value: Copy + Default;
    /// Bytes of packed rows per step.
    const BYTES: usize;
    /// Whether 128 times the sum of each packed row is in the sums, which are then unsigned.
    const OFFSET: bool = false;
    /// Rows of int8 at a time, 4 or 8, so that all sums stay in registers.
    const ROWS: usize = BLOCK;
    /// Parts of a step, so that its packed rows stay in registers, too.
    const PARTS: usize = 1;
    /// Whether partial sums start from 0: their lanes are not those of the sums.
    const APART: bool = false;

    /// Packs one step.
    ///
    /// # Safety
    /// [`Operand::BYTES`] bytes can be written at `to`, and the core has the instructions.
    unsafe fn pack(rows: [&[Self::Value; STEP]; LANES], to: *mut u8);

    /// Adds the products of a part of a step with one row.
    ///
    /// # Safety
    /// `BYTES / PARTS` bytes can be read at `x`, `STEP / PARTS` at `w`, and the core has the instructions.
    unsafe fn step(partial: Partial, x: *const u8, w: *const i8) -> Partial;

    /// What partial sums add up to, which start from `sum` unless they are [`Operand::APART`].
    ///
    /// # Safety
    /// The core has the instructions.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn end(_sum: Lanes, partial: Partial) -> Lanes {
        partial[0]
    }
}

/// Memory for [`Packed`].
#[repr(align(64))]
pub(super) struct Bytes(MaybeUninit<[u8; BYTES]>);

impl Bytes {
    #[inline]
    pub(super) fn new() -> Self {
        Self(MaybeUninit::uninit())
    }
}

/// Four packed rows.
pub(super) struct Packed<'a, O> {
    // Apart, so that nothing clears it.
    bytes: &'a mut MaybeUninit<[u8; BYTES]>,
    /// Initialised steps, of those that the last [`Packed::fill`] packed.
    steps: usize,
    operand: PhantomData<O>,
}

impl<'a, O: Operand> Packed<'a, O> {
    /// # Safety
    /// The core has the instructions of `O`.
    #[inline]
    pub(super) unsafe fn new(bytes: &'a mut Bytes) -> Self {
        Self { bytes: &mut bytes.0, steps: 0, operand: PhantomData }
    }

    /// Inner positions that fit.
    pub(super) const CAPACITY: usize = BYTES / O::BYTES * STEP;

    /// Packs `length` values of each row, at most [`Packed::CAPACITY`]; what is missing becomes 0.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn fill(&mut self, rows: [&[O::Value]; LANES], length: usize) {
        self.steps = length.min(Self::CAPACITY).div_ceil(STEP);
        let to = self.bytes.as_mut_ptr().cast::<u8>();
        let whole = match rows.iter().all(|row| row.len() >= length) {
            true => (length / STEP).min(self.steps),
            false => 0,
        };
        let [a, b, c, d] = rows.map(|row| row.as_ptr().cast::<[O::Value; STEP]>());
        for step in 0..whole {
            // SAFETY: each row has `whole` chunks; `step` is below the capacity in steps.
            unsafe { O::pack([&*a.add(step), &*b.add(step), &*c.add(step), &*d.add(step)], to.add(step * O::BYTES)) };
        }
        if whole < self.steps {
            self.fill_rest(rows, length, whole);
        }
    }

    /// Packs from the step `first` on.
    #[inline(never)]
    #[target_feature(enable = "neon")]
    fn fill_rest(&mut self, rows: [&[O::Value]; LANES], length: usize, first: usize) {
        let rows = rows.map(|row| row.get(..length).unwrap_or(row));
        for step in first..self.steps {
            let mut padded = [[O::Value::default(); STEP]; LANES];
            let rows = rows.map(|row| row.get(step * STEP..).unwrap_or(&[]));
            let [a, b, c, d] = &mut padded;
            let [ra, rb, rc, rd] = rows;
            let chunks = [chunk(ra, a), chunk(rb, b), chunk(rc, c), chunk(rd, d)];
            // SAFETY: `step` is below the capacity in steps, so its bytes lie inside the buffer.
            unsafe { O::pack(chunks, self.bytes.as_mut_ptr().cast::<u8>().add(step * O::BYTES)) };
        }
    }

    /// Adds the products with `count` rows of `w` (`stride` bytes apart, `length` of which count) to the sums. The
    /// rows were packed with the same `length`.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn products(
        &self,
        w: &[i8],
        stride: usize,
        count: usize,
        length: usize,
        mut sums: [Lanes; BLOCK],
    ) -> [Lanes; BLOCK] {
        let bytes = self.steps * STEP;
        // The last step of a row may reach into the row behind it, where the packed rows are 0, but not beyond the
        // slice.
        if count == BLOCK && reaches(w, BLOCK, stride, bytes) {
            // SAFETY: `steps` steps are packed, and the last row ends inside `w`.
            unsafe { products::<O, _>(self.bytes.as_ptr().cast(), self.steps, w.as_ptr(), stride, sums) }
        } else {
            self.last_products(w, stride, count, length, &mut sums);
            sums
        }
    }

    /// [`Packed::products`] where there is no whole block, or where it ends with the slice.
    #[inline(never)]
    #[target_feature(enable = "neon")]
    fn last_products(&self, w: &[i8], stride: usize, count: usize, length: usize, sums: &mut [Lanes; BLOCK]) {
        let bytes = self.steps * STEP;
        let x = self.bytes.as_ptr().cast::<u8>();
        let mut first = 0;
        if let Some(half) = sums.first_chunk_mut::<4>()
            && count >= 4
            && reaches(w, 4, stride, bytes)
        {
            // SAFETY: `steps` steps are packed, and the last row ends inside `w`.
            *half = unsafe { products::<O, _>(x, self.steps, w.as_ptr(), stride, *half) };
            first = 4;
        }
        for (row, sum) in sums.iter_mut().enumerate().take(count).skip(first) {
            let w = w.get(row * stride..).unwrap_or(&[]);
            let (mut short, mut long);
            let w = if w.len() >= bytes {
                w
            } else {
                // Most rows are short, and to clear memory for the longest takes longer than their products.
                let padded = if bytes <= 4 * STEP {
                    short = [0; 4 * STEP];
                    &mut short[..]
                } else {
                    long = [0; BYTES / LANES];
                    &mut long[..]
                };
                let there = length.min(w.len()).min(padded.len());
                if let (Some(to), Some(w)) = (padded.get_mut(..there), w.get(..there)) {
                    to.copy_from_slice(w);
                }
                padded
            };
            if w.len() >= bytes {
                // SAFETY: `steps` steps are packed, and the one row is as long.
                [*sum] = unsafe { products::<O, _>(x, self.steps, w.as_ptr(), 0, [*sum]) };
            }
        }
    }
}

/// Whether `w` holds so many bytes of each of at most eight rows, `stride` apart: as `holds`, in fewer instructions.
#[inline]
const fn reaches(w: &[i8], rows: usize, stride: usize, bytes: usize) -> bool {
    // Eight times the stride, and a buffer more, do not leave the word.
    stride >> (usize::BITS - 4) == 0 && rows <= BLOCK && bytes <= BYTES && (rows - 1) * stride + bytes <= w.len()
}

/// The first values of a row, from `padded` if there are not enough.
#[inline]
fn chunk<'a, T: Copy>(row: &'a [T], padded: &'a mut [T; STEP]) -> &'a [T; STEP] {
    match row.first_chunk() {
        Some(chunk) => chunk,
        None => {
            for (to, &from) in padded.iter_mut().zip(row) {
                *to = from;
            }
            padded
        }
    }
}

/// Adds `Σ w·x` of the four packed rows to each of `sums`, one per row of `w`.
///
/// # Safety
/// `steps * BYTES` bytes can be read at `x`, and `steps * STEP` bytes at `w` and at each of the N - 1 rows behind it,
/// `stride` bytes apart. The core has the instructions.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn products<O: Operand, const N: usize>(
    x: *const u8,
    steps: usize,
    w: *const i8,
    stride: usize,
    mut sums: [Lanes; N],
) -> [Lanes; N] {
    // SAFETY: of the rows that the caller promises, those from the fifth on are what is left.
    unsafe {
        if O::ROWS < N
            && let Some((first, second)) = sums.split_first_chunk_mut::<4>()
            && let Some(second) = second.first_chunk_mut::<4>()
        {
            *first = products_at_once::<O, 4>(x, steps, w, stride, *first);
            *second = products_at_once::<O, 4>(x, steps, w.add(4 * stride), stride, *second);
            sums
        } else {
            products_at_once::<O, N>(x, steps, w, stride, sums)
        }
    }
}

/// [`products`] with at most [`Operand::ROWS`] rows.
///
/// # Safety
/// As there.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn products_at_once<O: Operand, const N: usize>(
    x: *const u8,
    steps: usize,
    w: *const i8,
    stride: usize,
    mut sums: [Lanes; N],
) -> [Lanes; N] {
    // Always unrolled: sums must stay in registers.
    macro_rules! rows {
        (|$row:ident| $body:expr, $($i:literal)*) => {$(
            if $i < N {
                let $row = $i;
                $body
            }
        )*};
    }
    // SAFETY: the caller promises as many bytes.
    unsafe {
        let zero = vdupq_n_s32(0);
        let mut partial = sums.map(|sum| [if O::APART { zero } else { sum }, zero, zero, zero]);
        for part in 0..steps * O::PARTS {
            let (x, w) = (x.add(part * (O::BYTES / O::PARTS)), w.add(part * (STEP / O::PARTS)));
            rows!(|row| partial[row] = O::step(partial[row], x, w.add(row * stride)), 0 1 2 3 4 5 6 7);
        }
        for (sum, partial) in sums.iter_mut().zip(partial) {
            *sum = O::end(*sum, partial);
        }
    }
    sums
}

macro_rules! by_element {
    ($name:ident, $instruction:literal) => {
        /// Adds the dot products of each lane's four bytes of `x` with the four bytes at element `I` of `w`.
        ///
        /// # Safety
        /// The core has the dot product.
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn $name<const I: usize>(mut sums: Lanes, x: uint8x16_t, w: uint8x16_t) -> Lanes {
            // The intrinsic is not stable. SAFETY: only registers are read and written; the core has the dot product,
            // as the caller has promised.
            unsafe {
                asm!(
                    ".arch_extension dotprod",
                    concat!($instruction, " {sums:v}.4s, {x:v}.16b, {w:v}.4b[{i}]"),
                    sums = inout(vreg) sums, x = in(vreg) x, w = in(vreg) w, i = const I,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            sums
        }
    };
}

by_element!(sdot, "sdot");
by_element!(udot, "udot");

/// int8 with the dot product: each lane's four bytes are four inner positions.
pub(super) struct Sdot;

impl Operand for Sdot {
    type Value = i8;
    const BYTES: usize = 64;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn pack(rows: [&[i8; STEP]; LANES], to: *mut u8) {
        // SAFETY: each row is 16 bytes long; the caller promises 64 bytes to write.
        unsafe {
            let [a, b, c, d] = rows.map(|row| vreinterpretq_u32_s8(vld1q_s8(row.as_ptr())));
            vst4q_u32(to.cast(), uint32x4x4_t(a, b, c, d));
        }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn step([sum, ..]: Partial, x: *const u8, w: *const i8) -> Partial {
        // SAFETY: the caller's.
        unsafe {
            let (x, w) = (vld1q_u8_x4(x), vld1q_u8(w.cast()));
            let sum = sdot::<1>(sdot::<0>(sum, x.0, w), x.1, w);
            [sdot::<3>(sdot::<2>(sum, x.2, w), x.3, w); LANES]
        }
    }
}

/// int8 without the dot product. With `TAME`, no value of the rows multiplied with is -128, so that two
/// products fit 16 bits: 2 · 128 · 127 < 2^15.
pub(super) struct Smull<const TAME: bool>;

impl<const TAME: bool> Operand for Smull<TAME> {
    type Value = i8;
    const BYTES: usize = 64;
    // With four lanes, 16 vectors of partial sums.
    const ROWS: usize = 4;
    const APART: bool = true;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn pack(rows: [&[i8; STEP]; LANES], to: *mut u8) {
        for (lane, row) in rows.iter().enumerate() {
            // SAFETY: the row is 16 bytes long; the caller promises 64 bytes to write.
            unsafe { vst1q_s8(to.cast::<i8>().add(lane * STEP), vld1q_s8(row.as_ptr())) };
        }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn step([a, b, c, d]: Partial, x: *const u8, w: *const i8) -> Partial {
        // SAFETY: the caller's.
        let (x, w) = unsafe { (vld1q_s8_x4(x.cast()), vld1q_s8(w)) };
        [Self::add(a, x.0, w), Self::add(b, x.1, w), Self::add(c, x.2, w), Self::add(d, x.3, w)]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn end(sum: Lanes, [a, b, c, d]: Partial) -> Lanes {
        vaddq_s32(sum, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)))
    }
}

impl<const TAME: bool> Smull<TAME> {
    /// Adds 16 products to four partial sums.
    #[inline]
    #[target_feature(enable = "neon")]
    fn add(sum: int32x4_t, x: int8x16_t, w: int8x16_t) -> int32x4_t {
        let low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
        if TAME {
            vpadalq_s16(sum, vmlal_high_s8(low, x, w))
        } else {
            vpadalq_s16(vpadalq_s16(sum, low), vmull_high_s8(x, w))
        }
    }
}

/// Low and high bytes of 16 weights; narrow weights are low bytes.
#[inline]
#[target_feature(enable = "neon")]
fn planes<W: Weight>(weights: &[W; STEP]) -> (uint32x4_t, uint32x4_t) {
    let from = weights.as_ptr().cast();
    let (low, high) = if size_of::<W>() == 2 {
        // SAFETY: 16 wide weights are 32 bytes.
        let uint8x16x2_t(low, high) = unsafe { vld2q_u8(from) };
        (low, high)
    } else {
        // SAFETY: 16 narrow weights are 16 bytes.
        (unsafe { vld1q_u8(from) }, vdupq_n_u8(0))
    };
    (vreinterpretq_u32_u8(low), vreinterpretq_u32_u8(high))
}

/// 16 weights as 16-bit integers.
#[inline]
#[target_feature(enable = "neon")]
fn halves<W: Weight>(weights: &[W; STEP]) -> [uint16x8_t; 2] {
    let from = weights.as_ptr();
    if size_of::<W>() == 2 {
        // SAFETY: 16 wide weights are 32 bytes.
        unsafe { [vld1q_u16(from.cast()), vld1q_u16(from.cast::<u16>().add(8))] }
    } else {
        // SAFETY: 16 narrow weights are 16 bytes.
        let bytes = unsafe { vld1q_u8(from.cast()) };
        [vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)]
    }
}

/// Softmax weights with the dot product: their bytes are unsigned, and so are the values plus 128. Wide weights are
/// two planes of bytes.
pub(super) struct Udot<W>(PhantomData<W>);

impl<W: Weight> Operand for Udot<W> {
    type Value = W;
    const BYTES: usize = 64 * size_of::<W>();
    const OFFSET: bool = true;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn pack(rows: [&[W; STEP]; LANES], to: *mut u8) {
        let [a, b, c, d] = rows.map(|row| planes(row));
        // SAFETY: the caller promises 64 bytes to write, and 128 for wide weights.
        unsafe {
            vst4q_u32(to.cast(), uint32x4x4_t(a.0, b.0, c.0, d.0));
            if size_of::<W>() == 2 {
                vst4q_u32(to.add(64).cast(), uint32x4x4_t(a.1, b.1, c.1, d.1));
            }
        }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn step([low, high, ..]: Partial, x: *const u8, w: *const i8) -> Partial {
        // SAFETY: the caller's; only wide weights have the second plane.
        unsafe {
            let v = veorq_u8(vld1q_u8(w.cast()), vdupq_n_u8(128));
            let add = |sum, x: *const u8| {
                let x = vld1q_u8_x4(x);
                let sum = udot::<1>(udot::<0>(sum, x.0, v), x.1, v);
                udot::<3>(udot::<2>(sum, x.2, v), x.3, v)
            };
            [add(low, x), if size_of::<W>() == 2 { add(high, x.add(64)) } else { high }, high, high]
        }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn end(_: Lanes, [low, high, ..]: Partial) -> Lanes {
        vaddq_s32(low, vshlq_n_s32::<8>(high))
    }
}

/// Softmax weights without the dot product: 16 bits, the four lanes of a position side by side.
pub(super) struct Smlal<W>(PhantomData<W>);

impl<W: Weight> Operand for Smlal<W> {
    type Value = W;
    const BYTES: usize = 128;
    const PARTS: usize = 2;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn pack(rows: [&[W; STEP]; LANES], to: *mut u8) {
        let [a, b, c, d] = rows.map(|row| halves(row));
        for half in 0..2 {
            // SAFETY: the caller promises 128 bytes to write.
            unsafe { vst4q_u16(to.add(half * 64).cast(), uint16x8x4_t(a[half], b[half], c[half], d[half])) };
        }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn step([sum, ..]: Partial, x: *const u8, w: *const i8) -> Partial {
        /// Two positions, from element `I` of `v` on.
        #[inline]
        #[target_feature(enable = "neon")]
        fn two<const I: i32, const J: i32>(sum: Lanes, x: int16x8_t, v: int16x8_t) -> Lanes {
            vmlal_high_laneq_s16::<J>(vmlal_laneq_s16::<I>(sum, vget_low_s16(x), v), x, v)
        }
        // SAFETY: the caller's.
        let (x, w) = unsafe { (vld1q_s16_x4(x.cast()), vld1_s8(w)) };
        let v = vmovl_s8(w);
        let sum = two::<2, 3>(two::<0, 1>(sum, x.0, v), x.1, v);
        [two::<6, 7>(two::<4, 5>(sum, x.2, v), x.3, v); LANES]
    }
}
