//! Rotary positions: queries and keys are turned by angles in proportion to their positions, so that their product depends
//! on the distance alone (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021).
//!
//! Angles are words in units of 2^-32 of a turn: they wrap as angles do, so positions go on without end.

use crate::kernels::{Kernels, Rows, Sink, rows, rows_mut, tiles, tiles_mut};
use crate::linear::LinearView;
use crate::requantise::saturate_i8;
use crate::softmax::MAX_HEAD_DIM;

/// Which two values of a query or key are turned together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pairing {
    /// Neighbours: 0 with 1, 2 with 3 (the paper, llama2.c).
    Interleaved,
    /// One of each half: 0 with n, 1 with n + 1, for n pairs (GPT-NeoX, Hugging Face).
    Halves,
}

/// A rotation by position; a [`Reach`](crate::Reach). Values after the pairs are left as they are.
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

/// `[sin, cos]` of an angle in units of 2^-32 of a turn, in `I1F15`, within 2^-15.
#[inline]
pub(crate) const fn sin_cos(angle: u32) -> [i32; 2] {
    const fn multiply(a: i32, b: i32) -> i32 {
        ((a as i64 * b as i64) >> 30) as i32
    }
    // The nearest quarter, and what is left: -1/8 to 1/8 of a turn, in units of 2^-30 of 1/8.
    let quarter = angle.wrapping_add(1 << 29) >> 30;
    let rest = (angle.wrapping_sub(quarter << 30) as i32) << 1;
    let square = multiply(rest, rest);
    // Taylor series in units of 2^-30 of (π/4)^n/n!; the first terms left out are 3·10^-7 and 4·10^-6.
    let sin = multiply(
        rest,
        843_314_857 - multiply(square, 86_699_834 - multiply(square, 2_674_041 - multiply(square, 39_273))),
    );
    let cos = (1 << 30) - multiply(square, 331_168_970 - multiply(square, 17_023_473 - multiply(square, 350_031)));
    let (sin, cos) = (round(sin), round(cos));
    match quarter & 3 {
        0 => [sin, cos],
        1 => [cos, -sin],
        2 => [-sin, -cos],
        _ => [-cos, sin],
    }
}

/// From units of 2^-30 to `I1F15`.
#[inline]
const fn round(x: i32) -> i32 {
    let x = (x + (1 << 14)) >> 15;
    if x > 32767 { 32767 } else { x }
}

impl Rope<'_> {
    /// Turns a query or key at a position: int16 to int8, 64 steps to one.
    #[inline(never)]
    pub(crate) fn rotate(&self, position: u32, x: &[i16], out: &mut [i8]) {
        let turns = self.frequencies.iter().map(|frequency| sin_cos(frequency.wrapping_mul(position)));
        rotate(self.pairing, self.frequencies.len(), turns, x, out);
    }

    /// The turns of all pairs at a position.
    #[inline(never)]
    pub(crate) fn turns(&self, position: u64) -> Turns {
        let mut turns =
            Turns { pairing: self.pairing, pairs: self.frequencies.len(), sin_cos: [[0; 2]; MAX_HEAD_DIM / 2] };
        for (to, frequency) in turns.sin_cos.iter_mut().zip(self.frequencies) {
            // Whole turns do not count, nor do the upper bits of the position.
            *to = sin_cos(frequency.wrapping_mul(position as u32)).map(|x| x as i16);
        }
        turns
    }

    /// Projects `x` `[rows][inputs]` through a layer to rotated int8 `[rows][outputs]`; the first row is at position `first`, the others
    /// `step` further each.
    #[inline(never)]
    pub(crate) fn project<K: Kernels>(
        &self,
        x: Rows<'_>,
        layer: LinearView<'_>,
        first: usize,
        step: usize,
        out: &mut [i8],
    ) {
        let mut memory = [0i16; MAX_HEAD_DIM];
        let dim = layer.channels.len();
        // As many rows at a time as fit.
        let most = memory.len().checked_div(dim).unwrap_or(0).max(1);
        let mut position = first;
        for (data, out) in tiles(x.data, x.width * most).zip(tiles_mut(out, dim * most)) {
            let Some(turned) = memory.get_mut(..out.len()) else { return };
            turned.fill(0);
            K::linear(Rows { data, ..x }, &mut [layer.to(Sink::Add { out: turned, width: dim })]);
            for (turned, out) in rows(turned, dim).zip(rows_mut(out, dim)) {
                self.rotate(position as u32, turned, out);
                position = position.wrapping_add(step);
            }
        }
    }
}

/// Turns the pairs of `x` by sines and cosines in `I1F15`; what comes after the pairs is left as it is.
#[inline]
fn rotate(pairing: Pairing, pairs: usize, turns: impl Iterator<Item = [i32; 2]>, x: &[i16], out: &mut [i8]) {
    // Pairs that there are no values for are left out.
    let pairs = pairs.min(x.len() / 2);
    for (i, [sin, cos]) in turns.enumerate().take(pairs) {
        let (a, b) = match pairing {
            Pairing::Interleaved => (2 * i, 2 * i + 1),
            Pairing::Halves => (i, i + pairs),
        };
        let (Some(&xa), Some(&xb)) = (x.get(a), x.get(b)) else { return };
        let (xa, xb) = (i32::from(xa), i32::from(xb));
        for (to, y) in [(a, xa * cos - xb * sin), (b, xa * sin + xb * cos)] {
            if let Some(to) = out.get_mut(to) {
                *to = saturate_i8((y + (1 << 20)) >> 21);
            }
        }
    }
    for (to, &x) in out.iter_mut().zip(x).skip(2 * pairs) {
        *to = saturate_i8((i32::from(x) + 32) >> 6);
    }
}

/// The turns of all pairs at one position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turns {
    pairing: Pairing,
    pairs: usize,
    /// `I1F15`
    sin_cos: [[i16; 2]; MAX_HEAD_DIM / 2],
}

impl Turns {
    /// Projects a row through a layer to rotated int8, one head of `dim` after the other.
    #[inline(never)]
    pub(crate) fn project<K: Kernels>(&self, x: Rows<'_>, layer: LinearView<'_>, dim: usize, out: &mut [i8]) {
        let mut memory = [0i16; MAX_HEAD_DIM];
        // As many heads at a time as fit.
        let most = memory.len().checked_div(dim).unwrap_or(0).max(1) * dim;
        let mut first = 0;
        for out in tiles_mut(out, most) {
            let layer = layer.outputs(first, most);
            first += most;
            let Some(turned) = memory.get_mut(..layer.channels.len()) else { return };
            turned.fill(0);
            K::linear(x, &mut [layer.to(Sink::Add { out: turned, width: layer.channels.len() })]);
            for (turned, out) in rows(turned, dim).zip(rows_mut(out, dim)) {
                let turns = self.sin_cos.iter().take(self.pairs).map(|turn| turn.map(i32::from));
                rotate(self.pairing, self.pairs, turns, turned, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sin_and_cos_of_every_angle() {
        let mut worst = 0.0f64;
        for i in 0..1u32 << 20 {
            let angle = i.wrapping_mul(4099 << 8).wrapping_add(i);
            let [sin, cos] = sin_cos(angle).map(|x| f64::from(x) / 32768.0);
            let real = f64::from(angle) / 4_294_967_296.0 * core::f64::consts::TAU;
            worst = worst.max((sin - real.sin()).abs()).max((cos - real.cos()).abs());
        }
        assert!(worst <= 1.0 / 32768.0, "{worst:e}");
    }
}
