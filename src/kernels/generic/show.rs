//! Weights that lie where scores were, shown to an observer.

use crate::arithmetic::softmax::Weight;
use crate::kernels::{Tile, WeightObserver};

/// [`Kernels::tile_show`](crate::kernels::Kernels::tile_show): `weights` goes through those of a query, key by key, in
/// what the scores' memory holds.
#[inline(always)]
pub(crate) fn show<'t, W: Weight, I: Iterator<Item = i32>>(
    tile: &'t mut Tile<'_, W>,
    observer: &mut impl WeightObserver<W>,
    weights: impl Fn(&'t [i32], usize) -> I,
) {
    let scores = &*tile.scores;
    for (query, &visible) in tile.visible.iter().enumerate() {
        let Some(row) = tile.weights.get_mut(..visible) else { return };
        for (to, weight) in row.iter_mut().zip(weights(scores, query)) {
            *to = W::from_int(weight);
        }
        observer.row(query, row);
    }
}
