//! Models that a program contains, a token at a time.

use crate::Strokes;
use crate::chain::streaming;
use crate::support::Random;
use heedful::dynamic::Model;
use heedful::events::{Detector, Event, Listener, ListenerSettings};
use heedful::fixed::types::U1F15;
use heedful::format::OutputKind;
use heedful::format::write::{ChainModel, EventsModel, InputModel, PartModel};
use heedful::{Input, Streaming};
use std::path::Path;

const SETTINGS: &ListenerSettings<{ Strokes::CLASSES }> = Listener::<Streaming<Strokes>>::SETTINGS;
/// Readings of a token.
const STEPS: usize = Strokes::SHAPE.input.steps / Strokes::SHAPE.positions;
const CHANNELS: usize = Strokes::SHAPE.input.channels;

/// A chain of readings of some channels, of several tokens of several readings, whose outputs are classes.
fn chain() -> ChainModel {
    let fits = |chain: &ChainModel| {
        let InputModel::Features { steps, millihertz, channels, .. } = &chain.input else { return false };
        let of_part = |part: &PartModel| match part {
            PartModel::Positions { count, .. } => (6..12).contains(count) && 2 * count <= *steps,
            PartModel::Output { kind, layer, .. } => *kind == OutputKind::Classes && layer.is_some(),
            PartModel::Attention(attention) => attention.heads.len() > 1,
            _ => true,
        };
        let pools = chain.parts.iter().any(|part| matches!(part, PartModel::Pool { .. }));
        *millihertz > 0 && channels.len() > 1 && pools && chain.labels.len() > 2 && chain.parts.iter().all(of_part)
    };
    (0..).map(|number| streaming::chain(&mut Random(number), number)).find(fits).unwrap()
}

/// The committed file is what the writer writes; `HEEDFUL_BLESS=1` writes it anew.
#[test]
fn the_committed_file_is_current() {
    let bytes = chain().to_bytes().unwrap();
    let mut events = EventsModel::of(&bytes).unwrap();
    let count = events.classes.len() as u16;
    (events.cadence, events.smoothing) = (2 * STEPS as u32, 0);
    for class in &mut events.classes {
        // Somewhat more and somewhat less than a class has on average.
        let even = U1F15::from_bits((1 << 15) / count);
        (class.enter, class.leave) = (even + even / 8, even);
        (class.shortest, class.longest, class.hold_off) = (0, 20, 1);
    }
    let bytes = events.write(&bytes).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/streaming_series.heed");
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert!(std::fs::read(&path).unwrap() == bytes, "{} is not what the writer writes", path.display());
}

fn readings(count: usize) -> Vec<[i16; CHANNELS]> {
    let mut random = Random(21);
    let mut now = [0i64; CHANNELS];
    (0..count)
        .map(|_| {
            now = now.map(|x| (x + random.int(-9000, 9000)).clamp(-32_768, 32_767));
            now.map(|x| x as i16)
        })
        .collect()
}

fn host() -> Model {
    Model::load(include_bytes!("../models/streaming_series.heed")).unwrap()
}

/// The same bits as the host's, from readings and from features; and those of a pass over a whole window.
#[test]
fn the_bits_of_the_host() {
    let (model, mut typed) = (host(), Box::new(Streaming::<Strokes>::new()));
    let mut stream = model.streaming().unwrap();
    assert_eq!(stream.shape(), &Streaming::<Strokes>::SHAPE);
    let readings = readings(STEPS * 300);
    let mut differ = 0;
    for token in readings.as_chunks::<STEPS>().0 {
        let token = token.as_flattened().try_into().unwrap();
        let outcome = typed.step_readings(token);
        differ += usize::from(outcome.logits() != typed.step_readings(token).logits());
        stream.step(Input::Readings(token));
        let expected = stream.step(Input::Readings(token));
        typed.reset();
        stream.reset();
        assert_eq!(typed.step_readings(token).logits(), stream.step(Input::Readings(token)).logits());
        assert_eq!(expected.logits().len(), outcome.logits().len());
    }
    assert!(differ > 100, "{differ}");
    typed.reset();
    stream.reset();
    let mut random = Random(5);
    for _ in 0..200 {
        let features: Vec<i8> = random.i8s(STEPS * CHANNELS, 128);
        let outcome = typed.step_features(features.as_slice().try_into().unwrap());
        assert_eq!(outcome.logits(), stream.step(Input::Features(&features)).logits());
        let fine: Vec<i16> = (0..STEPS * CHANNELS).map(|_| random.int(-16_384, 16_383) as i16).collect();
        let outcome = typed.step_fine(fine.as_slice().try_into().unwrap());
        assert_eq!(outcome.logits(), stream.step(Input::FineFeatures(&fine)).logits());
        assert_eq!(typed.seen(), stream.seen());
    }
}

/// What a listener does, by hand: a token each few readings, and an outcome for the detector where one is due.
#[test]
fn as_by_hand() {
    let readings = readings(3000);
    let mut ear = Box::new(Listener::<Streaming<Strokes>>::new());
    let found: Vec<Event> = readings.iter().flat_map(|reading| ear.push_reading(reading).collect::<Vec<_>>()).collect();
    let (model, mut detector) = (host(), Detector::new(SETTINGS.detector, &Strokes::LABELS));
    let mut stream = model.streaming().unwrap();
    let (positions, steps) = (Strokes::SHAPE.positions, Strokes::SHAPE.input.steps as u64);
    let (mut expected, mut last) = (vec![], 0);
    for (at, token) in readings.as_chunks::<STEPS>().0.iter().enumerate() {
        let outcome = stream.step(Input::Readings(token.as_flattened()));
        let end = (at + 1) * STEPS;
        if at + 1 >= positions && end - last >= SETTINGS.cadence as usize {
            last = end;
            expected.extend(detector.step(outcome.probabilities(), (end as u64).saturating_sub(steps / 2)));
        }
    }
    assert_eq!(found, expected);
    assert_eq!((ear.heard(), ear.inferences()), (3000, stream.seen()));
    assert!(found.len() > 20, "{} events", found.len());
}

/// As many lost readings as a window has, and the model begins anew.
#[test]
fn readings_that_are_lost() {
    let readings = readings(400);
    let run = |skip: u64| {
        let mut ear = Box::new(Listener::<Streaming<Strokes>>::new());
        readings[..201].iter().for_each(|reading| drop(ear.push_reading(reading)));
        ear.skip_readings(skip);
        readings.iter().for_each(|reading| drop(ear.push_reading(reading)));
        ear.inferences()
    };
    let steps = STEPS as u64;
    assert_eq!(run(0), 601 / steps);
    assert_eq!(run(Strokes::SHAPE.input.steps as u64), 201 / steps + 400 / steps);
}
