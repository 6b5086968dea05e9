//! Parts that do not fit those before them, files cut anywhere, and any words at all.

use crate::chain::{Given, chain, input, outputs};
use crate::support::{Random, linear, norm, seal, to_bytes, to_words};
use crate::whole::{
    HEAD_DIM, HEADS, HIDDEN, NAMES, OTHER_WIDTH, WIDTH, complete, file, of_sound, of_tokens, refusal, scale, sections,
};
use heedful::bytemuck::cast_slice;
use heedful::dynamic::Model;
use heedful::format::write::{AttentionModel, ChainModel, InputModel, PartModel};
use heedful::{Allowed, Error, PoolKind};

/// A model whose residual stream is not as wide as its parts.
#[test]
fn widths_that_do_not_fit() {
    for (index, part) in NAMES.into_iter().enumerate() {
        // The tables of a part are as wide as it says: the writer makes a part of another width.
        let mut chain = complete();
        let random = &mut Random(5);
        let wide = WIDTH + 1;
        let (what, allowed, found) = match &mut chain.parts[index] {
            PartModel::Stem { layer, fine, .. } => {
                *layer = linear(random, 8, wide, 1.0);
                *fine = layer.channels.clone();
                (OTHER_WIDTH.0, WIDTH, wide)
            }
            PartModel::Norm { norm: own, carry, .. } => {
                *own = norm(random, wide);
                if let Some((channels, _)) = carry {
                    channels.push(channels[0]);
                }
                (OTHER_WIDTH.0, WIDTH, wide)
            }
            PartModel::Rows(channels) => {
                channels.push(channels[0]);
                (OTHER_WIDTH.0, WIDTH, wide)
            }
            PartModel::Residual { width, .. } => {
                *width = wide;
                ("values of a row", WIDTH, wide)
            }
            PartModel::FeedForward { expand, contract, .. } | PartModel::FineFeedForward { expand, contract, .. } => {
                *expand = linear(random, wide, HIDDEN, 1.0);
                *contract = linear(random, HIDDEN, wide, 1.0);
                ("values of a row", WIDTH, wide)
            }
            PartModel::Gated { gate, up, down, .. } => {
                (*gate, *up) = (linear(random, wide, HIDDEN, 1.0), linear(random, wide, HIDDEN, 1.0));
                *down = linear(random, HIDDEN, wide, 1.0);
                ("values of a row", WIDTH, wide)
            }
            PartModel::Dense { layer, .. } => {
                *layer = linear(random, wide, 7, 1.0);
                ("values of a row", WIDTH, wide)
            }
            PartModel::Pool { width, .. } => {
                *width = 8;
                ("values of a row", 7, 8)
            }
            PartModel::Output { width, layer, .. } => {
                *width = 8;
                *layer = Some(linear(random, 8, 3, 1.0));
                ("values of a row", 7, 8)
            }
            // Of the first part, what comes after is wrong; attention is as wide as its output.
            PartModel::Attention(attention) if attention.key.is_some() && attention.reduce.is_none() => {
                let inner = HEADS * HEAD_DIM;
                let AttentionModel { query, key, value, output, .. } = attention;
                for layer in [query, key.as_mut().unwrap(), value] {
                    *layer = linear(random, wide, inner, 1.0);
                }
                *output = linear(random, inner, wide, 1.0);
                ("values of a row", WIDTH, wide)
            }
            _ => continue,
        };
        let expected = Error::Part { index, part, what, allowed: Allowed::Exactly(allowed), found };
        assert_eq!(chain.to_bytes(), Err(expected));
    }
}

/// Parts in an order that makes no sense: what they read is missing.
#[test]
fn parts_out_of_order() {
    let lacks = |index, part, what| Error::Part { index, part, what, allowed: Allowed::AtLeast(1), found: 0 };
    let without = |chain: ChainModel, part: usize| {
        let mut chain = chain;
        chain.parts.remove(part);
        chain.to_bytes().err()
    };
    assert_eq!(without(complete(), 0), Some(lacks(0, "stem", "positions")));
    assert_eq!(without(complete(), 1), Some(lacks(1, "norm", "stem")));
    assert_eq!(without(complete(), 2), Some(lacks(2, "attention", "norm")));
    assert_eq!(without(complete(), 15), Some(Error::Missing { section: "output", expected: 1, found: 0 }));
    assert_eq!(without(of_tokens(), 2), Some(lacks(2, "output", "norm")));
    let first_norm = |chain: ChainModel| {
        let mut chain = chain;
        chain.parts.swap(0, 2);
        chain.to_bytes().err()
    };
    assert_eq!(first_norm(complete()), Some(lacks(0, "norm", "positions")));

    // The other kind of input.
    let mut chain = of_tokens();
    chain.parts[..2].clone_from_slice(&complete().parts[..2]);
    chain.input = InputModel::Tokens { positions: 8, vocabulary: 9 };
    let PartModel::Stem { fine, .. } = &mut chain.parts[1] else { unreachable!() };
    fine.clear();
    assert!(matches!(chain.to_bytes(), Err(Error::Part { index: 1, part: "stem", .. })));
    let mut chain = complete();
    chain.parts[..2].clone_from_slice(&of_tokens().parts[..2]);
    assert_eq!(chain.to_bytes().err(), Some(lacks(1, "embedding", "stem")));
    // After pooling there is one row, and more of the residual stream.
    let mut chain = complete();
    chain.parts[13] = PartModel::Pool { width: WIDTH, kind: PoolKind::First, count: 1, scale: scale(0.1) };
    chain.parts[14] = chain.parts[12].clone();
    let (index, part, what) = (14, "norm", "positions of the residual stream");
    let expected = Error::Part { index, part, what, allowed: Allowed::Exactly(1), found: 9 };
    assert_eq!(chain.to_bytes(), Err(expected));
}

/// A second start, input or output.
#[test]
fn parts_that_stand_twice() {
    for (part, what) in
        [(0, "parts that start the residual stream"), (1, "parts that add the input"), (15, "parts after the output")]
    {
        let mut chain = complete();
        let again = chain.parts[part].clone();
        chain.parts.insert(part + 1, again);
        let (index, found) = (part + 1, if part == 15 { 1 } else { 2 });
        let allowed = Allowed::Exactly(if part == 15 { 0 } else { 1 });
        assert_eq!(chain.to_bytes(), Err(Error::Part { index, part: NAMES[part], what, allowed, found }));
    }
    let mut chain = of_tokens();
    let again = chain.parts[1].clone();
    chain.parts.insert(2, again);
    assert!(matches!(chain.to_bytes(), Err(Error::Part { index: 2, part: "embedding", .. })));
}

/// Sections of names that are not known: parts are refused, others skipped, wherever they stand.
#[test]
fn unknown_sections() {
    let words = file(&complete());
    let model = Model::load(&to_bytes(&words)).unwrap();
    let given = input(&mut Random(1), model.shape());
    let expected = outputs(&model, &given);
    for (i, section) in sections(&words).into_iter().enumerate() {
        for (tag, known) in [(*b"what", true), (*b"zHAT", true), (*b"WHAT", false), (*b"Zhat", false)] {
            let tag = u32::from_le_bytes(tag);
            let mut words = words.clone();
            words.splice(section.start..section.start, [tag, 2, 7, 7]);
            if known {
                words[1] += 1;
                seal(&mut words);
                let model = Model::load(&to_bytes(&words)).unwrap();
                assert_eq!(outputs(&model, &given), expected);
                continue;
            }
            let error = match i {
                0 => Error::Missing { section: "model", expected: 1, found: 0 },
                1 => Error::Missing { section: "features", expected: 1, found: 0 },
                _ => Error::Part {
                    index: i - 2,
                    part: "unknown part",
                    what: "tag of the part",
                    allowed: Allowed::Known,
                    found: tag as usize,
                },
            };
            assert_eq!(refusal(words), error);
        }
    }
    // Further words at the end of a section are skipped, too.
    for section in sections(&words) {
        let mut words = words.clone();
        words.insert(section.end, 99);
        words[section.start + 1] += 1;
        seal(&mut words);
        let model = Model::load(&to_bytes(&words)).unwrap();
        assert_eq!(outputs(&model, &given), expected);
    }
}

/// Cut after each word, with the right length and checksum: what is left is refused, by both doors alike. Cut within a
/// section, the file is; shortened by a word, the section is.
#[test]
fn files_cut_at_each_word() {
    for chain in [complete(), of_tokens(), of_sound()] {
        let words = file(&chain);
        let ends: Vec<usize> = sections(&words).into_iter().map(|section| section.end).collect();
        for length in 4..words.len() {
            let error = refusal(words[..length].to_vec());
            let between = length == 4 || ends.contains(&length);
            match error {
                Error::Missing { .. } => assert!(between, "cut at {length}"),
                Error::Truncated { .. } => assert!(!between, "cut at {length}"),
                other => panic!("cut at {length}: {other}"),
            }
        }
        for (i, section) in sections(&words).into_iter().enumerate() {
            for length in 0..section.len() - 2 {
                let mut words = words.clone();
                words[section.start + 1] = length as u32;
                words.drain(section.start + 2 + length..section.end);
                match refusal(words) {
                    Error::Truncated { .. } => assert!(i < 2),
                    Error::Part { index, what: "bytes", allowed: Allowed::AtLeast(least), found, .. } => {
                        assert_eq!(index + 2, i);
                        assert!(found < least && found <= 4 * length);
                    }
                    other => panic!("section {i}, {length} words: {other}"),
                }
            }
        }
        // As it was, the checksum tells.
        for length in 0..words.len() {
            assert!(matches!(Model::load(&to_bytes(&words[..length])), Err(Error::Truncated { .. })));
        }
    }
}

/// Any word of a file, of any value: refused, or it runs, with any input, and never panics.
#[test]
fn any_words() {
    let random = &mut Random(9);
    let mut ran = 0;
    for number in 0..if cfg!(miri) { 10 } else { 1600 } {
        let chain = match number % 4 {
            0 => complete(),
            1 => of_tokens(),
            _ => chain(&mut Random(number), number),
        };
        let mut words = file(&chain);
        for _ in 0..random.int(1, 4) {
            let at = random.int(4, words.len() as i64 - 1) as usize;
            words[at] = match random.int(0, 2) {
                0 => random.next() as u32,
                1 => random.int(0, 20) as u32,
                _ => words[at] ^ 1 << random.int(0, 31),
            };
        }
        seal(&mut words);
        let Ok(model) = Model::load(&to_bytes(&words)) else {
            assert!(heedful::Model::memory(cast_slice(&words)).is_err());
            continue;
        };
        let shape = *model.shape();
        if shape.macs > 1 << 22 {
            continue;
        }
        ran += 1;
        let given = match input(random, &shape) {
            Given::Tokens(mut tokens, types) => {
                tokens.iter_mut().for_each(|token| *token = random.next() as u16);
                Given::Tokens(tokens, types)
            }
            other => other,
        };
        assert!(outputs(&model, &given).len() <= shape.values());
    }
    println!("{ran} ran");
    assert!(cfg!(miri) || ran > 400, "{ran}");
}

/// Labels that are no text, or cut, are errors; there may be fewer than outputs.
#[test]
fn labels() {
    let mut chain = complete();
    chain.labels = ["left", "right", "é"].map(String::from).to_vec();
    let words = file(&chain);
    let last = sections(&words).pop().unwrap();
    assert_eq!(Model::load(&to_bytes(&words)).unwrap().labels(), chain.labels);
    let change = |at: usize, value: u8| {
        let mut bytes = to_bytes(&words);
        bytes[4 * (last.start + 2) + at] = value;
        to_words(&bytes)
    };
    let refused = |mut words: Vec<u32>| {
        seal(&mut words);
        let mut memory = vec![0; 10_000];
        let host = Model::load(&to_bytes(&words)).err();
        assert_eq!(heedful::Model::load(cast_slice(&words), &mut memory).err(), host);
        host
    };
    assert_eq!(refused(change(1, 0xff)), Some(Error::Label { class: 0 }));
    assert_eq!(refused(change(12, 0x20)), Some(Error::Label { class: 2 }));
    assert!(matches!(refused(change(0, 200)), Some(Error::Truncated { .. })));
    chain.labels.push("more".into());
    let (what, allowed) = ("labels", Allowed::Exactly(3));
    assert_eq!(chain.to_bytes(), Err(Error::Shape { what, allowed, found: 4 }));
    chain.labels.truncate(2);
    assert_eq!(chain.to_bytes(), Err(Error::Shape { what, allowed, found: 2 }));
    chain.labels = vec!["x".repeat(256); 3];
    let (what, allowed) = ("length of a label", Allowed::Between(0, 255));
    assert_eq!(chain.to_bytes(), Err(Error::Shape { what, allowed, found: 256 }));
}
