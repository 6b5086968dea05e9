//! The class of a pattern: vertical, diagonal, both, block or heterogeneous (Kovaleva et al. 2019, section 4.1).

use super::moments::adjusted_r2;
use crate::inspect::measures::Map;
use std::fmt;

/// The classes of Kovaleva et al. 2019. They trained a network on maps that people had sorted; here a map belongs where
/// most of its variance is explained ([`PatternShares::class`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// All queries look at the same keys.
    Vertical,
    /// All queries look at the same distance.
    Diagonal,
    /// Some of each.
    VerticalDiagonal,
    /// Stretches whose positions look at each other.
    Block,
    /// Neither.
    Heterogeneous,
}

impl Pattern {
    /// All, in the order of [`PatternCounts`].
    pub const ALL: [Self; 5] =
        [Self::Vertical, Self::Diagonal, Self::VerticalDiagonal, Self::Block, Self::Heterogeneous];
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vertical => "vertical",
            Self::Diagonal => "diagonal",
            Self::VerticalDiagonal => "vertical and diagonal",
            Self::Block => "block",
            Self::Heterogeneous => "heterogeneous",
        })
    }
}

/// How much of a map's variance (weights above an even row) one factor explains: adjusted R², at most 1, about 0 or
/// below it where the factor says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PatternShares {
    /// By the key alone.
    pub vertical: f64,
    /// By the lag, query minus key, alone.
    pub diagonal: f64,
    /// By whether query and key lie in the same stretch, for the best cut of all positions into two or three stretches.
    pub block: f64,
}

impl PatternShares {
    /// The least share that makes a class.
    pub const CLEAR: f64 = 0.4;
    /// The least share of each of two factors that make a class together.
    pub const PART: f64 = 0.15;

    /// Of a map; all 0 where no row prefers a key, or with fewer than four queries or keys.
    #[must_use]
    pub fn of(map: &Map) -> Self {
        let cells: Vec<_> = map.excess().collect();
        let total: f64 = cells.iter().map(|(.., e)| e * e).sum();
        let n = cells.len() as f64;
        // Rows sum to 0, so that the mean does; less than that is rounding of even rows.
        if map.queries() < 4 || map.keys() < 4 || total <= 1e-18 * n {
            return Self::default();
        }
        let explained = |factor: &dyn Fn(usize, usize) -> usize, values: usize| {
            let mut sums = vec![(0.0, 0.0); values];
            for &(query, key, excess) in &cells {
                let (count, sum) = &mut sums[factor(query, key)];
                *count += 1.0;
                *sum += excess;
            }
            let groups = sums.iter().filter(|group| group.0 > 0.0);
            let between: f64 = groups.clone().map(|(count, sum)| sum * sum / count).sum();
            adjusted_r2(total, total - between, n, groups.count() as f64).unwrap_or(0.0)
        };
        Self {
            vertical: explained(&|_, key| key, map.keys()),
            diagonal: explained(&|query, key| query + map.keys() - 1 - key, map.queries() + map.keys() - 1),
            block: block(&cells, map.queries().max(map.keys()), total),
        }
    }

    /// The class: block if that explains most and [`CLEAR`](Self::CLEAR); vertical or diagonal if it is clear, both if
    /// each explains [`PART`](Self::PART) and the two together are clear; else heterogeneous.
    #[must_use]
    pub fn class(&self) -> Pattern {
        let (vertical, diagonal) = (self.vertical, self.diagonal);
        if self.block >= Self::CLEAR && self.block > vertical.max(diagonal) {
            Pattern::Block
        } else if vertical.min(diagonal) >= Self::PART && vertical + diagonal >= Self::CLEAR {
            Pattern::VerticalDiagonal
        } else if vertical.max(diagonal) < Self::CLEAR {
            Pattern::Heterogeneous
        } else if vertical > diagonal {
            Pattern::Vertical
        } else {
            Pattern::Diagonal
        }
    }
}

/// Adjusted R² of the best cut into two or three stretches whose positions weigh each other more than others.
fn block(cells: &[(usize, usize, f64)], positions: usize, total: f64) -> f64 {
    // Sums over all cells before a position, both ways: of a square of positions in four look-ups.
    let side = positions + 1;
    let mut before = vec![(0.0, 0.0); side * side];
    for &(query, key, excess) in cells {
        before[(query + 1) * side + key + 1] = (1.0, excess);
    }
    for row in 1..side {
        for column in 1..side {
            let (up, left) = (before[(row - 1) * side + column], before[row * side + column - 1]);
            let corner = before[(row - 1) * side + column - 1];
            let cell = &mut before[row * side + column];
            *cell = (cell.0 + up.0 + left.0 - corner.0, cell.1 + up.1 + left.1 - corner.1);
        }
    }
    let square = |from: usize, to: usize| {
        let at = |row: usize, column: usize| before[row * side + column];
        let (a, b, c, d) = (at(to, to), at(from, to), at(to, from), at(from, from));
        (a.0 - b.0 - c.0 + d.0, a.1 - b.1 - c.1 + d.1)
    };
    let n = cells.len() as f64;
    let between = |inside: (f64, f64)| {
        let outside = n - inside.0;
        // All rows sum to 0: what lies inside is lacking outside.
        if inside.1 <= 0.0 || outside <= 0.0 { 0.0 } else { inside.1 * inside.1 * (1.0 / inside.0 + 1.0 / outside) }
    };
    let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
    let mut best = 0.0f64;
    // Stretches of two positions or more: one position alone is a diagonal.
    for first in 2..=positions.saturating_sub(2) {
        let head = square(0, first);
        best = best.max(between(add(head, square(first, positions))));
        for second in first + 2..=positions.saturating_sub(2) {
            best = best.max(between(add(add(head, square(first, second)), square(second, positions))));
        }
    }
    adjusted_r2(total, total - best, n, 2.0).unwrap_or(0.0)
}

/// How many maps of a head are of each class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PatternCounts([usize; 5]);

impl PatternCounts {
    /// Counts a map.
    pub fn add(&mut self, pattern: Pattern) {
        self.0[pattern as usize] += 1;
    }

    /// Maps of a class.
    #[must_use]
    pub fn count(&self, pattern: Pattern) -> usize {
        self.0[pattern as usize]
    }

    /// The commonest class and its share of the maps, 0 to 1; the first of equals; none of nothing.
    #[must_use]
    pub fn commonest(&self) -> Option<(Pattern, f64)> {
        let all: usize = self.0.iter().sum();
        let pattern = Pattern::ALL.into_iter().rev().max_by_key(|&pattern| self.count(pattern))?;
        (all > 0).then(|| (pattern, self.count(pattern) as f64 / all as f64))
    }
}
