//! Streams: the scores of the host are those of a listener in firmware, thresholds keep false alarms away, and streams
//! are made of recordings with what is in them.

#[path = "../../tests/support/skip.rs"]
mod skip;

use heedful::Streaming;
use heedful::dynamic::Model;
use heedful::events::{ClassSettings, Event, Listener, ListenerSettings, Settings};
use heedful::fixed::types::U1F15;
use heedful::format::write::EventsModel;
use heedful_lab::stream::{Scores, Spoken, score, scores, thresholds};
use skip::{Lack, skipped};
use std::fs;
use std::path::Path;

heedful::model!(Digits = "../../models/digits.heed");
heedful::model!(Tokens = "../../models/digits_stream.heed");

const CLASS: ClassSettings = ClassSettings {
    enter: U1F15::lit("0.6"),
    shortest: 0,
    longest: 6000,
    hold_off: 800,
    ..ClassSettings::of_window(8000)
};
static SETTINGS: ListenerSettings<10> = ListenerSettings {
    cadence: 7,
    gate: None,
    detector: Settings { millihertz: 8_000_000, smoothing: 1, separation: 2000, classes: [CLASS; 10] },
};

fn settings() -> EventsModel {
    let ListenerSettings { cadence, gate, detector } = SETTINGS;
    let Settings { smoothing, separation, classes, .. } = detector;
    EventsModel { cadence, smoothing, separation, gate, classes: classes.to_vec() }
}

/// Some digits, a pause between two, and what is said where.
fn digits() -> Option<(Vec<i16>, Vec<Spoken>)> {
    let clips = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/clips");
    let (mut samples, mut said) = (vec![3i16; 5000], vec![]);
    for (digit, speaker) in [(7, "jackson"), (3, "theo"), (0, "george"), (9, "nicolas")] {
        let Ok(recording) = heedful_recordings::read(&clips.join(format!("{digit}_{speaker}_5.wav")), 8000) else {
            skipped(Lack::Data, "there are no recordings");
            return None;
        };
        let start = samples.len() as f64 / 8000.0;
        samples.extend(recording.samples);
        said.push(Spoken { start, end: samples.len() as f64 / 8000.0, label: digit.to_string() });
        samples.extend((0..7000).map(|n| (n % 7) as i16 - 3));
    }
    Some((samples, said))
}

fn model() -> Model {
    Model::load(&fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits.heed")).unwrap()).unwrap()
}

#[test]
fn the_listener_of_firmware() {
    let Some((samples, _)) = digits() else { return };
    let mut listener = Box::new(Listener::<Digits>::new().with_settings(&SETTINGS));
    let expected: Vec<Event> = listener.push(&samples).collect();
    let heard = scores(&model(), &samples, SETTINGS.cadence).unwrap();
    assert_eq!(heard.inferences.len() as u64, listener.inferences());
    let events = heard.events(&settings()).unwrap();
    assert!(events.len() >= 4, "{events:?}");
    let plain = |event: &Event| (event.class, event.score, event.start, event.end);
    assert_eq!(events.iter().map(plain).collect::<Vec<_>>(), expected.iter().map(plain).collect::<Vec<_>>());
}

/// Of a model that takes a token at a time, too, whatever the cadence.
#[test]
fn the_listener_of_tokens() {
    const OFTEN: ListenerSettings<11> = ListenerSettings { cadence: 3, gate: None, ..*Listener::<Tokens>::SETTINGS };
    static OF_TOKENS: [ListenerSettings<11>; 2] = [OFTEN, ListenerSettings { cadence: 7, ..OFTEN }];
    let Some((samples, _)) = digits() else { return };
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits_stream.heed")).unwrap();
    let model = Model::load(&bytes).unwrap();
    for of_tokens in &OF_TOKENS {
        let mut listener = Box::new(Listener::<Streaming<Tokens>>::new().with_settings(of_tokens));
        let expected: Vec<Event> = listener.push(&samples).collect();
        let heard = scores(&model, &samples, of_tokens.cadence).unwrap();
        let ListenerSettings { cadence, gate, detector } = *of_tokens;
        let Settings { smoothing, separation, classes, .. } = detector;
        let settings = EventsModel { cadence, smoothing, separation, gate, classes: classes.to_vec() };
        let events = heard.events(&settings).unwrap();
        assert!(events.len() >= 3, "{events:?}");
        let plain = |event: &Event| (event.class, event.score, event.start, event.end);
        assert_eq!(events.iter().map(plain).collect::<Vec<_>>(), expected.iter().map(plain).collect::<Vec<_>>());
    }
}

#[test]
fn a_curve_over_thresholds() {
    let Some((samples, said)) = digits() else { return };
    let model = model();
    let heard = scores(&model, &samples, 7).unwrap();
    let now = score(&heard, model.labels(), &heard.events(&settings()).unwrap(), &said);
    assert_eq!((now.spoken, now.heard), (4, 4));
    let points = thresholds::curve(&heard, model.labels(), &settings(), &said).unwrap();
    assert!(points.windows(2).all(|pair| pair[0].enter < pair[1].enter));
    assert!(points[0].score.heard >= points[points.len() - 1].score.heard);
    assert!(heedful_lab::stream::curve::svg(&points).unwrap().contains("</svg>"));
}

/// An hour in which one class is told ten times at 0.625 and twice at 0.75, and another never.
#[test]
fn thresholds_for_a_rate() {
    let mut inferences: Vec<(u64, Vec<U1F15>)> = (0..36_000).map(|n| (100 * n, vec![U1F15::ZERO; 2])).collect();
    for (at, told) in (0..12).map(|n| (1000 + 2500 * n, if n % 6 == 0 { "0.75" } else { "0.625" })) {
        for (_, posteriors) in &mut inferences[at..at + 20] {
            posteriors[0] = told.parse().unwrap();
        }
    }
    let heard = Scores { rate: 1000, length: 3_600_000, window: 1000, inferences };
    let settings = EventsModel { smoothing: 0, separation: 0, classes: vec![CLASS; 2], ..settings() };
    let labels = ["a".to_owned(), "b".to_owned()];
    for (rate, expected, false_alarms) in [(0.0, 49.0, 0), (4.0, 41.0, 2), (24.0, 32.0, 12)] {
        let chosen = thresholds::choose(&heard, &labels, &settings, &[], rate).unwrap();
        assert_eq!(chosen.classes[0].enter, U1F15::from_num(expected / 64.0), "{rate} an hour");
        assert_eq!(chosen.classes[1].enter, U1F15::from_num(0.5));
        assert_eq!(score(&heard, &labels, &heard.events(&chosen).unwrap(), &[]).false_alarms, false_alarms);
    }
}
