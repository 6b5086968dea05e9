//! A tiny model of random weights in the llama2.c format, and the published one where it is at hand.
#![allow(dead_code)] // Each test program uses some of it.

#[path = "../../../tests/support/skip.rs"]
pub mod skip;

pub mod kwt1;

use heedful_import::{Checkpoint, Token, Tokenizer};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use skip::{Lack, skipped};
use std::fs;
use std::path::{Path, PathBuf};

/// Header of the tiny model: dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len.
pub const HEADER: [i32; 7] = [16, 24, 2, 4, 2, 300, 32];

/// The bytes of a checkpoint with this header and random weights; gains lie round 1.
pub fn checkpoint(header: [i32; 7], seed: u64) -> Vec<u8> {
    let [dim, hidden, layers, heads, kv_heads, vocabulary, context] = header.map(|value| value as usize);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes: Vec<u8> = header.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut tensor = |count: usize, centre: f32, spread: f32| {
        for _ in 0..count {
            bytes.extend((centre + spread * random.random_range(-1.0f32..1.0)).to_le_bytes());
        }
    };
    let kv = dim / heads * kv_heads * dim;
    tensor(vocabulary * dim, 0.0, 0.8);
    tensor(layers * dim, 1.0, 0.5);
    tensor(layers * dim * dim, 0.0, 0.5);
    tensor(layers * kv, 0.0, 0.5);
    tensor(layers * kv, 0.0, 0.5);
    tensor(layers * dim * dim, 0.0, 0.4);
    tensor(layers * dim, 1.0, 0.5);
    (0..3).for_each(|_| tensor(layers * hidden * dim, 0.0, 0.5));
    tensor(dim, 1.5, 0.5);
    bytes.extend(rope_tables(context, dim / heads, |pair, dim| 10_000f64.powf(-2.0 * pair as f64 / dim as f64)));
    bytes
}

/// The tables of cosines and sines, `[context][dim / 2]`.
pub fn rope_tables(context: usize, dim: usize, frequency: impl Fn(usize, usize) -> f64) -> Vec<u8> {
    let angle = |at: usize| (at / (dim / 2)) as f64 * frequency(at % (dim / 2), dim);
    let table = |of: fn(f64) -> f64| {
        let angles = (0..context * dim / 2).map(&angle);
        angles.flat_map(|angle| (of(angle) as f32).to_le_bytes()).collect::<Vec<u8>>()
    };
    [table(f64::cos), table(f64::sin)].concat()
}

/// The tiny model.
pub fn tiny(seed: u64) -> Checkpoint {
    Checkpoint::parse(&checkpoint(HEADER, seed)).unwrap()
}

/// The three special tokens and the single bytes.
pub fn first_tokens() -> Vec<Token> {
    let token = |bytes: &str| Token { bytes: bytes.into(), score: 0.0 };
    let special = ["<unk>", "\n<s>\n", "\n</s>\n"].map(token);
    special.into_iter().chain((0..256).map(|byte| token(&format!("<0x{byte:02X}>")))).collect()
}

/// The pieces of the tiny vocabulary: merges first, as llama2.c sorts them.
pub const PIECES: [&str; 41] = [
    " t", "he", " a", " the", "th", "ab", "bc", "abc", "bca", "é", "éé", "  ", " a b", "aa", "aaaa", " ", "a", "b",
    "c", "t", "h", "e", ".", ",", "!", "€", "x", "y", "z", "1", "2", "3", "A", "B", "C", "ca", "aab", "cab", "-", "s",
    "as",
];

/// A vocabulary of 300 tokens, as large as the tiny model's.
pub fn tokens() -> Vec<Token> {
    let pieces = PIECES.iter().enumerate();
    let pieces = pieces.map(|(rank, piece)| Token { bytes: piece.as_bytes().to_vec(), score: -(rank as f32) });
    first_tokens().into_iter().chain(pieces).collect()
}

/// The bytes of a tokenizer's file.
pub fn tokenizer_file(tokens: &[Token]) -> Vec<u8> {
    let longest = tokens.iter().map(|token| token.bytes.len()).max().unwrap_or(0);
    let mut bytes = (longest as i32).to_le_bytes().to_vec();
    for token in tokens {
        bytes.extend(token.score.to_le_bytes());
        bytes.extend((token.bytes.len() as i32).to_le_bytes());
        bytes.extend(&token.bytes);
    }
    bytes
}

/// A text of pieces of the tiny vocabulary and of bytes that are in none.
pub fn random_text(seed: u64) -> Vec<u8> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut text = Vec::new();
    for _ in 0..random.random_range(0..40) {
        match random.random_range(0..6) {
            0 => text.push(random.random_range(0..=255u8)),
            1 => text.extend("äöü🦉€".as_bytes()),
            _ => text.extend(PIECES[random.random_range(0..PIECES.len())].as_bytes()),
        }
    }
    text
}

/// The published model, its tokenizer, and the folder they are in; says so if they are not there.
pub fn published() -> Option<(Checkpoint, Tokenizer, PathBuf)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/stories260k");
    let folder = std::env::var_os("HEEDFUL_STORIES").map_or(beside, PathBuf::from);
    let Ok(bytes) = fs::read(folder.join("stories260K.bin")) else {
        let why = format_args!("no stories260K.bin in {}; HEEDFUL_STORIES names another folder", folder.display());
        skipped(Lack::Data, why);
        return None;
    };
    let tokenizer = Tokenizer::parse(&fs::read(folder.join("tok512.bin")).unwrap()).unwrap();
    Some((Checkpoint::parse(&bytes).unwrap(), tokenizer, folder))
}
