//! Control tasks (Hewitt & Liang 2019).

use crate::augment::draw;
use rand::RngExt;
use std::collections::BTreeMap;

/// Labels without meaning: each type (a token, a speaker, a position) gets the label of an item drawn at random, so that
/// labels are as frequent as they were, and keeps it wherever it occurs. A probe can only learn them by heart; what it
/// reads beyond that is its selectivity.
///
/// # Panics
/// If there are not as many types as labels.
#[must_use]
pub fn control_labels(types: &[usize], labels: &[usize], seed: u64) -> Vec<usize> {
    assert_eq!(types.len(), labels.len(), "a type of each item");
    let mut drawn = BTreeMap::new();
    let mut label = |kind: usize| {
        let pick = || labels[draw(seed, 1, kind as u64).random_range(0..labels.len())];
        *drawn.entry(kind).or_insert_with(pick)
    };
    types.iter().map(|&kind| label(kind)).collect()
}
