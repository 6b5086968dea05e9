//! Random tokens said twice: nothing but the repeat helps to tell what comes next (Olsson et al. 2022).

use super::Reader;
use crate::augment::draw;
use heedful::Tokenizer;
use rand::seq::SliceRandom;

/// Tokens before the pieces of a vocabulary with a tokenizer: "unknown", begin, end and single bytes.
const SPECIAL: u16 = 259;
/// The number of the draws.
const SEED: u64 = 0x7265_7065;

/// So many tokens without one twice, then the same again, after the token that begins a text where there is one.
/// `number` says which of all such sequences. Shorter where the vocabulary or the context is; empty where there is no
/// room for two tokens said twice.
#[must_use]
pub fn repeated(reader: &Reader<'_>, span: usize, number: u64) -> Vec<u16> {
    let decoder = reader.decoder();
    let last = u16::try_from(decoder.shape().outputs.saturating_sub(1)).unwrap_or(u16::MAX);
    let begin: &[u16] = if decoder.tokenizer().is_some() { &[Tokenizer::BEGIN] } else { &[] };
    let first = if begin.is_empty() { 0 } else { SPECIAL };
    let mut all: Vec<u16> = (first..=last).collect();
    let span = span.min(all.len()).min(reader.longest().saturating_sub(begin.len()) / 2);
    if span < 2 {
        return vec![];
    }
    let (chosen, _) = all.partial_shuffle(&mut draw(SEED, 0, number), span);
    [begin, chosen, chosen].concat()
}
