//! Models whose shape is known when the program is compiled, against those of any shape: any input, in any order of
//! calls.

use crate::bytes::Bytes;
use heedful::dynamic::{Decoder, Model};
use std::sync::LazyLock;

heedful::language_model!(Tiny = "../../fixtures/tiny_decoder.heed", context = 16);
heedful::language_model!(Short = "../../models/narrow_decoder.heed", context = 3);
heedful::model!(Plain = "../../models/wide.heed");
heedful::model!(Variants = "../../models/variants.heed");
heedful::model!(Digits = "../../../models/digits_small.heed");

static TINY: LazyLock<Decoder> =
    LazyLock::new(|| Decoder::load(include_bytes!("../../fixtures/tiny_decoder.heed")).unwrap());
static SHORT: LazyLock<Decoder> =
    LazyLock::new(|| Decoder::load(include_bytes!("../../models/narrow_decoder.heed")).unwrap());
static PLAIN: LazyLock<Model> = LazyLock::new(|| Model::load(include_bytes!("../../models/wide.heed")).unwrap());
static VARIANTS: LazyLock<Model> = LazyLock::new(|| Model::load(include_bytes!("../../models/variants.heed")).unwrap());

/// The first byte says which model it is. Always true.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    match from.byte() % 5 {
        0 => text(&mut from, &mut *Box::new(Tiny::new()), &TINY, 16),
        1 => text(&mut from, &mut *Box::new(Short::new()), &SHORT, 3),
        2 => {
            let features = std::array::from_fn(|_| std::array::from_fn(|_| from.byte() as i8));
            let outcome = Plain::new().infer_features(&features);
            assert_eq!(PLAIN.infer(features.as_flattened()).logits(), outcome.logits());
        }
        3 => {
            let features = std::array::from_fn(|_| std::array::from_fn(|_| from.byte() as i8));
            let outcome = Variants::new().infer_features(&features);
            assert_eq!(VARIANTS.infer(features.as_flattened()).logits(), outcome.logits());
        }
        _ => listen(&mut from),
    }
    true
}

/// What the two language models have in common.
trait Text {
    fn push(&mut self, token: u16);
    fn step(&mut self, token: u16) -> &[i16];
    fn rewind(&mut self, length: u64) -> bool;
    fn reset(&mut self);
}

macro_rules! text {
    ($($name:ident)*) => {$(
        impl Text for $name {
            fn push(&mut self, token: u16) {
                (**self).push(token);
            }
            fn step(&mut self, token: u16) -> &[i16] {
                (**self).step(token)
            }
            fn rewind(&mut self, length: u64) -> bool {
                (**self).rewind(length).is_ok()
            }
            fn reset(&mut self) {
                (**self).reset();
            }
        }
    )*};
}
text!(Tiny Short);

/// The same calls of both.
fn text(from: &mut Bytes<'_>, typed: &mut impl Text, any: &Decoder, context: usize) {
    let mut session = any.session(context);
    for _ in 0..if cfg!(miri) { 6 } else { 60 } {
        if from.is_empty() {
            break;
        }
        match from.byte() % 8 {
            0 => {
                typed.reset();
                session.reset();
            }
            1 => {
                let length = if from.once_in(4) { from.long() } else { from.byte().into() };
                assert_eq!(typed.rewind(length), session.rewind(length).is_ok());
            }
            2 => {
                let token = from.word() as u16;
                typed.push(token);
                session.push(token.into());
            }
            _ => {
                let token = from.byte().into();
                assert_eq!(typed.step(token), session.step(usize::from(token)));
            }
        }
    }
}

/// Sounds of some length each, and an inference after some.
fn listen(from: &mut Bytes<'_>) {
    let mut model = Box::new(Digits::new());
    for _ in 0..if cfg!(miri) { 1 } else { 8 } {
        let sample = from.sample();
        let noise = from.byte();
        for i in 0..from.within(0, if cfg!(miri) { 500 } else { 1_500 }) {
            // As much noise as the byte says.
            let deviation = (i.wrapping_mul(2_654_435_761) >> 16) as i16;
            model.push(sample.wrapping_add(deviation >> (noise % 16)));
        }
        match from.byte() % 4 {
            0 => model.reset(),
            1 => assert!(model.infer().best().class < 10),
            _ => {}
        }
    }
    let _ = model.is_full();
}
