//! A model judged on examples.

use crate::evaluate::Confusion;
use crate::training::largest;
use rayon::prelude::*;

/// How a model did.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What was said and what was recognised.
    pub confusion: Confusion,
}

impl Judged {
    /// Harmonic mean of recall and precision of a class; 0 where it is never recognised.
    #[must_use]
    pub fn f1(&self, class: usize) -> f64 {
        let counts = self.confusion.counts();
        let right = counts[class][class] as f64;
        let said: usize = counts[class].iter().sum();
        let recognised: usize = counts.iter().map(|row| row[class]).sum();
        if right > 0.0 { 2.0 * right / (said + recognised) as f64 } else { 0.0 }
    }
}

/// Judges outputs for so many examples, of which `of` gives the class and what a model makes of it.
///
/// # Errors
/// The first error of the examples.
pub fn judge<E: Send>(
    labels: &[String],
    count: usize,
    of: impl Fn(usize) -> Result<(usize, Vec<f32>), E> + Sync,
) -> Result<Judged, E> {
    let pairs: Result<Vec<_>, E> = (0..count)
        .into_par_iter()
        .map(|index| {
            let (class, outputs) = of(index)?;
            Ok((class, largest(&outputs)))
        })
        .collect();
    Ok(Judged { confusion: Confusion::new(labels, pairs?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_of_a_class() {
        let labels = ["a".to_owned(), "b".to_owned()];
        // Of three of a, two are heard; of two of b, one.
        let said = [([1.0, 0.0], 0), ([1.0, 0.0], 0), ([0.0, 1.0], 0), ([0.0, 1.0], 1), ([1.0, 0.5], 1)];
        let judged = judge(&labels, 5, |index| Ok::<_, ()>((said[index].1, said[index].0.to_vec()))).unwrap();
        assert!((judged.f1(0) - 2.0 * 2.0 / 6.0).abs() < 1e-9);
        assert!((judged.f1(1) - 2.0 * 1.0 / 4.0).abs() < 1e-9);
        assert_eq!(judged.confusion.accuracy(), 0.6);
    }
}
