//! How tokens know where they are.

use super::Matrix;
use heedful::Pairing;

/// Positions of a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// None: tokens are a set.
    None,
    /// A row for each token, class tokens among them, added to it: learned, or [`sinusoidal`].
    Table(Matrix),
    /// Queries and keys are turned by their position.
    Rotary {
        /// Which values are turned together; neighbours or halves.
        pairing: Pairing,
        /// Radians per position, of each pair; values of a head beyond the pairs are not turned.
        frequencies: Vec<f64>,
    },
    /// Scores fall with the distance, by a slope of each head.
    Alibi {
        /// One for each head.
        slopes: Vec<f64>,
    },
    /// A bias of each head by the distance from query to key: `[heads][span]`, the middle for none; the ends hold for
    /// all distances beyond.
    Relative {
        /// `[heads][span]`, of an odd span.
        table: Matrix,
    },
}

impl Positions {
    /// What is added to a score after its scale.
    #[must_use]
    pub fn bias(&self, head: usize, query: usize, key: usize) -> f32 {
        match self {
            Self::Alibi { slopes } => (-slopes[head] * query.abs_diff(key) as f64) as f32,
            Self::Relative { table } => {
                let place = (key + table.columns / 2).saturating_sub(query).min(table.columns - 1);
                table.row(head)[place]
            }
            _ => 0.0,
        }
    }

    /// Turns the heads in rows of `width` values, one row per position.
    pub(super) fn turn(&self, rows: &mut [f32], width: usize, head_dim: usize) {
        let Self::Rotary { pairing, frequencies } = self else { return };
        for (position, row) in rows.chunks_exact_mut(width).enumerate() {
            for (pair, frequency) in frequencies.iter().enumerate() {
                let (sin, cos) = (position as f64 * frequency).sin_cos();
                let (sin, cos) = (sin as f32, cos as f32);
                let (a, b) = match pairing {
                    Pairing::Halves => (pair, pair + frequencies.len()),
                    _ => (2 * pair, 2 * pair + 1),
                };
                for head in row.chunks_exact_mut(head_dim) {
                    (head[a], head[b]) = (head[a] * cos - head[b] * sin, head[a] * sin + head[b] * cos);
                }
            }
        }
    }
}

/// Sinusoidal positions (Vaswani et al. 2017, section 3.5): even channels are sines, odd ones cosines.
#[must_use]
pub fn sinusoidal(positions: usize, width: usize, base: f64) -> Matrix {
    let value = |position: usize, channel: usize| {
        let angle = position as f64 * base.powf(-((channel - channel % 2) as f64) / width as f64);
        if channel.is_multiple_of(2) { angle.sin() } else { angle.cos() }
    };
    let row = |position| (0..width).map(move |channel| value(position, channel) as f32);
    Matrix::new(positions, width, (0..positions).flat_map(row).collect())
}

/// How the frequencies of rotary positions are changed for longer texts than the model was first trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All are divided.
    Linear {
        /// By this.
        factor: f64,
    },
    /// Slow ones are divided, fast ones are not, those between in part (Llama 3.1).
    Llama3 {
        /// By this.
        factor: f64,
        /// Turns in the first length below which a pair is slow.
        low: f64,
        /// Turns above which it is fast.
        high: f64,
        /// The length that it was first trained on.
        length: f64,
    },
}

/// Radians per position of each pair: `base^(-i/pairs)`, scaled.
#[must_use]
pub fn rope_frequencies(pairs: usize, base: f64, scaling: RopeScaling) -> Vec<f64> {
    let frequency = |pair: usize| {
        let plain = base.powf(-(pair as f64) / pairs as f64);
        match scaling {
            RopeScaling::None => plain,
            RopeScaling::Linear { factor } => plain / factor,
            RopeScaling::Llama3 { factor, low, high, length } => {
                let turns = length * plain / std::f64::consts::TAU;
                // 0 for slow pairs, 1 for fast ones.
                let fast = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                plain * (fast + (1.0 - fast) / factor)
            }
        }
    };
    (0..pairs).map(frequency).collect()
}

/// Which slopes heads get where their number is no power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlibiRule {
    /// `2^(-8·(head + 1)/heads)`, as the paper's text has it.
    Paper,
    /// Those of the power of two below, then every second one of the power above, as the authors' code has it.
    Reference,
}

/// The slopes of linear biases (Press, Smith and Lewis, "Train Short, Test Long", 2021).
#[must_use]
pub fn alibi_slopes(heads: usize, rule: AlibiRule) -> Vec<f64> {
    let slopes = |heads: usize| (1..=heads).map(move |head| (-8.0 * head as f64 / heads as f64).exp2());
    if rule == AlibiRule::Paper || heads.is_power_of_two() || heads == 0 {
        return slopes(heads).collect();
    }
    let below = 1 << heads.ilog2();
    slopes(below).chain(slopes(2 * below).step_by(2)).take(heads).collect()
}

/// The table by distance that learned buckets stand for (Raffel et al., "Exploring the Limits of Transfer Learning",
/// 2019, section 2.1): near distances have one each, far ones share them, by their logarithm.
///
/// `buckets` is `[buckets][heads]`; half of the buckets are for keys after the query, unless the model is causal.
#[must_use]
pub fn relative_buckets(buckets: &Matrix, causal: bool, farthest: usize, length: usize) -> Matrix {
    let (length, all) = (length.max(1), buckets.rows);
    let count = if causal { all } else { all / 2 };
    let exact = count / 2;
    let bucket = |place: usize| {
        let after = place >= length;
        let distance = if causal && after { 0 } else { place.abs_diff(length - 1) };
        let start = if after && !causal { count } else { 0 };
        if distance < exact {
            return start + distance;
        }
        let share = (distance as f64 / exact as f64).ln() / (farthest as f64 / exact as f64).ln();
        start + (exact + (share * (count - exact) as f64) as usize).min(count - 1)
    };
    let span = 2 * length - 1;
    let row = |head: usize| (0..span).map(move |place| buckets.row(bucket(place))[head]);
    Matrix::new(buckets.columns, span, (0..buckets.columns).flat_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_of_both_rules() {
        assert_eq!(alibi_slopes(8, AlibiRule::Reference), alibi_slopes(8, AlibiRule::Paper));
        let reference = alibi_slopes(12, AlibiRule::Reference);
        let expected = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 0.5, 1.5, 2.5, 3.5];
        assert!(
            reference
                .iter()
                .zip(expected)
                .all(|(slope, octaves): (&f64, f64)| (slope - (-octaves).exp2()).abs() < 1e-12)
        );
        assert!((alibi_slopes(12, AlibiRule::Paper)[11] - 1.0 / 256.0).abs() < 1e-12);
    }

    #[test]
    fn buckets_become_distances() {
        // Each bucket's value is its number.
        let buckets = Matrix::new(32, 1, (0..32).map(|x| x as f32).collect());
        let table = relative_buckets(&buckets, false, 128, 200);
        let at = |distance: isize| table.row(0)[(distance + 199) as usize];
        assert_eq!([at(0), at(-1), at(-7), at(-8), at(-199)], [0.0, 1.0, 7.0, 8.0, 15.0]);
        assert_eq!([at(1), at(7), at(199)], [17.0, 23.0, 31.0]);
        let causal = relative_buckets(&buckets, true, 128, 200);
        assert_eq!([causal.row(0)[199 - 15], causal.row(0)[199 + 3], causal.row(0)[0]], [15.0, 0.0, 31.0]);
    }

    #[test]
    fn frequencies_between_fast_and_slow() {
        let plain = rope_frequencies(32, 500_000.0, RopeScaling::None);
        let scaling = RopeScaling::Llama3 { factor: 8.0, low: 1.0, high: 4.0, length: 8192.0 };
        let scaled = rope_frequencies(32, 500_000.0, scaling);
        assert_eq!(scaled[0], plain[0]);
        assert!((scaled[31] - plain[31] / 8.0).abs() < 1e-15);
        assert!(scaled.iter().zip(&plain).all(|(s, p)| (p / 8.0..=*p).contains(s)));
    }
}
