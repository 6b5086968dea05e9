//! A language model that reads tokens while its heads are watched.

use super::LanguageError;
use crate::head_index::HeadIndex;
use crate::inspect::measures::Map;
use heedful::dynamic::{Decoder, Session};
use heedful::format::Softmax;
use heedful::{Narrow, Row, Weight, Wide};

/// Tokens of a text that are looked at, at most: maps grow with their square.
pub const LONGEST: usize = 256;

/// Reads texts from their beginning.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'m> {
    decoder: &'m Decoder,
}

/// A row of weights, whatever their type.
struct Seen {
    layer: usize,
    head: usize,
    query: usize,
    first: usize,
    dilation: usize,
    weights: Vec<f64>,
}

impl<'m> Reader<'m> {
    /// A reader of this model, and its heads.
    ///
    /// # Errors
    /// If it has none.
    pub fn new(decoder: &'m Decoder) -> Result<(Self, Vec<HeadIndex>), LanguageError> {
        let reader = Self { decoder };
        let mut heads: Vec<usize> = vec![];
        reader.watch(&[0], |row| {
            heads.resize(heads.len().max(row.layer + 1), 0);
            heads[row.layer] = heads[row.layer].max(row.head + 1);
        });
        let heads = HeadIndex::all(&heads);
        if heads.is_empty() { Err(LanguageError::NoHeads) } else { Ok((reader, heads)) }
    }

    /// The model.
    #[must_use]
    pub fn decoder(&self) -> &'m Decoder {
        self.decoder
    }

    /// Tokens of a text, at most.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.decoder.shape().positions.min(LONGEST)
    }

    /// The maps of these heads over the tokens, which are read from an empty cache.
    #[must_use]
    pub fn maps(&self, heads: &[HeadIndex], tokens: &[u16]) -> Vec<Map> {
        let mut maps = vec![Map::hidden(tokens.len(), tokens.len()); heads.len()];
        self.watch(tokens, |row| {
            let own = HeadIndex { block: row.layer, head: row.head };
            let Some(map) = heads.iter().position(|&head| head == own).and_then(|at| maps.get_mut(at)) else { return };
            // Weights of keys in the text: never refused.
            _ = map.put(row.query, row.first, row.dilation.max(1), row.weights);
        });
        maps.iter_mut().for_each(Map::normalise);
        maps
    }

    fn watch(&self, tokens: &[u16], mut see: impl FnMut(Seen)) {
        let mut session = self.decoder.session(tokens.len());
        for &token in tokens {
            match self.decoder.shape().softmax {
                Softmax::Wide => step::<Wide>(&mut session, token, &mut see),
                Softmax::Narrow => step::<Narrow>(&mut session, token, &mut see),
            }
        }
    }
}

fn step<W: Weight>(session: &mut Session<'_>, token: u16, see: &mut impl FnMut(Seen)) {
    session.push_observed(usize::from(token), &mut |row: Row<'_, W>| {
        let Row { layer, head, query, first, dilation, weights } = row;
        let weights = weights.iter().map(|weight| f64::from(weight.to_int())).collect();
        see(Seen { layer, head, query, first, dilation, weights });
    });
}
