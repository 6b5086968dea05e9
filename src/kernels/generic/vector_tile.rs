//! What vector backends ask of a tile.

use crate::arithmetic::softmax::Weight;
use crate::kernels::{Tile, WeightObserver};

/// Keys that all queries see.
#[inline]
pub(crate) fn shared(visible: &[usize]) -> usize {
    visible.iter().copied().min().unwrap_or(0)
}

/// [`Kernels::tile_show`](crate::kernels::Kernels::tile_show) where two weights of 16 bits share a word in place of the
/// scores: `place` tells the place of the word of a lane's pair of keys.
#[inline]
pub(crate) fn show_pairs<W: Weight>(
    tile: &mut Tile<'_, W>,
    place: impl Fn(usize, usize) -> usize,
    observer: &mut impl WeightObserver<W>,
) {
    for (lane, &visible) in tile.visible.iter().enumerate() {
        let Some(row) = tile.weights.get_mut(..visible) else { return };
        for (key, to) in row.iter_mut().enumerate() {
            let pair = tile.scores.get(place(lane, key / 2)).map_or(0, |&pair| pair as u32);
            *to = W::from_int((pair >> (16 * (key % 2)) & 0xffff) as i32);
        }
        observer.row(lane, row);
    }
}
