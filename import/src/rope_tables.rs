//! The two tables after the weights of a checkpoint of version 0: cosines and sines, `[positions][pairs]`.

use crate::Error;
use crate::float::ROPE_BASE;
use std::f64::consts::TAU;

/// How far a table may be from the rotation that it stands for: programs compute it in f32, and some store it in less.
const NEAR: f64 = 4e-3;

/// The frequency of each pair, in radians per position; `None` where they are those of base 10,000.
pub(crate) fn frequencies(head_dim: usize, cosines: &[f32], sines: &[f32]) -> Result<Option<Vec<f64>>, Error> {
    let pairs = head_dim / 2;
    let tables = Tables { pairs, cosines, sines };
    let plain: Vec<f64> =
        (0..pairs).map(|pair| f64::from(ROPE_BASE).powf(-2.0 * pair as f64 / head_dim as f64)).collect();
    if tables.refuse(&plain).is_none() {
        return Ok(None);
    }
    let found: Vec<f64> = (0..pairs).map(|pair| tables.frequency(pair)).collect();
    tables.refuse(&found).map_or(Ok(Some(found)), Err)
}

struct Tables<'a> {
    pairs: usize,
    cosines: &'a [f32],
    sines: &'a [f32],
}

impl Tables<'_> {
    fn positions(&self) -> usize {
        self.cosines.len().checked_div(self.pairs).unwrap_or(0)
    }

    fn angle(&self, position: usize, pair: usize) -> f64 {
        let at = position * self.pairs + pair;
        f64::from(self.sines[at]).atan2(self.cosines[at].into())
    }

    /// By the angle of position 1, and ever more exactly by those of positions further on.
    fn frequency(&self, pair: usize) -> f64 {
        let (mut frequency, mut position) = (0.0, 1);
        while position < self.positions() {
            let off = self.angle(position, pair) - frequency * position as f64;
            frequency += (off - TAU * (off / TAU).round()) / position as f64;
            position *= 2;
        }
        frequency
    }

    /// Where the tables are not those of these frequencies.
    fn refuse(&self, frequencies: &[f64]) -> Option<Error> {
        for position in 0..self.positions() {
            for (pair, frequency) in frequencies.iter().enumerate() {
                let at = position * self.pairs + pair;
                let (sin, cos) = (position as f64 * frequency).sin_cos();
                let (cosine, sine) = (self.cosines[at], self.sines[at]);
                if (f64::from(cosine) - cos).abs().max((f64::from(sine) - sin).abs()) > NEAR {
                    let expected = [cos as f32, sin as f32];
                    return Some(Error::Rope { pair, position, cosine, sine, expected });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(head_dim: usize, positions: usize, frequency: impl Fn(usize) -> f64) -> [Vec<f32>; 2] {
        let pairs = head_dim / 2;
        let angles = (0..positions * pairs).map(|at| (at / pairs) as f64 * frequency(at % pairs));
        let angles: Vec<f64> = angles.collect();
        [angles.iter().map(|x| x.cos() as f32).collect(), angles.iter().map(|x| x.sin() as f32).collect()]
    }

    fn base(base: f64) -> impl Fn(usize) -> f64 {
        move |pair| base.powf(-2.0 * pair as f64 / 64.0)
    }

    #[test]
    fn frequencies_are_found() {
        let [cosines, sines] = tables(64, 2048, base(10_000.0));
        assert_eq!(frequencies(64, &cosines, &sines), Ok(None));
        for other in [base(500_000.0), base(100.0)] {
            let [cosines, sines] = tables(64, 2048, &other);
            let found = frequencies(64, &cosines, &sines).unwrap().unwrap();
            for (pair, found) in found.iter().enumerate() {
                assert!((found - other(pair)).abs() < 1e-6, "{pair}: {found}");
            }
        }
        // Of one position there is nothing to see.
        assert_eq!(frequencies(4, &[1.0, 1.0], &[0.0, 0.0]), Ok(None));
    }

    #[test]
    fn what_is_no_rotation_is_refused() {
        let [mut cosines, sines] = tables(64, 64, base(10_000.0));
        cosines[40 * 32 + 3] += 0.1;
        let error = frequencies(64, &cosines, &sines).unwrap_err();
        assert!(matches!(error, Error::Rope { pair: 3, position: 40, .. }), "{error}");
        let zeros = vec![0.0; 64 * 32];
        assert!(matches!(frequencies(64, &zeros, &zeros), Err(Error::Rope { position: 0, .. })));
        // Positions that are squeezed together further on.
        let [mut cosines, mut sines] = tables(64, 64, base(10_000.0));
        let [far_cosines, far_sines] = tables(64, 64, |pair| base(10_000.0)(pair) / 2.0);
        cosines[32 * 32..].copy_from_slice(&far_cosines[32 * 32..]);
        sines[32 * 32..].copy_from_slice(&far_sines[32 * 32..]);
        assert!(frequencies(64, &cosines, &sines).is_err());
    }
}
