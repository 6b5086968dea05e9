//! Vocabularies of any bytes, and texts by them.

use crate::bytes::Bytes;
use crate::heed::{letter, piece};
use heedful::{TextTooLong, Tokenizer};

/// The first byte says whether the rest is a vocabulary or a description of one. True if there was one.
pub fn run(data: &[u8]) -> bool {
    let Some((&first, data)) = data.split_first() else { return false };
    let mut from = Bytes::new(data);
    let (bytes, count) = if first % 4 == 0 {
        let count = from.any();
        (data.to_vec(), count)
    } else {
        let pieces = from.within(0, 40);
        let mut bytes = vec![0; 3 * 259];
        (0..pieces).for_each(|_| bytes.extend(piece(&mut from)));
        bytes.resize(bytes.len() + usize::from(first / 4) % 5, 0);
        (bytes, 259 + pieces as usize)
    };
    let Ok(tokenizer) = Tokenizer::new(&bytes, count) else { return false };
    assert_eq!(tokenizer.count(), count);
    let text: Vec<u8> = (0..from.within(0, 24)).map(|_| letter(&mut from)).collect();
    let mut tokens = vec![0; text.len() + 2];
    let found = tokenizer.encode(&text, &mut tokens).expect("room enough");
    tokens.truncate(found);
    let back: Vec<&[u8]> = tokens.windows(2).map(|pair| tokenizer.decode(pair[1], pair[0])).collect();
    assert_eq!(back.concat(), text);
    let room = from.within(0, 26) as usize;
    let mut fewer = vec![0; room];
    match tokenizer.encode(&text, &mut fewer) {
        Ok(count) => assert_eq!(fewer[..count], tokens),
        Err(error) => assert_eq!(error, TextTooLong { needed: text.len() + 2, found: room }),
    }
    for token in [from.word() as u16, u16::MAX, 0, 1, 2] {
        let bytes = tokenizer.bytes(token).len();
        assert!(tokenizer.decode(token, from.word() as u16).len() <= bytes.max(1));
        let _ = tokenizer.rank(token);
    }
    true
}
