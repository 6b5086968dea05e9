//! The `.heed` file: whatever is wrong with one is a typed error, and nothing panics.

mod any;
mod decoder;
#[path = "../support/decoder.rs"]
mod decoder_support;
mod messages;
#[path = "../support/mod.rs"]
mod support;
mod variants;
mod writer;

use heedful::Error;
use heedful::audio::Params;
use heedful::dynamic::Model;
use heedful::format::{Config, DecoderConfig, File, MAJOR, OLD_MAJOR, Softmax};
use std::ops::Range;
use support::{Random, config, crc32, random_model, seal, tiny, to_bytes, to_words};

/// Version 1: that of encoders and decoders before there were parts.
const VERSION: u32 = (OLD_MAJOR as u32) << 16;

fn audio() -> Params {
    Params { bands: 3, low_hz: 100, ..Params::DEFAULT }
}

/// A file with every section, two blocks.
fn complete() -> Vec<u32> {
    to_words(&random_model(3, config(Softmax::Wide), Some(audio())).to_bytes().unwrap())
}

/// The content of the `index`th section with a tag, as a range of words.
fn section(words: &[u32], tag: &[u8; 4], mut index: usize) -> Range<usize> {
    let mut at = 4;
    loop {
        let content = at + 2..at + 2 + words[at + 1] as usize;
        if words[at] == u32::from_le_bytes(*tag) {
            if index == 0 {
                return content;
            }
            index -= 1;
        }
        at = content.end;
    }
}

/// Why a file is refused after a change that its checksum does not reveal.
fn refusal(change: impl FnOnce(&mut Vec<u32>)) -> Error {
    let mut words = complete();
    change(&mut words);
    seal(&mut words);
    match Model::load(&to_bytes(&words)) {
        Ok(_) => panic!("accepted"),
        Err(error) => error,
    }
}

/// [`refusal`] after setting one word of a section.
fn refusal_of(tag: &[u8; 4], word: usize, value: u32) -> Error {
    refusal(|words| {
        let at = section(words, tag, 0).start + word;
        words[at] = value;
    })
}

#[track_caller]
fn assert_shape(error: Error, expected_what: &str) {
    match error {
        Error::Shape { what, .. } => assert_eq!(what, expected_what),
        other => panic!("{other:?} instead of a wrong {expected_what}"),
    }
}

#[track_caller]
fn assert_scale(error: Error, expected_what: &str) {
    match error {
        Error::Scale { what, .. } => assert_eq!(what, expected_what),
        other => panic!("{other:?} instead of a wrong {expected_what}"),
    }
}

#[test]
fn round_trip() {
    let model = random_model(3, config(Softmax::Narrow), Some(audio()));
    let bytes = model.to_bytes().unwrap();
    let words = to_words(&bytes);
    assert_eq!(words[..3], [u32::from_le_bytes(*b"HEED"), VERSION, words.len() as u32]);
    assert_eq!(words[3], crc32(&bytes[16..]));

    let read = Model::load(&bytes).unwrap();
    let (shape, c) = (read.shape(), &model.config);
    let config = [c.positions, c.inputs, c.width, c.heads, c.head_dim, c.hidden, c.layers, c.classes];
    let found = [shape.positions, shape.inputs, shape.width, shape.heads, shape.head_dim, shape.hidden, shape.layers];
    assert_eq!((&config[..7], config[7]), (&found[..], shape.classes()));
    assert_eq!((shape.softmax, shape.logit), (c.softmax, c.logit));
    assert_eq!(read.labels(), model.labels);
    assert_eq!(read.flash_bytes(), bytes.len());
    let (frontend, tables) = (read.frontend().unwrap(), model.audio.unwrap());
    assert_eq!((frontend.params, frontend.window, frontend.mel), (tables.params, &*tables.window, &*tables.mel));

    let file = File::open(&words).unwrap();
    let encoder = file.encoder(&model.config, &[]).unwrap();
    assert_eq!(encoder.positions, model.positions);
    assert_eq!(encoder.classifier.channels, model.classifier.channels);
    let block = file.block(&model.config, 1).unwrap();
    assert_eq!(block.attention.head_scales, model.blocks[1].heads);
    assert_eq!(block.feed_forward.activation.0, &model.blocks[1].activation);
    for (found, expected) in [
        (encoder.embedding, &model.embedding),
        (block.attention.query.layer(), &model.blocks[1].query),
        (block.attention.key.unwrap().layer(), model.blocks[1].key.as_ref().unwrap()),
        (block.attention.value.layer(), &model.blocks[1].value),
        (block.attention.output, &model.blocks[1].output),
        (block.feed_forward.expand, &model.blocks[1].expand),
        (block.feed_forward.contract, &model.blocks[1].contract),
    ] {
        let matrix = found.weights;
        assert_eq!(matrix.stride % 4, 0, "rows start on words");
        let rows = matrix.data.chunks(matrix.stride).map(|row| &row[..matrix.inputs]);
        assert!(rows.eq(expected.weights.chunks(matrix.inputs)));
        assert_eq!(found.channels, expected.channels);
    }
    for (found, expected) in [(block.hidden_norm, &model.blocks[1].hidden_norm), (encoder.norm, &model.norm)] {
        assert_eq!((found.channels, found.epsilon), (&*expected.channels, expected.epsilon));
    }
}

#[test]
fn truncated_anywhere() {
    let bytes = to_bytes(&complete());
    for length in 0..bytes.len() {
        let error = Model::load(&bytes[..length]).err();
        assert!(matches!(error, Some(Error::Truncated { .. })), "{length} bytes: {error:?}");
    }
    // The length as a reader of the message would want it.
    let found = bytes.len() - 1;
    assert_eq!(Model::load(&bytes[..found]).err(), Some(Error::Truncated { expected: bytes.len(), found: found & !3 }));
}

#[test]
fn truncated_with_a_header_that_agrees() {
    let words = complete();
    let labels = section(&words, b"LABL", 0).start - 2;
    for length in 4..words.len() {
        let mut words = words[..length].to_vec();
        seal(&mut words);
        let loaded = Model::load(&to_bytes(&words));
        let expected = match &loaded {
            // A file need not have labels: nothing is missing.
            Ok(model) => length == labels && model.labels().iter().all(String::is_empty),
            Err(error) => matches!(error, Error::Truncated { .. } | Error::Missing { .. } | Error::Shape { .. }),
        };
        assert!(expected, "{length} words: {:?}", loaded.err());
    }
}

/// The header counts itself: a length below its own means that nothing follows.
#[test]
fn shorter_than_its_header() {
    let mut words = complete()[..4].to_vec();
    seal(&mut words);
    for length in 0..=4 {
        words[2] = length;
        assert!(matches!(Model::load(&to_bytes(&words)).err(), Some(Error::Missing { .. })), "{length} words");
    }
    words[2] = 5;
    let error = Model::load(&to_bytes(&words)).err();
    assert_eq!(error, Some(Error::Truncated { expected: 20, found: 16 }));
}

#[test]
fn any_flipped_bit() {
    let bytes = tiny(Softmax::Wide).to_bytes().unwrap();
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let error = Model::load(&damaged).err();
        let expected = match bit / 8 {
            0..4 => matches!(error, Some(Error::Magic { .. })),
            // A newer minor version: its changes do no harm to this reader.
            4..6 => error.is_none(),
            6..8 => matches!(error, Some(Error::Version { .. })),
            8..12 => matches!(error, Some(Error::Truncated { .. } | Error::Checksum { .. })),
            _ => matches!(error, Some(Error::Checksum { .. })),
        };
        assert!(expected, "bit {bit}: {error:?}");
    }
}

#[test]
fn magic() {
    let mut bytes = to_bytes(&complete());
    bytes[..4].copy_from_slice(b"RIFF");
    assert_eq!(Model::load(&bytes).err(), Some(Error::Magic { found: u32::from_le_bytes(*b"RIFF") }));
}

#[test]
fn versions() {
    let (words, features) = (complete(), Random(1).i8s(42, 127));
    let mut newer = words.clone();
    newer[1] = u32::from(MAJOR + 1) << 16;
    let expected = Error::Version { found: MAJOR + 1, supported: MAJOR };
    assert_eq!(Model::load(&to_bytes(&newer)).err(), Some(expected));

    // A newer minor version may have more sections, in any place.
    let expected = Model::load(&to_bytes(&words)).unwrap().infer(&features);
    let unknown = [u32::from_le_bytes(*b"NEW!"), 3, 1, 2, 3];
    for at in [4, section(&words, b"CONF", 0).end, words.len()] {
        let mut newer = words.clone();
        newer.splice(at..at, unknown);
        newer[1] = VERSION + 1;
        seal(&mut newer);
        assert_eq!(Model::load(&to_bytes(&newer)).unwrap().infer(&features), expected);
    }
}

#[test]
fn misaligned() {
    let file = to_bytes(&complete());
    let mut buffer = vec![0; file.len() + 8];
    let aligned = buffer.as_ptr().align_offset(4);
    for offset in 0..4 {
        let place = aligned + offset..aligned + offset + file.len();
        buffer[place.clone()].copy_from_slice(&file);
        let found = File::from_bytes(&buffer[place.clone()]).map(|_| ());
        assert_eq!(found, if offset == 0 { Ok(()) } else { Err(Error::Misaligned { found: offset % 4 }) });
        // The host reads a file wherever it lies.
        assert!(Model::load(&buffer[place]).is_ok());
    }
}

#[test]
fn bytes_after_the_file() {
    let words = complete();
    let mut longer = words.clone();
    longer.extend([1, 2, 3]);
    assert!(File::open(&longer).is_ok());
    let mut bytes = to_bytes(&words);
    bytes.push(0xff);
    assert!(Model::load(&bytes).is_ok());
}

/// Each number of the configuration: 0, and one more than the bound.
#[test]
fn shapes_out_of_bounds() {
    for (word, what, above) in [
        (0, "positions", (1 << 16) + 1),
        (1, "inputs", (1 << 15) + 1),
        (2, "width", 1025),
        (3, "heads", (1 << 15) / 5 + 1),
        (4, "head dimension", 257),
        (5, "hidden width", (1 << 15) + 1),
        (6, "layers", 1025),
        (7, "classes", (1 << 15) + 1),
        (8, "softmax weight bits", 16),
    ] {
        for value in [0, above, u32::MAX] {
            assert_shape(refusal_of(b"CONF", word, value), what);
        }
    }
}

/// Numbers within bounds that do not fit the sections.
#[test]
fn shapes_that_disagree() {
    assert_shape(refusal_of(b"CONF", 0, 8), "values of the positions");
    for (word, value) in [(1, 12), (2, 200), (3, 3), (4, 6), (5, 200), (7, 200)] {
        let error = refusal_of(b"CONF", word, value);
        // A longer layer runs out of its section, or takes its scales from its weights.
        assert!(matches!(error, Error::Truncated { .. } | Error::Shape { .. } | Error::Scale { .. }), "{error:?}");
    }
    assert_eq!(refusal_of(b"CONF", 6, 3), Error::Missing { section: "encoder block", expected: 3, found: 2 });
    assert_shape(refusal_of(b"CONF", 1, 7), "inputs of a model of mel bands");
}

#[test]
fn missing_sections() {
    for (tag, name) in [
        (b"CONF", "configuration"),
        (b"EMBD", "embedding"),
        (b"POSI", "positions"),
        (b"BLCK", "encoder block"),
        (b"NORM", "final norm"),
        (b"CLAS", "classifier"),
    ] {
        let error = refusal(|words| {
            let tag = section(words, tag, 0).start - 2;
            words[tag] ^= 0x20;
        });
        assert!(matches!(error, Error::Missing { section, .. } if section == name), "{error:?}");
    }
    // A model without front end and labels is one.
    let mut words = complete();
    for tag in [b"AUDI", b"LABL"] {
        let tag = section(&words, tag, 0).start - 2;
        words[tag] ^= 0x20;
    }
    seal(&mut words);
    let model = Model::load(&to_bytes(&words)).unwrap();
    assert!(model.frontend().is_none());
    assert!(model.labels().iter().all(String::is_empty));
}

/// Section lengths that lead out of the file, also past the end of the address space.
#[test]
fn section_lengths() {
    for tag in [b"CONF", b"AUDI", b"EMBD", b"POSI", b"BLCK", b"NORM", b"CLAS", b"LABL"] {
        for length in [0x3fff_ffff, 0x4000_0000, u32::MAX] {
            let error = refusal(|words| {
                let at = section(words, tag, 0).start - 1;
                words[at] = length;
            });
            assert!(matches!(error, Error::Truncated { .. }), "{error:?}");
        }
        // Shorter by a word: the rest is read as a section, or the content is cut.
        let error = refusal(|words| {
            let at = section(words, tag, 0).start - 1;
            words[at] -= 1;
        });
        assert!(!matches!(error, Error::Checksum { .. }), "{error:?}");
    }
}

#[test]
fn scales_out_of_bounds() {
    // A multiplier of 2^29 and a shift of 0, a multiplier below 2^29, zeros.
    for invalid in [1 << 31, 5, 0, 0x7fff_ffe4, (1 << 31) + 31] {
        assert_scale(refusal_of(b"CONF", 9, invalid), "scale of the mean over positions");
        // Embedding: 10 rows of 2 words, then bias and scale in turn.
        assert_scale(refusal_of(b"EMBD", 20 + 2 * 3 + 1, invalid), "scale of an output channel");
        // Block: norm of 1 + 10 words, then steepness and scale of each head.
        assert_scale(refusal_of(b"BLCK", 14, invalid), "scale of a head's output");
    }
    for shift in [1, 15] {
        assert_scale(refusal_of(b"BLCK", 12, (1 << 31) + shift), "scale of a head's output");
    }
    for invalid in [0, 1 << 31, u32::MAX] {
        assert_scale(refusal_of(b"CONF", 10, invalid), "scale of the logits");
        assert_scale(refusal_of(b"BLCK", 13, invalid), "steepness of a head's softmax");
    }
    for epsilon in [0, (1 << 20) + 1, u32::MAX] {
        assert_scale(refusal_of(b"NORM", 0, epsilon), "epsilon of a norm");
        assert_scale(refusal_of(b"BLCK", 0, epsilon), "epsilon of a norm");
    }
    for bias in [(1 << 30) + 1, -(1 << 30) - 1, i32::MIN] {
        assert_scale(refusal_of(b"CLAS", 9, bias as u32), "bias of an output channel");
    }
}

#[test]
fn front_ends() {
    assert_shape(refusal_of(b"AUDI", 1, 1025), "samples of the audio window");
    // A window that fits the FFT, but not the section.
    assert!(matches!(refusal_of(b"AUDI", 1, 512), Error::Truncated { .. }));
    for hop in [0, 257, u32::MAX] {
        assert_shape(refusal_of(b"AUDI", 2, hop), "hop of the audio window");
    }
    for bands in [0, 81, u32::MAX] {
        assert_shape(refusal_of(b"AUDI", 3, bands), "mel bands");
    }
    assert_shape(refusal_of(b"AUDI", 3, 4), "inputs of a model of mel bands");
}

#[test]
fn labels() {
    let mut model = random_model(3, config(Softmax::Wide), None);
    model.labels = vec!["".into(), "zwölf".into(), "x".repeat(255)];
    let read = Model::load(&model.to_bytes().unwrap()).unwrap();
    assert_eq!(read.labels(), model.labels);

    // "class 0" begins at the second byte: a byte that no UTF-8 has; a length that leads out of the section.
    assert_eq!(refusal_of(b"LABL", 0, u32::from_le_bytes([7, b'c', 0xff, b'a'])), Error::Label { class: 0 });
    assert!(matches!(refusal_of(b"LABL", 0, u32::from_le_bytes(*b"\xffcla")), Error::Truncated { .. }));
}

/// What a shape says of work that no number holds.
#[test]
fn shapes_that_no_model_has() {
    let words = complete();
    let file = File::open(&words).unwrap();
    let config = file.config().unwrap();
    for most in [usize::MAX, usize::MAX / 2, 1 << (usize::BITS / 2)] {
        let shapes = [
            Config { positions: most, ..config },
            Config { inputs: most, width: most, ..config },
            Config { heads: most, head_dim: most, ..config },
            Config { hidden: most, layers: most, ..config },
            Config { classes: most, ..config },
        ];
        for shape in shapes {
            assert!(shape.macs() >= most, "{shape:?}");
            assert_shape(file.macs(&shape).unwrap_err(), name_of_the_first(&shape));
        }
    }
    let words = tiny_decoder();
    let config = File::open(&words).unwrap().decoder_config().unwrap();
    for most in [usize::MAX, usize::MAX / 2] {
        let shapes = [
            DecoderConfig { tokens: most, ..config },
            DecoderConfig { heads: most, key_heads: most, ..config },
            DecoderConfig { width: most, head_dim: most, ..config },
            DecoderConfig { hidden: most, layers: most, ..config },
        ];
        for shape in shapes {
            assert!(shape.macs() >= most, "{shape:?}");
        }
    }
}

/// The number of a shape that is looked at first and out of bounds.
fn name_of_the_first(shape: &Config) -> &'static str {
    let bound = 1 << 16;
    let Config { positions, inputs, head_dim, hidden, .. } = *shape;
    let names = [(positions, "positions"), (inputs, "inputs"), (head_dim, "head dimension"), (hidden, "hidden width")];
    names.into_iter().find(|(number, _)| *number > bound).map_or("classes", |(_, name)| name)
}

fn tiny_decoder() -> Vec<u32> {
    to_words(include_bytes!("../fixtures/tiny_decoder.heed"))
}
