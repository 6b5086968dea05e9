//! A listener with a model that is loaded at run time: the events of the one that a program contains.

use crate::sound::stream;
use crate::support::{Random, seal, to_bytes, to_words};
use crate::{Digits, Gestures, Tokens};
use heedful::dynamic::{Ear, Listener, Model};
use heedful::events::{ClassSettings, Event, GateSettings, ListenerSettings};
use heedful::fixed::types::U1F15;
use heedful::format::write::EventsModel;
use heedful::{Error, Streaming};

fn model(name: &str) -> Model {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    Model::load(&std::fs::read(path).unwrap()).unwrap()
}

fn digits() -> Model {
    model("models/digits.heed")
}

/// What a listener of firmware goes by, as the host has it.
fn settings<const CLASSES: usize>(of: &ListenerSettings<CLASSES>) -> EventsModel {
    let ListenerSettings { cadence, gate, detector } = *of;
    let heedful::events::Settings { smoothing, separation, classes, .. } = detector;
    EventsModel { cadence, smoothing, separation, gate, classes: classes.to_vec() }
}

/// But for the labels, of which the host has none.
fn plain(event: &Event) -> (usize, U1F15, u64, u64, u64) {
    (event.class, event.score, event.start, event.end, event.start_ms())
}

fn same(found: &[Event], expected: &[Event]) {
    assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), expected.iter().map(plain).collect::<Vec<_>>());
}

/// Low thresholds and short events, so that there are many of them.
const OFTEN: ListenerSettings<10> = ListenerSettings {
    cadence: 7,
    detector: heedful::events::Settings {
        smoothing: 0,
        separation: 0,
        classes: [ClassSettings { enter: U1F15::lit("0.5"), shortest: 0, longest: 4000, hold_off: 800, ..CLASS }; 10],
        ..DEFAULT.detector
    },
    ..DEFAULT
};
const CLASS: ClassSettings = ClassSettings::of_window(8000);
const DEFAULT: ListenerSettings<10> = *heedful::events::Listener::<Digits>::SETTINGS;
static GATED: ListenerSettings<10> = OFTEN;
static OPEN: ListenerSettings<10> = ListenerSettings { gate: None, cadence: 13, ..OFTEN };
static SHUT: ListenerSettings<10> =
    ListenerSettings { gate: Some(GateSettings { above: 60, hangover: 2500, ..OFTEN.gate.unwrap() }), ..OFTEN };

/// Gaps in the stream, and chunks of any size: the same events, inferences and clock as in firmware.
#[test]
fn the_listener_of_firmware() {
    let clips = [(7, "jackson"), (3, "theo"), (0, "george"), (9, "nicolas")];
    let Some((samples, _)) = stream(&clips, 5000) else { return };
    let model = digits();
    assert_eq!(model.events(), settings(&DEFAULT));
    for of in [&GATED, &OPEN, &SHUT] {
        let mut typed = Box::new(heedful::events::Listener::<Digits>::new().with_settings(of));
        let mut ear = Listener::with_settings(&model, settings(of)).unwrap();
        let (mut rest, mut random) = (&samples[..], Random(5));
        let (mut found, mut expected) = (vec![], vec![]);
        while !rest.is_empty() {
            let (chunk, after) =
                rest.split_at(rest.len().min(random.int(0, 3) as usize * random.int(0, 1500) as usize));
            rest = after;
            expected.extend(typed.push(chunk));
            found.extend(ear.push(chunk));
            if random.int(0, 9) == 0 {
                // Mostly less than a window.
                let lost = random.int(0, 300) as u64 * if random.int(0, 3) == 0 { 40 } else { 1 };
                typed.skip(lost);
                ear.skip(lost);
            }
        }
        assert!(expected.len() > 2, "{expected:?}");
        same(&found, &expected);
        let counts = (typed.heard(), typed.lost(), typed.inferences());
        assert_eq!((ear.heard(), ear.lost(), ear.inferences()), counts);
        assert!(typed.lost() > 0);
    }
}

/// A model that takes a token at a time, with gaps of less than a window and of more.
#[test]
fn the_listener_of_tokens() {
    let clips = [(7, "jackson"), (3, "theo"), (0, "george"), (9, "nicolas")];
    let Some((samples, _)) = stream(&clips, 5000) else { return };
    let model = model("models/digits_stream.heed");
    let mut typed = Box::new(heedful::events::Listener::<Streaming<Tokens>>::new());
    let mut ear = Listener::new(&model).unwrap();
    let mut found = 0;
    for (number, chunk) in samples.chunks(7777).enumerate() {
        let expected: Vec<Event> = typed.push(chunk).collect();
        same(&ear.push(chunk), &expected);
        found += expected.len();
        if number == 3 || number == 5 {
            let lost = if number == 3 { 400 } else { 12_000 };
            typed.skip(lost);
            ear.skip(lost);
        }
    }
    assert!(found > 1);
    assert_eq!((ear.heard(), ear.lost()), (typed.heard(), typed.lost()));
}

/// One sample at a time, and a million at once.
#[test]
fn chunks_do_not_matter() {
    let Some((mut samples, _)) = stream(&[(7, "jackson"), (1, "yweweler")], 4500) else { return };
    if !cfg!(debug_assertions) {
        samples.resize(1_000_000, 0);
    }
    let model = digits();
    let mut whole = Listener::with_settings(&model, settings(&GATED)).unwrap();
    let expected = whole.push(&samples);
    assert!(expected.len() >= 2, "{expected:?}");
    let mut ear = Listener::with_settings(&model, settings(&GATED)).unwrap();
    assert_eq!(ear.push(&[]), []);
    let found: Vec<Event> = samples.iter().flat_map(|&sample| ear.push(&[sample])).collect();
    assert_eq!(found, expected);
    assert_eq!((ear.heard(), ear.inferences()), (whole.heard(), whole.inferences()));
}

/// Readings of sensors, that are cut anywhere; of one that was begun before others were lost, nothing is taken.
#[test]
fn readings() {
    let model = model("tests/models/events_series.heed");
    let mut random = Random(22);
    let mut now = [0i64; 6];
    let mut typed = heedful::events::Listener::<Gestures>::new();
    let mut ear = Listener::new(&model).unwrap();
    let (mut found, mut expected) = (vec![], vec![]);
    for n in 0..4000 {
        now = now.map(|x| (x + random.int(-9000, 9000)).clamp(-32_768, 32_767));
        let reading = now.map(|x| x as i16);
        expected.extend(typed.push_reading(&reading));
        let (some, rest) = reading.split_at(random.int(0, 6) as usize);
        found.extend(ear.push(some));
        found.extend(ear.push(rest));
        if n % 97 == 0 {
            let lost = random.int(0, 8) as u64;
            typed.skip_readings(lost);
            assert_eq!(ear.push(&reading[..n % 6]), []);
            ear.skip(lost);
        }
    }
    assert!(expected.len() > 20, "{} events", expected.len());
    same(&found, &expected);
    assert_eq!((ear.heard(), ear.lost(), ear.inferences()), (typed.heard(), typed.lost(), typed.inferences()));
}

/// The first half, and inferences elsewhere, are the whole.
#[test]
fn in_halves() {
    let Some((samples, _)) = stream(&[(7, "jackson"), (3, "theo")], 9000) else { return };
    let model = digits();
    let mut whole = Listener::with_settings(&model, settings(&SHUT)).unwrap();
    let expected = whole.push(&samples);
    let mut ear = Ear::new(&model, settings(&SHUT)).unwrap();
    let due = ear.push(&samples);
    let mut detector = heedful::dynamic::Detector::new(settings(&SHUT), 8_000_000).unwrap();
    let found: Vec<Event> = due.iter().flat_map(|due| detector.step(ear.posteriors(due), due.position)).collect();
    assert_eq!(found, expected);
    let open = due.iter().filter(|due| due.is_open()).count() as u64;
    assert!(open == whole.inferences() && open < due.len() as u64, "{open} of {}", due.len());
    assert!(due.iter().all(|of| ear.posteriors(of).len() == if of.is_open() { 10 } else { 0 }));
    assert_eq!((ear.heard(), ear.lost(), ear.window()), (samples.len() as u64, 0, 8176));
}

/// After as many lost samples as a window has, the model waits for a full one.
#[test]
fn lost_samples() {
    let model = digits();
    let mut ear = Listener::with_settings(&model, settings(&OPEN)).unwrap();
    let mut inferences = |lost, samples| {
        ear.skip(lost);
        ear.push(&vec![0; samples]);
        ear.inferences()
    };
    assert_eq!((inferences(0, 8176), inferences(8175, 13 * 80)), (1, 2));
    assert_eq!((inferences(8176, 8000), inferences(0, 176)), (2, 3));
}

/// A clock that jumps, by more than 2^63 and to its end.
#[test]
fn a_clock_that_jumps() {
    let model = digits();
    let mut ear = Listener::new(&model).unwrap();
    for lost in [1, 8175, 8176, 1 << 40, 1 << 63, u64::MAX - 5, u64::MAX] {
        ear.push(&[100; 9000]);
        let before = ear.heard();
        ear.skip(lost);
        assert_eq!(ear.heard(), before.wrapping_add(lost));
    }
    assert_eq!(ear.lost(), u64::MAX);
    ear.push(&[100; 9000]);
}

/// Samples of the largest size, and an hour of zeros; in a build without optimisation, a minute.
#[test]
fn saturated_input_and_an_hour_of_zeros() {
    let (model, minutes) = (digits(), if cfg!(debug_assertions) { 1 } else { 60 });
    let mut ear = Listener::new(&model).unwrap();
    let square: Vec<i16> = (0..16_000).map(|i| if i / 20 % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
    // Loud after silence, so that the gate opens.
    [&[0; 8000][..], &square, &[i16::MIN; 16_000]].iter().for_each(|samples| _ = ear.push(samples));
    let before = ear.inferences();
    assert!(before > 0);
    let found: usize = (0..60 * minutes).map(|_| ear.push(&[0; 8000]).len()).sum();
    assert!(found <= 1, "{found} events");
    assert_eq!(ear.heard(), 40_000 + 60 * minutes as u64 * 8000);
    assert!(ear.inferences() - before <= 20, "{} inferences", ear.inferences() - before);
}

/// Models that cannot listen say why.
#[test]
fn what_cannot_listen() {
    let kind = |name: &str| match Listener::new(&model(name)).unwrap_err() {
        Error::Kind { expected, found } => format!("{found}, not {expected}"),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(
        kind("tests/models/chain_tokens_pooled.heed"),
        "a model of tokens, not a model of sound or raw readings"
    );
    assert!(kind("tests/models/wide.heed").starts_with("a model of features that does not say what raw readings are"));
    assert!(kind("tests/models/chain_series.heed").ends_with("not classes or labels"));
    let (model, right) = (digits(), settings(&DEFAULT));
    let refused = |change: &dyn Fn(&mut EventsModel)| {
        let mut settings = right.clone();
        change(&mut settings);
        Listener::with_settings(&model, settings).map(|_| ()).unwrap_err()
    };
    let scale = |error| if let Error::Scale { what, .. } = error { what } else { panic!("{error:?}") };
    assert_eq!(scale(refused(&|of| of.cadence = 0)), "cadence of the inferences");
    assert_eq!(scale(refused(&|of| of.smoothing = 8)), "smoothing of events");
    assert_eq!(scale(refused(&|of| of.gate.as_mut().unwrap().above = 0)), "level above the floor that opens the gate");
    assert_eq!(scale(refused(&|of| of.classes[3].enter = U1F15::ZERO)), "threshold to enter an event");
    assert!(matches!(refused(&|of| of.classes.truncate(3)), Error::Shape { found: 3, .. }));
}

/// Thresholds out of range in a damaged file.
#[test]
fn damaged_thresholds() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/events_series.heed");
    let mut words = to_words(&std::fs::read(path).unwrap());
    let last = words.len() - 5;
    words[last] = 40_000 | 12_000 << 16;
    seal(&mut words);
    let refused = Model::load(&to_bytes(&words)).unwrap_err();
    assert!(matches!(refused, Error::Scale { what: "threshold to enter an event", found: 40_000, .. }), "{refused:?}");
}
