//! Positions that are added to the embedded input: learned ones come with the model, sinusoidal
//! ones can be computed here, when the code is compiled.

/// Sinusoidal positions (Vaswani et al. 2017, section 3.5), int16 in units of `1 / per_one`:
/// even channels are sines, odd ones cosines, wavelengths 2π to 10000·2π.
///
/// ```
/// static POSITIONS: [[i16; 4]; 3] = heedful::sinusoidal(1000.0);
/// assert_eq!(POSITIONS[0], [0, 1000, 0, 1000]);
/// assert_eq!(POSITIONS[1], [841, 540, 10, 1000]);
/// ```
#[must_use]
pub const fn sinusoidal<const POSITIONS: usize, const WIDTH: usize>(per_one: f64) -> [[i16; WIDTH]; POSITIONS] {
    let mut table = [[0; WIDTH]; POSITIONS];
    let mut s = 0;
    while s < POSITIONS {
        let mut e = 0;
        while e < WIDTH {
            // 10000^(-2i/WIDTH) for the pair i = e / 2.
            let frequency = exp(-9.210_340_371_976_184 * (e - e % 2) as f64 / WIDTH as f64);
            let phase = s as f64 * frequency + if e % 2 == 1 { core::f64::consts::FRAC_PI_2 } else { 0.0 };
            let y = sin(phase) * per_one;
            // A cast truncates and saturates.
            table[s][e] = (if y < 0.0 { y - 0.5 } else { y + 0.5 }) as i16;
            e += 1;
        }
        s += 1;
    }
    table
}

/// `sin` by its series, after reduction to half a turn either way.
pub(crate) const fn sin(x: f64) -> f64 {
    let turns = (x / core::f64::consts::TAU + 0.5) as i64;
    let x = x - turns as f64 * core::f64::consts::TAU;
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while n < 30.0 {
        term *= -x * x / ((n + 1.0) * (n + 2.0));
        sum += term;
        n += 2.0;
    }
    sum
}

/// `exp` of a number from -40 to 0 by its series, after halving six times.
pub(crate) const fn exp(x: f64) -> f64 {
    let x = x / 64.0;
    let (mut term, mut sum, mut n) = (1.0, 1.0, 1.0);
    while n < 20.0 {
        term *= x / n;
        sum += term;
        n += 1.0;
    }
    let mut i = 0;
    while i < 6 {
        sum *= sum;
        i += 1;
    }
    sum
}

/// `ln` of a number of at least 1, by the series of the inverse hyperbolic tangent after halving.
pub(crate) const fn ln(x: f64) -> f64 {
    let (mut x, mut halvings) = (x, 0.0);
    // Halving infinity would never end.
    while x > 1.5 && x <= f64::MAX {
        x /= 2.0;
        halvings += 1.0;
    }
    let z = (x - 1.0) / (x + 1.0);
    let (mut power, mut sum, mut n) = (z, 0.0, 1.0);
    while n < 40.0 {
        sum += power / n;
        power *= z * z;
        n += 2.0;
    }
    2.0 * sum + halvings * core::f64::consts::LN_2
}
