//! What is said of checkpoints and tokenizers that cannot be used.

mod common;

use common::{HEADER, checkpoint, first_tokens, tokenizer_file, tokens};
use heedful_import::{Checkpoint, Error, Shape, Token, Tokenizer};

fn refused(bytes: &[u8]) -> Error {
    Checkpoint::parse(bytes).unwrap_err()
}

#[test]
fn a_checkpoint_is_taken_apart() {
    let bytes = checkpoint(HEADER, 1);
    let model = Checkpoint::parse(&bytes).unwrap();
    let shape = Shape { width: 16, hidden: 24, layers: 2, heads: 4, kv_heads: 2, vocabulary: 300, context: 32 };
    assert_eq!((model.shape, shape.head_dim(), shape.kv_width()), (shape, 4, 8));
    let value = |index: usize| f32::from_le_bytes(bytes[28 + 4 * index..][..4].try_into().unwrap());
    assert_eq!((model.embedding[0], model.embedding[4799]), (value(0), value(4799)));
    assert_eq!(model.layers[1].attention_norm[0], value(4800 + 16));
    // After embedding, norms, queries, keys and values of two layers.
    assert_eq!(model.layers[0].output[0], value(4800 + 32 + 512 + 256 + 256));
    let hidden = 4800 + 32 + 512 + 256 + 256 + 512 + 32;
    let [gate, down, up] = [0, 1, 2].map(|tensor| value(hidden + 768 * tensor + 384));
    let layer = &model.layers[1];
    assert_eq!([layer.gate[0], layer.down[0], layer.up[0]], [gate, down, up]);
    assert_eq!(model.norm[15], value(hidden + 3 * 768 + 15));
}

#[test]
fn other_files_are_named() {
    for (magic, kind) in [("24ka", "later version"), ("GGUF", "GGUF"), ("HEED", ".heed"), ("PK\x03\x04", "zip")] {
        let mut bytes = checkpoint(HEADER, 1);
        bytes[..4].copy_from_slice(magic.as_bytes());
        let error = refused(&bytes);
        assert!(matches!(error, Error::Magic(_)) && error.to_string().contains(kind), "{error}");
    }
    let error = refused(b"Once upon a time, there was a file of another kind.");
    assert!(matches!(error, Error::Header { field: "dim", .. }), "{error}");
}

#[test]
fn numbers_that_no_model_has() {
    let names = ["dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"];
    for (index, name) in names.into_iter().enumerate() {
        for value in [0, i32::MIN, i32::MAX, (1 << 20) + 1] {
            let mut bytes = checkpoint(HEADER, 1);
            bytes[4 * index..][..4].copy_from_slice(&i32::to_le_bytes(value));
            match refused(&bytes) {
                Error::Header { field, found, .. } => assert_eq!((field, found), (name, value)),
                error => panic!("{name} {value}: {error}"),
            }
        }
    }
    for (index, value, name) in [(0, 18, "dim"), (0, 12, "dim"), (4, 3, "n_kv_heads"), (4, 8, "n_kv_heads")] {
        let mut header = HEADER;
        header[index] = value;
        let bytes: Vec<u8> = header.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert!(matches!(refused(&bytes), Error::Header { field, .. } if field == name), "{name} {value}");
    }
    let mut untied = HEADER;
    untied[5] = -300;
    let bytes: Vec<u8> = untied.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(refused(&bytes), Error::Untied);
}

#[test]
fn sizes_that_overflow() {
    let most = 1 << 20;
    for header in [[most, most, most, 1, 1, 1 << 16, most], [most, 2, most, 2, 2, 300, 1]] {
        let bytes: Vec<u8> = header.iter().flat_map(|value: &i32| value.to_le_bytes()).collect();
        match refused(&bytes) {
            Error::Truncated { expected, .. } => assert!(expected > 1 << 50, "{expected}"),
            error => panic!("{error}"),
        }
    }
}

#[test]
fn cut_at_every_length_or_too_long() {
    let bytes = checkpoint(HEADER, 1);
    for length in 0..bytes.len() {
        let expected = if length < 28 { 28 } else { bytes.len() as u64 };
        assert_eq!(refused(&bytes[..length]), Error::Truncated { expected, found: length as u64 });
    }
    let (expected, found) = (bytes.len() as u64, bytes.len() as u64 + 1);
    assert_eq!(refused(&[&bytes[..], &[0]].concat()), Error::Trailing { expected, found });
}

#[test]
fn weights_that_are_no_numbers() {
    let bytes = checkpoint(HEADER, 1);
    let places = [
        (0, "the embedding", 0),
        (4799, "the embedding", 4799),
        (4800, "the attention norm", 0),
        (4832 + 511, "the query projection", 255),
        (4832 + 512 + 256 + 256 + 512 + 32 + 3 * 768, "the final norm", 0),
    ];
    for (place, tensor, index) in places {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bytes = bytes.clone();
            bytes[28 + 4 * place..][..4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(refused(&bytes), Error::NotFinite { tensor, index });
        }
    }
}

#[test]
fn tokenizers() {
    let file = tokenizer_file(&tokens());
    assert_eq!(Tokenizer::parse(&file).unwrap().tokens(), tokens());
    for length in 0..file.len() {
        // A file may end after any token: then it is one of a smaller vocabulary.
        let whole = Tokenizer::parse(&file[..length]).and_then(|tokenizer| tokenizer.check(300));
        match whole.unwrap_err() {
            Error::Truncated { expected, found } => assert!(found == length as u64 && expected > found),
            Error::Vocabulary { tokenizer, checkpoint: 300 } => assert!(tokenizer < 300),
            Error::Token { token, .. } => assert!(token < 259),
            error => panic!("{length}: {error}"),
        }
    }
    let damaged = |change: &dyn Fn(&mut Vec<Token>)| {
        let mut tokens = tokens();
        change(&mut tokens);
        match Tokenizer::parse(&tokenizer_file(&tokens)).unwrap_err() {
            Error::Token { token, .. } => token,
            error => panic!("{error}"),
        }
    };
    assert_eq!(damaged(&|tokens| tokens[270].score = f32::NAN), 270);
    assert_eq!(damaged(&|tokens| tokens[271].bytes.clear()), 271);
    assert_eq!(damaged(&|tokens| tokens.swap(100, 101)), 100);
    assert_eq!(damaged(&|tokens| tokens.truncate(200)), 200);
    assert_eq!(damaged(&|tokens| tokens[272].bytes = vec![b'x'; 256]), 0);
    let mut longer = file.clone();
    longer[0] = 2;
    assert!(matches!(Tokenizer::parse(&longer), Err(Error::Token { token: 0, .. })));
    let many = first_tokens().into_iter().chain((0..65_536).map(|_| Token { bytes: b"a".into(), score: 0.0 }));
    assert!(matches!(Tokenizer::new(many.collect()), Err(Error::Token { token: 65_536, .. })));
}

#[test]
fn another_vocabulary() {
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    assert_eq!(tokenizer.check(300), Ok(()));
    assert_eq!(tokenizer.check(512), Err(Error::Vocabulary { tokenizer: 300, checkpoint: 512 }));
    assert_eq!(tokenizer.check(512).unwrap_err().to_string(), "the tokenizer has 300 tokens, the checkpoint 512");
}

/// The tiny checkpoint with other tables of RoPE.
fn with_tables(frequency: impl Fn(usize, usize) -> f64) -> Vec<u8> {
    let mut bytes = checkpoint(HEADER, 1);
    let tables = common::rope_tables(32, 4, frequency);
    let start = bytes.len() - tables.len();
    bytes[start..].copy_from_slice(&tables);
    bytes
}

#[test]
fn tables_of_rope_are_the_models() {
    assert_eq!(Checkpoint::parse(&checkpoint(HEADER, 1)).unwrap().frequencies, None);
    let other = |pair: usize, dim: usize| 500f64.powf(-2.0 * pair as f64 / dim as f64);
    let found = Checkpoint::parse(&with_tables(other)).unwrap().frequencies.unwrap();
    assert!(found.iter().enumerate().all(|(pair, found)| (found - other(pair, 4)).abs() < 1e-6), "{found:?}");
    // A table that is no rotation, and one with a value that is none.
    let mut bytes = with_tables(other);
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&0.9f32.to_le_bytes());
    assert!(matches!(refused(&bytes), Error::Rope { pair: 1, position: 31, .. }), "{}", refused(&bytes));
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(refused(&bytes), Error::NotFinite { tensor: "the sines of RoPE", index: 63 });
}

#[test]
fn marks_of_sentencepiece_are_spaces() {
    let piece = |text: &str| Token { bytes: text.into(), score: -1.0 };
    let plain: Vec<Token> = first_tokens().into_iter().chain(["a", " a", "  b ", " "].map(piece)).collect();
    let marked: Vec<Token> = first_tokens()
        .into_iter()
        .chain(["a", "\u{2581}a", "\u{2581}\u{2581}b\u{2581}", "\u{2581}"].map(piece))
        .collect();
    let parsed = Tokenizer::parse(&tokenizer_file(&marked)).unwrap();
    assert_eq!(parsed.tokens(), plain);
    assert_eq!(parsed.encode(b"a"), [1, 260]);
    let both: Vec<Token> = marked.into_iter().chain([piece(" c")]).collect();
    let error = Tokenizer::parse(&tokenizer_file(&both)).unwrap_err();
    assert!(matches!(error, Error::Token { token: 263, .. }) && error.to_string().contains("U+2581"), "{error}");
}
