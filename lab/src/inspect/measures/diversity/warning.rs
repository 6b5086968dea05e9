//! Heads that seem to be of no use: redundant pairs and collapsed heads.

use crate::inspect::measures::head::{HeadSummary, Looks, Name};
use nalgebra::DMatrix;

/// Something to look at, by the place of the heads in the list.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Two heads attend alike and, where outputs are known, put out the same up to a rotation.
    Redundant {
        /// The two, the first with the lower place.
        heads: (usize, usize),
        /// Correlation of their patterns, [`Warning::ALIKE`] to 1.
        correlation: f64,
        /// Linear CKA of their outputs, [`Warning::ALIKE`] to 1, where known.
        cka: Option<f64>,
    },
    /// All queries of the head attend alike, so that all positions get the same from it.
    Collapsed {
        /// Its place.
        head: usize,
        /// Mean effective rank of its maps, 1 to [`Warning::COLLAPSED`].
        effective_rank: f64,
    },
    /// The head sees nothing, or adds hardly anything.
    Idle {
        /// Its place.
        head: usize,
    },
}

impl Warning {
    /// From which correlation and CKA on two heads are alike.
    pub const ALIKE: f64 = 0.9;
    /// Up to which mean effective rank a head has collapsed.
    pub const COLLAPSED: f64 = 1.1;
}

/// The warnings on a list of heads: `correlation` of their patterns
/// ([`PatternSums::correlation`](super::PatternSums::correlation)), `cka` of their outputs where known.
///
/// Idle heads have no other warning.
#[must_use]
pub fn warnings(heads: &[HeadSummary], correlation: &DMatrix<f64>, cka: Option<&DMatrix<f64>>) -> Vec<Warning> {
    let idle: Vec<bool> = heads.iter().map(|head| Name::of(head).looks == Looks::Idle).collect();
    let at = |matrix: &DMatrix<f64>, (a, b): (usize, usize)| {
        if a < matrix.nrows() && b < matrix.ncols() { matrix[(a, b)] } else { f64::NAN }
    };
    let mut found = Vec::new();
    for (a, head) in heads.iter().enumerate() {
        if idle[a] {
            found.push(Warning::Idle { head: a });
            continue;
        }
        if let Some(effective_rank) = head.effective_rank.mean().filter(|&rank| rank <= Warning::COLLAPSED) {
            found.push(Warning::Collapsed { head: a, effective_rank });
        }
        for b in (a + 1..heads.len()).filter(|&b| !idle[b]) {
            let (correlation, cka) = (at(correlation, (a, b)), cka.map(|cka| at(cka, (a, b))));
            if correlation >= Warning::ALIKE && cka.is_none_or(|cka| cka >= Warning::ALIKE) {
                found.push(Warning::Redundant { heads: (a, b), correlation, cka });
            }
        }
    }
    found
}
