//! Heads known from language models, found by matching patterns: previous-token, duplicate-token and induction heads
//! (Elhage et al. 2021; Olsson et al. 2022, section "Per-token losses and attention"; Wang et al. 2023, section 3).

use crate::inspect::measures::head::Place;
use crate::inspect::measures::{Map, Share, ShareSum};

/// Shares of attention on keys that the tokens single out; none where no query had such a key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenScores {
    /// On the token before.
    pub previous: Option<Share>,
    /// On earlier places of the query's own token.
    pub duplicate: Option<Share>,
    /// On what followed earlier places of the query's own token: the head expects it again.
    pub induction: Option<Share>,
}

/// Sums of [`TokenScores`] over texts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TokenSums {
    previous: ShareSum,
    duplicate: ShareSum,
    induction: ShareSum,
}

impl TokenSums {
    /// Counts a text: `tokens` are those at the positions of the map; a position beyond their end has none.
    pub fn add(&mut self, map: &Map, tokens: &[usize]) {
        let same = |a: usize, b: usize| tokens.get(a).is_some_and(|token| tokens.get(b) == Some(token));
        self.previous.add(map, |query, key| query < tokens.len() && Place::Previous.is(query, key));
        self.duplicate.add(map, |query, key| key < query && same(query, key));
        // The query's own position follows its twin where a token is doubled; that is no look back.
        self.induction.add(map, |query, key| key > 0 && key < query && same(query, key - 1));
    }

    /// The scores so far.
    #[must_use]
    pub fn scores(&self) -> TokenScores {
        TokenScores {
            previous: self.previous.mean(),
            duplicate: self.duplicate.mean(),
            induction: self.induction.mean(),
        }
    }
}
