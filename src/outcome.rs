//! What a classifier heard.

use crate::arithmetic::softmax::{Steepness, logit_weight};
use fixed::types::U1F15;

/// The logits of one inference over `C` classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome<L> {
    logits: L,
    steepness: Steepness,
}

/// A class and its probability.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guess {
    /// Index of the class.
    pub class: usize,
    /// Its probability (softmax of the logits), within 0.5 % of the value or 2^-15.
    pub probability: U1F15,
}

impl<L: AsRef<[i16]>> Outcome<L> {
    pub(crate) const fn new(logits: L, steepness: Steepness) -> Self {
        Self { logits, steepness }
    }

    /// The logits, one per class.
    #[must_use]
    pub fn logits(&self) -> &[i16] {
        self.logits.as_ref()
    }

    /// Probability of a class: softmax of the logits, in integers; 0 if there is no such class.
    #[must_use]
    pub fn probability(&self, class: usize) -> U1F15 {
        let max = self.logits().iter().copied().max().unwrap_or(0);
        let weight = |logit| logit_weight(logit, max, self.steepness);
        let sum: u32 = self.logits().iter().map(|&logit| weight(logit)).sum();
        let own = self.logits().get(class).map_or(0, |&logit| weight(logit));
        share(own, sum)
    }

    /// Probabilities of all classes, as [`Outcome::probability`] gives them, in less time than one by one.
    pub fn probabilities(&self) -> impl ExactSizeIterator<Item = U1F15> + Clone + '_ {
        let max = self.logits().iter().copied().max().unwrap_or(0);
        let weight = move |logit| logit_weight(logit, max, self.steepness);
        let sum: u32 = self.logits().iter().map(|&logit| weight(logit)).sum();
        self.logits().iter().map(move |&logit| share(weight(logit), sum))
    }

    /// Probability of a label that is true or not, whatever the others are: sigmoid of its logit, in integers; 0 if
    /// there is no such label. It errs by less than 0.5 % of the value and 2^-15 together.
    #[must_use]
    pub fn label_probability(&self, label: usize) -> U1F15 {
        self.logits().get(label).map_or(U1F15::ZERO, |&logit| self.sigmoid(logit))
    }

    /// Probabilities of all labels, as [`Outcome::label_probability`] gives them.
    pub fn label_probabilities(&self) -> impl ExactSizeIterator<Item = U1F15> + Clone + '_ {
        self.logits().iter().map(|&logit| self.sigmoid(logit))
    }

    /// What a softmax over it and 0 gives it.
    fn sigmoid(&self, logit: i16) -> U1F15 {
        let weight = |of: i16| logit_weight(of, logit.max(0), self.steepness);
        share(weight(logit), weight(logit) + weight(0))
    }

    /// The likeliest class; the first of several.
    #[must_use]
    pub fn best(&self) -> Guess {
        self.best_but(usize::MAX)
    }

    /// The likeliest class but the best.
    #[must_use]
    pub fn runner_up(&self) -> Guess {
        self.best_but(self.best().class)
    }

    fn best_but(&self, excluded: usize) -> Guess {
        let mut best = (0, i16::MIN);
        let mut none = true;
        for (class, &logit) in self.logits().iter().enumerate() {
            if class != excluded && (none || logit > best.1) {
                best = (class, logit);
                none = false;
            }
        }
        Guess { class: best.0, probability: self.probability(best.0) }
    }
}

/// A weight over the sum of all, rounded to nearest; 0 of none.
fn share(weight: u32, sum: u32) -> U1F15 {
    // The weight has 15 bits: the quotient fits U1F15, and the product 30 bits.
    U1F15::from_bits(((weight << 15) + sum / 2).checked_div(sum).unwrap_or(0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many equal classes, each has its share, rounded to nearest.
    #[test]
    fn shares_are_rounded() {
        let steepness = Steepness::from_real(0.01).unwrap();
        // Few under Miri, which interprets.
        for classes in 1..if cfg!(miri) { 20 } else { 300 } {
            let outcome = Outcome::new(std::vec![-5; classes], steepness);
            let share = (32_768.0 / classes as f64).round();
            assert_eq!(f64::from(outcome.probability(classes - 1).to_bits()), share, "{classes} classes");
            assert_eq!(outcome.probability(classes), 0);
        }
    }

    /// All logits, of steep and of flat models, against the sigmoid in f64.
    #[test]
    fn sigmoids() {
        for c in [0.0001, 0.002, 0.01, 0.05] {
            let steepness = Steepness::from_real(c).unwrap();
            // A power of 2, so that 0 is among them.
            let logits: std::vec::Vec<i16> = (i16::MIN..=i16::MAX).step_by(if cfg!(miri) { 1024 } else { 1 }).collect();
            let outcome = Outcome::new(&logits[..], steepness);
            let mut before = U1F15::ZERO;
            for (label, found) in outcome.label_probabilities().enumerate() {
                let exact = 1.0 / (1.0 + (-c * f64::from(logits[label])).exp2());
                let error = (f64::from(found) - exact).abs();
                assert!(error < 0.005 * exact + 1.0 / 32_768.0, "{c}, {}: {found}, not {exact}", logits[label]);
                assert!(found >= before, "monotone");
                assert_eq!(outcome.label_probability(label), found);
                before = found;
            }
            let zero = logits.iter().position(|&logit| logit == 0).unwrap();
            assert_eq!(outcome.label_probability(zero), 0.5);
        }
    }

    /// All at once are those one by one, and f64's.
    #[test]
    fn all_classes() {
        let logits = [-32_768, 32_767, 32_000, 31_900, 0, 32_767, 31_700];
        let outcome = Outcome::new(logits, Steepness::from_real(0.004).unwrap());
        let exact = logits.map(|logit| (0.004 * f64::from(logit)).exp2());
        let sum: f64 = exact.iter().sum();
        assert_eq!(outcome.probabilities().len(), logits.len());
        for (class, found) in outcome.probabilities().enumerate() {
            assert_eq!(found, outcome.probability(class));
            let exact = exact[class] / sum;
            assert!(
                (f64::from(found) - exact).abs() <= (0.005 * exact).max(1.0 / 32_768.0),
                "{class}: {found}, {exact}"
            );
        }
    }
}
