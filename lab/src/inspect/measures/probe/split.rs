//! A probe trained on some groups and tested on others.

use super::{Interval, ProbeError, ProbeSums, bootstrap_by_group, control_labels};
use crate::augment::draw;
use rand::seq::SliceRandom;
use std::collections::BTreeSet;

/// What a probe reads from outputs it has not seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeResult {
    /// Share of the test items that it judges rightly, 0 to 1.
    pub accuracy: f64,
    /// Of the accuracy: bootstrap over the test's groups.
    pub interval: Interval,
    /// Accuracy of always saying the training items' commonest class, 0 to 1.
    pub majority: f64,
    /// Accuracy on the control task, 0 to 1; none if no types were given.
    pub control: Option<f64>,
    /// Test items.
    pub items: usize,
}

impl ProbeResult {
    /// Accuracy less that on the control task (Hewitt & Liang 2019, section 2), -1 to 1: what the outputs tell, beyond
    /// what the probe could learn by heart.
    #[must_use]
    pub fn selectivity(&self) -> Option<f64> {
        self.control.map(|control| self.accuracy - control)
    }
}

/// Ridge of the probes here, as a share of the mean variance.
const RIDGE: f64 = 1e-3;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 1000;

/// Groups to test on: about three of ten, at least one, and never all; the same for equal seeds.
///
/// # Errors
/// With fewer than two groups.
pub fn held_back(groups: &[usize], seed: u64) -> Result<BTreeSet<usize>, ProbeError> {
    let all = shuffled(groups, seed)?;
    let test = (all.len() * 3 / 10).max(1);
    Ok(all.into_iter().take(test).collect())
}

/// The groups, each once, in an order by chance: at least two.
fn shuffled(groups: &[usize], seed: u64) -> Result<Vec<usize>, ProbeError> {
    let mut all: Vec<usize> = groups.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    if all.len() < 2 {
        return Err(ProbeError::Groups { groups: all.len() });
    }
    all.shuffle(&mut draw(seed, 3, 0));
    Ok(all)
}

/// Groups in so many parts, about as large, or fewer where there are not so many groups; the same for equal seeds.
///
/// # Errors
/// With fewer than two groups.
pub fn folds(groups: &[usize], count: usize, seed: u64) -> Result<Vec<BTreeSet<usize>>, ProbeError> {
    let all = shuffled(groups, seed)?;
    let count = count.clamp(2, all.len());
    Ok((0..count).map(|fold| all.iter().copied().skip(fold).step_by(count).collect()).collect())
}

/// Parts of a cross-validation.
const FOLDS: usize = 5;

/// Trains and tests five probes (fewer where there are fewer groups), each on the groups that the other ones are
/// trained on, so that each item is tested once, and each group counts in the interval. Otherwise as [`probe`].
///
/// # Errors
/// As [`probe`].
pub fn cross_probe(
    features: &[f64],
    width: usize,
    labels: &[usize],
    groups: &[usize],
    types: Option<&[usize]>,
    seed: u64,
) -> Result<ProbeResult, ProbeError> {
    probe_on(|| folds(groups, FOLDS, seed), features, width, labels, groups, types, seed)
}

/// Trains a probe on the items of most groups and tests it on the others ([`held_back`]).
///
/// `features` is `items x width`, row by row; `labels` count from 0. `groups` says which items belong together (the
/// recording, the speaker), so that none is on both sides. `types` are the types of the control task.
///
/// # Errors
/// If lists are not equally long, or there are fewer than two groups, or than two classes to train on.
pub fn probe(
    features: &[f64],
    width: usize,
    labels: &[usize],
    groups: &[usize],
    types: Option<&[usize]>,
    seed: u64,
) -> Result<ProbeResult, ProbeError> {
    probe_on(|| Ok(vec![held_back(groups, seed)?]), features, width, labels, groups, types, seed)
}

/// A probe for each set of groups that is tested.
fn probe_on(
    tests: impl FnOnce() -> Result<Vec<BTreeSet<usize>>, ProbeError>,
    features: &[f64],
    width: usize,
    labels: &[usize],
    groups: &[usize],
    types: Option<&[usize]>,
    seed: u64,
) -> Result<ProbeResult, ProbeError> {
    let items = labels.len();
    let rows = features.len().checked_div(width).filter(|rows| rows * width == features.len()).unwrap_or(0);
    for found in [rows, groups.len()].into_iter().chain(types.map(<[usize]>::len)) {
        if found != items {
            return Err(ProbeError::Items { items, found });
        }
    }
    let tests = tests()?;
    let classes = labels.iter().max().map_or(0, |most| most + 1);
    let row = |item: usize| &features[item * width..][..width];
    // Of each tested item: whether the probe is right, whether the commonest class is, and its group.
    let judge = |labels: &[usize]| {
        let mut found = vec![];
        for test in &tests {
            let (tested, trained): (Vec<usize>, Vec<usize>) =
                (0..items).partition(|&item| test.contains(&groups[item]));
            let mut sums = ProbeSums::new(width, classes);
            trained.into_iter().try_for_each(|item| sums.add(row(item), labels[item]))?;
            let (probe, common) = (sums.solve(RIDGE)?, sums.majority());
            let one =
                |item: usize| (probe.predict(row(item)) == labels[item], Some(labels[item]) == common, groups[item]);
            found.extend(tested.into_iter().map(one));
        }
        Ok(found)
    };
    let share = |right: &[bool]| right.iter().filter(|&&right| right).count() as f64 / right.len().max(1) as f64;
    let found = judge(labels)?;
    let of = |of: fn(&(bool, bool, usize)) -> bool| found.iter().map(of).collect::<Vec<bool>>();
    let (correct, common) = (of(|item| item.0), of(|item| item.1));
    let tested: Vec<usize> = found.iter().map(|item| item.2).collect();
    // Labels drawn so that all are one say nothing of the probe.
    let control = types.and_then(|types| judge(&control_labels(types, labels, seed)).ok());
    let control = control.map(|found| share(&found.iter().map(|item| item.0).collect::<Vec<bool>>()));
    Ok(ProbeResult {
        accuracy: share(&correct),
        interval: bootstrap_by_group(&correct, &tested, RESAMPLES, seed),
        majority: share(&common),
        control,
        items: correct.len(),
    })
}
