//! Linear layers: up to 16 rows of activations side by side, eight outputs at a time.

pub(super) use super::product::ROWS;
use super::product::{Broadcast, Columns, OUTPUTS, Words};
use super::vector::{Level, Register, Vector};
use crate::arithmetic::requantise::Channel;
use crate::kernels::generic::linear::{self as driver, Block, LinearBlocks, RowTile};
use crate::kernels::{Epilogue, Matrix, Products};
use core::marker::PhantomData;

/// Eight outputs of up to [`ROWS`] rows.
#[repr(align(64))]
struct Sums([[i32; ROWS]; OUTPUTS]);

/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn linear<L: Level>(products: Products<'_, '_>)
where
    for<'a> Eight<'a, L>: LinearBlocks,
{
    let (mut columns, mut weights) = (Words::new(), Words::new());
    let mut eight = Eight::<L> {
        columns: Columns::new(&mut columns),
        weights: Broadcast::new(&mut weights),
        sums: Sums([[0; ROWS]; OUTPUTS]),
        scales: Scales::new(&[]),
        level: PhantomData,
    };
    let Products { x, rows, layers } = products;
    let inputs = layers.iter().map(|layer| layer.weights.inputs.min(x.width));
    let most = Columns::capacity::<L::Linear>(inputs.max().unwrap_or(0));
    // SAFETY: the CPU is the caller's; these are all rows and layers of the products.
    unsafe { driver::linear(&mut eight, x, rows, most, layers) }
}

/// A block of eight outputs; levels make [`LinearBlocks`] of it. What they do not inline would keep its stack all the
/// time.
pub(super) struct Eight<'a, L> {
    pub(super) columns: Columns<'a>,
    weights: Broadcast<'a>,
    sums: Sums,
    scales: Scales,
    level: PhantomData<L>,
}

impl<L: Level> Eight<'_, L> {
    /// [`LinearBlocks::products`]
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    #[inline(always)]
    pub(super) unsafe fn multiply(&mut self, w: Matrix<'_>, channels: &[Channel], anew: bool) {
        let Self { columns, weights, sums, scales, .. } = self;
        if anew {
            *scales = Scales::new(channels);
        }
        let (side, rows, sums) = (columns.side::<L::Linear>(), channels.len(), sums.0.as_mut_ptr().cast());
        // SAFETY: the CPU is the caller's; `sums` holds all outputs and rows.
        unsafe {
            weights.products::<L::Linear>(side, w.data, w.stride, rows, w.inputs, &scales.bias, !anew, sums, ROWS);
        }
    }

    /// [`LinearBlocks::finish`]
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    #[inline(always)]
    pub(super) unsafe fn results(&self, block: &Block<'_>, epilogue: &mut Epilogue<'_>) {
        // SAFETY: the CPU is the caller's.
        unsafe { finish::<L::Linear>(&self.sums, &self.scales, block, epilogue) };
    }
}

/// Bias and scale of eight outputs, by parts; zeros where there are fewer.
struct Scales {
    bias: [i32; OUTPUTS],
    multiplier: [i32; OUTPUTS],
    half: [i32; OUTPUTS],
    shift: [i32; OUTPUTS],
}

impl Scales {
    #[inline(always)]
    fn new(channels: &[Channel]) -> Self {
        let mut scales = Self { bias: [0; _], multiplier: [0; _], half: [0; _], shift: [0; _] };
        for (i, channel) in channels.iter().take(OUTPUTS).enumerate() {
            scales.bias[i] = channel.bias;
            scales.multiplier[i] = 2 * channel.scale.bits();
            scales.shift[i] = channel.scale.shift() as i32;
            scales.half[i] = (1 << channel.scale.shift()) >> 1;
        }
        scales
    }

    /// All outputs of a vector of rows, requantised.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`; there are that many vectors.
    #[inline(always)]
    unsafe fn scaled<X: Vector>(&self, sums: &Sums, vector: usize) -> [X::V; OUTPUTS] {
        // Not a loop, so that nothing leaves the registers.
        // SAFETY: the caller's.
        unsafe {
            let (a, b) = (self.apply::<X>(sums, vector, 0), self.apply::<X>(sums, vector, 1));
            let (c, d) = (self.apply::<X>(sums, vector, 2), self.apply::<X>(sums, vector, 3));
            let (e, f) = (self.apply::<X>(sums, vector, 4), self.apply::<X>(sums, vector, 5));
            [a, b, c, d, e, f, self.apply::<X>(sums, vector, 6), self.apply::<X>(sums, vector, 7)]
        }
    }

    /// One output of a vector of rows, requantised.
    ///
    /// # Safety
    /// The CPU has the instructions of `X`; there are that many vectors.
    #[inline(always)]
    unsafe fn apply<X: Vector>(&self, sums: &Sums, vector: usize, output: usize) -> X::V {
        // SAFETY: the caller's.
        unsafe {
            let sum = X::V::load(sums.0[output].as_ptr().add(vector * X::LANES));
            X::V::scale(sum, self.multiplier[output], self.half[output], self.shift[output])
        }
    }
}

/// Requantises a block, and hands it to the epilogue.
///
/// # Safety
/// The CPU has the instructions of `X`.
#[inline(always)]
unsafe fn finish<X: Vector>(sums: &Sums, scales: &Scales, block: &Block<'_>, epilogue: &mut Epilogue<'_>) {
    let Block { channels, .. } = *block;
    match epilogue {
        Epilogue::Store { out, row_stride: 1, output_stride } => {
            for (vector, row, rows) in vectors::<X>(block) {
                for output in 0..channels.len() {
                    let mut bytes = [0; 16];
                    // SAFETY: the CPU is the caller's; there are that many vectors.
                    unsafe { X::V::one(scales.apply::<X>(sums, vector, output), &mut bytes) };
                    let start = (block.output + output) * *output_stride + row;
                    let out = out.get_mut(start..).unwrap_or(&mut []);
                    match out.get_mut(..X::LANES) {
                        Some(out) if rows == X::LANES => out.copy_from_slice(&bytes[..X::LANES]),
                        _ => copy(&bytes[..rows], out),
                    }
                }
            }
        }
        Epilogue::Store { output_stride: 2.., .. } | Epilogue::Store { output_stride: 0, .. } => {
            for (output, (&channel, sums)) in channels.iter().zip(&sums.0).enumerate() {
                for (row, &sum) in sums.iter().take(block.tile.lanes).enumerate() {
                    epilogue.put(block.tile.first + row, block.output + output, sum, channel);
                }
            }
        }
        Epilogue::Store { .. } | Epilogue::Add { .. } => {
            for (vector, row, rows) in vectors::<X>(block) {
                // SAFETY: the CPU is the caller's; there are that many vectors, and a row per lane.
                unsafe {
                    let results = scales.scaled::<X>(sums, vector);
                    match epilogue {
                        Epilogue::Store { out, row_stride, .. } => {
                            let mut staged = Staged([[0i8; OUTPUTS]; ROWS]);
                            X::V::bytes(results, &mut staged.0);
                            each(&staged.0[..rows], out, row, *row_stride, block, |to, from| *to = from);
                        }
                        Epilogue::Add { out, width } => {
                            let mut staged = Staged([[0i16; OUTPUTS]; ROWS]);
                            X::V::words(results, &mut staged.0);
                            let add = |to: &mut i16, from| *to = to.saturating_add(from);
                            each(&staged.0[..rows], out, row, *width, block, add);
                        }
                    }
                }
            }
        }
    }
}

/// Puts rows of results to where they go, the first to row `row`.
#[inline(always)]
fn each<T: Copy>(
    staged: &[[T; OUTPUTS]],
    out: &mut [T],
    row: usize,
    stride: usize,
    block: &Block<'_>,
    put: impl Fn(&mut T, T),
) {
    let outputs = block.channels.len();
    let out = out.get_mut(row * stride + block.output..).unwrap_or(&mut []);
    for (row, staged) in staged.iter().enumerate() {
        let out = out.get_mut(row * stride..).unwrap_or(&mut []);
        match out.first_chunk_mut::<OUTPUTS>() {
            Some(out) if outputs == OUTPUTS => out.iter_mut().zip(staged).for_each(|(to, &from)| put(to, from)),
            _ => out.iter_mut().zip(&staged[..outputs]).for_each(|(to, &from)| put(to, from)),
        }
    }
}

/// Each vector of rows of a block, with its first row and how many there are.
#[inline(always)]
fn vectors<X: Vector>(block: &Block<'_>) -> impl Iterator<Item = (usize, usize, usize)> {
    let RowTile { first: row, lanes: rows, .. } = block.tile;
    (0..rows.div_ceil(X::LANES)).map(move |vector| {
        let first = vector * X::LANES;
        (vector, row + first, (rows - first).min(X::LANES))
    })
}

/// Eight outputs of each row of a vector.
#[repr(align(64))]
struct Staged<T>([[T; OUTPUTS]; ROWS]);

#[inline(always)]
fn copy(from: &[i8], to: &mut [i8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}
