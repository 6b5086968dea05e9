//! What a core without SIMD brings to [`packed`](super): loops in assembly, and what they are handed.

use crate::arithmetic::softmax::{Steepness, Weight};
use crate::kernels::{Kernels, NormView, Rotation, portable, rotate};

/// Rows of activations that are taken at a time: two triples, of which the second may be missing.
pub(crate) const LANES: usize = 2 * TRIPLE;
/// Rows that share two words.
pub(crate) const TRIPLE: usize = 3;

/// A loop that is handed `T`.
pub(crate) type Loop<T> = unsafe extern "C" fn(T);
/// Takes scores of a lane, and how many.
pub(crate) type Largest = unsafe extern "C" fn(*const i32, usize) -> i32;
/// Takes the largest of the scores, too.
pub(crate) type Weigh = unsafe extern "C" fn(*mut i32, usize, *const Softmax, i32) -> u32;

/// What a core brings: [`Kernels`] is made of it. Of two loops, the first is for one triple of lanes, the other for
/// two.
///
/// What loops are handed is as the fields say; there is at least one of all that they go through.
pub(crate) trait PackedLoops: Sized {
    /// [`Kernels::NAME`]
    const NAME: &'static str;
    /// [`Kernels::QUERIES`]: of one triple or two.
    const QUERIES: usize;
    /// [`Kernels::ROWS`]
    const ROWS: usize;
    /// Inner positions that are packed at a time: a multiple of 64.
    const INNER: usize;
    /// Outputs, or dimensions, whose sums are in memory at a time.
    const OUTPUTS: usize;
    /// Sums side by side for each row of weights, key or dimension, of which missing lanes may be left as they are.
    const WIDTHS: [usize; 2] = [TRIPLE, LANES];
    /// Bits that scores are shifted left.
    const SCORES_UP: u32 = 0;
    /// Four words for each of `INNER` positions.
    type Words;
    /// A sum for each lane of `OUTPUTS` outputs.
    type Sums;

    /// Packs three rows.
    const PACK: Loop<*const Pack>;
    /// The products of all lanes with each row, each sum off by `CENTRE` and then times `2^up`.
    const PANEL: [Loop<*const Panel>; 2];
    /// `Σ w·v` of all lanes for each row of values, over at most 512 keys.
    const WEIGHTED: [Loop<*const Panel>; 2];
    /// The largest of some scores of a lane, as many words apart as sums lie side by side.
    const LARGEST: [Largest; 2];
    /// Turns so many scores of a lane, none above the last argument, into weights, in place; gives their sum.
    const WEIGH: [Weigh; 2];
    /// Requantises sums to int8, by a [`Channel`] for each row of one to six sums side by side.
    const STORE: Loop<*mut Finish>;
    /// `STORE` to int16, added to the results with saturation.
    const ADD: Loop<*mut Finish>;
    /// Requantises sums to int8, by a [`RowFactor`] for each row of them; results lie side by side.
    const STORE_ROWS: Loop<*mut Finish>;

    /// [`Kernels::layer_norm`]
    #[inline]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        portable::layer_norm(x, norm, out);
    }

    /// [`Kernels::rotate`]
    #[inline]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate(rotation, x, out);
    }
}

/// What [`PackedLoops::PACK`] reads by offsets.
#[repr(C)]
pub(crate) struct Pack {
    pub(crate) rows: [*const i8; TRIPLE],
    /// Two words for each position, so many bytes apart.
    pub(crate) words: *mut u32,
    pub(crate) end: *const u32,
    pub(crate) step: usize,
}

/// What [`PackedLoops::PANEL`] and [`PackedLoops::WEIGHTED`] read by offsets.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Panel {
    /// For each inner position two or four words of packed activations; or a softmax weight of each lane.
    pub(crate) x: *const u32,
    /// Inner positions: of packed activations at most `CHUNK`.
    pub(crate) length: usize,
    /// The first of `rows` rows of weights, or values.
    pub(crate) w: *const i8,
    /// Bytes from a row to the next.
    pub(crate) stride: usize,
    /// Sums of the first row, and where those of all end.
    pub(crate) sums: *mut i32,
    pub(crate) end: *const i32,
    /// 1 to add to the sums, else 0; with softmax weights 0 only.
    pub(crate) add: u32,
    pub(crate) rows: usize,
    /// Bits that sums are shifted left.
    pub(crate) up: u32,
}

/// What [`PackedLoops::WEIGH`] reads by offsets.
#[repr(C)]
pub(crate) struct Softmax {
    steepness: u32,
    /// Added to the exponent, so that its octaves are the final shift.
    bias: u32,
    /// Coefficients, the lower two with rounding for a shift by 11.
    a2: i32,
    a1: i32,
    a0: i32,
    /// The last rounding shift, after that by the octaves.
    half: i32,
    places: u32,
}

impl Softmax {
    /// For weights of one type.
    #[inline]
    pub(crate) fn new<W: Weight>(steepness: Steepness) -> Self {
        let [a0, a1, a2] = W::POLYNOMIAL;
        Self {
            steepness: steepness.bits(),
            bias: (11 + W::SHIFT) << 11,
            a2,
            // (a·f·2^4 + 2^14) >> 15 is (a·f + 2^10) >> 11.
            a1: (a1 << 11) + (1 << 10),
            a0: (a0 << 11) + (1 << 10),
            half: 1 << (10 + W::SHIFT),
            places: 11 + W::SHIFT,
        }
    }
}

/// What [`PackedLoops::STORE`], `ADD` and `STORE_ROWS` read by offsets, and count up as they go: sums, a few for each
/// scale.
#[repr(C)]
pub(crate) struct Finish {
    /// The first sum of the next scale.
    pub(crate) values: *const i32,
    /// Bytes to the next sum of the same scale, and from a scale's first sum to the next scale's.
    pub(crate) inner: usize,
    pub(crate) outer: usize,
    /// `inner` times the sums of one scale.
    pub(crate) length: usize,
    /// Where the first result of the next scale goes; bytes to the next results.
    pub(crate) out: *mut u8,
    pub(crate) out_inner: usize,
    pub(crate) out_outer: usize,
    /// Of [`Channel`](crate::Channel) or [`RowFactor`].
    pub(crate) scales: *const (),
    pub(crate) end: *const (),
    /// What the sums are too large by.
    pub(crate) centre: i32,
}

/// A [`RowScale`](crate::kernels::RowScale) for sums that drop no bits (any more).
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct RowFactor {
    pub(crate) shift: u32,
    /// Twice the multiplier.
    pub(crate) multiplier: i32,
}
