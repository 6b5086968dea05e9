//! RV32IM, no vectors: three int8 products for two multiplications ([`packed`](super::generic::packed)).
//!
//! [`panel`] takes the four words of six rows of activations, or six queries, and four rows of weights, or keys, in
//! place: 40 instructions for 24 products. [`weighted`] multiplies one by one, six queries by three dimensions.

#[macro_use]
mod macros;
mod finish;
mod lanes;
mod panel;
mod weighted;

use super::generic::packed::loops::{Finish, LANES, Largest, Loop, Pack, PackedLoops, Panel, TRIPLE, Weigh};
use super::{Rotation, rotate};
use core::mem::MaybeUninit;
use panel::{panel, panel_half};
use weighted::{weighted, weighted_half};

/// The backend for RV32 cores with the M extension.
#[derive(Clone, Copy, Debug)]
pub struct Rv32;

/// Rows of weights, or keys, that [`panel`] takes at a time.
const ROWS: usize = 4;
/// Dimensions that [`weighted`] takes at a time.
const DIMS: usize = 3;
/// One value per row of activations.
type Lanes = [i32; LANES];

impl PackedLoops for Rv32 {
    const NAME: &'static str = "RV32";
    const QUERIES: usize = LANES;
    const ROWS: usize = LANES;
    // 3 KiB of stack, and 576 bytes: for whole blocks of outputs, and of dimensions.
    const INNER: usize = 192;
    const OUTPUTS: usize = 24;
    // As the softmax takes them.
    const SCORES_UP: u32 = 8;
    type Words = [u32; 4 * Self::INNER];
    type Sums = [i32; LANES * Self::OUTPUTS];

    // Places of missing lanes are there, too.
    const WIDTHS: [usize; 2] = [LANES; 2];

    const PACK: Loop<*const Pack> = pack;
    const PANEL: [Loop<*const Panel>; 2] = [panels::<false>, panels::<true>];
    const WEIGHTED: [Loop<*const Panel>; 2] = [blocks::<DIMS, false>, blocks::<DIMS, true>];
    const LARGEST: [Largest; 2] = [lanes::largest; 2];
    const WEIGH: [Weigh; 2] = [lanes::weigh; 2];
    const STORE: Loop<*mut Finish> = finish::store;
    const ADD: Loop<*mut Finish> = finish::add;
    const STORE_ROWS: Loop<*mut Finish> = finish::store_rows;

    #[inline(never)]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate_by(rotation, x, out, finish::clamp_i8);
    }
}

/// What [`panel`] and [`weighted`] read by offsets, and count up as they go.
#[repr(C)]
struct Blocks {
    /// Packed activations, or softmax weights.
    x: *const u32,
    /// The next row of weights, or values.
    w: *const i8,
    /// Bytes from a row to the next.
    stride: usize,
    length: usize,
    /// Sums of the next row.
    sums: *mut Lanes,
    /// Blocks of rows that are left.
    blocks: usize,
    /// Bits that sums are shifted left; none for [`weighted`].
    up: u32,
}

/// [`PackedLoops::PACK`]
///
/// # Safety
/// As for that.
unsafe extern "C" fn pack(pack: *const Pack) {
    // SAFETY: it is there.
    let &Pack { rows: [mut a, mut b, mut c], mut words, end, step } = unsafe { &*pack };
    while words.cast_const() != end {
        // SAFETY: up to the end, each row has a value, and there are two words for them.
        unsafe {
            let shared = i32::from(*b);
            *words = (i32::from(*a) + (shared << 21)) as u32;
            *words.wrapping_add(1) = (i32::from(*c) + (shared << 10)) as u32;
        }
        (a, b, c) = (a.wrapping_add(1), b.wrapping_add(1), c.wrapping_add(1));
        words = words.wrapping_byte_add(step);
    }
}

/// [`PackedLoops::PANEL`] and [`PackedLoops::WEIGHTED`]: a loop over all rows, in blocks of `N`.
///
/// # Safety
/// As for these.
// Not inlined, for it has several callers.
#[inline(never)]
unsafe extern "C" fn blocks<const N: usize, const WIDE: bool>(call: *const Panel) {
    // SAFETY: it is there.
    let &Panel { x, length, w, stride, sums, rows, up, .. } = unsafe { &*call };
    let run = match (N, WIDE) {
        (ROWS, true) => panel,
        (ROWS, false) => panel_half,
        (_, true) => weighted,
        (_, false) => weighted_half,
    };
    let run = |first: usize, stride_now: usize, sums: *mut Lanes, blocks: usize| {
        let w = w.wrapping_add(first * stride);
        // SAFETY: there are so many rows from the first on, or the same one again, a positive length of each, and sums
        // for all of them.
        unsafe { run(&mut Blocks { x, w, stride: stride_now, length, sums, blocks, up }) };
    };
    let sums: *mut Lanes = sums.cast();
    if rows >= N {
        run(0, stride, sums, rows / N);
        if !rows.is_multiple_of(N) {
            // Rows that have been done already come out the same.
            run(rows - N, stride, sums.wrapping_add(rows - N), 1);
        }
    } else {
        for row in 0..rows {
            let mut same = [[0; LANES]; N];
            run(row, 0, same.as_mut_ptr(), 1);
            // SAFETY: there are sums for each row.
            unsafe { *sums.wrapping_add(row) = same[0] };
        }
    }
}

/// [`PackedLoops::PANEL`]: [`blocks`], which are added if so told.
///
/// # Safety
/// As for that.
unsafe extern "C" fn panels<const WIDE: bool>(call: *const Panel) {
    // SAFETY: as the caller promises.
    unsafe { if (*call).add == 0 { blocks::<ROWS, WIDE>(call) } else { add_blocks::<WIDE>(&*call) } }
}

/// [`blocks`] of [`ROWS`], added to sums.
///
/// # Safety
/// As for [`panels`].
#[inline(never)]
unsafe fn add_blocks<const WIDE: bool>(call: &Panel) {
    const AT_ONCE: usize = Rv32::OUTPUTS;
    let mut memory = [const { MaybeUninit::<Lanes>::uninit() }; AT_ONCE];
    for first in (0..call.rows).step_by(AT_ONCE) {
        let rows = (call.rows - first).min(AT_ONCE);
        let w = call.w.wrapping_add(first * call.stride);
        // SAFETY: as the caller promises, of some rows.
        unsafe { blocks::<ROWS, WIDE>(&Panel { w, sums: memory.as_mut_ptr().cast(), rows, ..*call }) };
        for (row, more) in memory.iter().enumerate().take(rows) {
            let (mut sum, mut more) = (call.sums.wrapping_add((first + row) * LANES), more.as_ptr().cast::<i32>());
            for _ in 0..if WIDE { LANES } else { TRIPLE } {
                // SAFETY: these lanes of the row have just been written, and its sums before.
                unsafe { *sum = (*sum).wrapping_add(*more) };
                (sum, more) = (sum.wrapping_add(1), more.wrapping_add(1));
            }
        }
    }
}
