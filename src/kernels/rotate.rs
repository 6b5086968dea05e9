//! Rotation by position, in portable Rust: what other backends are held against.
//!
//! All products are high words of 64 bits, floored: SMMUL and SMMLA (Cortex-M), VMULH (Helium) and `mulh` (RISC-V) give
//! the same bits.

use super::{rows, rows_mut};
use crate::arithmetic::requantise::saturate_i8;

/// Which two values of a query or key are turned together; as a number, what a `.heed` file calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pairing {
    /// Neighbours: 0 with 1, 2 with 3 (the paper, llama2.c).
    Interleaved = 0,
    /// One of each half: 0 with n, 1 with n + 1, for n pairs (GPT-NeoX, Hugging Face).
    Halves = 1,
    /// Neighbours. After that, each value and its mirror image (the first and the last of the pairs' values, and so on)
    /// become their sum and their difference, in queries and keys alike: that doubles products of both, and no more.
    /// Where slow pairs have larger values than fast ones, as in language models, twice as many values share their
    /// rounding.
    Folded = 2,
}

impl Pairing {
    /// The pairing of this number; `None` if there is none.
    pub(crate) const fn of_word(word: u32) -> Option<Self> {
        match word {
            0 => Some(Self::Interleaved),
            1 => Some(Self::Halves),
            2 => Some(Self::Folded),
            _ => None,
        }
    }
}

/// Cosine and sine of an angle, in `I1F15`; together never longer than 1 by more than rounding. One word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(4))]
pub struct Turn {
    /// Cosine.
    pub cos: i16,
    /// Sine.
    pub sin: i16,
}

impl Turn {
    /// By nothing.
    pub const ZERO: Self = Self { cos: i16::MAX, sin: 0 };
}

/// How rows are rotated.
#[derive(Clone, Copy, Debug)]
pub struct Rotation<'a> {
    /// Which values are turned together.
    pub pairing: Pairing,
    /// Values of a row.
    pub dim: usize,
    /// How many pairs of a row are turned, the first ones: at most `dim / 2`.
    pub pairs: usize,
    /// Of each row and pair.
    pub turns: &'a [Turn],
    /// From a row's turns to the next row's: 0 if all rows turn alike.
    pub stride: usize,
}

impl Rotation<'_> {
    /// How many rows of `x` there are turns and outputs for; none if there are more pairs than values for them.
    #[inline]
    pub(super) fn rows(&self, x: &[i16], out: &[i8]) -> usize {
        let Self { dim, pairs, turns, stride, .. } = *self;
        let rows = x.len().min(out.len()).checked_div(dim).unwrap_or(0);
        let turned = match (turns.len().checked_sub(pairs), stride) {
            (None, _) => 0,
            (Some(_), 0) => rows,
            (Some(after), stride) => after.checked_div(stride).map_or(0, |others| others + 1),
        };
        if pairs <= dim / 2 { rows.min(turned) } else { 0 }
    }
}

/// A coefficient in units of `2^-bits`, rounded.
const fn coefficient(x: f64, bits: u32) -> i32 {
    let x = x * (1u64 << bits) as f64;
    (if x < 0.0 { x - 0.5 } else { x + 0.5 }) as i32
}

/// `sin(π/2·x)/x` as a polynomial of `x²`, for `x` from 0 to 1, from the highest power on; within `6·10^-7/x`. Each has
/// a quarter of the units of the one before it, as the high word of a product with `x²` in units of 2^-30 has.
pub(super) const SIN: [i32; 4] = [
    coefficient(-0.004_333_095_322_690_26, 35),
    coefficient(0.079_434_344_669_750_7, 33),
    coefficient(-0.645_892_849_574_386_1, 31),
    coefficient(1.570_791_011_078_405_1, 29),
];

/// `cos(π/2·x)`, likewise; within `5·10^-8`.
pub(super) const COS: [i32; 5] = [
    coefficient(0.000_858_190_619_853_961_3, 36),
    coefficient(-0.020_810_627_519_304_507, 34),
    coefficient(0.253_650_744_634_590_4, 32),
    coefficient(-1.233_698_214_668_352_2, 30),
    coefficient(0.999_999_953_466_605_9, 28),
];

/// A cosine of 1 before its last rounding shift, by 8 bits.
pub(super) const ONE: i32 = 1 << 23;

/// The high word of the product.
#[inline]
const fn high(a: i32, b: i32) -> i32 {
    ((a as i64 * b as i64) >> 32) as i32
}

/// The turn by an angle in units of 2^-32 of a turn, within 2^-15.
#[inline]
pub(crate) const fn turn(angle: u32) -> Turn {
    // As a signed number the angle is at most half a turn, so half of it is at most a quarter, where one polynomial
    // each will do.
    let x = angle as i32;
    let square = high(x, x);
    let [a3, a2, a1, a0] = SIN;
    let sin = high(x, a0 + high(square, a1 + high(square, a2 + high(square, a3))));
    let [b4, b3, b2, b1, b0] = COS;
    let cos = b0 + high(square, b1 + high(square, b2 + high(square, b3 + high(square, b4))));
    // From half the angle to all of it; both factors are in units of 2^-28, and twice the product in units of 2^-23.
    Turn { cos: round(ONE - high(sin, sin)), sin: round(high(sin, cos)) }
}

/// To `I1F15`, of which 1 is just not one: at most that, and at least -1, without a branch.
#[inline]
const fn round(x: i32) -> i16 {
    let x = (x + 128) >> 8;
    (x - ((x + (1 << 15)) >> 16)) as i16
}

/// [`Kernels::turns`](super::Kernels::turns)
#[inline(never)]
pub(super) fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
    let mut position = first;
    for turns in rows_mut(turns, frequencies.len()) {
        for (to, frequency) in turns.iter_mut().zip(frequencies) {
            *to = turn(frequency.wrapping_mul(position));
        }
        position = position.wrapping_add(step);
    }
}

/// [`Kernels::rotate`](super::Kernels::rotate)
#[inline(never)]
pub(super) fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
    rotate_by(rotation, x, out, saturate_i8);
}

/// [`rotate`], with one's own way of saturating numbers below 2^11 in size.
#[inline(always)]
pub(super) fn rotate_by(rotation: Rotation<'_>, x: &[i16], out: &mut [i8], saturate: impl Fn(i32) -> i8) {
    let Rotation { pairing, dim, pairs, turns, stride } = rotation;
    let products = |turn: &Turn, a: i16, b: i16| {
        let [cos, sin, a, b] = [turn.cos, turn.sin, a, b].map(i32::from);
        [a * cos - b * sin, a * sin + b * cos]
    };
    let turned = |turn: &Turn, a: i16, b: i16| products(turn, a, b).map(|y| saturate((y + (1 << 20)) >> 21));
    let (mut start, count) = (0usize, rotation.rows(x, out));
    rest(rotation, x, out, count, &saturate);
    for (x, out) in rows(x, dim).zip(rows_mut(out, dim)).take(count) {
        let (Some(x), Some(out), Some(turns)) =
            (x.get(..2 * pairs), out.get_mut(..2 * pairs), turns.get(start..start + pairs))
        else {
            return;
        };
        match pairing {
            Pairing::Interleaved => {
                let ((x, _), (out, _)) = (x.as_chunks(), out.as_chunks_mut());
                for ((&[a, b], out), turn) in x.iter().zip(out).zip(turns) {
                    *out = turned(turn, a, b);
                }
            }
            Pairing::Folded => {
                let ((x, _), (out, _)) = (x.as_chunks(), out.as_chunks_mut());
                // Halved before they meet, for the sum may not fit.
                let halves = |turn, &[a, b]: &[i16; 2]| products(turn, a, b).map(|y| y >> 1);
                let fold = |a: i32, b: i32| [a + b, a - b].map(|y| saturate((y + (1 << 19)) >> 20));
                // From both ends to the middle, where an odd pair folds with itself.
                let (mut x, mut out, mut turns) = (x, out, turns);
                loop {
                    match (x, core::mem::take(&mut out), turns) {
                        (
                            [near, x_rest @ .., far],
                            [to_near, out_rest @ .., to_far],
                            [turn, turns_rest @ .., far_turn],
                        ) => {
                            let ([a, b], [c, d]) = (halves(turn, near), halves(far_turn, far));
                            let ([first, last], [second, third]) = (fold(a, d), fold(b, c));
                            (*to_near, *to_far) = ([first, second], [third, last]);
                            (x, out, turns) = (x_rest, out_rest, turns_rest);
                        }
                        ([middle], [to], [turn]) => {
                            let [a, b] = halves(turn, middle);
                            *to = fold(a, b);
                            break;
                        }
                        _ => break,
                    }
                }
            }
            Pairing::Halves => {
                let (Some((a, b)), Some((to_a, to_b))) = (x.split_at_checked(pairs), out.split_at_mut_checked(pairs))
                else {
                    return;
                };
                for ((((a, b), to_a), to_b), turn) in a.iter().zip(b).zip(to_a).zip(to_b).zip(turns) {
                    [*to_a, *to_b] = turned(turn, *a, *b);
                }
            }
        }
        start = start.wrapping_add(stride);
    }
}

/// Rounds the values after the pairs of some rows.
#[inline]
pub(super) fn rest(rotation: Rotation<'_>, x: &[i16], out: &mut [i8], count: usize, saturate: impl Fn(i32) -> i8) {
    let first = rotation.pairs.saturating_mul(2);
    if first < rotation.dim {
        for (x, out) in rows(x, rotation.dim).zip(rows_mut(out, rotation.dim)).take(count) {
            for (to, &x) in out.iter_mut().zip(x).skip(first) {
                *to = saturate((i32::from(x) + 32) >> 6);
            }
        }
    }
}

/// Saturates numbers below 2^30 in size without a branch, for cores that have no instruction for it.
#[inline]
#[allow(dead_code)] // For such cores.
pub(super) fn saturate_by_masks(y: i32) -> i8 {
    let above = (127 - y) >> 31;
    let y = (y & !above) | (127 & above);
    let below = (y + 128) >> 31;
    ((y & !below) | (-128 & below)) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_all_angles() {
        let mut worst = 0.0f64;
        let every = (0..1u32 << 20).map(|i| i.wrapping_mul(4099 << 8).wrapping_add(i));
        // And around each eighth.
        let eighths =
            (0..8u32).flat_map(|i| (0..4096u32).map(move |j| (i << 29).wrapping_add(j << 6).wrapping_sub(1 << 17)));
        for angle in every.chain(eighths) {
            let Turn { cos, sin } = turn(angle);
            let real = f64::from(angle) / 4_294_967_296.0 * core::f64::consts::TAU;
            let off = |is: i16, real: f64| (f64::from(is) / 32768.0 - real).abs();
            worst = worst.max(off(sin, real.sin())).max(off(cos, real.cos()));
        }
        assert!(worst <= 1.0 / 32768.0, "{worst:e}");
    }

    /// The polynomials of `docs/numerics.md`, each number to the last bit.
    #[test]
    fn coefficients() {
        assert_eq!(SIN, [-148_884_022, 682_335_825, -1_387_044_333, 843_312_003]);
        assert_eq!(COS, [58_974_410, -357_523_858, 1_089_421_653, -1_324_673_371, 268_435_444]);
    }

    #[test]
    fn masks_saturate() {
        for y in (-2000..2000).chain([-(1 << 30), 1 << 30]) {
            assert_eq!(saturate_by_masks(y), saturate_i8(y), "{y}");
        }
    }
}
