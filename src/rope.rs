//! Rotary positions: queries and keys are turned by angles in proportion to their positions, so that their product
//! depends on the distance alone (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021).
//!
//! Angles are words in units of 2^-32 of a turn: they wrap as angles do, so positions go on without end.

use crate::arithmetic::softmax::MAX_HEAD_DIM;
pub use crate::kernels::Pairing;
use crate::kernels::{Epilogue, Kernels, Rotation, Rows, Turn, linear, tiles, tiles_mut};
use crate::linear::LinearView;

/// A rotation by position; a [`AttentionPattern`](crate::AttentionPattern). Values after the pairs are left as they
/// are.
///
/// Projections to queries and keys that are rotated are made for int16 with 64 steps to the int8 step of the result:
/// rotating adds no rounding of its own.
#[derive(Clone, Copy, Debug)]
pub struct Rope<'a> {
    /// Which values are turned together.
    pub pairing: Pairing,
    /// Of each pair: how far it turns per position, in units of 2^-32 of a turn.
    pub frequencies: &'a [u32],
}

/// The frequencies of `N` pairs: `base^(-i/N)` radians per position.
///
/// ```
/// use heedful::{Pairing, Rope, frequencies};
/// static FREQUENCIES: [u32; 8] = frequencies(10000.0);
/// const ROPE: Rope = Rope { pairing: Pairing::Interleaved, frequencies: &FREQUENCIES };
/// assert_eq!(FREQUENCIES[0], 683_565_276); // a radian
/// ```
#[must_use]
pub const fn frequencies<const N: usize>(base: f64) -> [u32; N] {
    let mut table = [0; N];
    let mut i = 0;
    while i < N {
        let radians = crate::position::exp(-crate::position::ln(base) * i as f64 / N as f64);
        table[i] = (radians / core::f64::consts::TAU * 4_294_967_296.0 + 0.5) as u32;
        i += 1;
    }
    table
}

/// Rotated values of queries and keys in memory at a time.
const ROOM: usize = 2 * MAX_HEAD_DIM;

/// What is projected to queries or keys, and where they go, `[rows][dim]`.
pub(crate) type Rotated<'a> = (LinearView<'a>, &'a mut [i8]);
/// What is projected to values, where they go, `[dim][stride]`, and `stride`.
pub(crate) type Valued<'a> = (LinearView<'a>, &'a mut [i8], usize);

impl Rope<'_> {
    /// The turns of all pairs at a position.
    #[inline]
    pub(crate) fn turns<K: Kernels>(&self, position: u64) -> Turns {
        let mut turns = Turns::NONE;
        self.turn::<K>(position, &mut turns);
        turns
    }

    /// The same in place.
    #[inline(never)]
    pub(crate) fn turn<K: Kernels>(&self, position: u64, turns: &mut Turns) {
        turns.pairing = self.pairing;
        turns.pairs = self.frequencies.len().min(turns.turns.len());
        if let (Some(frequencies), Some(to)) = (self.frequencies.get(..turns.pairs), turns.turns.get_mut(..turns.pairs))
        {
            // Whole turns do not count, nor do the upper bits of the position.
            K::turns(frequencies, position as u32, 0, to);
        }
    }

    /// Projects `x` `[rows][inputs]` to rotated queries, and to rotated keys and values beside them if these are made
    /// from the same rows. The first row is at position `first`, the others `step` further each.
    #[inline(never)]
    pub(crate) fn project<K: Kernels>(
        &self,
        x: Rows<'_>,
        [first, step]: [usize; 2],
        query: Rotated<'_>,
        beside: Option<(Rotated<'_>, Valued<'_>)>,
    ) {
        let (mut memory, mut turns) = ([0i16; ROOM], [Turn::ZERO; MAX_HEAD_DIM / 2]);
        let (query, query_out) = query;
        let dim = query.channels.len();
        let pairs = self.frequencies.len().min(dim / 2);
        let frequencies = self.frequencies.get(..pairs).unwrap_or(&[]);
        // As many rows at a time as fit, in whole tiles of the backend's where these do.
        let fit = MAX_HEAD_DIM.checked_div(dim).unwrap_or(0).max(1);
        let most = if fit > K::ROWS { fit - fit.checked_rem(K::ROWS).unwrap_or(0) } else { fit };
        let layers = if beside.is_some() { 3 } else { 1 };
        let ((key, key_out), (value, value_out, stride)) = beside.unwrap_or(((query, &mut []), (query, &mut [], 0)));
        let mut position = first as u32;
        for (tile, data) in tiles(x.data(), x.width() * most).enumerate() {
            let rows = data.len().checked_div(x.width()).unwrap_or(0);
            let (start, length) = (tile * most, rows * dim);
            let (queries, keys) = memory.split_at_mut(ROOM / 2);
            let (Some(turns), Some(queries), Some(keys)) =
                (turns.get_mut(..rows * pairs), queries.get_mut(..length), keys.get_mut(..length))
            else {
                return;
            };
            K::turns(frequencies, position, step as u32, turns);
            position = position.wrapping_add((rows as u32).wrapping_mul(step as u32));
            queries.fill(0);
            if layers > 1 {
                keys.fill(0);
            }
            let values = value_out.get_mut(start..).unwrap_or(&mut []);
            // One call, for some backends put their own work in place of it.
            let mut all = [
                query.to(Epilogue::Add { out: queries, width: dim }),
                key.to(Epilogue::Add { out: keys, width: dim }),
                value.to(Epilogue::Store { out: values, row_stride: 1, output_stride: stride }),
            ];
            linear::<K>(Rows::new(data, x.width()), all.get_mut(..layers).unwrap_or(&mut []));
            let rotation = Rotation { pairing: self.pairing, dim, pairs, turns, stride: pairs };
            K::rotate(rotation, queries, query_out.get_mut(start * dim..).unwrap_or(&mut []));
            if layers > 1 {
                K::rotate(rotation, keys, key_out.get_mut(start * dim..).unwrap_or(&mut []));
            }
        }
    }
}

/// The turns of all pairs at one position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    pairing: Pairing,
    pairs: usize,
    turns: [Turn; MAX_HEAD_DIM / 2],
}

impl Turns {
    /// No pair is turned.
    pub(crate) const NONE: Self =
        Self { pairing: Pairing::Interleaved, pairs: 0, turns: [Turn::ZERO; MAX_HEAD_DIM / 2] };

    /// Projects a row through a layer to rotated int8, one head of `dim` after the other.
    #[inline(never)]
    pub(crate) fn project<K: Kernels>(&self, x: Rows<'_>, layer: LinearView<'_>, dim: usize, out: &mut [i8]) {
        let mut memory = [0i16; MAX_HEAD_DIM];
        let pairs = self.pairs.min(dim / 2);
        let rotation = Rotation { pairing: self.pairing, dim, pairs, turns: &self.turns, stride: 0 };
        // As many heads at a time as fit.
        let most = memory.len().checked_div(dim).unwrap_or(0).max(1) * dim;
        let mut first = 0;
        for out in tiles_mut(out, most) {
            let layer = layer.outputs(first, most);
            first += most;
            let Some(turned) = memory.get_mut(..layer.channels.len()) else { return };
            turned.fill(0);
            linear::<K>(x, &mut [layer.to(Epilogue::Add { out: turned, width: layer.channels.len() })]);
            K::rotate(rotation, turned, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Portable;

    /// Two pairs, the slow one ten times as large: the mean square error of a product, over that of the product.
    fn error(pairing: Pairing, range: f64, factor: f64) -> f64 {
        let rope = Rope { pairing, frequencies: &frequencies::<2>(10_000.0) };
        let (mut random, mut noise, mut signal) = (1u32, 0.0, 0.0);
        let mut angle = || {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(random) / 4_294_967_296.0 * core::f64::consts::TAU
        };
        for position in 0..if cfg!(miri) { 100 } else { 10_000u32 } {
            let [query, key] = [position, position / 2].map(|position| {
                let real =
                    [(0.1, angle()), (1.0, angle())].map(|(size, angle)| [size * angle.cos(), size * angle.sin()]);
                let wide = real.as_flattened().iter().map(|x| (x / range * 127.0 * 64.0).round() as i16);
                let mut rotated = [0; 4];
                let Turns { pairs, turns, .. } = rope.turns::<Portable>(position.into());
                let rotation = Rotation { pairing, dim: 4, pairs, turns: &turns, stride: 0 };
                Portable::rotate(rotation, &wide.collect::<std::vec::Vec<_>>(), &mut rotated);
                (real, rotated)
            });
            let mut exact = 0.0;
            for ((query, key), frequency) in query.0.iter().zip(key.0).zip(rope.frequencies) {
                let apart = f64::from(frequency.wrapping_mul(position - position / 2)) / 4_294_967_296.0;
                let (sin, cos) = (apart * core::f64::consts::TAU).sin_cos();
                let turned = [query[0] * cos - query[1] * sin, query[0] * sin + query[1] * cos];
                exact += turned[0] * key[0] + turned[1] * key[1];
            }
            let found: i32 = query.1.iter().zip(key.1).map(|(&q, k)| i32::from(q) * i32::from(k)).sum();
            noise += (f64::from(found) * (range / 127.0).powi(2) * factor - exact).powi(2);
            signal += exact.powi(2);
        }
        noise / signal
    }

    #[test]
    fn folding_lowers_the_error_of_large_slow_pairs() {
        let (plain, folded) = (error(Pairing::Interleaved, 1.0, 1.0), error(Pairing::Folded, 1.1, 0.5));
        assert!(plain < 1e-4 && folded < 0.7 * plain, "{folded:e} {plain:e}");
    }
}
