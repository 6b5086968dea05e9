//! Tokens from any logits, and tokenizers of any vocabulary.

use crate::SIZES;
use heedful::{Error, Steepness, Tokenizer, greedy, sample};

#[test]
fn greedy_of_anything() {
    assert_eq!((greedy(&[]), greedy(&[i16::MIN]), greedy(&[i16::MIN, i16::MAX])), (0, 0, 1));
}

/// So many likely tokens that their weights sum to more than a word: a random word of all ones times that is more
/// than two.
#[test]
fn samples_of_many_logits() {
    let gentle = Steepness::from_real(2f64.powi(-18)).unwrap();
    let steep = Steepness::from_real(0.0624).unwrap();
    for count in [0, 1, 2, 131_072, 131_073, 200_000, 1_000_000] {
        let logits = vec![i16::MAX; count];
        for (random, share) in [(0u32, 0.0), (1 << 31, 0.5), (u32::MAX, 1.0)] {
            let token = sample(&logits, gentle, random);
            assert!((token as f64 - share * count as f64).abs() <= 1.0, "{token} of {count} at {share}");
            assert!(token < count.max(1));
        }
    }
    let mut logits = vec![i16::MIN; 300_000];
    logits[299_999] = i16::MAX;
    assert!([0, 1, u32::MAX].iter().all(|&random| sample(&logits, steep, random) == 299_999));
}

/// A vocabulary of so many tokens, of which the last is a piece.
fn vocabulary(count: usize, last: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 3 * (count - 1)];
    bytes.extend([1, 0, last.len() as u8]);
    bytes.extend(last);
    bytes
}

/// The last token of the largest vocabulary is looked at, and those after it are not.
#[test]
fn the_largest_vocabulary() {
    let bytes = vocabulary(1 << 16, b"\xff");
    let tokenizer = Tokenizer::new(&bytes, 1 << 16).unwrap();
    let mut tokens = [0; 4];
    assert_eq!(tokenizer.encode(b"\xff\xfe", &mut tokens), Ok(4));
    assert_eq!(tokens, [1, 3 + u16::from(b' '), u16::MAX, 3 + 0xfe]);
    assert_eq!((tokenizer.bytes(u16::MAX), tokenizer.rank(u16::MAX)), (&b"\xff"[..], 1));
    assert_eq!(tokenizer.decode(u16::MAX, u16::MAX), b"\xff");
}

#[test]
fn any_number_of_tokens() {
    let bytes = vocabulary(300, b"ab");
    for count in SIZES.into_iter().chain([258, 259, 299, 300, 301]) {
        let expected = count == 300;
        match Tokenizer::new(&bytes, count) {
            Ok(tokenizer) => assert!(expected && tokenizer.count() == count),
            Err(error) => assert!(!expected && matches!(error, Error::Shape { .. } | Error::Truncated { .. })),
        }
        assert!(Tokenizer::new(&[], count).is_err());
    }
}

/// Tokens of any lengths and ranks, texts of any bytes.
#[test]
fn any_vocabulary() {
    let mut random = crate::support::Random(3);
    for _ in 0..12 {
        let mut bytes: Vec<u8> = (0..2000).map(|_| random.int(0, 255) as u8 & random.int(0, 255) as u8 & 7).collect();
        bytes.splice(0..0, vec![0; 3 * 259]);
        for count in 259..1000 {
            let Ok(tokenizer) = Tokenizer::new(&bytes, count) else { continue };
            let text: Vec<u8> = (0..20).map(|_| random.int(0, 255) as u8 & 7).collect();
            let mut tokens = [0; 22];
            let length = tokenizer.encode(&text, &mut tokens).unwrap();
            assert!(tokenizer.encode(&text, &mut tokens[..length.min(3)]).is_err() || length <= 3);
            for token in [0, 1, 2, 258, 259, count as u16, u16::MAX] {
                let _ = (tokenizer.bytes(token), tokenizer.rank(token), tokenizer.decode(token, 1));
            }
        }
    }
}
