//! Signal-to-noise of an approximation.

/// Sums over values of a signal and of its error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NoiseSum {
    signal: f64,
    noise: f64,
}

impl NoiseSum {
    /// Counts values and their approximations, one by one.
    ///
    /// # Panics
    /// If there are not as many of both.
    pub fn add(&mut self, exact: &[f64], approximate: &[f64]) {
        assert_eq!(exact.len(), approximate.len(), "an approximation of each value");
        self.signal += exact.iter().map(|x| x * x).sum::<f64>();
        self.noise += exact.iter().zip(approximate).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
    }

    /// `10·log10(Σ x² / Σ (x - y)²)`, in dB: infinite without error, 0 where the error is as large as the signal; none
    /// of zeros without error.
    #[must_use]
    pub fn decibels(&self) -> Option<f64> {
        (self.signal > 0.0 || self.noise > 0.0).then(|| 10.0 * (self.signal / self.noise).log10())
    }
}
