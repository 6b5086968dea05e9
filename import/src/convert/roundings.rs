//! How integers round, for those who train with it.

use super::Chain;
use super::ranges::factor;
use super::scales::Affine;
use crate::graph::Place;
use std::collections::BTreeMap;

/// The integers of a tensor: the nearest multiple of its step, halves up, of those that there are.
#[derive(Clone, Debug, PartialEq)]
pub struct Rounding {
    /// Of each integer: 8, or 15 of a fine input.
    pub bits: u32,
    /// The real value of a step: one for all channels, or one for each. Weights that read the tensor are rounded as if
    /// multiplied by these.
    pub steps: Vec<f32>,
    /// What 0 is, in steps; integers of 8 bits are -128 to 127.
    pub zero: i32,
}

/// Of all tensors that have 8 bits, and of the input; all others are finer.
pub type Roundings = BTreeMap<Place, Rounding>;

impl Chain<'_> {
    /// Notes steps, one for all channels or one for each.
    pub(super) fn round(&mut self, place: Place, steps: impl IntoIterator<Item = f64>) {
        let steps = steps.into_iter().map(|step| step as f32).collect();
        self.roundings.insert(place, Rounding { bits: 8, steps, zero: 0 });
    }

    /// Notes the steps of the input.
    pub(super) fn round_input(&mut self, steps: &[f64]) {
        let bits = if self.settings.fine_input { 15 } else { 8 };
        let steps = steps.iter().map(|&step| step as f32).collect();
        self.roundings.insert(Place::Input, Rounding { bits, steps, zero: 0 });
    }

    /// Notes rows whose channels may have been balanced.
    pub(super) fn round_rows(&mut self, place: Place, step: f64) {
        let by = self.scales.balance.at(place);
        if by.is_empty() {
            self.round(place, [step]);
        } else {
            self.round(place, by.iter().map(|&by| step * factor(by)));
        }
    }

    /// Notes values before or after an activation.
    pub(super) fn round_affine(&mut self, place: Place, affine: Affine) {
        let rounding = Rounding { bits: 8, steps: vec![affine.step as f32], zero: affine.zero };
        self.roundings.insert(place, rounding);
    }
}
