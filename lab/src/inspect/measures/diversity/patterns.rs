//! How alike the attention patterns of heads are, over recordings.

use super::divergence::with_entropies;
use crate::inspect::measures::Map;
use crate::inspect::measures::head::row_entropy;
use nalgebra::DMatrix;

/// Pairs of cells that [`PatternSums::new`] compares in a recording: some tenths of a second of work.
const BUDGET: usize = 1 << 26;

/// Sums over recordings of what a fixed list of heads has in common: memory of the list's length squared.
#[derive(Clone, Debug)]
pub struct PatternSums {
    heads: usize,
    budget: usize,
    recordings: usize,
    cells: f64,
    products: DMatrix<f64>,
    divergences: DMatrix<f64>,
    divergence_counts: DMatrix<f64>,
    /// `Σ a·b` over all pairs of rows, per query.
    overlap: f64,
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
        Self::with_budget(heads, BUDGET)
    }

    /// Nothing counted yet; in each recording the divergence compares at most about so many pairs of cells. Where there
    /// are more, it looks at every so many queries, at others in the next recording.
    #[must_use]
    pub fn with_budget(heads: usize, budget: usize) -> Self {
        let zeros = DMatrix::zeros(heads, heads);
        Self {
            heads,
            budget,
            recordings: 0,
            cells: 0.0,
            products: zeros.clone(),
            divergences: zeros.clone(),
            divergence_counts: zeros,
            overlap: 0.0,
        }
    }

    /// Counts a recording: the maps of all heads, in the order of the list.
    ///
    /// The work grows with the square of the list. From some 200 heads at 64 positions on, the divergence looks at some
    /// of the queries, unless [`with_budget`](Self::with_budget) allows more.
    ///
    /// # Errors
    /// If there are not as many maps as heads, or their shapes differ.
    pub fn add(&mut self, maps: &[&Map]) -> Result<(), ShapeError> {
        let heads = self.heads;
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
            map.excess().for_each(|(query, key, weight)| excess[(query * map.keys() + key, head)] = weight);
        }
        self.cells += cells as f64;
        self.products += excess.tr_mul(&excess);
        // Over all pairs, the products of two heads' weights are the square of the heads' sum.
        let sum = |cell: usize| maps.iter().map(|map| map.weights()[cell]).sum::<f64>();
        self.overlap += (0..cells).map(|cell| sum(cell).powi(2)).sum::<f64>() / first.queries().max(1) as f64;
        self.add_divergences(maps, (heads * heads / 2 * cells / self.budget.max(1)).max(1));
        self.recordings += 1;
        Ok(())
    }

    /// Of every `step`-th query.
    fn add_divergences(&mut self, maps: &[&Map], step: usize) {
        let queries = maps.first().map_or(0, |map| map.queries());
        for query in (self.recordings % step..queries).step_by(step) {
            let rows: Vec<_> = maps.iter().map(|map| (map.row(query), row_entropy(map.row(query)))).collect();
            let live: Vec<usize> = (0..maps.len()).filter(|&head| rows[head].0.iter().any(|&w| w > 0.0)).collect();
            for (place, &a) in live.iter().enumerate() {
                self.divergence_counts[(a, a)] += 1.0;
                for &b in &live[..place] {
                    let divergence = with_entropies(rows[a].0, rows[b].0, rows[a].1 + rows[b].1);
                    for pair in [(a, b), (b, a)] {
                        self.divergences[pair] += divergence;
                        self.divergence_counts[pair] += 1.0;
                    }
                }
            }
        }
    }

    /// Pearson correlation of each pair's weights above an even row, over all cells and recordings, -1 to 1; what a
    /// mask hides counts as 0. NaN where a head's rows are all even: it has no pattern.
    #[must_use]
    pub fn correlation(&self) -> DMatrix<f64> {
        // The excess of each row sums to 0, so that products are covariances.
        let power = |head: usize| self.products[(head, head)];
        // Less is rounding of even rows.
        let has_pattern = |head: usize| power(head) > 1e-18 * self.cells;
        DMatrix::from_fn(self.heads, self.heads, |a, b| {
            if has_pattern(a) && has_pattern(b) {
                (self.products[(a, b)] / (power(a) * power(b)).sqrt()).clamp(-1.0, 1.0)
            } else {
                f64::NAN
            }
        })
    }

    /// Mean Jensen-Shannon divergence of each pair over queries that are live in both, in nats, 0 to `ln 2` (Clark et
    /// al. 2019, section 6, cluster heads by it); NaN where there was no such query.
    #[must_use]
    pub fn divergence(&self) -> DMatrix<f64> {
        self.divergences.component_div(&self.divergence_counts)
    }

    /// Disagreement on attended positions (Li et al. 2018, section 3), per query so that long recordings compare with
    /// short ones: the negative mean over all pairs, a head with itself too, of `Σ a·b` over keys. From -1 (all heads
    /// look at one and the same key) to 0; none of nothing.
    #[must_use]
    pub fn position_disagreement(&self) -> Option<f64> {
        let pairs = (self.heads * self.heads) as f64;
        (pairs > 0.0 && self.recordings > 0).then(|| -self.overlap / pairs / self.recordings as f64)
    }
}
