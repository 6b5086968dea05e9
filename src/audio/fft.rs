//! The spectrum of a window of samples, in integers: a real FFT of 32 to 1,024 points, with twiddles of 16 bits and
//! values of 32.
//!
//! `N` real values are `M = N/2` complex ones (Sorensen et al., "Real-valued fast Fourier transform algorithms", 1987),
//! which go through one radix-2 stage where `log2 M` is odd, and radix-4 stages. Each halves once per factor of 2, so
//! that nothing overflows; values are so wide that this costs no resolution even of the quietest sound.

use crate::kernels::long_product::long_product;
use crate::position::sin;

/// A complex number.
pub(super) type Complex = [i32; 2];

/// `e^(-2πi·j/n)`, each part the nearest `I1F15`, in one word: the real part is the lower half.
#[derive(Clone, Copy, Debug)]
struct Turn(u32);

/// The shortest transform.
pub(super) const SHORTEST: usize = 32;
/// The longest transform.
pub(super) const LONGEST: usize = 1024;

/// Tables of a transform of `N` real values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fft {
    /// `0 .. N/2`, each with its bits reversed.
    order: &'static [u16],
    /// The radix-4 stages, from the shortest on.
    stages: &'static [Stage],
    /// `T(k, N)` for `0 < k < N/4`.
    split: &'static [Turn],
}

/// A radix-4 stage of blocks of `n` values.
#[derive(Clone, Copy, Debug)]
struct Stage {
    /// Takes all blocks through it. A function for each length, which addresses a block by one pointer.
    pass: fn(&mut [Complex], &[[Turn; 3]]),
    /// `T(2j, n)`, `T(j, n)`, `T(3j, n)` for `0 < j < n/4`.
    turns: &'static [[Turn; 3]],
}

impl Fft {
    /// The transform of this many real values; none of another number than a power of two from 32 to 1,024.
    pub(super) const fn of(length: usize) -> Option<Self> {
        macro_rules! fft {
            ($length:literal: $($quarter:literal),+) => {{
                static ORDER: [u16; $length / 2] = order();
                static STAGES: &[Stage] = &[$({
                    const TURNS: [[Turn; 3]; $quarter - 1] = turns_of_stage();
                    Stage { pass: pass::<$quarter>, turns: &TURNS }
                }),+];
                static SPLIT: [Turn; $length / 4 - 1] = turns_of_split($length);
                Some(Self { order: &ORDER, stages: STAGES, split: &SPLIT })
            }};
        }
        match length {
            32 => fft!(32: 1, 4),
            64 => fft!(64: 2, 8),
            128 => fft!(128: 1, 4, 16),
            256 => fft!(256: 2, 8, 32),
            512 => fft!(512: 1, 4, 16, 64),
            1024 => fft!(1024: 2, 8, 32, 128),
            _ => None,
        }
    }

    /// Real values that it takes.
    pub(super) const fn length(&self) -> usize {
        2 * self.order.len()
    }

    /// Takes pairs of real values (below 2^29 in magnitude) to powers of the bins 0 up to `N/2`, which is apart; of a
    /// bin `X` of `Σ x·e^(-2πi·kn/N)` it is `|X/M|²`. There is one double word for each pair.
    pub(super) fn powers(self, pair: impl Fn(usize) -> Complex, z: &mut [Complex]) -> u64 {
        if z.len().trailing_zeros() % 2 == 1 {
            for ([a, b], [first, second]) in z.as_chunks_mut::<2>().0.iter_mut().zip(self.order.as_chunks::<2>().0) {
                let (p, q) = (half(pair((*first).into())), half(pair((*second).into())));
                (*a, *b) = (add(p, q), sub(p, q));
            }
        } else {
            for (z, &place) in z.iter_mut().zip(self.order) {
                *z = pair(place.into());
            }
        }
        for stage in self.stages {
            (stage.pass)(z, stage.turns);
        }
        self.split(z)
    }

    /// From the transform of the complex values to the powers of the real ones' bins, in their places.
    fn split(self, z: &mut [Complex]) -> u64 {
        let Some((first, rest)) = z.split_first_mut() else { return 0 };
        let [even, odd] = *first;
        *first = words(square(even + odd));
        let half_turn = square(even - odd);
        let mut turns = self.split.iter();
        let mut rest = rest;
        while let [low, between @ .., high] = rest {
            if let Some(turn) = turns.next() {
                let ([a_re, a_im], [b_re, b_im]) = (*low, *high);
                let (s_re, s_im) = ((a_re + b_re) >> 1, (a_im - b_im) >> 1);
                let [u_re, u_im] = turned([a_im + b_im, b_re - a_re], *turn);
                *low = words(power([s_re + u_re, s_im + u_im]));
                *high = words(power([s_re - u_re, s_im - u_im]));
            }
            rest = between;
        }
        if let [middle] = rest {
            *middle = words(power(*middle));
        }
        half_turn
    }
}

/// Radix-4 butterflies over blocks of four quarters of this length.
fn pass<const QUARTER: usize>(z: &mut [Complex], turns: &[[Turn; 3]]) {
    for block in z.chunks_exact_mut(4 * QUARTER) {
        let [a, b, c, d] = block.as_chunks_mut::<QUARTER>().0 else { return };
        let mut places = a.iter_mut().zip(b).zip(c.iter_mut().zip(d));
        if let Some(((a, b), (c, d))) = places.next() {
            let halves = [half(*b), half(*c), half(*d)];
            [*a, *b, *c, *d] = butterfly(*a, halves);
        }
        for (((a, b), (c, d)), turns) in places.zip(turns) {
            let halves = [turned(*b, turns[0]), turned(*c, turns[1]), turned(*d, turns[2])];
            [*a, *b, *c, *d] = butterfly(*a, halves);
        }
    }
}

/// A quarter of the transform of four values, of which the last three are halved and turned already; they stand in the
/// order of reversed bits.
#[inline(always)]
fn butterfly(a: Complex, [b, c, d]: [Complex; 3]) -> [Complex; 4] {
    let a = [a[0] >> 2, a[1] >> 2];
    let b = [b[0] >> 1, b[1] >> 1];
    let (p, q) = (add(a, b), sub(a, b));
    let (r, s) = (half(add(c, d)), half(sub(c, d)));
    [add(p, r), [q[0] + s[1], q[1] - s[0]], sub(p, r), [q[0] - s[1], q[1] + s[0]]]
}

#[inline(always)]
const fn add(a: Complex, b: Complex) -> Complex {
    [a[0] + b[0], a[1] + b[1]]
}

#[inline(always)]
const fn sub(a: Complex, b: Complex) -> Complex {
    [a[0] - b[0], a[1] - b[1]]
}

#[inline(always)]
const fn half(a: Complex) -> Complex {
    [a[0] >> 1, a[1] >> 1]
}

/// Half of a value, turned.
#[inline(always)]
fn turned([re, im]: Complex, turn: Turn) -> Complex {
    [by_low(re, turn) - by_high(im, turn), by_high(re, turn) + by_low(im, turn)]
}

#[inline(always)]
fn by_low(x: i32, turn: Turn) -> i32 {
    by_half(x, turn.0 as i16)
}

#[inline(always)]
fn by_high(x: i32, turn: Turn) -> i32 {
    by_half(x, (turn.0 >> 16) as i16)
}

/// `⌊x·t / 2^16⌋`: half of the product with an `I1F15`.
#[inline(always)]
pub(super) fn by_half(x: i32, t: i16) -> i32 {
    let t = i32::from(t);
    if cfg!(heedful_thumb1) {
        // Without a long multiplication. The lower half is positive, so that its part is rounded down, too.
        return (x >> 16) * t + (((x & 0xffff) * t) >> 16);
    }
    if cfg!(heedful_backend = "dsp") {
        // SMULWB and SMULWT. Where there is Helium, too, the compiler does not find them: there, this would be a
        // multiplication and a long shift.
        return ((i64::from(x) * i64::from(t)) >> 16) as i32;
    }
    // The upper word of a product, without a shift.
    ((i64::from(x) * i64::from(t << 16)) >> 32) as i32
}

#[inline(always)]
fn square(x: i32) -> u64 {
    if cfg!(heedful_thumb1) {
        let x = x.unsigned_abs();
        return long_product(x, x);
    }
    (i64::from(x) * i64::from(x)) as u64
}

#[inline(always)]
fn power([re, im]: Complex) -> u64 {
    square(re) + square(im)
}

/// A double word in the place of a complex number.
#[inline(always)]
const fn words(power: u64) -> Complex {
    [power as u32 as i32, (power >> 32) as u32 as i32]
}

/// The double word in the place of a complex number.
#[inline(always)]
pub(super) const fn double_word([low, high]: Complex) -> u64 {
    low as u32 as u64 | (high as u32 as u64) << 32
}

/// So many numbers, each with its bits reversed.
const fn order<const POINTS: usize>() -> [u16; POINTS] {
    let mut order = [0; POINTS];
    let mut i = 0;
    while i < POINTS {
        order[i] = (i as u16).reverse_bits() >> (16 - POINTS.trailing_zeros());
        i += 1;
    }
    order
}

/// The nearest `I1F15` of a turn of `j/n` clockwise.
const fn turn(j: usize, n: usize) -> Turn {
    const fn nearest(x: f64) -> u32 {
        let x = x * 32768.0;
        // The cast truncates, and saturates at 32767.
        ((if x < 0.0 { x - 0.5 } else { x + 0.5 }) as i16) as u16 as u32
    }
    let angle = core::f64::consts::TAU * j as f64 / n as f64;
    let (cos, sin) = (sin(angle + core::f64::consts::FRAC_PI_2), sin(angle));
    Turn(nearest(cos) | nearest(-sin) << 16)
}

const fn turns_of_stage<const TURNS: usize>() -> [[Turn; 3]; TURNS] {
    let n = 4 * (TURNS + 1);
    let mut turns = [[Turn(0); 3]; TURNS];
    let mut j = 1;
    while j <= TURNS {
        turns[j - 1] = [turn(2 * j, n), turn(j, n), turn(3 * j, n)];
        j += 1;
    }
    turns
}

const fn turns_of_split<const TURNS: usize>(length: usize) -> [Turn; TURNS] {
    let mut turns = [Turn(0); TURNS];
    let mut k = 0;
    while k < TURNS {
        turns[k] = turn(k + 1, length);
        k += 1;
    }
    turns
}
