//! Text to tokens and back, by byte-pair merges (Sennrich et al., "Neural Machine Translation of Rare Words with
//! Subword Units", 2016), in a caller's buffer.

use crate::{Allowed, Error};

/// The vocabulary of a language model, as the `.heed` file holds it: token 1 begins a text, 2 ends it, 3 to 258 are
/// single bytes, all others pieces of text.
///
/// For each token: the rank of its merge (little-endian u16, 0: never merged), its length (u8), its bytes. Nothing is
/// indexed, so that no memory is needed: [`Tokenizer::decode`] costs a walk over the vocabulary, [`Tokenizer::encode`]
/// a number of them that grows with the length of the text, not with its square.
///
/// ```
/// use heedful::Tokenizer;
/// // 259 tokens that have no text of their own, then three pieces.
/// let mut bytes = vec![0; 3 * 259];
/// for (rank, piece) in [(1, "o"), (1, " "), (2, " o")] {
///     bytes.extend([rank, 0, piece.len() as u8]);
///     bytes.extend(piece.as_bytes());
/// }
/// let tokenizer = Tokenizer::new(&bytes, 262).unwrap();
/// let mut tokens = [0; 8];
/// let count = tokenizer.encode(b"oo!", &mut tokens).unwrap();
/// assert_eq!(tokens[..count], [1, 261, 259, 3 + u16::from(b'!')]);
/// let text: Vec<&[u8]> = tokens[..count].windows(2).map(|pair| tokenizer.decode(pair[1], pair[0])).collect();
/// assert_eq!(text.concat(), b"oo!");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tokenizer<'a> {
    tokens: Tokens<'a>,
    count: usize,
}

const FIRST_BYTE: usize = 3;
const FIRST_PIECE: usize = FIRST_BYTE + 256;
const MOST: usize = 1 << 16;

static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut i = 0;
    while i < 256 {
        bytes[i] = i as u8;
        i += 1;
    }
    bytes
};

/// A text has more tokens than the buffer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TextTooLong {
    /// Tokens that are enough.
    pub needed: usize,
    /// Tokens that the buffer holds.
    pub found: usize,
}

impl core::fmt::Display for TextTooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the text needs room for up to {} tokens, there is room for {}", self.needed, self.found)
    }
}

impl core::error::Error for TextTooLong {}

impl<'a> Tokenizer<'a> {
    /// The token that begins a text.
    pub const BEGIN: u16 = 1;
    /// The token that ends a text.
    pub const END: u16 = 2;

    /// Takes `count` tokens, and up to three bytes that fill the last word.
    ///
    /// # Errors
    /// [`Error::Truncated`], or [`Error::Shape`] if there are fewer tokens than 259, more than 65,536, or more bytes.
    pub const fn new(bytes: &'a [u8], count: usize) -> Result<Self, Error> {
        if count < FIRST_PIECE || count > MOST {
            return Err(Error::Shape { what: "tokens", allowed: Allowed::Between(FIRST_PIECE, MOST), found: count });
        }
        let mut tokens = Tokens { rest: bytes };
        let mut left = count;
        while left > 0 {
            if tokens.step().is_none() {
                // Each token that is missing takes three bytes or more.
                let expected = bytes.len() - tokens.rest.len() + 3 * left;
                return Err(Error::Truncated { expected, found: bytes.len() });
            }
            left -= 1;
        }
        if tokens.rest.len() > 3 {
            let used = bytes.len() - tokens.rest.len();
            let allowed = Allowed::Between(used, used + 3);
            return Err(Error::Shape { what: "bytes of the tokens", allowed, found: bytes.len() });
        }
        Ok(Self { tokens: Tokens { rest: bytes }, count })
    }

    /// Tokens of the vocabulary.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The bytes that the vocabulary has for a token; none if there is no such token.
    #[must_use]
    pub fn bytes(&self, token: u16) -> &'a [u8] {
        self.token(token).map_or(&[], |(_, bytes)| bytes)
    }

    /// The rank of a token among the merges: the higher, the sooner.
    #[must_use]
    pub fn rank(&self, token: u16) -> u16 {
        self.token(token).map_or(0, |(rank, _)| rank)
    }

    fn token(&self, token: u16) -> Option<(u16, &'a [u8])> {
        self.tokens.take(self.count).nth(usize::from(token))
    }

    /// The bytes that a token adds to a text after the token `previous`: the space that comes first in a text
    /// is left out, and so are begin and end.
    #[must_use]
    pub fn decode(&self, token: u16, previous: u16) -> &'a [u8] {
        if token == Self::BEGIN || token == Self::END {
            return &[];
        }
        let bytes = match usize::from(token).checked_sub(FIRST_BYTE) {
            Some(byte) if byte < 256 => BYTES.get(byte..=byte).unwrap_or(&[]),
            _ => self.bytes(token),
        };
        if previous == Self::BEGIN { bytes.strip_prefix(b" ").unwrap_or(bytes) } else { bytes }
    }

    /// Writes the tokens of any text, valid UTF-8 or not, and gives their number: token 1, then the text after a space.
    ///
    /// Characters that are no token of their own become the tokens of their bytes. Of the pairs of neighbours that make
    /// a token the one of highest rank is merged, the first of equal ones, until there is none.
    ///
    /// # Errors
    /// If `tokens` runs full; `text.len() + 2` are always enough.
    pub fn encode(&self, text: &[u8], tokens: &mut [u16]) -> Result<usize, TextTooLong> {
        let too_long = TextTooLong { needed: text.len().saturating_add(2), found: tokens.len() };
        let (begin, mut rest) = tokens.split_first_mut().ok_or(too_long)?;
        *begin = Self::BEGIN;
        let mut written = 1;
        let space: &[u8] = if text.is_empty() { b"" } else { b" " };
        let mut characters = characters(space).chain(characters(text)).peekable();
        while characters.peek().is_some() {
            let mut count = 0;
            while let Some(character) = characters.next() {
                let mut push = |token: u16| {
                    *rest.get_mut(count).ok_or(too_long)? = token;
                    count += 1;
                    Ok(())
                };
                match self.piece(|bytes| bytes == character, 0) {
                    Some((_, token)) => push(token)?,
                    None => character.iter().try_for_each(|&byte| push(FIRST_BYTE as u16 + u16::from(byte)))?,
                }
                // Here a word ends, or whatever else no piece reaches out of.
                if let (Some(&last), Some(&&[next, ..])) = (character.last(), characters.peek())
                    && !self.joins(last, next)
                {
                    break;
                }
            }
            let kept = self.merge(rest.get_mut(..count).unwrap_or_default());
            written += kept;
            rest = rest.get_mut(kept..).unwrap_or_default();
        }
        Ok(written)
    }

    /// Whether a merge may make a piece that has these two bytes in it, one after the other.
    fn joins(&self, left: u8, right: u8) -> bool {
        self.piece(|bytes| bytes.windows(2).any(|pair| pair == [left, right]), 1).is_some()
    }

    /// Merges what can be merged; gives the number of tokens that are left, which come first.
    ///
    /// A pass merges the pairs of one rank from left to right, and those of a higher rank that arise from it. So there
    /// are no more passes than ranks, however long the text is.
    fn merge(&self, tokens: &mut [u16]) -> usize {
        let mut count = tokens.len();
        let mut rank = u16::MAX;
        while rank > 0 {
            let mut below = 0;
            let mut kept = 0usize;
            for next in 0..count {
                let Some(mut token) = tokens.get(next).copied() else { break };
                let after = tokens.get(next + 1).filter(|_| next + 1 < count).copied();
                // Among those kept, no pair has this rank or a higher one.
                while let Some(&before) = kept.checked_sub(1).and_then(|last| tokens.get(last)) {
                    let Some((found, merged)) = self.pair(before, token) else { break };
                    let next_first =
                        || after.and_then(|after| self.pair(token, after)).is_some_and(|(rank, _)| rank > found);
                    if found < rank || next_first() {
                        below = below.max(found.min(rank - 1));
                        break;
                    }
                    token = merged;
                    kept -= 1;
                }
                if let Some(place) = tokens.get_mut(kept) {
                    *place = token;
                    kept += 1;
                }
            }
            count = kept;
            rank = below;
        }
        count
    }

    /// Rank and token of what two neighbours make.
    fn pair(&self, left: u16, right: u16) -> Option<(u16, u16)> {
        let (left, right) = (self.text(left)?, self.text(right)?);
        self.piece(|piece| piece.strip_prefix(left) == Some(right), 1)
    }

    /// The text of a token that may become part of a piece: begin, end and single bytes have none.
    fn text(&self, token: u16) -> Option<&'a [u8]> {
        let (_, text) = self.token(token).filter(|_| usize::from(token) >= FIRST_PIECE)?;
        (!text.is_empty()).then_some(text)
    }

    /// Rank and token of the first piece whose bytes are those sought and whose rank is at least `least`.
    #[inline]
    fn piece(&self, sought: impl Fn(&[u8]) -> bool, least: u16) -> Option<(u16, u16)> {
        #[cfg(test)]
        tests::WALKS.set(tests::WALKS.get() + 1);
        // One more than the last token has to fit.
        let mut pieces = (0u32..).zip(self.tokens.take(self.count)).skip(FIRST_PIECE);
        let (token, (rank, _)) = pieces.find(|(_, (rank, bytes))| *rank >= least && sought(bytes))?;
        Some((rank, token as u16))
    }
}

/// Tokens one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// Rank and bytes of the next token.
    const fn step(&mut self) -> Option<(u16, &'a [u8])> {
        let Some((&[low, high, length], rest)) = self.rest.split_first_chunk::<3>() else { return None };
        let Some((bytes, rest)) = rest.split_at_checked(length as usize) else { return None };
        self.rest = rest;
        Some((u16::from_le_bytes([low, high]), bytes))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.step()
    }
}

/// Each byte with the continuation bytes of UTF-8 after it, at most four in all.
fn characters(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let more = rest.iter().skip(1).take(3).take_while(|&&byte| byte & 0xC0 == 0x80).count();
        let (character, after) = rest.split_at_checked(1 + more)?;
        rest = after;
        Some(character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::vec;
    use std::vec::Vec;

    std::thread_local! {
        /// Walks over a vocabulary for a piece.
        pub static WALKS: Cell<usize> = const { Cell::new(0) };
    }

    fn vocabulary(pieces: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 3 * FIRST_PIECE];
        for (rank, piece) in pieces {
            bytes.extend(rank.to_le_bytes());
            bytes.push(piece.len() as u8);
            bytes.extend(*piece);
        }
        bytes
    }

    const PIECES: [(u16, &[u8]); 10] = [
        (1, b" "),
        (1, b"a"),
        (1, b"b"),
        (1, "\u{e9}".as_bytes()),
        (5, b"ab"),
        (7, b"ba"),
        (7, b"aa"),
        (9, b"aba"),
        (2, b" ab"),
        (0, b"bb"),
    ];

    #[test]
    fn merges_by_rank() {
        let bytes = vocabulary(&PIECES);
        let tokenizer = Tokenizer::new(&bytes, 269).unwrap();
        let encode = |text: &[u8]| {
            let mut tokens = [0; 12];
            let count = tokenizer.encode(text, &mut tokens).unwrap();
            tokens[..count].to_vec()
        };
        assert_eq!(encode(b""), [1]);
        assert_eq!(encode(b"ab"), [1, 267]);
        // "ba" outranks "ab", and "aba" grows from it; of the two "aa" the first counts; what has rank 0 is never
        // merged.
        assert_eq!(encode(b"aba"), [1, 259, 266]);
        assert_eq!(encode(b"bab"), [1, 259, 264, 261]);
        assert_eq!(encode(b"aaa"), [1, 259, 265, 260]);
        assert_eq!(encode(b"bb"), [1, 259, 261, 261]);
        assert_eq!(encode(b"abab"), [1, 259, 266, 261]);
        assert_eq!(encode("\u{e9}\u{e8}".as_bytes()), [1, 259, 262, 3 + 0xc3, 3 + 0xa8]);
        assert_eq!(tokenizer.bytes(267), b" ab");
        assert_eq!((tokenizer.rank(267), tokenizer.rank(269), tokenizer.bytes(269)), (2, 0, &b""[..]));
        assert_eq!((tokenizer.decode(267, 1), tokenizer.decode(267, 5)), (&b"ab"[..], &b" ab"[..]));
        assert_eq!((tokenizer.decode(3 + 255, 1), tokenizer.decode(3, 9)), (&[255][..], &[0][..]));
        assert_eq!(
            (tokenizer.decode(1, 5), tokenizer.decode(2, 5), tokenizer.decode(u16::MAX, 5)),
            (&b""[..], &b""[..], &b""[..])
        );
    }

    #[test]
    fn refuses_what_is_cut_or_too_long() {
        let bytes = vocabulary(&PIECES);
        for length in (0..bytes.len()).step_by(if cfg!(miri) { 29 } else { 1 }) {
            let error = Tokenizer::new(&bytes[..length], 269).unwrap_err();
            assert!(matches!(error, Error::Truncated { found, .. } if found == length), "{length}: {error}");
        }
        let filled = [&bytes[..], &[0; 4]].concat();
        assert!(Tokenizer::new(&filled[..bytes.len() + 3], 269).is_ok());
        for (bytes, count) in [(&filled, 269), (&filled, 258), (&bytes, 65_537), (&bytes, usize::MAX)] {
            assert!(matches!(Tokenizer::new(bytes, count), Err(Error::Shape { .. })), "{count}");
        }
        assert!(matches!(Tokenizer::new(&bytes, 270), Err(Error::Truncated { .. })));
    }

    /// From the pair of lowest rank, two of higher ranks arise: the right one, the highest, is merged next.
    #[test]
    fn merges_what_arises_by_rank() {
        let bytes =
            vocabulary(&[(0, b" "), (0, b"p"), (0, b"q"), (0, b"r"), (0, b"s"), (3, b"qr"), (4, b"pqr"), (5, b"qrs")]);
        let tokenizer = Tokenizer::new(&bytes, FIRST_PIECE + 8).unwrap();
        let mut tokens = [0; 14];
        let count = tokenizer.encode(b"pqrs pqr qrs", &mut tokens).unwrap();
        assert_eq!(tokens[..count], [1, 259, 260, 266, 259, 265, 259, 266]);
    }

    /// The rule word by word: of all pairs the one of highest rank, the first of equal ones, until there is none.
    fn plainly(tokenizer: &Tokenizer, text: &[u8]) -> Vec<u16> {
        let mut tokens = vec![1];
        for character in characters(b" ").chain(characters(text)).skip(usize::from(text.is_empty())) {
            match tokenizer.piece(|bytes| bytes == character, 0) {
                Some((_, token)) => tokens.push(token),
                None => tokens.extend(character.iter().map(|&byte| 3 + u16::from(byte))),
            }
        }
        while let Some((_, place, token)) = (0..tokens.len() - 1)
            .filter_map(|place| {
                let (rank, token) = tokenizer.pair(tokens[place], tokens[place + 1])?;
                Some((rank, place, token))
            })
            .max_by_key(|&(rank, place, _)| (rank, std::cmp::Reverse(place)))
        {
            tokens.splice(place..place + 2, [token]);
        }
        tokens
    }

    /// Whether it is one long word or many short ones.
    #[test]
    fn a_text_of_twice_the_length_takes_twice_the_walks() {
        let bytes = vocabulary(&PIECES);
        let tokenizer = Tokenizer::new(&bytes, 269).unwrap();
        for word in [&b"a"[..], b"ab", b"aab b", b"\xe9a "] {
            let walks = |times: usize| {
                let text = word.repeat(times);
                let before = WALKS.get();
                tokenizer.encode(&text, &mut vec![0; text.len() + 2]).unwrap();
                WALKS.get() - before
            };
            let (once, twice) = (walks(150), walks(300));
            // Where the halves meet, there is a little more to see.
            assert!(twice <= 2 * once + 10, "{word:?}: {once}, {twice}");
        }
    }

    proptest! {
        /// Pieces of any ranks, of one to six of three letters.
        #[test]
        fn merges_as_the_rule_says(
            pieces in prop::collection::btree_map(prop::collection::vec(97..100u8, 1..6), 0..9u16, 0..30),
            text in prop::collection::vec(prop_oneof![8 => 97..100u8, 1 => Just(b' ')], 0..40),
            spaced in any::<bool>(),
        ) {
            // The order of the map would put short pieces first.
            let mut pieces: Vec<(u16, &[u8])> = pieces.iter().map(|(piece, &rank)| (rank, &piece[..])).collect();
            pieces.sort_by_key(|(rank, piece)| (piece.iter().map(|&byte| u32::from(byte)).sum::<u32>() % 5, *rank));
            if spaced {
                pieces.extend([(0, &b" "[..]), (4, b" a"), (8, b"a b")]);
            }
            let bytes = vocabulary(&pieces);
            let tokenizer = Tokenizer::new(&bytes, FIRST_PIECE + pieces.len()).unwrap();
            let mut tokens = vec![0; text.len() + 2];
            let count = tokenizer.encode(&text, &mut tokens).unwrap();
            prop_assert_eq!(&tokens[..count], plainly(&tokenizer, &text));
        }

        /// Any bytes come back, and a buffer that is too small is told from one that is not.
        #[test]
        fn comes_back(
            text in prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(b' '), any::<u8>()], 0..30),
            room in 0..32usize,
        ) {
            let bytes = vocabulary(&PIECES);
            let tokenizer = Tokenizer::new(&bytes, 269).unwrap();
            let mut tokens = [0; 32];
            let count = tokenizer.encode(&text, &mut tokens).unwrap();
            let back: Vec<&[u8]> = tokens[..count].windows(2).map(|pair| tokenizer.decode(pair[1], pair[0])).collect();
            prop_assert_eq!(back.concat(), &text[..]);
            match tokenizer.encode(&text, &mut [0; 32][..room]) {
                Ok(found) => prop_assert_eq!(found, count),
                Err(error) => prop_assert_eq!(error, TextTooLong { needed: text.len() + 2, found: room }),
            }
            prop_assert!(tokenizer.encode(&text, &mut vec![0; text.len() + 2]).is_ok());
        }
    }
}
