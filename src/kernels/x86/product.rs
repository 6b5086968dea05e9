//! The one loop for all products: rows side by side in the lanes, times rows that are broadcast word by word.
//!
//! Side by side are activations of several positions, queries, or the softmax weights of several queries;
//! weights of a layer, keys or values are broadcast. All that is read comes from the buffers of this file, into which
//! the caller's slices are copied first; a copy serves for all that it is multiplied with.

use super::vector::{Register, Vector, transpose};
use crate::kernels::holds;
use core::arch::x86_64::__m256i;
use core::mem::MaybeUninit;

/// Inner positions that lie side by side at a time.
pub(super) const INNER: usize = 128;
/// Rows that are broadcast per pass.
pub(super) const OUTPUTS: usize = 8;
/// The most lanes of rows side by side.
pub(super) const ROWS: usize = 16;
/// Words for the rows side by side, 2 KiB of stack: `INNER` values of 16 lanes that hold four each, or of 8 that hold
/// two.
const COLUMNS: usize = 512;
/// Groups of each row that are broadcast at a time.
const GROUPS: usize = 16;
/// Words for the rows that are broadcast: half a KiB of stack.
const BROADCAST: usize = OUTPUTS * GROUPS;

/// Memory of [`Columns`] and [`Broadcast`], apart from these so that it is neither initialised nor moved.
#[repr(align(64))]
pub(super) struct Words<const N: usize>(MaybeUninit<[i32; N]>);

impl<const N: usize> Words<N> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    #[inline(always)]
    fn start(&self) -> *const i32 {
        self.0.as_ptr().cast()
    }

    #[inline(always)]
    fn start_mut(&mut self) -> *mut i32 {
        self.0.as_mut_ptr().cast()
    }
}

/// The values from `skip` on of a row of `length` at the start of `data`, as far as that goes.
#[inline(always)]
fn part(data: &[i8], length: usize, skip: usize) -> &[i8] {
    data.get(..length).unwrap_or(data).get(skip..).unwrap_or(&[])
}

/// `data` from the place of a row on; nothing if that is beyond all memory.
#[inline(always)]
fn row(data: &[i8], index: usize, stride: usize) -> &[i8] {
    index.checked_mul(stride).and_then(|start| data.get(start..)).unwrap_or(&[])
}

/// Rows side by side.
pub(super) struct Columns<'a> {
    /// `[vectors][groups][LANES]`
    words: &'a mut Words<COLUMNS>,
    /// Per lane: what the offset of the broadcast rows adds, to be taken away.
    correction: [i32; ROWS],
    groups: usize,
    vectors: usize,
}

impl<'a> Columns<'a> {
    #[inline(always)]
    pub(super) fn new(words: &'a mut Words<COLUMNS>) -> Self {
        Self { words, correction: [0; ROWS], groups: 0, vectors: 0 }
    }

    /// How many rows fit, of `length` values each, at most [`INNER`].
    #[inline(always)]
    pub(super) fn capacity<X: Vector>(length: usize) -> usize {
        let words = length.min(INNER).div_ceil(X::GROUP).max(1) * X::LANES;
        (COLUMNS / words).clamp(1, ROWS / X::LANES) * X::LANES
    }

    /// Takes `length` values (at most [`INNER`]) from `start` on of each of the first `rows` rows of `x`
    /// `[..][width]`, no more rows than [`Columns::capacity`] has room for.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`.
    #[inline(always)]
    pub(super) unsafe fn fill<X: Vector>(&mut self, x: &[i8], width: usize, rows: usize, start: usize, length: usize) {
        let length = length.min(INNER);
        let rows = rows.min(Self::capacity::<X>(length));
        self.groups = length.div_ceil(X::GROUP);
        self.vectors = rows.div_ceil(X::LANES);
        let x = x.get(start..).unwrap_or(&[]);
        for eight in 0..self.vectors * (X::LANES / 8) {
            let first = eight * 8;
            let x = row(x, first, width);
            // Groups up to which eight rows are there as a whole.
            let whole = if first + 8 <= rows && holds(x, 8, width, length) { length / X::GROUP / 8 * 8 } else { 0 };
            let mut group = 0;
            while group < self.groups {
                // SAFETY: `whole` is inside `x`; groups, vectors and lanes stay below the capacity, hence inside
                // `words`; the CPU is the caller's.
                unsafe {
                    let mut words = [core::mem::zeroed(); 8];
                    for (i, to) in words.iter_mut().enumerate() {
                        *to = if group < whole {
                            X::whole(x.as_ptr().add(i * width + group * X::GROUP))
                        } else if first + i < rows {
                            X::part(part(row(x, i, width), length, group * X::GROUP))
                        } else {
                            continue;
                        };
                    }
                    let vector = first / X::LANES;
                    let to = (vector * self.groups + group) * X::LANES + first % X::LANES;
                    let to = self.words.start_mut().add(to);
                    for (i, words) in transpose(words).into_iter().enumerate() {
                        if group < whole || group + i < self.groups {
                            to.add(i * X::LANES).cast::<__m256i>().write_unaligned(words);
                        }
                    }
                }
                group += 8;
            }
        }
        if X::OFFSET != 0 {
            // SAFETY: all words up to here were written above; `correction` holds all lanes.
            unsafe { self.correct::<X>() };
        }
    }

    /// # Safety
    /// The words are written; the CPU has the instructions of `X`.
    #[inline(always)]
    unsafe fn correct<X: Vector>(&mut self) {
        // SAFETY: as above. Bytes of 0x80 are the offset, unsigned.
        unsafe {
            let offset = X::V::splat(i32::from_ne_bytes([X::OFFSET as u8; 4]));
            for vector in 0..self.vectors {
                let from = self.words.start().add(vector * self.groups * X::LANES);
                let mut sums = [X::V::splat(0); 2];
                for group in 0..self.groups {
                    sums[group % 2] = X::dot(sums[group % 2], offset, X::V::load(from.add(group * X::LANES)));
                }
                let to = self.correction.as_mut_ptr().add(vector * X::LANES);
                X::V::store(X::V::add(sums[0], sums[1]), to);
                for lane in 0..X::LANES {
                    *to.add(lane) = (*to.add(lane)).wrapping_neg();
                }
            }
        }
    }

    /// All of them, side by side.
    #[inline(always)]
    pub(super) fn side<X: Vector>(&self) -> Side<'_> {
        Side {
            words: self.words.start(),
            correction: if X::OFFSET == 0 { None } else { Some(&self.correction) },
            apart: self.groups * X::LANES,
            groups: self.groups,
            vectors: self.vectors,
        }
    }
}

/// Rows side by side, wherever they lie.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    /// `[vectors][groups][LANES]`
    pub(super) words: *const i32,
    pub(super) correction: Option<&'a [i32; ROWS]>,
    /// Words from a vector's first group to the next vector's.
    pub(super) apart: usize,
    pub(super) groups: usize,
    pub(super) vectors: usize,
}

/// Up to [`OUTPUTS`] rows that are broadcast; missing ones are of zeros.
pub(super) struct Broadcast<'a> {
    words: &'a mut Words<BROADCAST>,
    stride: usize,
    groups: usize,
}

impl<'a> Broadcast<'a> {
    #[inline(always)]
    pub(super) fn new(words: &'a mut Words<BROADCAST>) -> Self {
        Self { words, stride: 0, groups: 0 }
    }

    /// Products of `rows` rows of `w`, `stride` apart and of `length` values, with all that lie side by side, to `sums`
    /// `[OUTPUTS][apart]`: `start` of the row plus the products, or added to what is there.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`. `side` holds its words, `length` values of each row; `sums` has room for
    /// [`OUTPUTS`] rows, `apart` from each other, of all lanes.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    pub(super) unsafe fn products<X: Vector>(
        &mut self,
        side: Side<'_>,
        w: &[i8],
        stride: usize,
        rows: usize,
        length: usize,
        start: &[i32; OUTPUTS],
        add: bool,
        sums: *mut i32,
        apart: usize,
    ) {
        let (mut side, mut add, mut from) = (side, add, 0);
        loop {
            let part = (length - from).min(GROUPS * X::GROUP);
            // SAFETY: what is left of `side` holds the groups from `from` on; all else is the caller's.
            unsafe {
                self.fill::<X>(w.get(from..).unwrap_or(&[]), stride, rows, part);
                self.multiply::<X>(side, if add { &[0; OUTPUTS] } else { start }, add, sums, apart);
                from += part;
                if from >= length {
                    return;
                }
                // The first part has corrected all groups.
                let words = side.words.add(GROUPS * X::LANES);
                side = Side { words, correction: None, groups: side.groups - GROUPS, ..side };
            }
            add = true;
        }
    }

    /// Takes `length` values (at most [`GROUPS`] groups) of each of the first `rows` rows of `data`, `stride` apart.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`.
    #[inline(always)]
    unsafe fn fill<X: Vector>(&mut self, data: &[i8], stride: usize, rows: usize, length: usize) {
        let length = length.min(GROUPS * X::GROUP);
        self.groups = length.div_ceil(X::GROUP);
        self.stride = self.groups.next_multiple_of(8);
        let held = rows >= OUTPUTS && holds(data, OUTPUTS, stride, length);
        if held && stride == length && length.is_multiple_of(X::GROUP) {
            // One row after the other, without gaps: copied as one.
            self.stride = self.groups;
            for eight in 0..self.groups {
                // SAFETY: eight groups times the groups of a row are eight rows; the CPU is the caller's.
                unsafe {
                    let values = X::whole(data.as_ptr().add(eight * 8 * X::GROUP));
                    self.words.start_mut().add(eight * 8).cast::<__m256i>().write_unaligned(X::flip(values));
                }
            }
            return;
        }
        let whole = if held { length / X::GROUP / 8 * 8 } else { 0 };
        for output in 0..OUTPUTS {
            let mut group = 0;
            while group < self.groups {
                // SAFETY: `whole` is inside `data`; a row of `words` has room for `stride` words, its groups rounded up
                // to eight; the CPU is the caller's.
                unsafe {
                    let values = if group < whole {
                        X::whole(data.as_ptr().add(output * stride + group * X::GROUP))
                    } else if output < rows {
                        X::part(part(row(data, output, stride), length, group * X::GROUP))
                    } else {
                        core::mem::zeroed()
                    };
                    let to = self.words.start_mut().add(output * self.stride + group);
                    to.cast::<__m256i>().write_unaligned(X::flip(values));
                }
                group += 8;
            }
        }
    }

    /// The products with the rows taken last, as [`Broadcast::products`] gives them.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`. `side` holds its words; `sums` has room for [`OUTPUTS`] rows, `stride`
    /// apart, of all lanes.
    #[inline(always)]
    unsafe fn multiply<X: Vector>(
        &self,
        side: Side<'_>,
        start: &[i32; OUTPUTS],
        add: bool,
        sums: *mut i32,
        stride: usize,
    ) {
        let mut vector = 0;
        while vector < side.vectors {
            let rest = side.vectors - vector;
            // SAFETY: no more vectors and rows than there are.
            unsafe {
                if X::LANES < ROWS && rest >= 2 {
                    for output in [0, 4] {
                        self.block::<X, 2, 4>(side, vector, output, start, add, sums, stride);
                    }
                    vector += 2;
                } else {
                    self.block::<X, 1, 8>(side, vector, 0, start, add, sums, stride);
                    vector += 1;
                }
            }
        }
    }

    /// A block whose sums stay in registers: `N` vectors of rows side by side, `M` rows that are broadcast.
    ///
    /// # Safety
    /// As [`Broadcast::multiply`]; vectors from `vector` to `vector + N` and rows from `output` to `output + M` exist.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, clippy::needless_range_loop)] // As in `step`.
    unsafe fn block<X: Vector, const N: usize, const M: usize>(
        &self,
        side: Side<'_>,
        vector: usize,
        output: usize,
        start: &[i32; OUTPUTS],
        add: bool,
        sums: *mut i32,
        stride: usize,
    ) {
        // SAFETY: what is read lies inside `side` and the words of `self`, which `fill` wrote; what is written
        // inside `sums`.
        unsafe {
            let groups = side.groups.min(self.groups);
            let Side { apart, .. } = side;
            let columns = side.words.add(vector * apart);
            let rows: [*const i32; M] = core::array::from_fn(|i| self.words.start().add((output + i) * self.stride));
            let mut acc = [[X::V::splat(0); N]; M];
            for i in 0..M {
                for j in 0..N {
                    acc[i][j] = X::V::splat(start[output + i]);
                    if let Some(correction) = side.correction {
                        acc[i][j] = X::V::add(acc[i][j], X::V::load(correction.as_ptr().add((vector + j) * X::LANES)));
                    }
                }
            }
            let mut group = 0;
            while group + 1 < groups {
                step::<X, N, M>(&mut acc, columns, apart, &rows, group);
                step::<X, N, M>(&mut acc, columns, apart, &rows, group + 1);
                group += 2;
            }
            if group < groups {
                step::<X, N, M>(&mut acc, columns, apart, &rows, group);
            }
            for (i, acc) in acc.into_iter().enumerate() {
                for (j, mut acc) in acc.into_iter().enumerate() {
                    let to = sums.add((output + i) * stride + (vector + j) * X::LANES);
                    if add {
                        acc = X::V::add(acc, X::V::load(to));
                    }
                    X::V::store(acc, to);
                }
            }
        }
    }
}

/// One group of a block: columns of different vectors are `apart` words apart.
///
/// # Safety
/// As [`Broadcast::block`].
#[inline(always)]
#[allow(clippy::needless_range_loop)] // Iterators over arrays go through memory here: a third slower.
unsafe fn step<X: Vector, const N: usize, const M: usize>(
    acc: &mut [[X::V; N]; M],
    columns: *const i32,
    apart: usize,
    rows: &[*const i32; M],
    group: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut x = [X::V::splat(0); N];
        for (j, x) in x.iter_mut().enumerate() {
            *x = X::V::load(columns.add(j * apart + group * X::LANES));
        }
        for i in 0..M {
            let w = X::V::splat(*rows[i].add(group));
            for j in 0..N {
                acc[i][j] = X::dot(acc[i][j], w, x[j]);
            }
        }
    }
}
