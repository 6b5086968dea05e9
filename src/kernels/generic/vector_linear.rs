//! Linear layers in blocks: rows side by side, a few outputs, and as many inputs as there is room for.

use crate::arithmetic::requantise::Channel;
use crate::kernels::{Epilogue, Layer, Matrix, Products, Rows, tiles};

/// Results that belong together.
pub(crate) struct Block<'a> {
    pub(crate) channels: &'a [Channel],
    /// The first output.
    pub(crate) output: usize,
    /// The first row, and how many.
    pub(crate) row: usize,
    pub(crate) rows: usize,
}

/// What a backend brings to [`linear`].
///
/// # Safety
/// All rows, weights and places of results are those of [`Products`]; the core is the backend's.
#[allow(clippy::missing_safety_doc)]
pub(crate) trait Blocks {
    /// Outputs of a block.
    const OUTPUTS: usize;
    /// Inputs that are laid out at a time.
    const INPUTS: usize;

    /// Lays out `length` inputs, from `start` on, of the first `rows` rows.
    unsafe fn fill(&mut self, x: Rows<'_>, rows: usize, start: usize, length: usize);

    /// Multiplies them by the weights of a block; the sums start anew, or are added to.
    unsafe fn multiply(&mut self, w: Matrix<'_>, block: &Block<'_>, anew: bool);

    /// Brings the sums of a block to where they go.
    unsafe fn finish(&mut self, block: &Block<'_>, epilogue: &mut Epilogue<'_>);
}

/// [`Kernels::linear`](crate::kernels::Kernels::linear), `most` rows at a time. What is laid out serves all blocks and
/// layers that take it.
///
/// # Safety
/// The core is the backend's, and `most` rows of [`Blocks::INPUTS`] inputs, or of as many as there are, can be laid
/// out.
#[inline(always)]
pub(crate) unsafe fn linear<B: Blocks>(blocks: &mut B, products: Products<'_, '_>, most: usize) {
    let Products { x, rows, layers } = products;
    for row in (0..rows).step_by(most.max(1)) {
        let count = most.min(rows - row);
        let x = Rows { data: x.data.get(row * x.width..).unwrap_or(&[]), ..x };
        // How many inputs are laid out, if these are all.
        let mut filled = 0;
        for Layer { weights, channels, epilogue } in &mut *layers {
            let inputs = weights.inputs.min(x.width);
            let at_once = inputs <= B::INPUTS;
            if at_once && filled != inputs {
                // SAFETY: all rows hold these inputs, and there is room.
                unsafe { blocks.fill(x, count, 0, inputs) };
            }
            filled = if at_once { inputs } else { 0 };
            for (index, channels) in tiles(channels, B::OUTPUTS).enumerate() {
                let output = index * B::OUTPUTS;
                let block = Block { channels, output, row, rows: count };
                let mut start = 0;
                loop {
                    let length = B::INPUTS.min(inputs - start);
                    // SAFETY: rows and weights are those of the products, so that there are weights from there on; all
                    // else is the caller's.
                    unsafe {
                        let data = weights.data.get_unchecked(output * weights.stride + start..);
                        if !at_once {
                            blocks.fill(x, count, start, length);
                        }
                        blocks.multiply(Matrix { data, inputs: length, ..*weights }, &block, start == 0);
                    }
                    start += length;
                    if start >= inputs {
                        break;
                    }
                }
                // SAFETY: so are the places.
                unsafe { blocks.finish(&block, epilogue) };
            }
        }
    }
}
