//! The share of attention on some keys, beside what chance gives.

use super::Map;

/// The share of attention that some queries pay to some keys.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Share {
    /// Mean share, 0 to 1.
    pub share: f64,
    /// What an even row would give, 0 to 1.
    pub chance: f64,
    /// Queries counted.
    pub rows: usize,
}

impl Share {
    /// Whether a head may be called after it: most of the attention ([`Self::MOST`]), at least thrice what chance
    /// gives, and seen in 20 queries or more, so that no accident of a few rows makes a name.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.share >= Self::MOST && self.share >= 3.0 * self.chance && self.rows >= 20
    }

    /// The share that counts as most of the attention.
    pub const MOST: f64 = 0.5;
}

/// Mean over queries of `Σ weight` over the keys that `is_target(query, key)` names.
///
/// Counted are the live queries that see at least one such key; without any, there is no share.
pub fn share_where(map: &Map, is_target: impl Fn(usize, usize) -> bool) -> Option<Share> {
    let mut sum = ShareSum::default();
    sum.add(map, is_target);
    sum.mean()
}

/// A [`Share`] over many recordings, each query counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShareSum {
    share: f64,
    chance: f64,
    rows: usize,
}

impl ShareSum {
    /// Counts a recording.
    pub fn add(&mut self, map: &Map, is_target: impl Fn(usize, usize) -> bool) {
        for (query, row) in map.live_rows() {
            let targets = row.iter().enumerate().filter(|&(key, _)| map.sees(query, key) && is_target(query, key));
            let (count, weight) = targets.fold((0, 0.0), |(count, sum), (_, weight)| (count + 1, sum + weight));
            if count > 0 {
                self.share += weight;
                self.chance += f64::from(count) / map.visible(query) as f64;
                self.rows += 1;
            }
        }
    }

    /// The share so far; none if no query saw such a key.
    #[must_use]
    pub fn mean(&self) -> Option<Share> {
        let rows = self.rows as f64;
        (self.rows > 0).then(|| Share { share: self.share / rows, chance: self.chance / rows, rows: self.rows })
    }
}
