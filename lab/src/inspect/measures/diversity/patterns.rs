//! How alike the attention patterns of heads are, over recordings.

use super::divergence;
use crate::inspect::measures::Map;
use nalgebra::DMatrix;

/// Sums over recordings of what a fixed list of heads has in common: memory of the list's length squared.
#[derive(Clone, Debug)]
pub struct PatternSums {
    cells: f64,
    sums: Vec<f64>,
    products: DMatrix<f64>,
    divergences: DMatrix<f64>,
    divergence_counts: DMatrix<f64>,
    overlaps: DMatrix<f64>,
    recordings: f64,
}

/// The maps of one recording do not fit each other or the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// As many maps as heads are needed.
    #[error("{found} maps for {heads} heads")]
    Heads {
        /// Heads of the list.
        heads: usize,
        /// Maps given.
        found: usize,
    },
    /// All maps of a recording have the shape of the first.
    #[error("the map of head {head} has {found:?} queries and keys, the first one {first:?}")]
    Shape {
        /// Place in the list.
        head: usize,
        /// Its queries and keys.
        found: (usize, usize),
        /// Those of the first.
        first: (usize, usize),
    },
}

impl PatternSums {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(heads: usize) -> Self {
        let zeros = DMatrix::zeros(heads, heads);
        Self {
            cells: 0.0,
            sums: vec![0.0; heads],
            products: zeros.clone(),
            divergences: zeros.clone(),
            divergence_counts: zeros.clone(),
            overlaps: zeros,
            recordings: 0.0,
        }
    }

    /// Counts a recording: the maps of all heads, in the order of the list. The work grows with the square of the list.
    ///
    /// # Errors
    /// If there are not as many maps as heads, or their shapes differ.
    pub fn add(&mut self, maps: &[&Map]) -> Result<(), ShapeError> {
        let heads = self.sums.len();
        if maps.len() != heads {
            return Err(ShapeError::Heads { heads, found: maps.len() });
        }
        let shape = |map: &Map| (map.queries(), map.keys());
        if let Some((head, map)) = maps.iter().enumerate().find(|(_, map)| shape(map) != shape(maps[0])) {
            return Err(ShapeError::Shape { head, found: shape(map), first: shape(maps[0]) });
        }
        let Some(first) = maps.first() else { return Ok(()) };
        let cells = first.queries() * first.keys();
        // A column a head.
        let mut excess = DMatrix::zeros(cells, heads);
        for (head, map) in maps.iter().enumerate() {
            map.excess()
                .for_each(|(query, key, excess_weight)| excess[(query * map.keys() + key, head)] = excess_weight);
            self.sums[head] += excess.column(head).sum();
        }
        self.cells += cells as f64;
        self.products += excess.tr_mul(&excess);
        let weights = DMatrix::from_fn(cells, heads, |cell, head| maps[head].weights()[cell]);
        self.overlaps += weights.tr_mul(&weights) / first.queries().max(1) as f64;
        for (a, b) in (0..heads).flat_map(|a| (a..heads).map(move |b| (a, b))) {
            if let Some(divergence) = divergence(maps[a], maps[b]) {
                for cell in [(a, b), (b, a)] {
                    self.divergences[cell] += divergence;
                    self.divergence_counts[cell] += 1.0;
                }
            }
        }
        self.recordings += 1.0;
        Ok(())
    }

    /// Pearson correlation of each pair's weights above an even row, over all cells and recordings, -1 to 1; what a mask
    /// hides counts as 0. NaN where a head's rows are all even: it has no pattern.
    #[must_use]
    pub fn correlation(&self) -> DMatrix<f64> {
        let covariance = |a: usize, b: usize| self.products[(a, b)] - self.sums[a] * self.sums[b] / self.cells.max(1.0);
        let heads = self.sums.len();
        DMatrix::from_fn(heads, heads, |a, b| {
            let power = covariance(a, a).min(covariance(b, b));
            // Less is rounding of even rows.
            if power <= 1e-18 * self.cells {
                f64::NAN
            } else {
                (covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt()).clamp(-1.0, 1.0)
            }
        })
    }

    /// Mean Jensen-Shannon divergence of each pair, in nats, 0 to `ln 2` (Clark et al. 2019, section 6, cluster heads by
    /// it); NaN where no query was live in both.
    #[must_use]
    pub fn divergence(&self) -> DMatrix<f64> {
        self.divergences.component_div(&self.divergence_counts)
    }

    /// Disagreement on attended positions (Li et al. 2018, section 3), per query so that long recordings compare with
    /// short ones: the negative mean over all pairs, a head with itself too, of `Σ a·b` over keys. From -1 (all heads
    /// look at one and the same key) to 0; none of nothing.
    #[must_use]
    pub fn position_disagreement(&self) -> Option<f64> {
        let pairs = (self.sums.len() * self.sums.len()) as f64;
        (pairs > 0.0 && self.recordings > 0.0).then(|| -self.overlaps.sum() / pairs / self.recordings)
    }
}
