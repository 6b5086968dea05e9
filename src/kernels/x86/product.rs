//! The one loop for all products: rows side by side in the lanes, times rows that are broadcast word by word.
//!
//! Side by side are activations of several positions, queries, or the softmax weights of several queries;
//! weights of a layer, keys or values are broadcast. All that is read comes from the buffers of this file, into which
//! the caller's slices are copied first; a copy serves for all that it is multiplied with.

use super::vector::{Vector, transpose};
use core::arch::x86_64::__m256i;
use core::mem::MaybeUninit;

/// Inner positions that are copied at a time.
pub(super) const INNER: usize = 2048;
/// Rows that are broadcast per pass.
pub(super) const OUTPUTS: usize = 8;
/// The most vectors of rows side by side.
pub(super) const VECTORS: usize = 8;
/// The most lanes.
pub(super) const ROWS: usize = VECTORS * 16;
/// Words for the rows side by side: 32 KiB.
const COLUMNS: usize = 8192;
/// Words for the rows that are broadcast.
const BROADCAST: usize = OUTPUTS * (INNER / 2);

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

/// Whether `data` holds `rows` rows of `length` values, `stride` apart, from `start` on.
#[inline(always)]
fn holds(data: &[i8], start: usize, rows: usize, stride: usize, length: usize) -> bool {
    let end = stride.checked_mul(rows - 1).and_then(|last| last.checked_add(start)?.checked_add(length));
    end.is_some_and(|end| end <= data.len())
}

/// The values from `skip` on of a row of `length` that starts at `start`, as far as `data` goes.
#[inline(always)]
fn part(data: &[i8], start: usize, length: usize, skip: usize) -> &[i8] {
    let row = data.get(start..).unwrap_or(&[]);
    row.get(..length).unwrap_or(row).get(skip..).unwrap_or(&[])
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
        (COLUMNS / words).clamp(1, VECTORS) * X::LANES
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
        for eight in 0..self.vectors * (X::LANES / 8) {
            let first = eight * 8;
            let start = first * width + start;
            // Groups up to which eight rows are there as a whole.
            let whole =
                if first + 8 <= rows && holds(x, start, 8, width, length) { length / X::GROUP / 8 * 8 } else { 0 };
            let mut group = 0;
            while group < self.groups {
                // SAFETY: `whole` is inside `x`; groups, vectors and lanes stay below the capacity, hence inside
                // `words`; the CPU is the caller's.
                unsafe {
                    let mut words = [core::mem::zeroed(); 8];
                    for (i, to) in words.iter_mut().enumerate() {
                        *to = if group < whole {
                            X::whole(x.as_ptr().add(start + i * width + group * X::GROUP))
                        } else if first + i < rows {
                            X::part(part(x, start + i * width, length, group * X::GROUP))
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
            let offset = X::splat(i32::from_ne_bytes([X::OFFSET as u8; 4]));
            for vector in 0..self.vectors {
                let from = self.words.start().add(vector * self.groups * X::LANES);
                let mut sums = [X::splat(0); 2];
                for group in 0..self.groups {
                    sums[group % 2] = X::dot(sums[group % 2], offset, X::load(from.add(group * X::LANES)));
                }
                let to = self.correction.as_mut_ptr().add(vector * X::LANES);
                X::store(to, X::add(sums[0], sums[1]));
                for lane in 0..X::LANES {
                    *to.add(lane) = (*to.add(lane)).wrapping_neg();
                }
            }
        }
    }

    /// The products with `rows`.
    #[inline(always)]
    pub(super) fn side<X: Vector>(&self) -> Side<'_> {
        Side {
            words: self.words.start(),
            correction: if X::OFFSET == 0 { None } else { Some(&self.correction) },
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

    /// Takes `length` values (at most [`INNER`]) of each of the first `rows` rows of `data`, `stride` apart.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`.
    #[inline(always)]
    pub(super) unsafe fn fill<X: Vector>(&mut self, data: &[i8], stride: usize, rows: usize, length: usize) {
        let length = length.min(INNER);
        self.groups = length.div_ceil(X::GROUP);
        self.stride = self.groups.next_multiple_of(8);
        let held = rows >= OUTPUTS && holds(data, 0, OUTPUTS, stride, length);
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
                // SAFETY: `whole` is inside `data`; a row of `words` has room for `stride` words, its groups rounded up to
                // eight; the CPU is the caller's.
                unsafe {
                    let values = if group < whole {
                        X::whole(data.as_ptr().add(output * stride + group * X::GROUP))
                    } else if output < rows {
                        X::part(part(data, output.wrapping_mul(stride), length, group * X::GROUP))
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

    /// Products of all rows with all that lie side by side, to `sums` `[OUTPUTS][stride]`: `start` of the row plus the
    /// product, or added to what is there.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`. `side` holds its words; `sums` has room for [`OUTPUTS`] rows, `stride`
    /// apart, of all lanes.
    #[inline(always)]
    pub(super) unsafe fn multiply<X: Vector>(
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
                if X::BLOCK == 4 && rest >= 4 {
                    self.block::<X, 4, 4>(side, vector, 0, start, add, sums, stride);
                    self.block::<X, 4, 4>(side, vector, 4, start, add, sums, stride);
                    vector += 4;
                } else if X::BLOCK == 3 && rest >= 3 {
                    self.block::<X, 3, 4>(side, vector, 0, start, add, sums, stride);
                    self.block::<X, 3, 4>(side, vector, 4, start, add, sums, stride);
                    vector += 3;
                } else if rest >= 2 {
                    self.block::<X, 2, 4>(side, vector, 0, start, add, sums, stride);
                    self.block::<X, 2, 4>(side, vector, 4, start, add, sums, stride);
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
            let columns = side.words.add(vector * side.groups * X::LANES);
            let apart = side.groups * X::LANES;
            let rows: [*const i32; M] = core::array::from_fn(|i| self.words.start().add((output + i) * self.stride));
            let mut acc = [[X::splat(0); N]; M];
            for i in 0..M {
                for j in 0..N {
                    acc[i][j] = X::splat(start[output + i]);
                    if let Some(correction) = side.correction {
                        acc[i][j] = X::add(acc[i][j], X::load(correction.as_ptr().add((vector + j) * X::LANES)));
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
                        acc = X::add(acc, X::load(to));
                    }
                    X::store(to, acc);
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
        let mut x = [X::splat(0); N];
        for (j, x) in x.iter_mut().enumerate() {
            *x = X::load(columns.add(j * apart + group * X::LANES));
        }
        for i in 0..M {
            let w = X::splat(*rows[i].add(group));
            for j in 0..N {
                acc[i][j] = X::dot(acc[i][j], w, x[j]);
            }
        }
    }
}
