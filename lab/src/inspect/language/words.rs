//! From tokens to words: a word may be several tokens.

use crate::inspect::measures::Map;
use heedful::Tokenizer;
use std::ops::Range;

/// The word of each token: 0 is the token that begins a text, word `i` of the sentence is `i + 1`. A token that reaches
/// over two words belongs to the last. `spans` are the bytes of the words.
#[must_use]
pub fn words(tokenizer: &Tokenizer<'_>, tokens: &[u16], spans: &[Range<usize>]) -> Vec<usize> {
    let mut end = 0;
    let after = tokens.windows(2).map(|pair| {
        end += tokenizer.decode(pair[1], pair[0]).len();
        1 + spans.iter().rposition(|span| span.start < end).unwrap_or(0)
    });
    std::iter::once(0).chain(after).collect()
}

/// The map of words: weights on the tokens of a word add up, those from its tokens are averaged (Clark et al. 2019,
/// section 4.1). Word `i` stands at position `i`, and sees no later one.
#[must_use]
pub fn by_words(map: &Map, words: &[usize]) -> Map {
    let count = words.iter().max().map_or(0, |last| last + 1);
    let (mut weights, mut tokens) = (vec![0.0; count * count], vec![0.0; count]);
    for (query, &from) in words.iter().enumerate().take(map.queries()) {
        tokens[from] += 1.0;
        map.row(query).iter().zip(words).for_each(|(weight, &to)| weights[from * count + to] += weight);
    }
    for (row, tokens) in weights.chunks_exact_mut(count.max(1)).zip(tokens) {
        row.iter_mut().for_each(|weight| *weight /= f64::max(tokens, 1.0));
    }
    // As many weights as cells, and means of weights are weights.
    Map::causal(count, count, &weights).unwrap_or_else(|_| Map::hidden(count, count))
}
