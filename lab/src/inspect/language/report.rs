//! All that was found out about the heads of a language model.

use super::repeated::repeated;
use super::scores::Scores;
use super::templates::{Sentence, at_one_distance, sentences};
use super::texts::{Text, encode, pieces, read};
use super::words::{by_words, words};
use super::{LanguageError, Reader};
use crate::head_index::HeadIndex;
use crate::inspect::Progress;
use crate::inspect::measures::Map;
use crate::inspect::measures::head::{HeadSummary, HeadSums, Name, Recording};
use crate::inspect::measures::language::{PairSum, TokenSums};
use heedful::dynamic::Decoder;
use rayon::prelude::*;

/// What a look at a language model takes.
pub struct Asked<'a> {
    /// What the model is called.
    pub title: String,
    /// The model.
    pub decoder: &'a Decoder,
    /// The contents of a file of texts; without it, sentences are made.
    pub texts: Option<&'a [u8]>,
    /// Heads to draw; none for all.
    pub heads: &'a [HeadIndex],
    /// How much is looked at.
    pub amount: Amount,
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Sequences of random tokens said twice.
    pub repeats: usize,
    /// Tokens of each before the repeat.
    pub span: usize,
    /// Sentences of known grammar.
    pub sentences: usize,
}

impl Default for Amount {
    fn default() -> Self {
        Self { repeats: 24, span: 24, sentences: 96 }
    }
}

/// A text that is drawn, from its beginning.
#[derive(Clone, Debug)]
pub struct ShownText {
    /// What it is called.
    pub name: String,
    /// What each token stands for.
    pub pieces: Vec<String>,
    /// The map of each head that is drawn.
    pub maps: Vec<Map>,
}

impl ShownText {
    /// Texts that are drawn, at most.
    const TEXTS: usize = 12;
    /// Tokens of a text that are drawn, at most.
    pub const TOKENS: usize = 48;

    fn new((name, pieces): (String, &[String]), maps: &[Map], drawn: &[usize]) -> Self {
        let count = pieces.len().min(Self::TOKENS);
        let part = |&head: &usize| {
            let rows: Vec<f64> = (0..count).flat_map(|query| maps[head].row(query)[..count].to_vec()).collect();
            Map::causal(count, count, &rows).unwrap_or_else(|_| Map::hidden(count, count))
        };
        Self { name, pieces: pieces[..count].to_vec(), maps: drawn.iter().map(part).collect() }
    }
}

/// All that was found.
pub struct LanguageReport {
    /// What the model is called.
    pub title: String,
    /// Its bytes.
    pub flash: usize,
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// The heads, in the order of all that follows.
    pub heads: Vec<HeadIndex>,
    /// Those that are drawn and have a card.
    pub drawn: Vec<usize>,
    /// What was left out.
    pub notes: Vec<String>,
    /// Texts, whether of a file or made.
    pub texts: usize,
    /// Whether the texts were made.
    pub is_made: bool,
    /// Sequences of random tokens said twice, and how many tokens each has before the repeat.
    pub repeats: (usize, usize),
    /// Sentences of known grammar.
    pub sentences: usize,
    /// What a fixed distance hits of each relation's pairs.
    pub fixed: [f64; 5],
    /// Measures over texts.
    pub summaries: Vec<HeadSummary>,
    /// Scores on repeated tokens and on sentences.
    pub scores: Vec<Scores>,
    /// A name for each.
    pub names: Vec<String>,
    /// Texts that are drawn: of the file or made, and one of random tokens said twice.
    pub shown: Vec<ShownText>,
}

impl LanguageReport {
    /// A head's number: block.head, both from 0.
    #[must_use]
    pub fn number(&self, head: usize) -> String {
        self.heads[head].to_string()
    }
}

/// What is not looked at.
const LEFT_OUT: &str = "what heads add to a logit is left out: a decoder shows where heads look, not what they give";
/// Positions that anything can be said of.
const NEEDED: usize = 2;

/// Looks into a language model.
///
/// # Errors
/// If it has no heads, or a text is not one for it.
pub fn inspect(asked: Asked<'_>, progress: &dyn Progress) -> Result<LanguageReport, LanguageError> {
    let Asked { title, decoder, texts, heads: only, amount } = asked;
    let (reader, heads) = Reader::new(decoder)?;
    if reader.longest() < NEEDED {
        return Err(LanguageError::Positions { found: reader.longest(), needed: NEEDED });
    }
    let drawn: Vec<usize> = (0..heads.len()).filter(|&head| only.is_empty() || only.contains(&heads[head])).collect();
    let mut notes = vec![LEFT_OUT.to_owned()];
    let made = made(&reader, amount.sentences, &mut notes);
    let of_file = match texts {
        Some(bytes) => {
            let (texts, all) = read(&reader, bytes)?;
            if texts.len() < all {
                notes.push(format!("the first {} of {all} texts", texts.len()));
            }
            Some(texts)
        }
        None if decoder.tokenizer().is_none() => return Err(LanguageError::NoTokenizer),
        None => None,
    };
    let made_texts: Vec<&Text> = made.iter().map(|(_, text, _)| text).collect();
    let texts: Vec<&Text> = of_file.as_ref().map_or_else(|| made_texts.clone(), |texts| texts.iter().collect());
    let is_made = of_file.is_none();
    let repeats: Vec<Vec<u16>> = (0..amount.repeats as u64)
        .map(|number| repeated(&reader, amount.span, number))
        .filter(|tokens| !tokens.is_empty())
        .collect();
    let alone = if is_made { &[][..] } else { &made_texts };
    progress.begins("texts read", texts.len() + repeats.len() + alone.len());

    let looks = Looks { reader, heads: &heads, progress };
    let mut shown = vec![];
    let longest = texts.iter().map(|text| text.tokens.len()).max().unwrap_or(0);
    let mut sums = vec![HeadSums::new(longest, 0, &[]); heads.len()];
    let mut pairs = vec![[PairSum::default(); 5]; heads.len()];
    let mut on_sentence = |number: usize, maps: &[Map]| add_pairs(&mut pairs, &made[number], maps);
    looks.at(&texts, |number, maps| {
        let each = sums.par_iter_mut().zip(maps);
        each.for_each(|(sums, map)| sums.add(map, &Recording::default()));
        if number < ShownText::TEXTS {
            let text = texts[number];
            shown.push(ShownText::new((text.name.clone(), &text.pieces), maps, &drawn));
        }
        if is_made {
            on_sentence(number, maps);
        }
    });
    looks.at(alone, on_sentence);
    let summaries: Vec<HeadSummary> = sums.iter().map(HeadSums::summary).collect();
    let mut tokens = vec![TokenSums::default(); heads.len()];
    for (number, (maps, sequence)) in looks.maps(&repeats).into_iter().zip(&repeats).enumerate() {
        let numbers: Vec<usize> = sequence.iter().map(|&token| token.into()).collect();
        tokens.iter_mut().zip(&maps).for_each(|(sums, map)| sums.add(map, &numbers));
        if number == 0 {
            let pieces = pieces(decoder.tokenizer().as_ref(), sequence);
            shown.push(ShownText::new(("random tokens said twice".to_owned(), &pieces), &maps, &drawn));
        }
    }
    let texts = texts.len();
    let sentences: Vec<Sentence> = made.into_iter().map(|(sentence, ..)| sentence).collect();
    let fixed = at_one_distance(&sentences);
    let scores: Vec<Scores> = tokens
        .iter()
        .zip(pairs)
        .map(|(tokens, pairs)| Scores { tokens: tokens.scores(), relations: pairs.map(|sum| sum.score()) })
        .collect();
    let general = |summary: &HeadSummary| Name::of(summary).text("token", &[]);
    let names = summaries.iter().zip(&scores).map(|(own, scores)| scores.name(&fixed).unwrap_or_else(|| general(own)));
    let span = repeats.first().map_or(0, |sequence| sequence.len() / 2);
    Ok(LanguageReport {
        title,
        flash: decoder.flash(),
        vocabulary: decoder.shape().outputs,
        names: names.collect(),
        drawn,
        notes,
        texts,
        is_made,
        repeats: (repeats.len(), span),
        sentences: sentences.len(),
        fixed,
        summaries,
        scores,
        shown,
        heads,
    })
}

/// Sentences that fit into the context, in tokens, and the word of each token; none without a tokenizer.
fn made(reader: &Reader<'_>, count: usize, notes: &mut Vec<String>) -> Vec<(Sentence, Text, Vec<usize>)> {
    let Some(tokenizer) = reader.decoder().tokenizer() else {
        notes.push("the model has no tokenizer: no sentences for pronouns, articles, subjects".to_owned());
        return vec![];
    };
    let one = |sentence: Sentence| {
        let name = sentence.text();
        let tokens = encode(&tokenizer, &name);
        let words = words(&tokenizer, &tokens, &sentence.spans());
        let text = Text { name, pieces: pieces(Some(&tokenizer), &tokens), tokens };
        (text.tokens.len() <= reader.longest()).then_some((sentence, text, words))
    };
    let made: Vec<_> = sentences(count).into_iter().filter_map(one).collect();
    if made.len() < count {
        notes.push(format!("{} of {count} sentences are longer than the context", count - made.len()));
    }
    made
}

/// Bytes of maps that are looked at together.
const TOGETHER: usize = 64 << 20;

/// A model, and which of its heads are looked at.
struct Looks<'a, 'm> {
    reader: Reader<'m>,
    heads: &'a [HeadIndex],
    progress: &'a dyn Progress,
}

impl Looks<'_, '_> {
    /// The maps of all heads over each sequence.
    fn maps<T: AsRef<[u16]> + Sync>(&self, all: &[T]) -> Vec<Vec<Map>> {
        let one = |tokens: &T| {
            let maps = self.reader.maps(self.heads, tokens.as_ref());
            self.progress.step(1);
            maps
        };
        all.par_iter().map(one).collect()
    }

    /// Shows the maps over each text to `see`, with the text's number; some texts together, few where they are long.
    fn at(&self, texts: &[&Text], mut see: impl FnMut(usize, &[Map])) {
        let longest = texts.iter().map(|text| text.tokens.len()).max().unwrap_or(0);
        let count = (TOGETHER / (9 * self.heads.len() * longest * longest).max(1)).clamp(1, 16);
        let mut number = 0;
        for part in texts.chunks(count) {
            let sequences: Vec<&[u16]> = part.iter().map(|text| &text.tokens[..]).collect();
            for maps in self.maps(&sequences) {
                see(number, &maps);
                number += 1;
            }
        }
    }
}

/// Adds what heads link in a sentence of known grammar, word by word.
fn add_pairs(sums: &mut [[PairSum; 5]], (sentence, _, words): &(Sentence, Text, Vec<usize>), maps: &[Map]) {
    for (sums, map) in sums.iter_mut().zip(maps) {
        let map = by_words(map, words);
        for &(relation, query, key) in sentence.pairs {
            // The token that begins a text comes before the first word.
            sums[relation.index()].add(&map, &[(query + 1, key + 1)]);
        }
    }
}
