//! Linear layers: up to 128 rows of activations side by side, eight outputs at a time.

use super::product::{Broadcast, Columns, INNER, OUTPUTS, ROWS, Words};
use super::vector::Vector;
use crate::kernels::{Layer, Products, Sink, tiles};
use crate::requantise::Channel;

/// Eight outputs of up to [`ROWS`] rows.
#[repr(align(64))]
struct Sums([[i32; ROWS]; OUTPUTS]);

/// # Safety
/// The CPU has the instructions of `X`.
#[inline(always)]
pub(super) unsafe fn linear<X: Vector>(products: Products<'_, '_>) {
    let Products { x, rows, layers } = products;
    let (mut columns, mut weights) = (Words::new(), Words::new());
    let (mut columns, mut weights) = (Columns::new(&mut columns), Broadcast::new(&mut weights));
    let mut sums = Sums([[0; ROWS]; OUTPUTS]);
    let widest = layers.iter().map(|layer| layer.weights.inputs.min(x.width)).max().unwrap_or(0);
    let most = Columns::capacity::<X>(widest);
    let mut first = 0;
    while first < rows {
        let count = (rows - first).min(most);
        let data = x.data.get(first * x.width..).unwrap_or(&[]);
        // Start and length of what is side by side.
        let mut filled = None;
        for Layer { weights: matrix, channels, sink } in &mut *layers {
            let inputs = matrix.inputs.min(x.width);
            for (tile, channels) in tiles(channels, OUTPUTS).enumerate() {
                let matrix_rows = matrix.data.get(tile * OUTPUTS * matrix.stride..).unwrap_or(&[]);
                let scales = Scales::new(channels);
                let mut start = 0;
                loop {
                    let length = (inputs - start).min(INNER);
                    // SAFETY: the CPU is the caller's; `sums` holds all outputs and rows.
                    unsafe {
                        if filled != Some((start, length)) {
                            columns.fill::<X>(data, x.width, count, start, length);
                            filled = Some((start, length));
                        }
                        let from = matrix_rows.get(start..).unwrap_or(&[]);
                        weights.fill::<X>(from, matrix.stride, channels.len(), length);
                        let bias = if start == 0 { &scales.bias } else { &[0; OUTPUTS] };
                        weights.multiply::<X>(columns.side::<X>(), bias, start > 0, sums.0.as_mut_ptr().cast(), ROWS);
                    }
                    start += length;
                    if start >= inputs {
                        break;
                    }
                }
                let place = Place { row: first, rows: count, output: tile * OUTPUTS };
                // SAFETY: the CPU is the caller's.
                unsafe { finish::<X>(&sums, &scales, channels, place, sink) };
            }
        }
        first += count;
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
            let sum = X::load(sums.0[output].as_ptr().add(vector * X::LANES));
            X::scale(sum, self.multiplier[output], self.half[output], self.shift[output])
        }
    }
}

/// Which rows and outputs a block is of.
struct Place {
    row: usize,
    rows: usize,
    output: usize,
}

/// Requantises a block, and hands it to the sink.
///
/// # Safety
/// The CPU has the instructions of `X`.
#[inline(always)]
unsafe fn finish<X: Vector>(sums: &Sums, scales: &Scales, channels: &[Channel], place: Place, sink: &mut Sink<'_>) {
    let outputs = channels.len();
    match sink {
        Sink::Store { out, row_stride, output_stride: 1 } => {
            let mut staged = Staged([[0i8; OUTPUTS]; ROWS]);
            for (vector, staged) in staged.0.chunks_exact_mut(X::LANES).take(place.rows.div_ceil(X::LANES)).enumerate()
            {
                // SAFETY: the CPU is the caller's; there are that many vectors, and a row per lane.
                unsafe { X::bytes(scales.scaled::<X>(sums, vector), staged) };
            }
            let out = out.get_mut(place.row * *row_stride + place.output..).unwrap_or(&mut []);
            if outputs == OUTPUTS && fits(out.len(), place.rows, *row_stride) {
                let out = out.as_mut_ptr();
                for (row, staged) in staged.0.iter().take(place.rows).enumerate() {
                    // SAFETY: `out` has room for eight values in each of these rows.
                    unsafe { out.add(row * *row_stride).cast::<[i8; OUTPUTS]>().write(*staged) };
                }
            } else {
                for (row, staged) in staged.0.iter().take(place.rows).enumerate() {
                    copy(&staged[..outputs], out.get_mut(row * *row_stride..).unwrap_or(&mut []));
                }
            }
        }
        Sink::Store { out, row_stride: 1, output_stride } => {
            for vector in 0..place.rows.div_ceil(X::LANES) {
                let first = vector * X::LANES;
                let rows = (place.rows - first).min(X::LANES);
                for output in 0..outputs {
                    let mut bytes = [0; 16];
                    // SAFETY: the CPU is the caller's; there are that many vectors.
                    unsafe { X::one(scales.apply::<X>(sums, vector, output), &mut bytes) };
                    let start = (place.output + output) * *output_stride + place.row + first;
                    let out = out.get_mut(start..).unwrap_or(&mut []);
                    match out.get_mut(..X::LANES) {
                        Some(out) if rows == X::LANES => out.copy_from_slice(&bytes[..X::LANES]),
                        _ => copy(&bytes[..rows], out),
                    }
                }
            }
        }
        Sink::Add { out, width } => {
            let mut staged = Staged([[0i16; OUTPUTS]; ROWS]);
            for (vector, staged) in staged.0.chunks_exact_mut(X::LANES).take(place.rows.div_ceil(X::LANES)).enumerate()
            {
                // SAFETY: as above.
                unsafe { X::words(scales.scaled::<X>(sums, vector), staged) };
            }
            let out = out.get_mut(place.row * *width + place.output..).unwrap_or(&mut []);
            if outputs == OUTPUTS && fits(out.len(), place.rows, *width) {
                let out = out.as_mut_ptr();
                for (row, staged) in staged.0.iter().take(place.rows).enumerate() {
                    // SAFETY: `out` has room for eight values in each of these rows.
                    add(staged, unsafe { &mut *out.add(row * *width).cast::<[i16; OUTPUTS]>() });
                }
            } else {
                for (row, staged) in staged.0.iter().take(place.rows).enumerate() {
                    add(&staged[..outputs], out.get_mut(row * *width..).unwrap_or(&mut []));
                }
            }
        }
        Sink::Store { .. } => {
            for (output, (&channel, sums)) in channels.iter().zip(&sums.0).enumerate() {
                for (row, &sum) in sums.iter().take(place.rows).enumerate() {
                    sink.put(place.row + row, place.output + output, sum, channel);
                }
            }
        }
    }
}

/// Eight outputs of each row.
#[repr(align(64))]
struct Staged<T>([[T; OUTPUTS]; ROWS]);

/// Whether a slice has room for eight values in each of `rows` rows, `stride` apart.
#[inline(always)]
fn fits(length: usize, rows: usize, stride: usize) -> bool {
    let last = stride.checked_mul(rows - 1).and_then(|last| last.checked_add(OUTPUTS));
    last.is_some_and(|last| last <= length)
}

#[inline(always)]
fn copy(from: &[i8], to: &mut [i8]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

#[inline(always)]
fn add(from: &[i16], to: &mut [i16]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = to.saturating_add(from);
    }
}
