//! The file of a language model: as strict as that of an encoder.

use crate::decoder_support::{SMALL, TINY, small, tiny};
use crate::support::{Random, config, crc32, random_model, seal, to_bytes, to_words};
use crate::{VERSION, assert_scale, assert_shape, section};
use heedful::dynamic::{Decoder, Model};
use heedful::format::parts::{AttentionPart, LinearView, Part};
use heedful::format::write::{DecoderModel, LinearModel, NormModel};
use heedful::format::{DecoderConfig, File, Softmax};
use heedful::{Allowed, Error, MAX_HIDDEN15_INPUTS, Scale, Steepness};
use proptest::prelude::*;
use std::path::Path;

/// The largest factor of an embedding.
const MAX_FACTOR: u32 = 1 << 23;

/// A file with every section, two blocks.
fn complete() -> Vec<u32> {
    to_words(&tiny().to_bytes().unwrap())
}

/// Why a file is refused after a change that its checksum does not reveal.
fn refusal(mut words: Vec<u32>, change: impl FnOnce(&mut Vec<u32>)) -> Error {
    change(&mut words);
    seal(&mut words);
    match Decoder::load(&to_bytes(&words)) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

/// [`refusal`] of the small file after setting one word of a section.
fn refusal_of(tag: &[u8; 4], word: usize, value: u32) -> Error {
    refusal(to_words(&small().to_bytes().unwrap()), |words| {
        let at = section(words, tag, 0).start + word;
        words[at] = value;
    })
}

/// The committed files are what the writer writes; `HEEDFUL_BLESS=1` writes them anew.
#[test]
fn committed_decoders_are_current() {
    for (path, model) in [("fixtures/tiny_decoder.heed", tiny()), ("models/narrow_decoder.heed", small())] {
        let bytes = model.to_bytes().unwrap();
        assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
        if std::env::var_os("HEEDFUL_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|found| found == bytes), "{} is not current", path.display());
    }
}

/// The bytes as the documentation lays them out, taken apart by hand.
#[test]
fn layout() {
    let model = tiny();
    let words = to_words(&model.to_bytes().unwrap());
    assert_eq!(words[..3], [u32::from_le_bytes(*b"HEED"), VERSION, words.len() as u32]);
    assert_eq!(words[3], crc32(&to_bytes(&words[4..])));
    let word = |x: &Scale| bytemuck::cast::<Scale, u32>(*x);
    let logit: u32 = bytemuck::cast(model.logit);
    let head = [300, 20, 4, 2, 6, 18, 2, 15, model.kappa, logit, 0, 3];
    assert_eq!(words[section(&words, b"DECO", 0)], [&head[..], &model.frequencies].concat());

    let linear = |layer: &LinearModel| -> Vec<u32> {
        let outputs = layer.channels.len();
        let mut bytes = Vec::new();
        for row in layer.weights.chunks(layer.weights.len() / outputs) {
            bytes.extend(row.iter().map(|&w| w as u8));
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        let channels = layer.channels.iter().flat_map(|c| [c.bias as u32, word(&c.scale)]);
        to_words(&bytes).into_iter().chain(channels).collect()
    };
    let norm = |norm: &NormModel| -> Vec<u32> {
        let channel = |bits: [i16; 2]| u32::from(bits[0] as u16) | u32::from(bits[1] as u16) << 16;
        let channels = norm.channels.iter().map(|c| channel([c.gain.to_bits(), c.offset.to_bits()]));
        std::iter::once(norm.epsilon).chain(channels).collect()
    };
    assert_eq!(words[section(&words, b"EMBD", 0)], linear(&model.embedding));
    assert_eq!(words[section(&words, b"NORM", 0)], norm(&model.norm));
    for (i, block) in model.blocks.iter().enumerate() {
        let heads = block.heads.iter().flat_map(|head| [bytemuck::cast(head.steepness()), word(&head.value())]);
        let table: Vec<u8> = block.table.iter().flat_map(|y| y.to_le_bytes()).collect();
        let expected = [
            norm(&block.attention_norm),
            heads.collect(),
            linear(&block.query),
            linear(&block.key),
            linear(&block.value),
            linear(&block.output),
            norm(&block.hidden_norm),
            linear(&block.gate),
            linear(&block.up),
            to_words(&table),
            vec![word(&block.product)],
            linear(&block.down),
            vec![1; usize::from(block.hidden15)],
        ];
        assert_eq!(words[section(&words, b"DBLK", i)], expected.concat());
    }
    let tokens = to_bytes(&words[section(&words, b"TOKN", 0)]);
    let mut rest = &tokens[4..];
    assert_eq!(tokens[..4], 300u32.to_le_bytes());
    for (i, token) in model.tokens.iter().enumerate() {
        let (head, after) = rest.split_at(3);
        let (bytes, after) = after.split_at(usize::from(head[2]));
        assert_eq!(bytes, token.bytes);
        // All scores differ, but for those of the tokens without text, which are the highest.
        let lower = model.tokens.iter().map(|t| t.score).filter(|&score| score < token.score);
        let rank = 1 + lower.collect::<Vec<_>>().len() as u16;
        assert_eq!(u16::from_le_bytes([head[0], head[1]]), rank, "token {i}");
        rest = after;
    }
    assert!(rest.len() < 4 && rest.iter().all(|&byte| byte == 0));
}

#[test]
fn round_trip() {
    for (model, shape) in [(tiny(), TINY), (small(), SMALL)] {
        let bytes = model.to_bytes().unwrap();
        let read = Decoder::load(&bytes).unwrap();
        let expected = DecoderConfig {
            tokens: shape.tokens,
            width: shape.width,
            heads: shape.heads,
            key_heads: shape.kv_heads,
            head_dim: shape.head_dim,
            hidden: shape.hidden,
            layers: shape.layers,
            softmax: shape.softmax,
            factor: model.kappa,
            logit: model.logit,
            pairing: shape.pairing,
            pairs: shape.pairs,
        };
        let words = to_words(&bytes);
        let file = File::open(&words).unwrap();
        let config = file.decoder_config().unwrap();
        assert_eq!((config, read.flash()), (expected, bytes.len()));
        let attention = 2 * (shape.heads + shape.kv_heads) * shape.head_dim;
        let macs = shape.layers * shape.width * (attention + 3 * shape.hidden) + shape.tokens * shape.width;
        assert_eq!((config.macs(), read.shape().macs), (macs, macs));
        assert_eq!(read.tokenizer().is_some(), shape.tokens >= 259);
        let (mut attentions, mut gated) = (model.blocks.iter(), model.blocks.iter());
        file.each_language_part(usize::MAX, |part| match part {
            Part::Embedding(embedding) => same_layer(embedding.view.layer, &model.embedding),
            Part::Output(layer) => same_layer(layer.unwrap(), &model.embedding),
            Part::Norm(norm, carry) => assert!(!norm.centred && carry.is_none(), "RMSNorm"),
            Part::Attention(AttentionPart { attention, pattern, .. }) => {
                let block = attentions.next().unwrap();
                let (frequencies, pairing) = (pattern.rope.frequencies, pattern.rope.pairing);
                assert_eq!((frequencies, pairing), (&*model.frequencies, model.pairing));
                assert_eq!(attention.head_scales, &*block.heads);
                same_layer(attention.query.layer(), &block.query);
                same_layer(attention.key.unwrap().layer(), &block.key);
                same_layer(attention.value.layer(), &block.value);
                same_layer(attention.output, &block.output);
            }
            Part::Gated(layers) => {
                let block = gated.next().unwrap();
                assert_eq!((layers.table, layers.product), (&block.table, block.product));
                same_layer(layers.gate, &block.gate);
                same_layer(layers.up, &block.up);
                same_layer(layers.down, &block.down);
            }
            part => assert!(matches!(part, Part::Positions(_)), "{part:?}"),
        });
        assert!(attentions.next().is_none() && gated.next().is_none());
    }
}

fn same_layer(found: LinearView<'_>, expected: &LinearModel) {
    let matrix = found.weights;
    let rows = matrix.data.chunks(matrix.stride).map(|row| &row[..matrix.inputs]);
    assert!(rows.eq(expected.weights.chunks(matrix.inputs)));
    assert_eq!(found.channels, expected.channels);
}

#[test]
fn truncated_anywhere() {
    let bytes = tiny().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let error = Decoder::load(&bytes[..length]).err();
        assert!(matches!(error, Some(Error::Truncated { .. })), "{length} bytes: {error:?}");
    }
}

#[test]
fn truncated_with_a_header_that_agrees() {
    let whole = complete();
    let tokens = section(&whole, b"TOKN", 0).start - 2;
    // All of the small file, and a sample of the large one with all of its ends.
    let small = to_words(&small().to_bytes().unwrap());
    let some =
        (4..whole.len()).filter(|length| length % 61 == 0 || length.abs_diff(tokens) < 9 || length + 9 > whole.len());
    for (words, length) in (4..small.len()).map(|length| (&small, length)).chain(some.map(|length| (&whole, length))) {
        let mut words = words[..length].to_vec();
        seal(&mut words);
        match Decoder::load(&to_bytes(&words)) {
            // A file need not have a tokenizer: nothing is missing.
            Ok(model) => assert!(length == tokens && model.tokenizer().is_none(), "{length} words"),
            Err(error) => {
                let expected = matches!(error, Error::Truncated { .. } | Error::Missing { .. } | Error::Shape { .. });
                assert!(expected, "{length} words: {error:?}");
            }
        }
    }
}

#[test]
fn any_flipped_bit() {
    let bytes = small().to_bytes().unwrap();
    let expected = Decoder::load(&bytes).unwrap().session(3).step(2).to_vec();
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match (bit / 8, Decoder::load(&damaged)) {
            (0..4, Err(Error::Magic { .. })) | (6..8, Err(Error::Version { .. })) => {}
            // A newer minor version: its changes do no harm to this reader.
            (4..6, Ok(model)) => assert_eq!(model.session(3).step(2), expected),
            (8..12, Err(Error::Truncated { .. } | Error::Checksum { .. })) | (12.., Err(Error::Checksum { .. })) => {}
            (_, result) => panic!("bit {bit}: {:?}", result.map(|model| *model.shape())),
        }
    }
}

/// Each number of the configuration: 0, and one more than the bound.
#[test]
fn shapes_out_of_bounds() {
    for (word, what, above) in [
        (0, "tokens", (1 << 16) + 1),
        (1, "width", 1025),
        (2, "heads", (1 << 15) / 4 + 1),
        (3, "key heads", 3),
        (4, "head dimension", 257),
        (5, "hidden width", (1 << 15) + 1),
        (6, "layers", 1025),
        (7, "softmax weight bits", 16),
        (8, "factor of the embedding", MAX_FACTOR + 1),
    ] {
        for value in [0, above, u32::MAX] {
            assert_shape(refusal_of(b"DECO", word, value), what);
        }
    }
    for value in [3, u32::MAX] {
        assert_shape(refusal_of(b"DECO", 10, value), "pairing of the rotation");
    }
    for value in [3, u32::MAX] {
        assert_shape(refusal_of(b"DECO", 11, value), "rotated pairs");
    }
}

/// Numbers within bounds that do not fit the sections.
#[test]
fn shapes_that_disagree() {
    for (word, value) in [(0, 200), (1, 100), (2, 200), (3, 2), (4, 100), (5, 200)] {
        let error = refusal_of(b"DECO", word, value);
        // A longer layer runs out of its section, or takes its scales from its weights.
        assert!(matches!(error, Error::Truncated { .. } | Error::Shape { .. } | Error::Scale { .. }), "{error:?}");
    }
    assert!(matches!(refusal_of(b"DECO", 11, 2), Error::Truncated { .. }), "one frequency for two pairs");
    assert_eq!(refusal_of(b"DECO", 6, 2), Error::Missing { section: "decoder block", expected: 2, found: 1 });
    let error = refusal(complete(), |words| {
        let at = section(words, b"DECO", 0).start;
        words[at + 3] = 3;
    });
    assert_shape(error, "heads that share key heads");
    // A tokenizer of another vocabulary, or of one that its text does not fill.
    for (count, what) in [(299, "tokens of the tokenizer"), (301, "tokens of the tokenizer")] {
        let error = refusal(complete(), |words| {
            let at = section(words, b"TOKN", 0).start;
            words[at] = count;
        });
        assert_shape(error, what);
    }
}

#[test]
fn missing_sections() {
    for (tag, name) in [
        (b"DECO", "decoder configuration"),
        (b"EMBD", "embedding"),
        (b"DBLK", "decoder block"),
        (b"NORM", "final norm"),
    ] {
        let error = refusal(complete(), |words| {
            let tag = section(words, tag, 0).start - 2;
            words[tag] ^= 0x20;
        });
        assert!(matches!(error, Error::Missing { section, .. } if section == name), "{error:?}");
    }
    let mut words = complete();
    let tag = section(&words, b"TOKN", 0).start - 2;
    words[tag] ^= 0x20;
    seal(&mut words);
    assert!(Decoder::load(&to_bytes(&words)).unwrap().tokenizer().is_none());
}

/// An encoder is no language model, nor the other way round.
#[test]
fn models_of_another_kind() {
    let encoder = random_model(3, config(Softmax::Wide), None).to_bytes().unwrap();
    assert_eq!(
        Decoder::load(&encoder).err(),
        Some(Error::Kind { expected: "a language model", found: "a classifier" })
    );
    let decoder = tiny().to_bytes().unwrap();
    assert_eq!(Model::load(&decoder).err(), Some(Error::Kind { expected: "a classifier", found: "a language model" }));
}

#[test]
fn section_lengths() {
    for tag in [b"DECO", b"EMBD", b"DBLK", b"NORM"] {
        for length in [0x3fff_ffff, 0x4000_0000, u32::MAX] {
            let error = refusal(complete(), |words| {
                let at = section(words, tag, 0).start - 1;
                words[at] = length;
            });
            assert!(matches!(error, Error::Truncated { .. }), "{error:?}");
        }
        let error = refusal(complete(), |words| {
            let at = section(words, tag, 0).start - 1;
            words[at] -= 1;
        });
        assert!(!matches!(error, Error::Checksum { .. }), "{error:?}");
    }
}

/// 15-bit hidden values: a sum of them must fit 32 bits.
#[test]
fn fine_hidden_values_out_of_bounds() {
    let load = |hidden: usize, bias: i32, product: f64| {
        let mut model = small();
        for block in &mut model.blocks {
            let width = block.down.channels.len();
            for layer in [&mut block.gate, &mut block.up] {
                layer.channels.resize(hidden, layer.channels[0]);
                layer.weights.resize(hidden * width, 1);
            }
            block.down.weights.resize(hidden * width, 1);
            block.down.channels[width - 1].bias = bias;
            block.product = Scale::from_real(product).unwrap();
            block.hidden15 = true;
        }
        model.to_bytes().and_then(|bytes| Decoder::load(&bytes))
    };
    let most = (1 << 22) - 1;
    assert!([most, -most].into_iter().all(|bias| load(MAX_HIDDEN15_INPUTS, bias, 0.00195).is_ok()));
    assert_shape(load(MAX_HIDDEN15_INPUTS + 1, most, 0.00195).unwrap_err(), "15-bit hidden values");
    for bias in [most + 1, -most - 1] {
        assert_scale(
            load(MAX_HIDDEN15_INPUTS, bias, 0.00195).unwrap_err(),
            "bias of a layer that takes 15-bit hidden values",
        );
    }
    assert_scale(
        load(MAX_HIDDEN15_INPUTS, most, 0.00196).unwrap_err(),
        "scale of a gate's product to 15-bit hidden values",
    );
}

#[test]
fn scales_out_of_bounds() {
    for invalid in [0, 1 << 31, u32::MAX] {
        assert_scale(refusal_of(b"DECO", 9, invalid), "scale of the logits");
        // Block: norm of 1 + 6 words, then steepness and scale of each head.
        assert_scale(refusal_of(b"DBLK", 7, invalid), "steepness of a head's softmax");
    }
    for epsilon in [0, (1 << 20) + 1] {
        assert_scale(refusal_of(b"NORM", 0, epsilon), "epsilon of a norm");
        assert_scale(refusal_of(b"DBLK", 0, epsilon), "epsilon of a norm");
    }
    for invalid in [1 << 31, 5, 0, 0x7fff_ffe4, (1 << 31) + 31] {
        // 7 rows of 2 words, then bias and scale in turn.
        assert_scale(refusal_of(b"EMBD", 14 + 1, invalid), "scale of an output channel");
        assert_scale(refusal_of(b"DBLK", 8, invalid), "scale of a head's output");
    }
    assert_scale(refusal_of(b"EMBD", 14, (1 << 30) + 1), "bias of an output channel");
    let product = |words: &mut Vec<u32>| {
        // The last layer: 6 rows of 2 words with 2 for each channel.
        let at = section(words, b"DBLK", 0).end - 6 * 4 - 1;
        words[at] = 5;
    };
    assert_scale(refusal(to_words(&small().to_bytes().unwrap()), product), "scale of a gate's product");
}

/// Every case is a part that does not fit the others, or a value out of bounds.
#[test]
fn writer_refuses() {
    type Change = fn(&mut DecoderModel);
    let shapes: [Change; 21] = [
        |m| m.heads = 3,
        |m| m.kv_heads = 4,
        |m| m.kv_heads = 0,
        |m| m.head_dim = 0,
        |m| m.head_dim = 5,
        |m| m.kappa = 0,
        |m| m.kappa = MAX_FACTOR + 1,
        |m| m.frequencies.push(1),
        |m| _ = m.embedding.channels.pop(),
        |m| _ = m.embedding.weights.pop(),
        |m| _ = m.norm.channels.pop(),
        |m| m.blocks.clear(),
        |m| _ = m.blocks[0].heads.pop(),
        |m| m.blocks[1].key.weights.push(0),
        |m| _ = m.blocks[1].value.channels.pop(),
        |m| _ = m.blocks[1].gate.channels.pop(),
        |m| _ = m.blocks[0].up.weights.pop(),
        |m| _ = m.blocks[0].down.channels.pop(),
        |m| _ = m.blocks[0].hidden_norm.channels.pop(),
        |m| _ = m.tokens.pop(),
        |m| m.tokens[280].bytes = vec![b'x'; 256],
    ];
    for (i, change) in shapes.iter().enumerate() {
        let mut model = tiny();
        change(&mut model);
        let result = model.to_bytes();
        assert!(matches!(result, Err(Error::Shape { .. })), "change {i}: {:?}", result.err());
    }
    let scales: [Change; 2] = [|m| m.norm.epsilon = 0, |m| m.blocks[1].output.channels[0].bias = (1 << 30) + 1];
    for (i, change) in scales.iter().enumerate() {
        let mut model = tiny();
        change(&mut model);
        assert!(matches!(model.to_bytes(), Err(Error::Scale { .. })), "change {i}");
    }
}

/// Tokens of up to 255 bytes, equal scores, and a whole vocabulary of them.
#[test]
fn vocabularies() {
    let mut model = tiny();
    model.tokens[259].bytes = vec![b'x'; 255];
    model.tokens[299].bytes = Vec::new();
    model.tokens[298].score = model.tokens[297].score;
    let bytes = model.to_bytes().unwrap();
    let read = Decoder::load(&bytes).unwrap();
    let tokenizer = read.tokenizer().unwrap();
    for (i, token) in (0..300u16).zip(&model.tokens) {
        assert_eq!(tokenizer.bytes(i), token.bytes);
    }
    assert_eq!(tokenizer.rank(298), tokenizer.rank(297));
    assert!(tokenizer.rank(260) > tokenizer.rank(261));
    // A vocabulary too small for a tokenizer that says it has one.
    let mut model = small();
    model.tokens = tiny().tokens[..7].to_vec();
    assert_eq!(
        model.to_bytes().err(),
        Some(Error::Shape { what: "tokens", allowed: Allowed::Between(259, 65_536), found: 7 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Anything behind a header that is right, also sections of the right names.
    #[test]
    fn any_sections(sections in prop::collection::vec((0usize..6, prop::collection::vec(any::<u32>(), 0..40)), 0..12)) {
        let mut words = vec![0, VERSION, 0, 0];
        for (tag, content) in sections {
            let tags = [b"DECO", b"EMBD", b"DBLK", b"NORM", b"TOKN"];
            words.extend(tags.get(tag).map(|tag| u32::from_le_bytes(**tag)));
            words.push(content.len() as u32);
            words.extend(content);
        }
        seal(&mut words);
        let _ = Decoder::load(&to_bytes(&words));
    }

    /// A file with a few words overwritten either is refused, or runs: no sum overflows, and no index leads astray.
    #[test]
    fn any_words(seed in any::<u64>(), count in 1usize..40, minor in any::<bool>()) {
        let mut random = Random(seed);
        let mut words = to_words(&small().to_bytes().unwrap());
        for _ in 0..count {
            let at = random.int(4, words.len() as i64 - 1) as usize;
            words[at] = if minor { random.int(-2, 20) as u32 } else { random.next() as u32 };
        }
        seal(&mut words);
        if let Ok(model) = Decoder::load(&to_bytes(&words)) {
            let mut session = model.session(4);
            for _ in 0..6 {
                prop_assert_eq!(session.step(random.int(0, 8) as usize).len(), model.shape().outputs);
            }
        }
    }

    /// [`any_words`] where no reader looks: in weights, gains, frequencies and tables.
    #[test]
    fn any_weights(seed in any::<u64>()) {
        let mut random = Random(seed);
        let mut model = small();
        let extreme = |random: &mut Random, bound: i64| {
            match random.int(0, 3) { 0 => -bound - 1, 1 => bound, _ => random.int(-bound - 1, bound) }
        };
        let mut layer = |layer: &mut LinearModel| {
            layer.weights.iter_mut().for_each(|w| *w = extreme(&mut random, 127) as i8);
            for channel in &mut layer.channels {
                channel.bias = extreme(&mut random, 1 << 30).max(-1 << 30) as i32;
                channel.scale = Scale::from_real((-2.1 - 29.0 * random.uniform()).exp2()).unwrap();
            }
        };
        layer(&mut model.embedding);
        for block in &mut model.blocks {
            for part in [&mut block.query, &mut block.key, &mut block.value, &mut block.output] {
                layer(part);
            }
            for part in [&mut block.gate, &mut block.up, &mut block.down] {
                layer(part);
            }
        }
        for block in &mut model.blocks {
            for norm in [&mut block.attention_norm, &mut block.hidden_norm, &mut model.norm] {
                norm.epsilon = random.int(1, 1 << 20) as u32;
                for channel in &mut norm.channels {
                    channel.gain = fixed::types::I8F8::from_bits(extreme(&mut random, 32767) as i16);
                    channel.offset = fixed::types::I8F8::from_bits(extreme(&mut random, 32767) as i16);
                }
            }
            block.table.iter_mut().for_each(|y| *y = extreme(&mut random, 32767) as i16);
            block.product = Scale::from_real((-2.1 - 29.0 * random.uniform()).exp2()).unwrap();
            for head in &mut block.heads {
                let steepness = Steepness::from_real((-4.1 - 13.8 * random.uniform()).exp2()).unwrap();
                let value = Scale::from_real((-3.1 - 12.5 * random.uniform()).exp2()).unwrap();
                *head = heedful::HeadScale::new(steepness, value).unwrap();
            }
        }
        model.frequencies.iter_mut().for_each(|frequency| *frequency = random.next() as u32);
        model.kappa = if seed % 2 == 0 { MAX_FACTOR } else { random.int(1, MAX_FACTOR.into()) as u32 };
        let model = Decoder::load(&model.to_bytes().unwrap()).unwrap();
        let mut session = model.session(3);
        for token in 0..8 {
            session.step(token);
        }
    }
}
