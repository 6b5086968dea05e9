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
        // The weight has 15 bits: the quotient fits U1F15, and the product 30 bits.
        let share = ((own << 15) + sum / 2).checked_div(sum).unwrap_or(0);
        U1F15::from_bits(share as u16)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many equal classes, each has its share, rounded to nearest.
    #[test]
    fn shares_are_rounded() {
        let steepness = Steepness::from_real(0.01).unwrap();
        for classes in 1..300 {
            let outcome = Outcome::new(std::vec![-5; classes], steepness);
            let share = (32_768.0 / classes as f64).round();
            assert_eq!(f64::from(outcome.probability(classes - 1).to_bits()), share, "{classes} classes");
            assert_eq!(outcome.probability(classes), 0);
        }
    }
}
