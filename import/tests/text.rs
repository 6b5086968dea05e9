//! Text to tokens and back; perplexity; sampling.

mod common;

use common::{PIECES, random_text, tiny, tokens};
use heedful_import::float::Session;
use heedful_import::perplexity::perplexity;
use heedful_import::quantise::quantise;
use heedful_import::sample::{Sampler, write};
use heedful_import::{BEGIN, LanguageModel, Token, Tokenizer, calibrate};

fn piece(text: &str) -> u16 {
    259 + PIECES.iter().position(|piece| *piece == text).unwrap() as u16
}

#[test]
fn the_best_merge_comes_first() {
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    let encode = |text: &str| tokenizer.encode(text.as_bytes());
    assert_eq!(encode(""), [1]);
    assert_eq!(encode("the"), [1, piece(" the")]);
    // " t" and "he" score better than "th".
    assert_eq!(encode("a the"), [1, piece(" a"), piece(" the")]);
    // Of the two ways to take "abc" apart the better score wins: "ab".
    assert_eq!(encode("xabc"), [1, piece(" "), piece("x"), piece("abc")]);
    assert_eq!(encode("xaaa"), [1, piece(" "), piece("x"), piece("aa"), piece("a")]);
    assert_eq!(encode("xéé€"), [1, piece(" "), piece("x"), piece("éé"), piece("€")]);
    // Neither the owl nor half of a character is a token.
    let bytes = |text: &[u8]| text.iter().map(|&byte| 3 + u16::from(byte)).collect::<Vec<_>>();
    assert_eq!(encode("x🦉")[3..], bytes("🦉".as_bytes()));
    assert_eq!(tokenizer.encode(b"x\xc3a\xff")[3..], [bytes(b"\xc3"), vec![piece("a")], bytes(b"\xff")].concat());
    // What stands for a single byte is no text.
    assert_eq!(encode("x<0x41>")[3..6], bytes(b"<0")[..].iter().copied().chain([piece("x")]).collect::<Vec<_>>()[..]);
}

#[test]
fn any_bytes_come_back() {
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    for seed in 0..300 {
        let text = random_text(seed);
        let encoded = tokenizer.encode(&text);
        assert_eq!(tokenizer.text(&encoded), text, "{seed}");
    }
    assert_eq!(tokenizer.decode(piece(" the"), BEGIN), b"the");
    assert_eq!(tokenizer.decode(piece(" the"), 0), b" the");
    assert_eq!(tokenizer.decode(3 + 0xe9, 0), b"\xe9");
    assert_eq!((tokenizer.decode(1, 0), tokenizer.decode(2, 0)), (&b""[..], &b""[..]));
}

#[test]
fn firmware_finds_the_same_tokens() {
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    let model = tiny(1);
    let bytes = quantise(&model, &tokenizer, &calibrate::own_texts(&model, 2, 1)).unwrap().to_bytes().unwrap();
    let decoder = heedful::dynamic::Decoder::load(&bytes).unwrap();
    let firmware = decoder.tokenizer().unwrap();
    assert_eq!(firmware.count(), 300);
    let read = Tokenizer::from_heed(&firmware).unwrap();
    let mut room = [0; 400];
    for seed in 0..300 {
        let text = random_text(seed);
        let expected = tokenizer.encode(&text);
        let count = firmware.encode(&text, &mut room).unwrap();
        assert_eq!(room[..count], expected, "{seed}");
        assert_eq!(read.encode(&text), expected);
        for pair in expected.windows(2) {
            assert_eq!(firmware.decode(pair[1], pair[0]), tokenizer.decode(pair[1], pair[0]));
        }
    }
}

#[test]
fn negative_zero_ranks_as_zero() {
    let mut tokens = tokens();
    // Of equal scores, the first pair of the text is merged: "th", not "he".
    for token in &mut tokens[259..] {
        token.score = if token.bytes == b"th" { -0.0 } else { 0.0 };
    }
    let tokenizer = Tokenizer::new(tokens).unwrap();
    let model = tiny(1);
    let bytes = quantise(&model, &tokenizer, &calibrate::own_texts(&model, 2, 1)).unwrap().to_bytes().unwrap();
    let decoder = heedful::dynamic::Decoder::load(&bytes).unwrap();
    let mut room = [0; 8];
    let count = decoder.tokenizer().unwrap().encode(b"xthe", &mut room).unwrap();
    assert_eq!(room[..count], [1, piece(" "), piece("x"), piece("th"), piece("e")]);
    assert_eq!(room[..count], tokenizer.encode(b"xthe"));
}

/// Expects every token alike, and counts.
struct Uniform {
    logits: [f32; 10],
    resets: usize,
    begun: usize,
}

impl LanguageModel for Uniform {
    fn reset(&mut self) {
        self.resets += 1;
    }

    fn step(&mut self, token: u16) -> &[f32] {
        self.begun += usize::from(token == BEGIN);
        &self.logits
    }
}

#[test]
fn perplexity_over_windows() {
    let mut model = Uniform { logits: [2.5; 10], resets: 0, begun: 0 };
    let tokens = [&[BEGIN][..], &[7; 600]].concat();
    let found = perplexity(&mut model, &tokens).unwrap();
    assert!((found - 10.0).abs() < 1e-6, "{found}");
    assert_eq!((model.resets, model.begun), (3, 3)); // 255 + 255 + 90
    assert_eq!(perplexity(&mut model, &[BEGIN]), None);
    model.logits[7] += 4f32.ln();
    let found = perplexity(&mut model, &tokens).unwrap();
    assert!((found - 13.0 / 4.0).abs() < 1e-6, "{found}");
}

#[test]
fn choices() {
    let mut logits = [0.0f32; 6];
    logits[2] = 3f32.ln();
    logits[4] = 2f32.ln();
    assert!((0..50).all(|seed| Sampler::new(0.0, seed).choose(&logits) == 2));
    logits[5] = f32::NEG_INFINITY;
    let share = |temperature: f64, token: u16| {
        let mut sampler = Sampler::new(temperature, 1);
        (0..20_000).filter(|_| sampler.choose(&logits) == token).count() as f64 / 20_000.0
    };
    // 1 + 1 + 3 + 1 + 2 in all; at half the temperature their squares.
    assert!((share(1.0, 2) - 3.0 / 8.0).abs() < 0.015, "{}", share(1.0, 2));
    assert!((share(0.5, 2) - 9.0 / 16.0).abs() < 0.015, "{}", share(0.5, 2));
    assert_eq!(share(1.0, 5), 0.0);
    let draw = |seed| {
        let mut sampler = Sampler::new(1.0, seed);
        (0..20).map(|_| sampler.choose(&logits)).collect::<Vec<_>>()
    };
    assert_eq!(draw(3), draw(3));
    assert_ne!(draw(3), draw(4));
}

#[test]
fn writing_goes_on_from_the_prompt_and_ends() {
    let model = tiny(2);
    let mut session = Session::new(&model, 32);
    let told = |session: &mut Session<'_>, prompt: &[u16], length, limit| {
        let mut told = prompt.to_vec();
        write(session, prompt, length, &mut Sampler::new(0.0, 1), |token, previous| {
            assert_eq!(previous, *told.last().unwrap());
            told.push(token);
            told.len() < limit
        });
        told
    };
    let whole = told(&mut session, &[BEGIN], 20, 99);
    assert!(whole.len() <= 21 && whole[1..].iter().all(|&token| token != 1 && token != 2));
    let part = told(&mut session, &whole[..5], 20, 99);
    assert_eq!(part, whole, "the same text from its own beginning");
    assert_eq!(told(&mut session, &[BEGIN], 20, 4), whole[..4]);
    assert_eq!(told(&mut session, &whole[..6], 3, 99), whole[..6], "a prompt that is long enough");
}

#[test]
fn a_vocabulary_may_repeat_itself() {
    let mut tokens = tokens();
    tokens.push(Token { bytes: b"a".to_vec(), score: 0.0 });
    assert_eq!(Tokenizer::new(tokens).unwrap().encode(b"xa"), [1, piece(" "), piece("x"), piece("a")]);
}
