//! The loops for Armv7-M: multiply and add is one instruction, and loads can step on.

use super::LANES;

/// Queries of a tile.
pub(super) const QUERIES: usize = LANES;
/// Inner positions that are packed at a time: 3 KiB of stack.
pub(super) const INNER: usize = 192;
/// Outputs, or dimensions, whose sums are in memory at a time: 768 bytes of stack.
pub(super) const OUTPUTS: usize = 32;

mod finish;
pub(super) mod norm;
mod products;
mod softmax;

pub(super) use finish::{add, store, store_rows};
pub(super) use products::{pack, panel, weighted};
pub(super) use softmax::{largest, weigh};
