//! Whole models: the committed ones, and random ones of all kinds and both versions.

use crate::Cases;
use crate::support::{Random, config, linear, random_model, seal, to_bytes, to_words, vary};
use crate::support_chain::{chain, input, outputs};
use crate::support_decoder::{Decoder as FloatDecoder, Shape, TINY};
use heedful::audio::Params;
use heedful::dynamic::{Decoder, Model};
use heedful::fixed::types::U1F15;
use heedful::format::write::{ChainModel, DecoderBlockModel, EventsModel};
use heedful::format::{Config, Softmax};
use heedful::{Error, Pairing};
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The committed models: clips of `speakers`, and random features and tokens.
pub fn committed(speakers: usize) -> Cases {
    let (mut cases, random) = (Cases::default(), &mut Random(speakers as u64));
    for file in ["models/digits.heed", "models/digits_small.heed"] {
        let model = Model::load(&std::fs::read(root().join(file)).unwrap()).unwrap();
        for digit in 0..10 {
            for speaker in ["jackson", "theo", "lucas", "george", "nicolas", "yweweler"].iter().take(speakers) {
                clip(&mut cases, file, &model, &format!("examples/clips/{digit}_{speaker}_5.wav"));
            }
        }
    }
    for file in ["narrow", "wide", "variants"].map(|name| format!("tests/models/{name}.heed")) {
        encoder(&mut cases, random, &file, 3 * speakers);
    }
    let decoders = [("models/narrow_decoder", 5), ("fixtures/tiny_decoder", 16), ("fixtures/tiny_decoder", 200)];
    for (file, context) in decoders {
        decoder(&mut cases, random, &format!("tests/{file}.heed"), context, 10 * speakers);
    }
    texts(&mut cases, random, "tests/fixtures/tiny_decoder.heed", 4 * speakers);
    for file in ["damaged", "newer"].map(|name| format!("tests/models/{name}.heed")) {
        let name = match Model::load(&std::fs::read(root().join(&file)).unwrap()).unwrap_err() {
            Error::Checksum { .. } => "Checksum",
            Error::Version { .. } => "Version",
            other => panic!("{other}"),
        };
        cases.add("refused", format!("[\"{file}\",\"{name}\"]"));
    }
    cases
}

/// So many random encoders and decoders, written to a folder: heads from none to three, fused and low-rank projections,
/// windows of 512 samples, all pairings, shared keys, 15-bit hidden values.
pub fn random(folder: &Path, count: usize) -> Cases {
    let (mut cases, random, mut hidden15) = (Cases::default(), &mut Random(99), 0);
    for i in 0..count {
        let any = |random: &mut Random, most| random.int(1, most) as usize;
        let softmax = if i % 2 == 0 { Softmax::Wide } else { Softmax::Narrow };
        let c = Config {
            positions: any(random, 9),
            inputs: 6 * any(random, 2),
            width: any(random, 12),
            heads: any(random, 3),
            head_dim: any(random, 12),
            hidden: any(random, 12),
            layers: any(random, 3),
            classes: any(random, 4),
            ..config(softmax)
        };
        let window = if i % 3 == 0 { 512 } else { 256 };
        let params = Params { window, hop: 70, bands: 6, low_hz: 100, floor_log2: 8, ..Params::DEFAULT };
        let mut model = random_model(random.next(), c, Some(params));
        vary(&mut model, random);
        // Larger biases than the support's.
        model.classifier = linear(random, c.width, c.classes, 30.0);
        let file = folder.join(format!("encoder_{i}.heed")).display().to_string();
        std::fs::write(&file, model.to_bytes().unwrap()).unwrap();
        encoder(&mut cases, random, &file, 3);
        let model = Model::load(&std::fs::read(&file).unwrap()).unwrap();
        if i % 3 == 0 {
            clip(&mut cases, &file, &model, &format!("examples/clips/{}_nicolas_5.wav", i % 10));
        }

        let kv_heads = any(random, 2);
        let head_dim = 2 * any(random, 5);
        let shape = Shape {
            tokens: if i % 4 == 0 { 280 } else { any(random, 40) },
            width: 4 + any(random, 20),
            heads: kv_heads * any(random, 3),
            kv_heads,
            head_dim,
            hidden: any(random, 30),
            layers: any(random, 3),
            softmax,
            pairing: [Pairing::Interleaved, Pairing::Halves, Pairing::Folded][i % 3],
            pairs: random.int(0, head_dim as i64 / 2) as usize,
        };
        let mut model = FloatDecoder::random(random.next(), shape).quantise(30).0;
        for block in &mut model.blocks {
            block.hidden15 = i % 3 != 0 && DecoderBlockModel::may_have_hidden15(block.product, &block.down);
            hidden15 += usize::from(block.hidden15);
        }
        // Half of them turn fast: the whole circle is seen within a few positions.
        if i % 2 == 0 {
            model.frequencies.iter_mut().for_each(|frequency| *frequency = random.next() as u32);
        }
        // Of both versions.
        let newer = ChainModel::from(model.clone()).to_bytes().unwrap();
        for (name, bytes) in [("decoder", model.to_bytes().unwrap()), ("decoder_chain", newer)] {
            let file = folder.join(format!("{name}_{i}.heed")).display().to_string();
            std::fs::write(&file, bytes).unwrap();
            let context = any(random, 30);
            decoder(&mut cases, random, &file, context, 24);
            if shape.tokens >= TINY.tokens - 20 {
                texts(&mut cases, random, &file, 6);
            }
        }
    }
    assert!(hidden15 > count / 4, "{hidden15} blocks with 15-bit hidden values");
    cases
}

/// So many random chains of parts, written to a folder, and what becomes of features and tokens.
pub fn chains(folder: &Path, count: u64) -> Cases {
    let mut cases = Cases::default();
    for number in 0..count {
        let random = &mut Random(1000 + number);
        let file = folder.join(format!("chain_{number}.heed")).display().to_string();
        std::fs::write(&file, chain(random, number).to_bytes().unwrap()).unwrap();
        let model = Model::load(&std::fs::read(&file).unwrap()).unwrap();
        for _ in 0..3 {
            let given = input(random, model.shape());
            let outputs = outputs(&model, &given);
            cases.add("chain", given.row(&file, &outputs));
        }
        if number % 20 == 4 {
            let recording = format!("examples/clips/{}_nicolas_5.wav", number / 20 % 10);
            clip(&mut cases, &file, &model, &recording);
        }
    }
    refused(&mut cases, folder);
    events(&mut cases, folder, count);
    cases
}

/// Chains that say something of events, and some in which a word of that is wrong.
fn events(cases: &mut Cases, folder: &Path, count: u64) {
    for number in 0..count {
        let random = &mut Random(7000 + number);
        let bytes = std::fs::read(folder.join(format!("chain_{number}.heed"))).unwrap();
        let mut events = EventsModel::of(&bytes).unwrap();
        (events.cadence, events.smoothing) = (random.int(1, 1 << 20) as u32, random.int(0, 7) as u32);
        events.separation = random.next() as u32;
        for class in &mut events.classes {
            let leave = random.int(1, 1 << 15);
            class.enter = U1F15::from_bits(random.int(leave, 1 << 15) as u16);
            class.leave = U1F15::from_bits(leave as u16);
            (class.longest, class.hold_off) = (random.int(1, u32::MAX.into()) as u32, random.next() as u32);
            class.shortest = random.int(0, class.longest.into()) as u32;
            class.is_silent = random.int(0, 1) == 1;
        }
        let file = folder.join(format!("events_{number}.heed")).display().to_string();
        let written = events.write(&bytes).unwrap();
        std::fs::write(&file, &written).unwrap();
        let gate = events.gate.map_or(vec![], |gate| vec![gate.above, gate.rise, gate.least, gate.hangover]);
        let classes: Vec<_> = events
            .classes
            .iter()
            .map(|class| {
                let [enter, leave] = [class.enter, class.leave].map(|level| level.to_bits().into());
                [enter, leave, class.shortest, class.longest, class.hold_off, class.is_silent.into()]
            })
            .collect();
        let rest = [events.cadence, events.smoothing, events.separation];
        cases.add("events", format!("[\"{file}\",{rest:?},{gate:?},{classes:?}]"));
        // Of the class, thresholds that are too high, too low, and the wrong way round.
        let class = 9 + 5 * random.int(0, events.classes.len() as i64 - 1) as usize;
        let wrong = [
            (0, 0),
            (1, 8),
            (3, 2),
            (8, 0),
            (class, 32_769 | 1 << 16),
            (class, 5),
            (class, 7 | 8 << 16),
            (class + 1, u32::MAX),
            (class + 2, 0),
            (class + 4, 2),
        ];
        let (word, value) = wrong[number as usize % wrong.len()];
        let mut words = to_words(&written);
        let at = section(&words, *b"evnt") + 2 + word;
        // The longest of all durations is no wrong one.
        if word == class + 1 && words[at + 1] == u32::MAX {
            continue;
        }
        words[at] = value;
        refuse(cases, folder, &format!("events_{number}_{word}_{value}"), words);
    }
}

/// Chains that are refused, by their names as errors.
fn refused(cases: &mut Cases, folder: &Path) {
    // Of the committed chains, one with convolutions and one with a memory.
    for (file, name, word, value) in [
        ("chain_convolutions", *b"CONV", 1, 2),
        ("chain_convolutions", *b"CONV", 2, 1000),
        ("chain_convolutions", *b"POSI", 1, 1025),
        ("chain_memory", *b"MEMO", 0, 0),
        ("chain_memory", *b"MEMO", 0, 10),
        ("chain_memory", *b"ATTN", 6, 1),
        ("chain_types", *b"TYPE", 0, 257),
        ("chain_types", *b"POOL", 1, 5),
        ("chain_tied", *b"OUTP", 1, 1),
    ] {
        let bytes = std::fs::read(root().join(format!("tests/models/{file}.heed"))).unwrap();
        let mut words = to_words(&bytes);
        let at = section(&words, name);
        words[at + 2 + word] = value;
        let text = String::from_utf8_lossy(&name).into_owned();
        refuse(cases, folder, &format!("{file}_{text}_{word}_{value}"), words);
    }
    let whole = to_words(&chain(&mut Random(1), 1).to_bytes().unwrap());
    let tag = |tag: &[u8; 4]| u32::from_le_bytes(*tag);
    let place = |name: &[u8; 4]| section(&whole, *name);
    let last = place(b"OUTP");
    let again = whole[last..].to_vec();
    type Change<'c> = &'c dyn Fn(&mut Vec<u32>);
    let changes: [(&str, Change<'_>); 8] = [
        ("no_output", &|words| words.truncate(last)),
        ("two_outputs", &|words| words.extend(&again)),
        ("unknown_part", &|words| words.splice(last..last, [tag(b"WHAT"), 0]).for_each(drop)),
        ("no_positions", &|words| words[place(b"POSI")] = tag(b"posi")),
        ("no_model", &|words| words[4] = tag(b"MODE")),
        ("no_input", &|words| words[place(b"FEAT")] = tag(b"feat")),
        ("other_width", &|words| words[place(b"POSI") + 3] += 1),
        ("cut", &|words| words.truncate(words.len() - 1)),
    ];
    for (name, change) in changes {
        let mut words = whole.clone();
        change(&mut words);
        refuse(cases, folder, name, words);
    }
}

/// Where the first section of this name begins.
fn section(words: &[u32], name: [u8; 4]) -> usize {
    let mut at = 4;
    while words[at] != u32::from_le_bytes(name) {
        at += 2 + words[at + 1] as usize;
    }
    at
}

fn refuse(cases: &mut Cases, folder: &Path, name: &str, mut words: Vec<u32>) {
    seal(&mut words);
    let file = folder.join(format!("{name}.heed")).display().to_string();
    std::fs::write(&file, to_bytes(&words)).unwrap();
    let error = match Model::load(&to_bytes(&words)).unwrap_err() {
        Error::Part { .. } => "Part",
        Error::Missing { .. } => "Missing",
        Error::Truncated { .. } => "Truncated",
        Error::Scale { .. } => "Scale",
        Error::Shape { .. } => "Shape",
        other => panic!("{other}"),
    };
    cases.add("refused", format!("[\"{file}\",\"{error}\"]"));
}

fn clip(cases: &mut Cases, file: &str, model: &Model, clip: &str) {
    let rate = model.frontend().unwrap().params.sample_rate;
    let samples = heedful_recordings::read(&root().join(clip), rate).unwrap().samples;
    let heard = model.hear(&samples).unwrap();
    let outcome = model.infer_input(heard.input(), &[]);
    cases.add("clip", format!("[\"{file}\",\"{clip}\",{:?}]", outcome.logits()));
}

fn encoder(cases: &mut Cases, random: &mut Random, file: &str, count: usize) {
    let model = Model::load(&std::fs::read(root().join(file)).unwrap()).unwrap();
    for _ in 0..count {
        let features = random.i8s(model.shape().positions * model.shape().inputs, 128);
        let logits = model.infer(&features).logits().to_vec();
        cases.add("encoder", format!("[\"{file}\",{features:?},{logits:?}]"));
    }
}

/// The logits of each step, a number for all: what a polynomial hash makes of them.
fn decoder(cases: &mut Cases, random: &mut Random, file: &str, context: usize, count: usize) {
    let model = Decoder::load(&std::fs::read(root().join(file)).unwrap()).unwrap();
    let mut session = model.session(context);
    let tokens: Vec<usize> = (0..count).map(|_| random.int(0, model.shape().outputs as i64) as usize).collect();
    let digests: Vec<i64> = tokens
        .iter()
        .map(|&token| session.step(token).iter().fold(0, |sum, &y| (31 * sum + i64::from(y)).rem_euclid(2_147_483_647)))
        .collect();
    cases.add("decoder", format!("[\"{file}\",{context},{tokens:?},{digests:?}]"));
}

fn texts(cases: &mut Cases, random: &mut Random, file: &str, count: usize) {
    let model = Decoder::load(&std::fs::read(root().join(file)).unwrap()).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    for _ in 0..count {
        let letters = b" etaoinshrdlu etaoin \xc3\xa9\x80\x80\x80\x80z\0";
        let text: Vec<u8> =
            (0..random.int(0, 30)).map(|_| letters[random.int(0, letters.len() as i64 - 1) as usize]).collect();
        let mut tokens = [0; 64];
        let count = tokenizer.encode(&text, &mut tokens).unwrap();
        let tokens = &tokens[..count];
        let back: Vec<&[u8]> = tokens.windows(2).map(|pair| tokenizer.decode(pair[1], pair[0])).collect();
        assert_eq!(back.concat(), text);
        cases.add("text", format!("[\"{file}\",{text:?},{tokens:?}]"));
    }
}
