//! Rows of attention as frames: what is read is what was written, whatever happens on the way.

#[path = "support/attention.rs"]
mod attention_support;
mod support;

use attention_support::{Dense, assemble, scales};
use heedful::watch::{Counts, FrameReader, Frames, Received};
use heedful::{
    AttentionPattern, Channel, Mask, MultiHeadAttention, Narrow, Observer, Row, Scale, Scratch, Weight, Wide, Window,
    Windows,
};
use proptest::prelude::*;
use support::{Random, leak};

heedful::model!(Small = "../models/digits_small.heed");

/// What a reader shows, kept.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Start(u8, Option<u32>),
    Row { inference: u8, place: [usize; 5], weights: Vec<u16>, full_scale: u16 },
    End { inference: u8, class: usize, probability: u16, outputs: Vec<i16> },
    Text(String),
    Unknown(u8, u8),
}

/// Reads bytes in pieces of these sizes.
fn read(bytes: &[u8], sizes: &[usize]) -> (Vec<Shown>, Counts) {
    let (mut all, mut reader, mut rest) = (vec![], FrameReader::new(), bytes);
    let mut see = |received: Received<'_>| {
        all.push(match received {
            Received::Start(start) => Shown::Start(start.inference, start.file),
            Received::Row(row) => Shown::Row {
                inference: row.inference,
                place: [row.layer, row.head, row.query, row.first, row.dilation],
                weights: row.weights.to_vec(),
                full_scale: row.full_scale,
            },
            Received::End(end) => Shown::End {
                inference: end.inference,
                class: end.class,
                probability: end.probability,
                outputs: end.outputs.to_vec(),
            },
            Received::Text(text) => Shown::Text(text.to_owned()),
            Received::Unknown { version, kind } => Shown::Unknown(version, kind),
            other => panic!("{other:?}"),
        });
    };
    for &size in sizes.iter().cycle() {
        let (piece, after) = rest.split_at(size.clamp(1, 1000).min(rest.len()));
        reader.push(piece, &mut see);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    reader.finish(&mut see);
    (all, reader.counts())
}

fn whole(bytes: &[u8]) -> (Vec<Shown>, Counts) {
    read(bytes, &[1000])
}

/// A row as it is shown.
fn shown<W: Weight>(inference: u8, row: &Row<'_, W>) -> Shown {
    Shown::Row {
        inference,
        place: [row.layer, row.head, row.query, row.first, row.dilation],
        weights: row.weights.iter().map(|weight| weight.to_int() as u16).collect(),
        full_scale: W::FULL_SCALE as u16,
    }
}

/// The frame of a row.
fn frame_of<W: Weight>(place: [usize; 5], weights: &[W]) -> Vec<u8> {
    let mut sent = vec![];
    let mut frames = Frames::new(|bytes: &[u8]| sent.extend_from_slice(bytes));
    let [layer, head, query, first, dilation] = place;
    frames.row(Row { layer, head, query, first, dilation, weights });
    sent
}

/// The content of a frame, by another implementation of the encoding.
fn content(frame: &[u8]) -> Vec<u8> {
    let [0, inside @ .., 0] = frame else { panic!("no zeros around {frame:?}") };
    assert!(!inside.contains(&0));
    cobs::decode_vec(inside).unwrap()
}

/// A frame of any content, with the right checksum or with another one.
fn framed(content: &[u8], off: u32) -> Vec<u8> {
    let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(content) ^ off;
    let encoded = cobs::encode_vec(&[content, &sum.to_le_bytes()].concat());
    [&[0], &encoded[..], &[0]].concat()
}

/// An inference of digits_small, as bytes and as its observer sees it.
fn inference() -> (Vec<u8>, Vec<Shown>) {
    let mut model = Small::new();
    (0..8000).for_each(|i: i32| _ = model.push((i * i % 4000) as i16));
    let (mut rows, mut sent) = (vec![], vec![]);
    let outcome = model.infer_heard(&mut |row: Row<'_, _>| rows.push(shown(0, &row)));
    let mut frames = Frames::of::<Small>(|bytes: &[u8]| sent.extend_from_slice(bytes));
    assert_eq!(frames.inference(|rows| model.infer_heard(rows)), outcome);
    let file = u32::from_le_bytes(include_bytes!("../models/digits_small.heed")[12..16].try_into().unwrap());
    let (best, outputs) = (outcome.best(), outcome.logits().to_vec());
    rows.insert(0, Shown::Start(0, Some(file)));
    rows.push(Shown::End { inference: 0, class: best.class, probability: best.probability.to_bits(), outputs });
    (sent, rows)
}

/// The format, byte by byte, as `docs/watch.md` has it.
#[test]
fn bytes_of_a_row() {
    let weights = [Narrow::from_bits(255), Narrow::from_bits(0), Narrow::from_bits(7)];
    let frame = frame_of([2, 1, 300, 0, 4], &weights);
    let (bytes, sum) = (content(&frame), 0x5b2e_5303_u32);
    assert_eq!(bytes[..13], [0x12, 0, 0, 0, 2, 1, 0xac, 0x02, 0, 4, 255, 0, 7]);
    assert_eq!(bytes[13..], sum.to_le_bytes(), "{:#x}", u32::from_le_bytes(bytes[13..].try_into().unwrap()));
    let wide = content(&frame_of([0; 5], &[Wide::from_bits(32767), Wide::from_bits(258)]));
    assert_eq!(wide[..13], [0x13, 0, 0, 0, 0, 0, 0, 0, 0, 255, 127, 2, 1]);
}

/// What the model's observer sees comes over, and its answer.
#[test]
fn an_inference() {
    let (sent, expected) = inference();
    let (found, counts) = whole(&sent);
    assert_eq!(found, expected);
    let rows = expected.len() as u64 - 2;
    assert_eq!((counts.frames, counts.rows, counts.lost, counts.damaged), (rows + 2, rows, 0, 0));
    assert!(rows >= 4 * 10, "{rows}");
}

/// A frame comes in one piece up to 254 bytes of content, and in few pieces beyond.
#[test]
fn pieces() {
    for (length, expected) in [(0, 1), (241, 1), (242, 2), (5000, 21)] {
        for weight in [0, 1] {
            let (mut calls, mut sent) = (0, vec![]);
            let mut frames = Frames::new(|bytes: &[u8]| {
                calls += 1;
                sent.extend_from_slice(bytes);
            });
            let weights = vec![Narrow::from_bits(weight); length];
            frames.row(Row { layer: 0, head: 0, query: 0, first: 0, dilation: 1, weights: &weights });
            assert!(calls <= expected, "{length}: {calls}");
            assert_eq!(content(&sent)[9..9 + length], vec![weight; length]);
        }
    }
    assert!(size_of::<Frames<fn(&[u8])>>() < 300);
}

/// Blocks of 254 bytes without a zero, and what comes right behind them.
#[test]
fn full_blocks() {
    for run in (230..260).chain(490..520) {
        for behind in [&[][..], &[0], &[0, 0, 5], &[5, 0]] {
            let weights: Vec<Narrow> = [&vec![9; run], behind].concat().into_iter().map(Narrow::from_bits).collect();
            let frame = frame_of([1; 5], &weights);
            assert_eq!(content(&frame)[9..9 + weights.len()], weights.iter().map(|w| w.to_bits()).collect::<Vec<_>>());
            assert_eq!(whole(&frame).1.rows, 1, "{run}, {behind:?}");
        }
    }
}

/// A head with a window, a dilated one and one behind a causal mask: rows of few weights, keys apart.
#[test]
fn windows_and_dilation() {
    const S: usize = 11;
    fn check<W: Weight>(seed: u64) {
        let random = &mut Random(seed);
        let [query, key, value] = [0; 3].map(|_| Dense::random(random, 6, 4, 3, 3));
        let output = leak(random.i8s(6 * 3 * 4, 127).as_chunks().0.as_chunks().0.try_into().unwrap());
        let channels = leak([Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() }; 6]);
        let heads = scales(random, 2000.0, 3.0);
        let attention: MultiHeadAttention<6, 3, 4, W> =
            assemble::<6, 3, 4, W, 3, 6, 3, 3>([&query, &key, &value], heads, output, channels);
        static WINDOWS: [Window; 3] = [Window::around(2), Window::back(3).dilated(3), Window::ALL];
        let pattern = (Mask::Causal, Windows(&WINDOWS));
        let input: [[i8; 6]; S] = random.i8s(6 * S, 127).as_chunks().0.try_into().unwrap();
        let mut seen = vec![];
        _ = attention.forward_observed(&input, pattern, &mut Scratch::new(), &mut |row: Row<'_, W>| {
            seen.push(shown(0, &row));
        });
        let mut sent = vec![];
        let mut frames = Frames::new(|bytes: &[u8]| sent.extend_from_slice(bytes));
        _ = attention.forward_observed(&input, pattern, &mut Scratch::new(), &mut frames);
        let (found, counts) = whole(&sent);
        assert_eq!(found, seen);
        assert_eq!((counts.rows, counts.lost, counts.damaged), (3 * S as u64, 0, 0));
        let dilated = found.iter().filter(|row| matches!(row, Shown::Row { place: [_, 1, _, _, 3], .. })).count();
        let late =
            found.iter().filter(|row| matches!(row, Shown::Row { place: [_, _, _, first, _], .. } if *first > 0));
        let late = late.count();
        assert!(dilated == S && late > 0, "{dilated}, {late}");
    }
    fn is_pattern(_: impl AttentionPattern) {}
    is_pattern(Mask::Causal);
    check::<Wide>(1);
    check::<Narrow>(2);
}

#[test]
fn nothing_and_less() {
    assert_eq!(whole(&[]), (vec![], Counts::default()));
    assert_eq!(whole(&[0; 500]), (vec![], Counts::default()));
    // Cut at any byte: all frames before it, no row that was not sent.
    let (sent, expected) = inference();
    for end in (0..sent.len()).step_by(7) {
        let (found, counts) = whole(&sent[..end]);
        assert_eq!(found[..], expected[..found.len()], "{end}");
        assert!(counts.lost == 0 && counts.damaged <= 1, "{end}: {counts}");
    }
}

#[test]
fn other_versions_and_kinds() {
    let (sent, _) = inference();
    for (first, expected) in [(0x21, (2, 1)), (0x1f, (1, 15)), (0x01, (0, 1))] {
        let frame = framed(&[first, 0, 0, 0, 9, 9, 9, 9], 0);
        let (found, counts) = whole(&[&frame, &sent[..]].concat());
        assert_eq!(found[0], Shown::Unknown(expected.0, expected.1));
        assert!(matches!(found[1], Shown::Start(0, Some(_))));
        assert_eq!((counts.damaged, counts.lost), (0, 0));
    }
    // Whole, and yet no frame of this version: wide weights of an odd number of bytes, or larger than full scale;
    // numbers without an end, or too large; no number at all.
    for content in [
        &[0x13, 0, 0, 0, 0, 0, 0, 0, 1, 9][..],
        &[0x13, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x80],
        &[0x12, 0, 0, 0, 0x80, 0x80],
        &[0x12, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 127, 0, 0, 0, 0],
        &[0x14, 0, 0, 0],
        &[0x11, 0, 0, 0, 1],
    ] {
        let (found, _) = whole(&framed(content, 0));
        assert_eq!(found, [Shown::Unknown(1, content[0] & 15)], "{content:?}");
        let (found, counts) = whole(&framed(content, 0x8000_0001));
        assert_eq!((found.len(), counts.damaged), (0, 1));
    }
    assert_eq!(whole(&framed(&[], 0)).1.damaged, 1);
}

/// Lines of a log before, between and behind frames.
#[test]
fn text_between_frames() {
    let (sent, expected) = inference();
    let middle = frames_of(&sent)[..20].concat().len();
    let stream =
        [b"boot\nINFO a\x1b[0m\n", &sent[..middle], "7 °C\r\n".as_bytes(), &sent[middle..], b"no end"].concat();
    for sizes in [&[1][..], &[1000], &[3, 1, 40]] {
        let (mut found, counts) = read(&stream, sizes);
        let text: Vec<Shown> = found.extract_if(.., |one| matches!(one, Shown::Text(_))).collect();
        assert_eq!(found, expected);
        let lines = ["boot\n", "INFO a\x1b[0m\n", "7 °C\r\n", "no end"];
        assert_eq!(text, lines.map(|line| Shown::Text(line.to_owned())));
        assert_eq!((counts.lost, counts.damaged), (0, 0));
    }
}

/// A board that is reset begins anew: that is no loss.
#[test]
fn restarts() {
    let (sent, expected) = inference();
    let cut = frames_of(&sent)[..30].concat();
    let (found, counts) = whole(&[&cut, &sent[..]].concat());
    assert_eq!(found, [&expected[..30], &expected[..]].concat());
    assert_eq!((counts.restarts, counts.lost, counts.damaged), (1, 0, 0));
}

/// A stream without any zero does not fill the memory.
#[test]
fn no_zero_for_long() {
    let (sent, expected) = inference();
    let (found, counts) = whole(&[&vec![0xff; 500_000], &sent[..]].concat());
    assert_eq!((found, counts.damaged), (expected, 1));
}

/// The frames of a stream.
fn frames_of(sent: &[u8]) -> Vec<Vec<u8>> {
    let inside = sent.split(|&byte| byte == 0).filter(|piece| !piece.is_empty());
    inside.map(|piece| [&[0], piece, &[0]].concat()).collect()
}

/// Damage on the way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(u8),
    Drop,
    Insert(u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0..8u8).prop_map(|bit| Damage::Flip(1 << bit)),
        Just(Damage::Drop),
        any::<u8>().prop_map(Damage::Insert)
    ]
}

fn rows() -> impl Strategy<Value = Vec<(bool, [usize; 5], Vec<u16>)>> {
    let number = prop_oneof![0..3usize, 0..400usize, Just(usize::MAX >> 1)];
    let weights = prop_oneof![prop::collection::vec(0..=255u16, 0..30), prop::collection::vec(0..3u16, 200..600)];
    prop::collection::vec((any::<bool>(), prop::array::uniform5(number), weights), 1..12)
}

proptest! {
    /// Rows of any kind, read in pieces of any size.
    #[test]
    fn round_trip(rows in rows(), sizes in prop::collection::vec(1..700usize, 1..5)) {
        let (mut sent, mut expected) = (vec![], vec![]);
        let mut frames = Frames::new(|bytes: &[u8]| sent.extend_from_slice(bytes));
        for (is_wide, [layer, head, query, first, dilation], weights) in &rows {
            let (layer, head, query, first, dilation) = (*layer, *head, *query, *first, *dilation);
            if *is_wide {
                let weights: Vec<Wide> = weights.iter().map(|&x| Wide::from_bits(127 * x as i16)).collect();
                let row = Row { layer, head, query, first, dilation, weights: &weights };
                expected.push(shown(0, &row));
                frames.row(row);
            } else {
                let weights: Vec<Narrow> = weights.iter().map(|&x| Narrow::from_bits(x as u8)).collect();
                let row = Row { layer, head, query, first, dilation, weights: &weights };
                expected.push(shown(0, &row));
                frames.row(row);
            }
        }
        let (found, counts) = read(&sent, &sizes);
        prop_assert_eq!(found, expected);
        prop_assert_eq!((counts.lost, counts.damaged, counts.rows), (0, 0, rows.len() as u64));
    }

    /// Bytes that are flipped, dropped and inserted: what is shown was sent, in its order; all else is counted; frames
    /// that were not touched are found again.
    #[test]
    fn damage_on_the_way(hits in prop::collection::vec((0.0..1.0f64, damage()), 1..12)) {
        let (sent, expected) = inference();
        let frames = frames_of(&sent);
        let (mut stream, mut touched) = (frames.clone(), vec![false; frames.len()]);
        for (place, damage) in hits {
            // Neither the first frame nor the last one: what is lost before and behind all others, nobody can tell.
            let at = 1 + (place * (frames.len() - 2) as f64) as usize;
            let bytes = &mut stream[at];
            let byte = (place * 1e6) as usize % bytes.len().max(1);
            match damage {
                _ if bytes.is_empty() => {}
                Damage::Flip(bit) => bytes[byte] ^= bit,
                Damage::Drop => _ = bytes.remove(byte),
                Damage::Insert(new) => bytes.insert(byte, new),
            }
            // The zero of a neighbour may be what a frame lacks, or the neighbour lacks.
            touched[at] = true;
        }
        let (found, counts) = whole(&stream.concat());
        let mut left = expected.iter().zip(&touched);
        for one in found.iter().filter(|one| !matches!(one, Shown::Text(_))) {
            let Some(_) = left.find(|(sent, _)| *sent == one) else {
                return Err(TestCaseError::fail(format!("{one:?} was not sent, or not then")));
            };
        }
        let intact = expected.iter().zip(&touched).filter(|(_, touched)| !**touched);
        for (sent, _) in intact {
            prop_assert!(found.contains(sent), "{:?} was not found again", sent);
        }
        let rows = found.iter().filter(|one| matches!(one, Shown::Row { .. })).count();
        prop_assert_eq!((counts.rows, counts.lost), (rows as u64, (expected.len() - 2 - rows) as u64));
    }
}
