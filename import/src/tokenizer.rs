//! Text to tokens and back, as llama2.c does it: byte-pair merges, the best score first.
//!
//! The same rules as [`heedful::Tokenizer`], with tables that firmware has no memory for.

use crate::{BEGIN, Error};
use std::collections::HashMap;

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its bytes; those of tokens 3 to 258 stand for one byte each, `<0x00>` to `<0xFF>`.
    pub bytes: Vec<u8>,
    /// The higher, the sooner merged; negative infinity: never.
    pub score: f32,
}

/// The vocabulary.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    tokens: Vec<Token>,
    by_bytes: HashMap<Vec<u8>, u16>,
}

/// The tokens of single bytes come right after "unknown", begin and end.
const FIRST_BYTE: usize = 3;
/// All pieces of text come after these.
const FIRST_PIECE: usize = FIRST_BYTE + 256;
/// The most tokens: they are `u16` in firmware.
const MOST: usize = 1 << 16;
/// A space comes before the text.
const SPACE: u8 = b' ';
/// What SentencePiece has for a space: U+2581.
const MARK: &[u8] = "\u{2581}".as_bytes();

static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut i = 0;
    while i < 256 {
        bytes[i] = i as u8;
        i += 1;
    }
    bytes
};

impl Tokenizer {
    /// Takes a whole file apart: the length of the longest token, then score, length and bytes of each. Where pieces
    /// have U+2581 for a space, as SentencePiece writes them, they get a space.
    ///
    /// # Errors
    /// If the file is cut, or a token is not what it has to be.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut file = Reader { bytes, at: 0 };
        let longest = i32::from_le_bytes(file.word()?);
        if !(1..=255).contains(&longest) {
            return Err(Error::Token {
                token: 0,
                reason: "the longest one is said to have no length of 1 to 255 bytes",
            });
        }
        let mut tokens = Vec::new();
        while file.at < bytes.len() {
            let token = tokens.len();
            let score = f32::from_le_bytes(file.word()?);
            let length = i32::from_le_bytes(file.word()?);
            if !score.is_finite() {
                return Err(Error::Token { token, reason: "its score is not finite" });
            }
            if length < 1 || length > longest {
                return Err(Error::Token { token, reason: "its length is 0 or beyond that of the longest one" });
            }
            tokens.push(Token { bytes: file.take(length as usize)?.to_vec(), score });
        }
        with_spaces(&mut tokens)?;
        Self::new(tokens)
    }

    /// A vocabulary from its tokens.
    ///
    /// # Errors
    /// If they are too many, or those of the single bytes are not in their place.
    pub fn new(tokens: Vec<Token>) -> Result<Self, Error> {
        if tokens.len() > MOST {
            return Err(Error::Token { token: MOST, reason: "more tokens than 65,536" });
        }
        for byte in 0..=255u8 {
            let token = FIRST_BYTE + usize::from(byte);
            if tokens.get(token).is_none_or(|t| t.bytes != format!("<0x{byte:02X}>").into_bytes()) {
                return Err(Error::Token { token, reason: "it does not stand for a single byte, <0x00> to <0xFF>" });
            }
        }
        let mut by_bytes = HashMap::new();
        for (id, token) in tokens.iter().enumerate().skip(FIRST_PIECE) {
            // Of equal ones, the first.
            by_bytes.entry(token.bytes.clone()).or_insert(id as u16);
        }
        Ok(Self { tokens, by_bytes })
    }

    /// The vocabulary of a `.heed` file, with ranks for scores.
    ///
    /// # Errors
    /// Those of [`Tokenizer::new`].
    pub fn from_heed(tokenizer: &heedful::Tokenizer<'_>) -> Result<Self, Error> {
        let pieces = (0..tokenizer.count()).map(|id| {
            let bytes = match id.checked_sub(FIRST_BYTE) {
                Some(byte) if byte < 256 => format!("<0x{byte:02X}>").into_bytes(),
                _ => tokenizer.bytes(id as u16).to_vec(),
            };
            let score = match tokenizer.rank(id as u16) {
                0 => f32::NEG_INFINITY,
                rank => f32::from(rank),
            };
            Token { bytes, score }
        });
        Self::new(pieces.collect())
    }

    /// The tokens, in order.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Refuses a tokenizer of another vocabulary.
    ///
    /// # Errors
    /// [`Error::Vocabulary`].
    pub fn check(&self, vocabulary: usize) -> Result<(), Error> {
        if self.tokens.len() == vocabulary {
            Ok(())
        } else {
            Err(Error::Vocabulary { tokenizer: self.tokens.len(), checkpoint: vocabulary })
        }
    }

    /// The tokens of any text, valid UTF-8 or not: token 1, then the text after a space.
    ///
    /// Characters that are no token of their own become the tokens of their bytes.
    #[must_use]
    pub fn encode(&self, text: &[u8]) -> Vec<u16> {
        let mut tokens = vec![BEGIN];
        if text.is_empty() {
            return tokens;
        }
        self.push(&[SPACE], &mut tokens);
        characters(text).for_each(|character| self.push(character, &mut tokens));
        self.merge(&mut tokens);
        tokens
    }

    fn push(&self, character: &[u8], tokens: &mut Vec<u16>) {
        match self.by_bytes.get(character) {
            Some(&token) => tokens.push(token),
            None => tokens.extend(character.iter().map(|&byte| FIRST_BYTE as u16 + u16::from(byte))),
        }
    }

    /// Merges the pair of the best score, the first of equal ones, until none is left.
    fn merge(&self, tokens: &mut Vec<u16>) {
        let mut pair = Vec::new();
        let mut merged = |a: u16, b: u16| {
            // Begin, end and single bytes have no text that could be part of a piece.
            if usize::from(a.min(b)) < FIRST_PIECE {
                return None;
            }
            pair.clear();
            pair.extend_from_slice(&self.tokens[usize::from(a)].bytes);
            pair.extend_from_slice(&self.tokens[usize::from(b)].bytes);
            self.by_bytes.get(&pair).map(|&token| (self.tokens[usize::from(token)].score, token))
        };
        // For each token, what it and the next one would give.
        let mut pairs: Vec<Option<(f32, u16)>> = tokens.windows(2).map(|w| merged(w[0], w[1])).collect();
        loop {
            let (mut best, mut most) = (None, f32::NEG_INFINITY);
            for (i, found) in pairs.iter().enumerate() {
                if let Some((score, token)) = *found
                    && score > most
                {
                    (best, most) = (Some((i, token)), score);
                }
            }
            let Some((i, token)) = best else { return };
            tokens[i] = token;
            tokens.remove(i + 1);
            pairs.remove(i);
            if let Some(&next) = tokens.get(i + 1) {
                pairs[i] = merged(token, next);
            }
            if i > 0 {
                pairs[i - 1] = merged(tokens[i - 1], token);
            }
        }
    }

    /// The bytes that a token adds to a text after the token `previous`: the space that comes first in a text
    /// is left out, and so are begin and end.
    ///
    /// # Panics
    /// If the vocabulary has no such token.
    #[must_use]
    pub fn decode(&self, token: u16, previous: u16) -> &[u8] {
        let id = usize::from(token);
        let bytes = match id.checked_sub(FIRST_BYTE) {
            None if id == 0 => &self.tokens[0].bytes[..],
            None => &[],
            Some(byte) if byte < 256 => std::slice::from_ref(&BYTES[byte]),
            Some(_) => &self.tokens[id].bytes[..],
        };
        if previous == BEGIN { bytes.strip_prefix(&[SPACE]).unwrap_or(bytes) } else { bytes }
    }

    /// The text of tokens that begin with token 1.
    #[must_use]
    pub fn text(&self, tokens: &[u16]) -> Vec<u8> {
        tokens.windows(2).flat_map(|pair| self.decode(pair[1], pair[0])).copied().collect()
    }
}

/// Puts spaces in the place of U+2581.
fn with_spaces(tokens: &mut [Token]) -> Result<(), Error> {
    let pieces = tokens.iter_mut().skip(FIRST_PIECE);
    let (mut marked, mut spaced) = (Vec::new(), None);
    for (id, token) in pieces.enumerate() {
        if token.bytes.contains(&SPACE) {
            spaced = Some(FIRST_PIECE + id);
        }
        if token.bytes.windows(MARK.len()).any(|part| part == MARK) {
            marked.push(token);
        }
    }
    if let (Some(token), false) = (spaced, marked.is_empty()) {
        return Err(Error::Token { token, reason: "it has a space where other tokens have U+2581 for one" });
    }
    for token in marked {
        let mut rest = &token.bytes[..];
        let mut bytes = Vec::with_capacity(rest.len());
        while let Some((&first, after)) = rest.split_first() {
            let marks = rest.starts_with(MARK);
            bytes.push(if marks { SPACE } else { first });
            rest = if marks { &rest[MARK.len()..] } else { after };
        }
        token.bytes = bytes;
    }
    Ok(())
}

/// A byte and the continuation bytes of UTF-8 after it, at most four in all.
fn characters(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let more = rest.iter().skip(1).take(3).take_while(|&&byte| byte & 0xC0 == 0x80).count();
        let (character, after) = rest.split_at_checked(1 + more)?;
        rest = after;
        Some(character)
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (expected, found) = (self.at + count, self.bytes.len());
        let taken = self.bytes.get(self.at..expected);
        self.at = expected;
        taken.ok_or(Error::Truncated { expected: expected as u64, found: found as u64 })
    }

    fn word(&mut self) -> Result<[u8; 4], Error> {
        self.take(4).map(|bytes| [bytes[0], bytes[1], bytes[2], bytes[3]])
    }
}
