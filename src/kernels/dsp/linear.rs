//! Linear layers on four rows at a time, in registers where their shape allows it.

use super::expand::{Expanded, UNWRITTEN};
use super::products::{self, accumulate};
use super::{INNER, LANES, Lanes, OUTPUTS, row};
use crate::kernels::generic::linear::{self, Block, LinearBlocks, RowTile, TileLinear};
use crate::kernels::{Epilogue, Layer, Matrix, Products, Rows};
use core::mem::MaybeUninit;

/// [`Kernels::linear`](crate::kernels::Kernels::linear) of at least four rows.
// Not inlined, as nothing that has buffers: each copy would have its own on the stack.
#[inline(never)]
pub(super) fn linear(products: Products<'_, '_>) {
    let Products { x, rows, layers } = products;
    let mut memory = UNWRITTEN;
    let whole = rows / LANES * LANES;
    let rest = Rows { data: x.data.get(whole * x.width..).unwrap_or(&[]), ..x };
    // SAFETY: these are the rows and layers of the products, and after them the last rows.
    unsafe {
        linear::linear(&mut Expanded::new(&mut memory), x, whole, LANES, layers);
        if whole < rows {
            row::rows(rest, whole, &mut memory, layers);
        }
    }
}

impl TileLinear for Expanded<'_> {
    const INNER: usize = INNER;

    #[inline]
    unsafe fn load(&mut self, tile: RowTile<'_>, start: usize, length: usize) {
        self.fill(tile.x.data, tile.x.width, start, length);
    }

    #[inline]
    unsafe fn layer(&mut self, tile: RowTile<'_>, inputs: usize, layer: &mut Layer<'_>) {
        let Layer { weights, channels, epilogue } = layer;
        if tile.lanes == LANES && inputs <= INNER {
            let weights = Matrix { inputs, ..*weights };
            // SAFETY: the weights of all outputs are there, and places for what they give of these rows.
            let done = unsafe {
                match epilogue {
                    Epilogue::Store { out, row_stride, output_stride } => {
                        let out = out.as_mut_ptr().add(tile.first * *row_stride);
                        products::store(self.words(), weights, channels, out, *row_stride, *output_stride)
                    }
                    Epilogue::Add { out, width } => {
                        let out = out.as_mut_ptr().add(tile.first * *width);
                        products::add(self.words(), weights, channels, out, *width)
                    }
                }
            };
            if done {
                return;
            }
        }
        // SAFETY: as the caller promises.
        unsafe { linear::blocks(self, tile, inputs, layer) };
    }
}

impl LinearBlocks for Expanded<'_> {
    const CHUNK: usize = INNER;
    const OUTPUTS: usize = OUTPUTS;
    type Sums = [Lanes; OUTPUTS];

    #[inline]
    unsafe fn products(
        &mut self,
        _: usize,
        w: Matrix<'_>,
        block: &Block<'_>,
        sums: &mut MaybeUninit<Self::Sums>,
        add: bool,
    ) {
        // SAFETY: sums that are added to have been written.
        let sums = if add { unsafe { sums.assume_init_mut() } } else { sums.write([[0; LANES]; OUTPUTS]) };
        let Some(sums) = sums.get_mut(..block.channels.len()) else { return };
        if !add {
            for (sum, channel) in sums.iter_mut().zip(block.channels) {
                *sum = [channel.bias; LANES];
            }
        }
        // SAFETY: as the caller promises.
        unsafe { accumulate(self.words(), w.data, w.stride, w.inputs, sums) };
    }

    #[inline]
    unsafe fn finish(&mut self, block: &Block<'_>, epilogue: &mut Epilogue<'_>, sums: &mut MaybeUninit<Self::Sums>) {
        let &Block { tile, output, channels, .. } = block;
        // SAFETY: `products` has written all of them.
        let sums = unsafe { sums.assume_init_ref() };
        for (output, (sums, &channel)) in (output..).zip(sums.iter().zip(channels)) {
            for (lane, &sum) in sums.iter().take(tile.lanes).enumerate() {
                epilogue.put(tile.first + lane, output, sum, channel);
            }
        }
    }
}
