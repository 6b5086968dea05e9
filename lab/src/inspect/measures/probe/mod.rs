//! Probes: what a linear classifier can read from outputs, beside what it could learn by heart.

mod control;
mod interval;
mod linear;
mod split;

pub use control::control_labels;
pub use interval::{Interval, bootstrap_by_group, wilson};
pub use linear::{Probe, ProbeError, ProbeSums};
pub use split::{ProbeResult, cross_probe, folds, held_back, probe};
