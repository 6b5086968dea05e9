//! What heads of language models are known for.

use super::templates::Relation;
use crate::inspect::measures::Share;
use crate::inspect::measures::language::{PairScore, TokenScores};

/// What the scores of a head are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// On random tokens said twice.
    pub tokens: TokenScores,
    /// On sentences of known grammar, in the order of [`Relation::ALL`]; none without words.
    pub relations: [Option<PairScore>; 5],
}

/// The names of [`Scores::shares`].
pub const SHARES: [&str; 3] = ["previous token", "duplicate token", "induction"];

impl Scores {
    /// How far a head must be above the best fixed distance to be called after a relation (Voita et al. 2019).
    pub const ABOVE: f64 = 0.1;

    /// Shares on random tokens said twice, in the order of [`SHARES`].
    #[must_use]
    pub fn shares(&self) -> [Option<Share>; 3] {
        [self.tokens.previous, self.tokens.duplicate, self.tokens.induction]
    }

    /// What a head may be called: after the largest share on repeated tokens that [`is_marked`](Share::is_marked), or
    /// else after the relation whose pairs it hits most: at least half of 20 or more, thrice what chance hits, and
    /// [`ABOVE`](Self::ABOVE) more than the best `fixed` distance does.
    #[must_use]
    pub fn name(&self, fixed: &[f64; 5]) -> Option<String> {
        let marked = self.shares().into_iter().zip(SHARES).filter_map(|(share, name)| Some((share?, name)));
        let marked = marked.filter(|(share, _)| share.is_marked());
        if let Some((_, name)) = marked.max_by(|a, b| a.0.share.total_cmp(&b.0.share)) {
            return Some(name.to_owned());
        }
        let hits = |score: &PairScore, fixed: f64| {
            score.pairs >= 20
                && score.accuracy >= Share::MOST.max(3.0 * score.chance)
                && score.accuracy >= fixed + Self::ABOVE
        };
        let relations = Relation::ALL.into_iter().zip(self.relations).zip(fixed);
        let marked = relations.filter_map(|((relation, score), &fixed)| Some((relation, score?, fixed)));
        let most = marked.filter(|(_, score, fixed)| hits(score, *fixed));
        most.max_by(|a, b| a.1.accuracy.total_cmp(&b.1.accuracy)).map(|(relation, ..)| relation.to_string())
    }
}
