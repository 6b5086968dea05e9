//! How fast a run learns, and in which order.

use crate::augment::draw;
use rand::seq::SliceRandom;
use std::f64::consts::PI;

/// A learning rate that rises linearly, then falls along half a cosine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// The largest.
    pub rate: f64,
    /// Share of the steps in which it rises.
    pub warm_up: f64,
    /// Share of the largest at which it ends.
    pub final_rate: f64,
}

impl Schedule {
    /// The rate of a step.
    pub fn at(&self, step: usize, steps: usize) -> f64 {
        let warm = (self.warm_up * steps as f64).max(1.0);
        let step = step as f64 + 1.0;
        let share = if step < warm {
            step / warm
        } else {
            let done = ((step - warm) / (steps as f64 - warm).max(1.0)).min(1.0);
            self.final_rate + (1.0 - self.final_rate) * 0.5 * (1.0 + (PI * done).cos())
        };
        self.rate * share
    }
}

/// The order of the examples in an epoch.
pub(crate) fn shuffled(count: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut draw(seed, epoch as u64, u64::MAX));
    order
}
