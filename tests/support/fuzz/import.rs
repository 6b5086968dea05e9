//! The importer of language models: a checkpoint and a tokenizer of any bytes, by all the steps that the command takes.

use crate::bytes::Bytes;
use crate::heed::{letter, piece};
use heedful::dynamic::Decoder;
use heedful_import::calibrate::{excerpts, own_texts};
use heedful_import::quantise::quantise;
use heedful_import::{Checkpoint, Tokenizer};

/// The first byte says whether the rest is a file or says what is in two. True if there was a model to run.
pub fn run(data: &[u8]) -> bool {
    let Some((&first, data)) = data.split_first() else { return false };
    if first % 4 == 0 {
        let _ = Checkpoint::parse(data);
        if let Ok(tokenizer) = Tokenizer::parse(data) {
            let text = data.get(data.len().saturating_sub(20)..).unwrap_or(data);
            assert_eq!(tokenizer.text(&tokenizer.encode(text)), text);
        }
        return false;
    }
    let mut from = Bytes::new(data);
    let vocabulary = 259 + from.within(0, 24) as usize;
    let tokenizer = Tokenizer::parse(&vocabulary_file(&mut from, vocabulary));
    let checkpoint = Checkpoint::parse(&checkpoint_file(&mut from, vocabulary));
    let (Ok(tokenizer), Ok(checkpoint)) = (tokenizer, checkpoint) else { return false };
    if tokenizer.check(checkpoint.shape.vocabulary).is_err() {
        return false;
    }
    // A text of 255 tokens takes its time.
    let mut texts = own_texts(&checkpoint, usize::from(from.once_in(8)), from.long());
    let text: Vec<u8> = (0..from.within(0, 30)).map(|_| letter(&mut from)).collect();
    let encoded = tokenizer.encode(&text);
    assert_eq!(tokenizer.text(&encoded), text);
    texts.extend(excerpts(&encoded));
    texts.iter_mut().for_each(|text| text.truncate(12));
    let Ok(model) = quantise(&checkpoint, &tokenizer, &texts) else { return false };
    let Ok(bytes) = model.to_bytes() else { return false };
    let model = Decoder::load(&bytes).expect("what is written can be read");
    let mut session = model.session(8);
    encoded.iter().for_each(|&token| {
        session.step(token.into());
    });
    let embedded = model.tokenizer().expect("it was written");
    let again = Tokenizer::from_heed(&embedded).expect("what the file has is a vocabulary");
    let mut tokens = vec![0; text.len() + 2];
    let count = embedded.encode(&text, &mut tokens).expect("room enough");
    assert_eq!(again.text(&tokens[..count]), text);
    true
}

/// A vocabulary in llama2.c's format.
fn vocabulary_file(from: &mut Bytes<'_>, count: usize) -> Vec<u8> {
    let longest = if from.once_in(16) { from.word() } else { from.within(6, 30) };
    let mut bytes = longest.to_le_bytes().to_vec();
    for token in 0..count {
        let (rank, text) = match token {
            0..3 => (0, b"<s>".to_vec()),
            3..259 => (0, format!("<0x{:02X}>", token - 3).into_bytes()),
            _ => {
                let piece = piece(from);
                (piece[0], if piece.len() == 3 { b"a".to_vec() } else { piece[3..].to_vec() })
            }
        };
        let score = if from.byte() == 255 { f32::from_bits(from.word()) } else { -f32::from(rank) };
        bytes.extend(score.to_le_bytes());
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text);
    }
    bytes
}

/// A checkpoint whose length is what its header asks for, as long as that is not too much.
fn checkpoint_file(from: &mut Bytes<'_>, vocabulary: usize) -> Vec<u8> {
    let kv_heads = from.count(3) as u32;
    let heads = kv_heads * from.count(2) as u32;
    let head_dim = 2 * from.count(3) as u32;
    let mut header = [heads * head_dim, from.within(1, 12), from.within(1, 2), heads, kv_heads, vocabulary as u32, 8];
    if from.once_in(8) {
        header[usize::from(from.byte() % 7)] = from.any() as u32;
    }
    let [dim, hidden, layers, heads, kv_heads, vocabulary, context] = header.map(u64::from);
    let dim_of_head = dim.checked_div(heads).unwrap_or(1);
    let small = header.iter().all(|&number| number < 1 << 10);
    let tensors = if small {
        let kv = kv_heads * dim_of_head * dim;
        let layer = [dim, dim * dim, kv, kv, dim * dim, dim, hidden * dim, hidden * dim, hidden * dim];
        let layers = layer.map(|count| count * layers);
        [&[vocabulary * dim][..], &layers, &[dim, context * dim_of_head]].concat()
    } else {
        vec![100]
    };
    let mut bytes: Vec<u8> = header.iter().flat_map(|number| number.to_le_bytes()).collect();
    let tables = tensors.len() - 1;
    for (tensor, count) in tensors.into_iter().enumerate() {
        // Each tensor is of a kind: of ordinary numbers, very large or very small ones, zeros, or any bits.
        let kind = from.byte() % 16;
        let size = from.byte();
        let start = bytes.len();
        for _ in 0..count.min(1 << 16) {
            let value = f32::from(from.byte() as i8) / 64.0;
            let value = match kind {
                0 => 0.0,
                1 => value * (f32::from(size) - 128.0).exp2(),
                2 => f32::from_bits(from.word() & !(1 << 23)),
                3 => value.signum() * f32::MAX,
                4 => value * f32::MIN_POSITIVE,
                _ => value,
            };
            bytes.extend(value.to_le_bytes());
        }
        if tensor == tables && kind > 4 {
            rotations(&mut bytes[start..], dim_of_head as usize / 2, f32::from(size) / 100.0);
        }
    }
    if from.once_in(16) {
        bytes.truncate(from.within(0, bytes.len() as u32) as usize);
    }
    bytes
}

/// Two tables of cosines and sines, the first pair of which turns by so many radians.
fn rotations(bytes: &mut [u8], pairs: usize, radians: f32) {
    let values = bytes.as_chunks_mut::<4>().0;
    let half = values.len() / 2;
    for (at, value) in values.iter_mut().enumerate() {
        let (position, pair) = (at % half.max(1) / pairs.max(1), at % pairs.max(1));
        let angle = position as f32 * radians * (-(pair as f32)).exp2();
        *value = if at < half { angle.cos() } else { angle.sin() }.to_le_bytes();
    }
}
