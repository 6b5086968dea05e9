//! A linear classifier in closed form, from sums that do not grow with the items.

use nalgebra::{Cholesky, DMatrix, DVector};

/// Why there is no probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// An item has not as many features as the others.
    #[error("an item of {found} features, not {width}")]
    Width {
        /// Features needed.
        width: usize,
        /// Features given.
        found: usize,
    },
    /// There is no such class.
    #[error("class {class} of {classes}, counted from 0")]
    Class {
        /// The item's class.
        class: usize,
        /// That there are.
        classes: usize,
    },
    /// A feature is not finite.
    #[error("a feature that is not finite")]
    NotFinite,
    /// Fewer than two classes have items.
    #[error("training items of {found} classes; a probe needs two")]
    Classes {
        /// Classes with items.
        found: usize,
    },
    /// Lists that are not equally long.
    #[error("{found} items, not {items}")]
    Items {
        /// Items needed.
        items: usize,
        /// Items given.
        found: usize,
    },
    /// The split leaves nothing to train on or to test.
    #[error("{groups} groups cannot be split; a probe needs two")]
    Groups {
        /// Groups that there are.
        groups: usize,
    },
}

/// Counts, means and products of items, class by class.
#[derive(Clone, Debug)]
pub struct ProbeSums {
    counts: Vec<f64>,
    /// A column a class.
    means: DMatrix<f64>,
    /// Products of deviations from the class mean, over all classes.
    scatter: DMatrix<f64>,
}

impl ProbeSums {
    /// Nothing counted yet, for items of so many features.
    #[must_use]
    pub fn new(width: usize, classes: usize) -> Self {
        Self {
            counts: vec![0.0; classes],
            means: DMatrix::zeros(width, classes),
            scatter: DMatrix::zeros(width, width),
        }
    }

    /// Counts an item (Welford's method).
    ///
    /// # Errors
    /// If it does not fit the others.
    pub fn add(&mut self, features: &[f64], class: usize) -> Result<(), ProbeError> {
        let width = self.scatter.nrows();
        if features.len() != width {
            return Err(ProbeError::Width { width, found: features.len() });
        }
        if features.iter().any(|x| !x.is_finite()) {
            return Err(ProbeError::NotFinite);
        }
        let classes = self.counts.len();
        let count = self.counts.get_mut(class).ok_or(ProbeError::Class { class, classes })?;
        *count += 1.0;
        let before = DVector::from_column_slice(features) - self.means.column(class);
        self.means.column_mut(class).axpy(1.0 / *count, &before, 1.0);
        // (x - mean before)(x - mean after)ᵀ, which is symmetric: the two differ by a factor.
        self.scatter.ger((*count - 1.0) / *count, &before, &before, 1.0);
        Ok(())
    }

    /// Regularised linear discriminant analysis (Friedman 1989): the class with the largest
    /// `x·Σ⁻¹m - m·Σ⁻¹m/2 + ln(share)`, with class means `m`, shares of the items, and the covariance within classes
    /// `Σ + ridge·(mean of its diagonal)·I`. It has a closed form, and unlike least squares on one-hot classes it hides
    /// no class that lies between others, such as positions in a row.
    ///
    /// # Errors
    /// If fewer than two classes have items.
    pub fn solve(&self, ridge: f64) -> Result<Probe, ProbeError> {
        let (width, items) = (self.scatter.nrows(), self.counts.iter().sum::<f64>());
        let heard = self.counts.iter().filter(|&&count| count > 0.0).count();
        if heard < 2 {
            return Err(ProbeError::Classes { found: heard });
        }
        let covariance = &self.scatter / items;
        let mean = self.means.iter().map(|x| x * x).sum::<f64>() / (width * heard).max(1) as f64;
        // Where items do not differ within their classes, any distance will do, and so on down to zeros alone.
        let scale = [covariance.trace() / width.max(1) as f64, mean, 1.0].into_iter().find(|&s| s > 0.0).unwrap_or(1.0);
        let identity = DMatrix::identity(width, width) * scale;
        // A ridge so small that rounding makes the matrix singular is raised until it is not.
        let ridges = std::iter::successors(Some(ridge.max(1e-12)), |ridge| Some(ridge * 100.0));
        let solved = ridges.take(16).find_map(|ridge| Cholesky::new(&covariance + &identity * ridge));
        let weights = solved.map_or_else(|| self.means.clone(), |cholesky| cholesky.solve(&self.means));
        let bias = |class: usize| {
            let share = self.counts[class] / items;
            share.ln() - self.means.column(class).dot(&weights.column(class)) / 2.0
        };
        Ok(Probe { biases: (0..self.counts.len()).map(bias).collect(), weights })
    }

    /// Items of the commonest class over all: what a probe that looks at nothing reaches; 0 of nothing.
    #[must_use]
    pub fn majority(&self) -> Option<usize> {
        let most = self.counts.iter().copied().fold(0.0, f64::max);
        self.counts.iter().position(|&count| count == most && count > 0.0)
    }
}

/// A linear classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// A column a class.
    weights: DMatrix<f64>,
    biases: Vec<f64>,
}

impl Probe {
    /// Weights of a class and its bias; the bias of a class without training items is minus infinity.
    ///
    /// # Panics
    /// If there is no such class.
    #[must_use]
    pub fn class(&self, class: usize) -> (Vec<f64>, f64) {
        (self.weights.column(class).iter().copied().collect(), self.biases[class])
    }

    /// The class of an item; the first of equals.
    ///
    /// # Panics
    /// If it has not as many features as the training items.
    #[must_use]
    pub fn predict(&self, features: &[f64]) -> usize {
        assert_eq!(features.len(), self.weights.nrows(), "as many features as in training");
        let score = |class: usize| {
            let weights = self.weights.column(class);
            weights.iter().zip(features).map(|(w, x)| w * x).sum::<f64>() + self.biases[class]
        };
        let scores = (0..self.biases.len()).map(|class| (class, score(class)));
        scores.rev().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(class, _)| class)
    }
}
