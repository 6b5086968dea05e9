//! The linear layer in blocks: some rows at a time, loaded once for all layers, by blocks of outputs, each by chunks of
//! inputs.

use crate::arithmetic::requantise::Channel;
use crate::kernels::{Epilogue, Layer, Matrix, Rows, tiles};
use core::mem::MaybeUninit;

/// Rows of activations that are taken together.
#[derive(Clone, Copy)]
pub(crate) struct RowTile<'x> {
    /// They begin with the first of these.
    pub(crate) x: Rows<'x>,
    /// Which row of the epilogue that is.
    pub(crate) first: usize,
    /// How many they are.
    pub(crate) lanes: usize,
}

/// How a backend does a layer on a tile of rows.
pub(crate) trait TileLinear {
    /// Inputs of a tile that there is memory for at a time.
    const INNER: usize;

    /// Takes `length` inputs, at most `INNER`, from `start` on, of each row.
    ///
    /// # Safety
    /// The rows of the tile are there, and have so many inputs, at least one.
    unsafe fn load(&mut self, tile: RowTile<'_>, start: usize, length: usize);

    /// A layer of `inputs` inputs on the rows, which are loaded if they fit.
    ///
    /// # Safety
    /// The layer fits rows as those of [`Products`](crate::kernels::Products) do, of which the tile's are some; they
    /// are loaded.
    unsafe fn layer(&mut self, tile: RowTile<'_>, inputs: usize, layer: &mut Layer<'_>);
}

/// Layers on the first `rows` rows, `lanes` at a time, which are loaded once for all layers of as many inputs.
///
/// # Safety
/// Rows and layers are those of the same [`Products`](crate::kernels::Products), and there are as many rows.
#[inline(always)]
pub(crate) unsafe fn linear<T: TileLinear>(
    backend: &mut T,
    x: Rows<'_>,
    rows: usize,
    lanes: usize,
    layers: &mut [Layer<'_>],
) {
    for first in (0..rows).step_by(lanes.max(1)) {
        let data = x.data.get(first * x.width..).unwrap_or(&[]);
        let tile = RowTile { x: Rows { data, ..x }, first, lanes: lanes.min(rows - first) };
        let mut loaded = None;
        for layer in &mut *layers {
            let inputs = x.width.min(layer.weights.inputs);
            if loaded != Some(inputs) {
                if inputs <= T::INNER {
                    // SAFETY: all rows have the inputs of all layers.
                    unsafe { backend.load(tile, 0, inputs) };
                }
                loaded = Some(inputs);
            }
            // SAFETY: as the caller promises; the rows have just been loaded, if they fit at once.
            unsafe { backend.layer(tile, inputs, layer) };
        }
    }
}

/// Some outputs of a tile of rows.
pub(crate) struct Block<'a> {
    pub(crate) tile: RowTile<'a>,
    /// Inputs of the layer.
    pub(crate) inputs: usize,
    /// The first output.
    pub(crate) output: usize,
    /// Of all of them.
    pub(crate) channels: &'a [Channel],
}

/// What [`blocks`] is made of: sums in memory.
pub(crate) trait LinearBlocks: TileLinear {
    /// Inputs whose products are added up at a time: `INNER` is a multiple of it.
    const CHUNK: usize;
    /// Outputs of a block.
    const OUTPUTS: usize;
    /// The sums of a block, unless the backend has memory of its own for them.
    type Sums;

    /// The sums of a block over a chunk of inputs, those at `place` of what is loaded, each with a row of `w`: written
    /// for the first chunk, then added.
    ///
    /// # Safety
    /// The weights have a row for each output, and so many inputs are loaded.
    unsafe fn products(
        &mut self,
        place: usize,
        w: Matrix<'_>,
        block: &Block<'_>,
        sums: &mut MaybeUninit<Self::Sums>,
        add: bool,
    );

    /// Requantises the sums of a block, and puts them into the epilogue.
    ///
    /// # Safety
    /// All sums of all inputs are written, and there is a place for each output of each row.
    unsafe fn finish(&mut self, block: &Block<'_>, epilogue: &mut Epilogue<'_>, sums: &mut MaybeUninit<Self::Sums>);
}

/// [`TileLinear::layer`], block by block.
///
/// # Safety
/// As for that.
#[inline(always)]
pub(crate) unsafe fn blocks<B: LinearBlocks>(backend: &mut B, tile: RowTile<'_>, inputs: usize, layer: &mut Layer<'_>) {
    let Layer { weights, channels, epilogue } = layer;
    let mut sums = MaybeUninit::uninit();
    for (index, channels) in tiles(channels, B::OUTPUTS).enumerate() {
        let block = Block { tile, inputs, output: index * B::OUTPUTS, channels };
        let mut start = 0;
        while start < inputs {
            if inputs > B::INNER && start.is_multiple_of(B::INNER) {
                // SAFETY: all rows have the inputs of the layer.
                unsafe { backend.load(tile, start, (inputs - start).min(B::INNER)) };
            }
            let length = (inputs - start).min(B::CHUNK);
            let data = weights.data.get(block.output * weights.stride + start..).unwrap_or(&[]);
            let w = Matrix { data, inputs: length, ..*weights };
            // SAFETY: the layer has weights for all outputs and inputs, and these inputs are loaded.
            unsafe { backend.products(start % B::INNER, w, &block, &mut sums, start > 0) };
            start += length;
        }
        // SAFETY: the sums are complete; the layer has a place for each output of each row.
        unsafe { backend.finish(&block, epilogue, &mut sums) };
    }
}
