//! Whether a head links pairs of positions, such as a noun to its article (Clark et al. 2019, section 4.2).

use crate::inspect::measures::Map;

/// How a head links given pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairScore {
    /// Mean weight of the pair's key, 0 to 1.
    pub share: f64,
    /// Share of the pairs whose key weighs most in its row, 0 to 1; the first of equals counts.
    pub accuracy: f64,
    /// What an even row or a blind guess gives for both, 0 to 1.
    pub chance: f64,
    /// Pairs counted.
    pub pairs: usize,
}

/// Sums over pairs of a query and the key that it should look at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairSum {
    share: f64,
    hits: usize,
    chance: f64,
    pairs: usize,
}

impl PairSum {
    /// Counts the pairs (query, key) of a text that the map has and the mask leaves.
    pub fn add(&mut self, map: &Map, pairs: &[(usize, usize)]) {
        let inside =
            |&&(query, key): &&(usize, usize)| query < map.queries() && key < map.keys() && map.sees(query, key);
        for &(query, key) in pairs.iter().filter(inside) {
            let row = map.row(query);
            let most = row.iter().copied().fold(0.0, f64::max);
            self.share += row[key];
            self.hits += usize::from(most > 0.0 && row.iter().position(|&weight| weight == most) == Some(key));
            self.chance += 1.0 / map.visible(query) as f64;
            self.pairs += 1;
        }
    }

    /// The score so far; none without pairs.
    #[must_use]
    pub fn score(&self) -> Option<PairScore> {
        let n = self.pairs as f64;
        (self.pairs > 0).then(|| PairScore {
            share: self.share / n,
            accuracy: self.hits as f64 / n,
            chance: self.chance / n,
            pairs: self.pairs,
        })
    }
}
