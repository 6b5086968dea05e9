//! What integers do to heads: the float model beside them.

use super::float::FloatLook;
use super::look::Look;
use super::measures::diversity::divergence;
use super::measures::head::Average;

/// What was found of all heads.
#[derive(Clone, Debug, Default)]
pub struct Quantisation {
    /// Recordings.
    pub compared: usize,
    /// Of them, on how many both choose the same class.
    pub same: usize,
    /// Head by head.
    pub heads: Vec<Hurt>,
}

/// What was found of a head.
#[derive(Clone, Debug, Default)]
pub struct Hurt {
    /// Jensen-Shannon divergence of the two maps, in nats.
    pub divergence: Average,
    /// For each value of the head: sums of squares of both, and of products.
    sums: Vec<[f64; 3]>,
}

impl Hurt {
    /// Signal-to-noise of its output, in dB: `10·log10(Σ x² / Σ (x - a·y)²)`. The file does not say what a step of an
    /// output is, so for each value of the head that `a` is taken which fits best. None of nothing.
    #[must_use]
    pub fn decibels(&self) -> Option<f64> {
        let (mut signal, mut noise) = (0.0, 0.0);
        for &[xx, yy, xy] in &self.sums {
            signal += xx;
            noise += if yy > 0.0 { (xx - xy * xy / yy).max(0.0) } else { xx };
        }
        (signal > 0.0).then(|| 10.0 * (signal / noise).log10())
    }

    fn add(&mut self, float: &[f32], int8: &[i8], dim: usize) {
        self.sums.resize(dim, [0.0; 3]);
        for (at, (&x, &y)) in float.iter().zip(int8).enumerate() {
            let ([xx, yy, xy], x, y) = (&mut self.sums[at % dim], f64::from(x), f64::from(y));
            (*xx, *yy, *xy) = (*xx + x * x, *yy + y * y, *xy + x * y);
        }
    }
}

impl Quantisation {
    /// Takes what both do with a recording.
    pub fn add(&mut self, look: &Look, float: &FloatLook) {
        self.compared += 1;
        self.same += usize::from(look.said.best == float.best);
        self.heads.resize(look.maps.len(), Hurt::default());
        for (head, hurt) in self.heads.iter_mut().enumerate() {
            hurt.divergence.add(divergence(&float.maps[head], &look.maps[head]));
            let dim = look.outputs[head].len() / look.maps[head].queries().max(1);
            if dim > 0 {
                hurt.add(&float.outputs[head], &look.outputs[head], dim);
            }
        }
    }

    /// The head whose output has the least signal-to-noise.
    #[must_use]
    pub fn worst(&self) -> Option<usize> {
        let known = (0..self.heads.len()).filter_map(|head| Some((head, self.heads[head].decibels()?)));
        known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(head, _)| head)
    }
}

#[cfg(test)]
mod tests {
    use super::Hurt;

    #[test]
    fn signal_and_noise() {
        let mut hurt = Hurt::default();
        // Steps of 0.5 and 2.0: exact, but for one value that is 1 off. The best step of (2, 4, 6) for (1, 2, 4) is
        // 34/56, which leaves 21 - 34²/56 of it.
        hurt.add(&[1.0, 2.0, 2.0, 4.0, 4.0, 6.0], &[2, 1, 4, 2, 6, 3], 2);
        let expected = 10.0 * ((21.0 + 56.0) / (21.0 - 34.0f64.powi(2) / 56.0)).log10();
        assert!((hurt.decibels().unwrap() - expected).abs() < 1e-9);
        assert_eq!(Hurt::default().decibels(), None);
        // A head of which nothing is left.
        let mut none = Hurt::default();
        none.add(&[1.0, 2.0], &[0, 0], 1);
        assert_eq!(none.decibels(), Some(0.0));
    }
}
