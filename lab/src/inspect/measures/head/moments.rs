//! The mean map over recordings, its spread, and how much of it position alone explains.

use crate::inspect::measures::{Map, Share};

/// Sums of each cell over recordings: memory of 28 bytes a cell, however many recordings there are.
#[derive(Clone, Debug, PartialEq)]
pub struct MapSums {
    queries: usize,
    keys: usize,
    recordings: usize,
    weights: Vec<f64>,
    /// Of the weight above an even row.
    sums: Vec<f64>,
    squares: Vec<f64>,
    counts: Vec<u32>,
}

impl MapSums {
    /// Nothing counted yet; what lies beyond so many queries and keys will be left out.
    #[must_use]
    pub fn new(queries: usize, keys: usize) -> Self {
        let cells = queries * keys;
        let zeros = vec![0.0; cells];
        let (weights, sums, squares) = (zeros.clone(), zeros.clone(), zeros);
        Self { queries, keys, recordings: 0, weights, sums, squares, counts: vec![0; cells] }
    }

    /// Counts a recording.
    pub fn add(&mut self, map: &Map) {
        self.recordings += 1;
        for (query, key, excess) in map.excess().filter(|&(query, key, _)| query < self.queries && key < self.keys) {
            let cell = query * self.keys + key;
            self.weights[cell] += map.row(query)[key];
            self.sums[cell] += excess;
            self.squares[cell] += excess * excess;
            self.counts[cell] += 1;
        }
    }

    /// Recordings counted.
    #[must_use]
    pub fn recordings(&self) -> usize {
        self.recordings
    }

    /// The mean map; cells that no recording had are hidden.
    #[must_use]
    pub fn mean(&self) -> Map {
        let mut map = Map::hidden(self.queries, self.keys);
        let cells = self.weights.iter().zip(&self.counts).enumerate();
        for (cell, (&weight, &count)) in cells.filter(|(_, (_, count))| **count > 0) {
            // A mean of weights is a weight.
            _ = map.put(cell / self.keys, cell % self.keys, 1, [weight / f64::from(count)]);
        }
        map.normalise();
        map
    }

    /// The standard deviation over recordings of each cell's weight above an even row, `queries x keys`; 0 where no
    /// recording had it. Where all recordings are equally long, that is the standard deviation of the weight.
    #[must_use]
    pub fn spread(&self) -> Vec<f64> {
        let cells = self.sums.iter().zip(&self.squares).zip(&self.counts);
        cells
            .map(|((sum, square), &count)| {
                let n = f64::from(count.max(1));
                (square / n - (sum / n).powi(2)).max(0.0).sqrt()
            })
            .collect()
    }

    /// The key with the largest mean weight, of those that at least half as many queries see as the commonest one; the
    /// first of equals; none if no row was live.
    #[must_use]
    pub fn strongest_key(&self) -> Option<(usize, Share)> {
        let shares = (0..self.keys).map(|key| {
            let cells = (key..self.counts.len()).step_by(self.keys);
            cells.fold((0.0, 0.0, 0usize), |(weight, even, rows), cell| {
                let chance = self.weights[cell] - self.sums[cell];
                (weight + self.weights[cell], even + chance, rows + self.counts[cell] as usize)
            })
        });
        let shares: Vec<_> = shares.enumerate().filter(|(_, sums)| sums.2 > 0).collect();
        let most = shares.iter().map(|(_, sums)| sums.2).max()?;
        let common = shares.into_iter().filter(|(_, sums)| sums.2 * 2 >= most).map(|(key, (weight, even, rows))| {
            let n = rows as f64;
            (key, Share { share: weight / n, chance: even / n, rows })
        });
        common.rev().max_by(|a, b| a.1.share.total_cmp(&b.1.share))
    }

    /// Share of the variance of the weights (above an even row) that the cell, query and key position, explains,
    /// whatever the recording: near 1 of a head that position drives, near 0 of one that content drives.
    ///
    /// The adjusted R² of one factor, `1 - (SS within cells / (n - cells)) / (SS of all / (n - 1))`, at most 1; about 0,
    /// and below it by chance, where position says nothing. None with fewer than two recordings, or where no row
    /// prefers a key.
    #[must_use]
    pub fn position_r2(&self) -> Option<f64> {
        let cells = self.sums.iter().zip(&self.squares).zip(&self.counts).filter(|(_, count)| **count > 0);
        let (mut groups, mut n, mut sum, mut square, mut between) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((&s, &q), &count) in cells {
            let count = f64::from(count);
            groups += 1.0;
            n += count;
            sum += s;
            square += q;
            between += s * s / count;
        }
        let total = square - sum * sum / n.max(1.0);
        // Less is rounding of weights that are all equal.
        (total > 1e-18 * n).then(|| adjusted_r2(total, square - between, n, groups))?
    }
}

/// The share that a factor of `groups` values explains of `n` observations, adjusted for chance; none without spare
/// observations.
pub(super) fn adjusted_r2(total: f64, within: f64, n: f64, groups: f64) -> Option<f64> {
    (n > groups).then(|| (1.0 - within.max(0.0) / (n - groups) / (total / (n - 1.0))).clamp(-1.0, 1.0))
}
