//! The places that heads are known to look at.

use crate::inspect::measures::{Map, Share, share_where};

/// A place, relative to the query or fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The query's own position.
    Itself,
    /// The position before; the first query has none.
    Previous,
    /// The position after; a causal map has none.
    Next,
    /// The first position, seen from later ones: where heads with nothing to say often rest ("attention sink", Xiao et
    /// al. 2024).
    First,
    /// At most so many positions away.
    Near(usize),
}

impl Place {
    /// Whether that is where `key` is, seen from `query`.
    #[must_use]
    pub fn is(self, query: usize, key: usize) -> bool {
        match self {
            Self::Itself => key == query,
            Self::Previous => key + 1 == query,
            Self::Next => key == query + 1,
            Self::First => query > 0 && key == 0,
            Self::Near(radius) => query.abs_diff(key) <= radius,
        }
    }

    /// The share of attention there; none if no live query sees such a key.
    #[must_use]
    pub fn share(self, map: &Map) -> Option<Share> {
        share_where(map, |query, key| self.is(query, key))
    }
}

/// The share on marked positions, such as onsets of sound; positions beyond the end of `marks` are not marked.
#[must_use]
pub fn marked(map: &Map, marks: &[bool]) -> Option<Share> {
    share_where(map, |_, key| is_marked(marks, key))
}

/// Whether a cue marks a position.
pub(super) fn is_marked(marks: &[bool], key: usize) -> bool {
    marks.get(key).copied().unwrap_or(false)
}
