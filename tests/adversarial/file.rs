//! Files asked with configurations that are not theirs, and models fed with anything.

use crate::SIZES;
use crate::support::{config, random_model, to_words};
use heedful::audio::{LogMelFrames, Params, Stream};
use heedful::dynamic::{Decoder, Model};
use heedful::format::write::{DecoderModel, EncoderModel};
use heedful::format::{Config, DecoderConfig, File, Shape, Softmax, words};
use heedful::model::Embedded;
use heedful::{Error, Input, RewindError, Wide, greedy};

const AUDIO: Params = Params { bands: 3, low_hz: 100, ..Params::DEFAULT };

/// A configuration with one of its numbers changed, and with all of them.
fn changed<C: Copy, const N: usize>(right: C, fields: [fn(&mut C) -> &mut usize; N]) -> impl Iterator<Item = C> {
    SIZES.into_iter().flat_map(move |size| {
        let mut all = right;
        fields.iter().for_each(|field| *field(&mut all) = size);
        let one = move |field: fn(&mut C) -> &mut usize| {
            let mut one = right;
            *field(&mut one) = size;
            one
        };
        fields.into_iter().map(one).chain([all])
    })
}

#[test]
fn encoders_of_any_configuration() {
    let model = random_model(3, config(Softmax::Wide), Some(AUDIO));
    let file_words = to_words(&model.to_bytes().unwrap());
    let file = File::open(&file_words).unwrap();
    let fields: [fn(&mut Config) -> &mut usize; 8] = [
        |c| &mut c.positions,
        |c| &mut c.inputs,
        |c| &mut c.width,
        |c| &mut c.heads,
        |c| &mut c.head_dim,
        |c| &mut c.hidden,
        |c| &mut c.layers,
        |c| &mut c.classes,
    ];
    for config in changed(model.config, fields) {
        let fits = file.encoder(&config, &[]).is_ok() && file.block(&config, 0).is_ok();
        assert!(!fits || config.positions <= 7 && config.width <= 10, "{config:?}");
        let _ = (config.macs(), file.macs(&config), file.frontend(&config), file.block(&config, usize::MAX));
        // The writer refuses what the reader would.
        let other = EncoderModel { config, ..model.clone() };
        let fits = Config { heads: 2, ..config } == model.config && (2..1000).contains(&config.heads);
        assert_eq!(other.to_bytes().is_ok(), fits, "{config:?}");
    }
    for class in SIZES {
        assert_eq!(file.label(class).unwrap().is_empty(), class >= model.config.classes);
    }
}

#[test]
fn decoders_of_any_configuration() {
    let bytes = include_bytes!("../fixtures/tiny_decoder.heed");
    let file_words = to_words(bytes);
    let file = File::open(&file_words).unwrap();
    let right = file.decoder_config().unwrap();
    let fields: [fn(&mut DecoderConfig) -> &mut usize; 8] = [
        |c| &mut c.tokens,
        |c| &mut c.width,
        |c| &mut c.heads,
        |c| &mut c.key_heads,
        |c| &mut c.head_dim,
        |c| &mut c.hidden,
        |c| &mut c.layers,
        |c| &mut c.pairs,
    ];
    for config in changed(right, fields) {
        for factor in [0, right.factor, u32::MAX] {
            let config = DecoderConfig { factor, ..config };
            let _ = (config.macs(), file.tokenizer(config.tokens));
        }
    }
}

/// As many multiply-accumulates as fit.
#[test]
fn macs_of_any_configuration() {
    let small = config(Softmax::Wide);
    let huge = Config { positions: usize::MAX, layers: usize::MAX, ..small };
    assert!(small.macs() < 1 << 20);
    assert_eq!(huge.macs(), usize::MAX);
}

#[test]
fn words_of_anything() {
    assert_eq!(words::<3>(&[1, 0, 0, 0, 2]), [1, 0, 0]);
    assert!(words::<0>(&[1, 2, 3, 4]).is_empty());
    for length in 0..20 {
        for byte in [0, 0x48, 0xff] {
            let bytes = vec![byte; length];
            assert!(
                File::from_bytes(&bytes).is_err() && Model::load(&bytes).is_err() && Decoder::load(&bytes).is_err()
            );
        }
    }
    // A length that its bytes do not fit an address.
    let header = [u32::from_le_bytes(*b"HEED"), 1 << 16, u32::MAX, 0];
    assert!(matches!(File::open(&header), Err(Error::Truncated { .. })));
}

#[test]
fn features_of_any_length() {
    let model = Model::load(&random_model(3, config(Softmax::Narrow), None).to_bytes().unwrap()).unwrap();
    for length in [0, 1, 19, 20, 21, 1000] {
        for value in [i8::MIN, i8::MAX] {
            let features = vec![value; length];
            let outcome = model.infer(&features);
            let sum: u32 = (0..3).map(|class| u32::from(outcome.probability(class).to_bits())).sum();
            assert!(sum.abs_diff(1 << 15) <= 3, "{sum}");
            for class in SIZES.into_iter().filter(|&class| class > 2) {
                assert_eq!(outcome.probability(class).to_bits(), 0);
            }
            assert_ne!(outcome.best().class, outcome.runner_up().class);
            let off = SIZES.map(|size| (size, size / 2));
            let _ = model.infer_without(Input::Features(&features), &off);
            let mut rows = 0;
            let _ = model.infer_observed(Input::Features(&features), |row| rows += row.weights.len().min(1));
            assert!(rows > 0);
        }
    }
}

#[test]
fn sessions_of_any_context() {
    let model = Decoder::load(include_bytes!("../fixtures/tiny_decoder.heed")).unwrap();
    for context in [0, 1, 2, 3000, usize::MAX] {
        let mut session = model.session(context);
        for token in SIZES {
            let token = greedy(session.step(token));
            assert!(token < model.shape().outputs);
        }
        let seen = session.seen();
        assert_eq!(session.rewind(u64::MAX), Err(RewindError::Ahead { seen }));
        assert_eq!(session.rewind(seen - 1), Ok(()));
        session.reset();
        assert_eq!(session.seen(), 0);
    }
}

/// What the writer gets may be of any lengths.
#[test]
fn models_of_any_parts() {
    type Change = fn(&mut EncoderModel, usize);
    let changes: [Change; 6] = [
        |m, n| m.positions.resize(n, 0),
        |m, n| m.blocks.truncate(n),
        |m, n| m.blocks[0].heads = vec![m.blocks[0].heads[0]; n],
        |m, n| m.blocks[0].reduce.get_or_insert(m.embedding.clone()).channels.truncate(n),
        |m, n| m.embedding.weights.resize(n, 0),
        |m, n| m.classifier.channels.truncate(n),
    ];
    for change in changes {
        for n in [0, 1, 5, 1000] {
            let mut model = random_model(3, config(Softmax::Wide), Some(AUDIO));
            change(&mut model, n);
            let _ = model.to_bytes();
            model.blocks.clear();
            assert!(model.to_bytes().is_err());
        }
    }
    let nothing = DecoderModel {
        heads: usize::MAX,
        kv_heads: 0,
        head_dim: usize::MAX,
        softmax: Softmax::Wide,
        pairing: heedful::Pairing::Folded,
        frequencies: vec![0; 1000],
        embedding: heedful::format::write::LinearModel { weights: vec![], channels: vec![] },
        kappa: u32::MAX,
        blocks: vec![],
        norm: heedful::format::write::NormModel { channels: vec![], epsilon: 0 },
        logit: heedful::Steepness::from_real(0.01).unwrap(),
        tokens: vec![],
    };
    assert!(nothing.to_bytes().is_err());
}

heedful::model!(Digits = "../../models/digits.heed");

/// A stranger's own input, whose frames have no bands: there is nothing to infer from.
#[test]
fn models_of_any_input() {
    struct Odd;
    impl Embedded for Odd {
        const FILE: File<'static> = <Digits as Embedded>::FILE;
        const SHAPE: Shape = Digits::SHAPE;
        const PARTS: &'static [heedful::format::parts::Part<'static>] = <Digits as Embedded>::PARTS;
        type Input = Stream<256, 256, LogMelFrames<0, 5>>;
        type Weight = Wide;
        type Model = ();
    }
    impl Odd {
        const WORDS: usize = heedful::model::memory::<Wide>(&Digits::SHAPE);
    }
    type OddModel = heedful::CompiledModel<Odd, { Odd::WORDS }, 25, 128, 10>;
    let mut odd = Box::new(OddModel::new());
    let nothing = odd.infer();
    odd.push(7);
    assert_eq!(odd.infer(), nothing);
    assert_eq!(nothing, odd.infer_features(&[[0; 128]; 25]));
}
