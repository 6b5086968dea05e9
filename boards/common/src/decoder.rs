//! A small language model on a board: its tokens, and digests of all that it computes, which the host compares with its
//! own.
//!
//! ```text
//! text greedy 0123456789abcdef 12,34,56
//! texts done state=2500 backend=DSP
//! ```

#[path = "../../../tests/support/writing.rs"]
mod writing;

use crate::succeed;
use core::fmt::{self, Display};
use core::hint::black_box;
use heedful::sample;
use semihosting::println;
use static_cell::ConstStaticCell;
use writing::{Stream, Tiny, each};

heedful::model!(Kinds = "../../../tests/models/variants.heed");

static MODEL: ConstStaticCell<Tiny> = ConstStaticCell::new(Tiny::new());
static KINDS: ConstStaticCell<Kinds> = ConstStaticCell::new(Kinds::new());
static STREAM: ConstStaticCell<Stream> = ConstStaticCell::new(Stream::new());

/// Writes all texts, prints them and ends the emulation.
pub fn write() -> ! {
    each(MODEL.take(), STREAM.take(), |name, tokens, digest| println!("text {name} {digest:016x} {}", List(tokens)));
    println!("texts done state={} backend={}", size_of::<Tiny>(), heedful::backend());
    succeed()
}

struct List<'a>(&'a [u16]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, token) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{token}")?;
        }
        Ok(())
    }
}

/// Writes for ever, of what `word` gives: all that a program does with a language model, and an encoder with blocks of
/// all kinds, for `no_panic` to link.
///
/// The optimiser must not know where the words come from and what becomes of the text.
pub fn write_for_ever(mut word: impl FnMut() -> u32) -> ! {
    let (Some(model), Some(stream), Some(tokenizer)) = (MODEL.try_take(), STREAM.try_take(), Tiny::TOKENIZER) else {
        loop {}
    };
    let Some(kinds) = KINDS.try_take() else { loop {} };
    let mut prompt = [0; 16];
    loop {
        let text = black_box(word()).to_le_bytes();
        model.reset();
        for &token in tokenizer.encode(&text, &mut prompt).ok().and_then(|count| prompt.get(..count)).unwrap_or(&[]) {
            model.push(token);
        }
        let mut token = word() as u16;
        while token > 2 {
            let next = sample(model.step(token), Tiny::SHAPE.logit, word()) as u16;
            black_box(tokenizer.decode(next, token));
            if next == 7 && model.rewind(u64::from(word())).is_err() {
                black_box(heedful::greedy(model.step(word() as u16)));
            }
            black_box(stream.step(&[word() as i8; 20]));
            black_box(kinds.infer_features(&[[word() as i8; 4]; 5]).best());
            token = next;
        }
    }
}
