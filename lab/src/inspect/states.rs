//! How often a model errs by what a head does: a third of the recordings against another.

use super::errors::TRAITS;
use super::measures::probe::{Interval, wilson};

/// Recordings whose traits are kept.
const KEPT: usize = 3000;
/// Recordings of a third below which nothing is said.
const FEW: usize = 10;

/// What heads did in each recording, and whether it was misjudged.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// `[recording][head]`
    traits: Vec<Vec<[f32; 4]>>,
    wrong: Vec<bool>,
}

/// The errors of a third of the recordings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Third {
    /// The mean of the trait in it.
    pub mean: f64,
    /// Misjudged recordings, and all.
    pub errors: (usize, usize),
    /// Of the share of errors, 95 %, for independent recordings.
    pub interval: Interval,
}

impl Third {
    /// The share of errors.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.errors.0 as f64 / self.errors.1.max(1) as f64
    }
}

/// The trait of a head whose lowest and highest third differ most in errors.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The head.
    pub head: usize,
    /// Which trait, of [`TRAITS`].
    pub name: &'static str,
    /// From the least of it to the most.
    pub thirds: [Third; 3],
}

impl States {
    /// Takes a recording whose class is known.
    pub fn add(&mut self, traits: &[[Option<f64>; 4]], is_wrong: bool) {
        if self.wrong.len() < KEPT {
            let one = |traits: &[Option<f64>; 4]| traits.map(|x| x.map_or(f32::NAN, |x| x as f32));
            self.traits.push(traits.iter().map(one).collect());
            self.wrong.push(is_wrong);
        }
    }

    /// For each head, the trait that errors go with most; none where there are too few recordings or no errors.
    #[must_use]
    pub fn of_heads(&self) -> Vec<State> {
        let heads = self.traits.first().map_or(0, Vec::len);
        let far = |state: &State| (state.thirds[2].rate() - state.thirds[0].rate()).abs();
        let best = |head: usize| {
            let states = (0..TRAITS.len()).filter_map(|at| self.of_trait(head, at));
            states.max_by(|a, b| far(a).total_cmp(&far(b))).filter(|state| far(state) > 0.0)
        };
        (0..heads).filter_map(best).collect()
    }

    fn of_trait(&self, head: usize, at: usize) -> Option<State> {
        let values = self.traits.iter().map(|heads| heads[head][at]).zip(self.wrong.iter().copied());
        let mut values: Vec<(f32, bool)> = values.filter(|(x, _)| x.is_finite()).collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (first, last) = (values.first()?.0, values.last()?.0);
        if values.len() < 3 * FEW || first >= last {
            return None;
        }
        let third = |number: usize| {
            let own = &values[number * values.len() / 3..(number + 1) * values.len() / 3];
            let wrong = own.iter().filter(|(_, wrong)| *wrong).count();
            let mean = own.iter().map(|&(x, _)| f64::from(x)).sum::<f64>() / own.len() as f64;
            Third { mean, errors: (wrong, own.len()), interval: wilson(wrong, own.len()) }
        };
        Some(State { head, name: TRAITS[at], thirds: [third(0), third(1), third(2)] })
    }
}

#[cfg(test)]
mod tests {
    use super::States;

    #[test]
    fn errors_go_with_a_trait() {
        let mut states = States::default();
        // All errors where the confidence of the second head is low; its entropy goes the other way, but says less.
        for number in 0..60 {
            let x = f64::from(number);
            let one = [Some(x % 7.0), Some(1.0), None, Some(x % 2.0)];
            states.add(&[one, [Some((x * 37.0) % 60.0), Some(x), None, Some(0.0)]], number < 20);
        }
        let found = states.of_heads();
        let second = found.iter().find(|state| state.head == 1).unwrap();
        assert_eq!((second.name, second.thirds[0].errors, second.thirds[2].errors), ("confidence", (20, 20), (0, 20)));
        assert!((second.thirds[1].mean - 29.5).abs() < 1e-6 && second.thirds[0].interval.low > 0.8);
        assert!(States::default().of_heads().is_empty());
    }
}
