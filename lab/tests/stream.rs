//! Streams: the scores of the host are those of a listener in firmware, thresholds keep false alarms away, and streams
//! are made of recordings with what is in them.

#[path = "../../tests/support/skip.rs"]
mod skip;

use heedful::Streaming;
use heedful::dynamic::Model;
use heedful::events::{ClassSettings, Event, GateSettings, Listener, ListenerSettings, Settings};
use heedful::fixed::types::U1F15;
use heedful::format::write::EventsModel;
use heedful_lab::project::{Project, Task};
use heedful_lab::stream::mix::{self, Behind, Material, Mixed};
use heedful_lab::stream::{Scores, Spoken, score, scores, thresholds};
use heedful_lab::training::Files;
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
static GATED: ListenerSettings<10> = ListenerSettings {
    gate: Some(GateSettings { hangover: 5000, ..GateSettings::of_window(8000, 80, 8000) }),
    ..UNGATED
};
static SETTINGS: ListenerSettings<10> = UNGATED;
const UNGATED: ListenerSettings<10> = ListenerSettings {
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
    as_in_firmware(None, &SETTINGS);
    as_in_firmware(GATED.gate, &GATED);
}

fn as_in_firmware(gate: Option<GateSettings>, of: &'static ListenerSettings<10>) {
    let Some((samples, _)) = digits() else { return };
    let mut listener = Box::new(Listener::<Digits>::new().with_settings(of));
    let expected: Vec<Event> = listener.push(&samples).collect();
    let settings = EventsModel { gate, ..settings() };
    let heard = scores(&model(), &samples, &settings).unwrap();
    let run = heard.inferences.iter().filter(|(_, posteriors)| !posteriors.is_empty()).count();
    assert_eq!(run as u64, listener.inferences());
    assert_eq!(run < heard.inferences.len(), gate.is_some());
    let events = heard.events(&settings).unwrap();
    assert!(events.len() >= 4, "{events:?}");
    let plain = |event: &Event| (event.class, event.score, event.start, event.end);
    assert_eq!(events.iter().map(plain).collect::<Vec<_>>(), expected.iter().map(plain).collect::<Vec<_>>());
}

/// Of a model that takes a token at a time, too, whatever the cadence.
#[test]
fn the_listener_of_tokens() {
    const OFTEN: ListenerSettings<11> = ListenerSettings { cadence: 3, ..*Listener::<Tokens>::SETTINGS };
    static OF_TOKENS: [ListenerSettings<11>; 2] = [OFTEN, ListenerSettings { cadence: 7, gate: None, ..OFTEN }];
    let Some((samples, _)) = digits() else { return };
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits_stream.heed")).unwrap();
    let model = Model::load(&bytes).unwrap();
    for of_tokens in &OF_TOKENS {
        let mut listener = Box::new(Listener::<Streaming<Tokens>>::new().with_settings(of_tokens));
        let expected: Vec<Event> = listener.push(&samples).collect();
        let ListenerSettings { cadence, gate, detector } = *of_tokens;
        let Settings { smoothing, separation, classes, .. } = detector;
        let settings = EventsModel { cadence, smoothing, separation, gate, classes: classes.to_vec() };
        let heard = scores(&model, &samples, &settings).unwrap();
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
    let heard = scores(&model, &samples, &settings()).unwrap();
    let now = score(&heard, model.labels(), &heard.events(&settings()).unwrap(), &said);
    assert_eq!((now.spoken, now.heard), (4, 4));
    let points = thresholds::curve(&heard, model.labels(), &settings(), &said).unwrap();
    assert!(points.windows(2).all(|pair| pair[0].enter < pair[1].enter));
    assert!(points[0].score.heard >= points[points.len() - 1].score.heard);
    assert!(heedful_lab::stream::curve::svg(&points).unwrap().contains("</svg>"));
}

/// Two labels of tones and a "nothing" of noise, of which half validates.
fn tones(folder: &Path) -> Task {
    for (label, period) in [("said/high", 5), ("said/low", 40), ("others", 0)] {
        fs::create_dir_all(folder.join(label)).unwrap();
        for take in 0..6i32 {
            let value = |n: i32| match period {
                0 => (n * n * 31 + take) % 601 - 300,
                _ => {
                    if n / period % 2 == 0 {
                        4000
                    } else {
                        -4000
                    }
                }
            };
            let samples: Vec<i16> = (0..2400 + 80 * take).map(|n| value(n) as i16).collect();
            let name = format!("{label}/{take}.wav");
            fs::write(folder.join(name), heedful_recordings::to_wav(&samples, 8000)).unwrap();
        }
    }
    let toml = r#"
        [data]
        folder = "said"
        name = "{label}/{take}"
        validate = { take = ["3", "4", "5"] }
        nothing = ["others"]
        [input]
        kind = "audio"
        rate = 8000
        seconds = 0.3
        [model]
        width = 8
        heads = 2
        hidden = 8
        blocks = 1
    "#;
    task(folder, toml)
}

fn task(folder: &Path, toml: &str) -> Task {
    fs::write(folder.join("project.toml"), toml).unwrap();
    Task::new(Project::load(&folder.join("project.toml")).unwrap(), None).unwrap()
}

fn mixed(task: &Task, settings: &mix::Settings) -> Result<Mixed, heedful_lab::Error> {
    mix::mix(&Material { data: &task.data, inputs: &task.inputs, silent: &task.silent() }, settings)
}

fn rms(samples: &[i16]) -> f64 {
    (samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt()
}

#[test]
fn streams_are_made_of_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let task = tones(folder.path());
    let settings = mix::Settings {
        minutes: 0.5,
        ratio: Some(20.0),
        pause: [0.2, 0.4],
        is_background: false,
        behind: Behind::Nothing,
        seed: 7,
    };
    let stream = mixed(&task, &settings).unwrap();
    assert_eq!(mixed(&task, &settings).unwrap(), stream);
    let Mixed { values: samples, said, .. } = stream;
    assert_eq!(samples.len(), 240_000);
    // Both labels, one as often as the other.
    let low = said.iter().filter(|spoken| spoken.label == "low").count();
    assert!(said.len() > 30 && low.abs_diff(said.len() - low) <= 1, "{said:?}");
    let at = |seconds: f64| (seconds * 8000.0).round() as usize;
    for (spoken, next) in said.iter().zip(&said[1..]) {
        assert!((0.2..0.5).contains(&(next.start - spoken.end)), "{spoken:?} {next:?}");
        // Recordings that validate are those of 2,640 samples and more.
        assert!(at(spoken.end) - at(spoken.start) >= 2640, "{spoken:?}");
        let ratio = rms(&samples[at(spoken.start)..at(spoken.end)]) / rms(&samples[at(spoken.end)..at(next.start)]);
        assert!((9.0..11.5).contains(&ratio), "{ratio}");
    }
    let alone = |behind, minutes| {
        let settings = mix::Settings { ratio: None, is_background: true, behind, minutes, ..settings.clone() };
        let stream = mixed(&task, &settings).unwrap();
        assert!(stream.said.is_empty());
        stream.values
    };
    assert!(alone(Behind::Nothing, 0.5).iter().all(|sample| (-300..=300).contains(sample)));
    assert!(alone(Behind::Silence, 0.1).iter().all(|&sample| sample == 0));
    assert!((rms(&alone(Behind::Noise, 0.1)) / 327.68 - 1.0).abs() < 0.02);
    let given = alone(Behind::Recordings(vec![vec![], vec![5; 100]]), 0.1);
    assert!(given.iter().all(|&sample| sample == 5));

    let empty = mix::Settings { behind: Behind::Recordings(vec![vec![]]), ..settings };
    assert!(mixed(&task, &empty).unwrap_err().to_string().contains("no sounds for the background"));
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
    let heard = Scores { rate: 1000.0, length: 3_600_000, window: 1000, near: 0.25, inferences };
    let settings = EventsModel { smoothing: 0, separation: 0, classes: vec![CLASS; 2], ..settings() };
    let labels = ["a".to_owned(), "b".to_owned()];
    for (rate, expected, false_alarms) in [(0.0, 49.0, 0), (4.0, 41.0, 2), (24.0, 32.0, 12)] {
        let chosen = thresholds::choose(&heard, &labels, &settings, &[], rate).unwrap();
        assert_eq!(chosen.classes[0].enter, U1F15::from_num(expected / 64.0), "{rate} an hour");
        assert_eq!(chosen.classes[1].enter, U1F15::from_num(0.5));
        assert_eq!(score(&heard, &labels, &heard.events(&chosen).unwrap(), &[]).false_alarms, false_alarms);
    }
}

/// Three labels of a sensor with two channels: of `up` and `down` four takes each, of `still` one.
fn takes(folder: &Path) -> Task {
    for (label, takes) in [("up", 4), ("down", 4), ("still", 4)] {
        fs::create_dir_all(folder.join("moved").join(label)).unwrap();
        for take in 0..takes {
            let value = |n: i32| match label {
                "up" => 0.1 * f64::from(n % 20),
                "down" => -0.1 * f64::from(n % 20),
                _ => 0.01 * f64::from(n % 2),
            };
            let rows: String = (0..60 + 5 * take).map(|n| format!("{},{}\n", value(n), 1.0 + value(n))).collect();
            let text = format!("x,y\n{rows}");
            fs::write(folder.join(format!("moved/{label}/{take}.csv")), text).unwrap();
        }
    }
    let toml = r#"
        [data]
        folder = "moved"
        name = "{label}/{take}"
        validate = { take = ["2", "3"] }
        [input]
        kind = "series"
        columns = ["x", "y"]
        rate = 50
        steps = 20
        stride = 5
        resolution = 0.01
        [model]
        width = 8
        heads = 2
        hidden = 8
        blocks = 1
        [train]
        epochs = 60
        rate = 5e-3
        [events]
        cadence = 4
        silent = ["still"]
        shortest = 0.08
        hold_off = 0.18
        separation = 0.1
    "#;
    task(folder, toml)
}

#[test]
fn streams_are_made_of_readings() {
    let folder = tempfile::tempdir().unwrap();
    let task = takes(folder.path());
    let settings = mix::Settings {
        minutes: 1.0,
        ratio: None,
        pause: [0.2, 0.4],
        is_background: false,
        behind: Behind::Nothing,
        seed: 7,
    };
    let stream = mixed(&task, &settings).unwrap();
    assert_eq!((stream.values.len(), stream.channels, stream.rate), (6000, 2, 50.0));
    let up = stream.said.iter().filter(|spoken| spoken.label == "up").count();
    assert!(up > 10 && up.abs_diff(stream.said.len() - up) <= 1, "{:?}", stream.said);
    let rows: Vec<[i16; 2]> = stream.values.chunks_exact(2).map(|row| [row[0], row[1]]).collect();
    // Readings are steps of a hundredth, and takes are as they were.
    for spoken in &stream.said {
        let [start, end] = [spoken.start, spoken.end].map(|at| (at * 50.0).round() as usize);
        assert!([70, 75].contains(&(end - start)), "{spoken:?}");
        let sign = if spoken.label == "up" { 1 } else { -1 };
        for (n, row) in rows[start..end].iter().enumerate() {
            let value = sign * 10 * (n as i16 % 20);
            assert_eq!(*row, [value, 100 + value], "{spoken:?} at {n}");
        }
    }
    let between = &rows[(stream.said[0].end * 50.0).round() as usize..(stream.said[1].start * 50.0).round() as usize];
    assert!((10..20).contains(&between.len()) && between.iter().all(|[x, y]| (0..=1).contains(x) && y - x == 100));

    let alone = mixed(&task, &mix::Settings { is_background: true, ..settings.clone() }).unwrap();
    assert!(alone.said.is_empty() && alone.values.chunks_exact(2).all(|row| (0..=1).contains(&row[0])));
    let noisy = mixed(&task, &mix::Settings { ratio: Some(20.0), ..settings.clone() }).unwrap();
    assert_eq!(noisy.said, stream.said);
    let apart = noisy.values.iter().zip(&stream.values).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let whole = stream.values.iter().step_by(2).map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    assert!((0.02..0.2).contains(&(apart / whole)), "{apart} {whole}");
    let sound = mix::Settings { behind: Behind::Recordings(vec![vec![0; 100]]), ..settings };
    assert!(mixed(&task, &sound).unwrap_err().to_string().contains("the background of series"));
}

/// What a model of sensors says along a stream is what its listener says, and its file gets thresholds.
#[test]
fn a_stream_of_readings() {
    let folder = tempfile::tempdir().unwrap();
    let task = takes(folder.path());
    let files = Files::beside(&folder.path().join("model.heed"));
    let trained = task.train(None, &files, false, &mut ()).unwrap().unwrap();
    let model = Model::load(&trained.bytes).unwrap();
    let settings = model.events();
    assert_eq!((settings.cadence, settings.separation), (4, 5));
    // Times are in readings, of which there are 50 a second; what is not said is the default, a window.
    let of = settings.classes[0];
    assert_eq!((of.shortest, of.longest, of.hold_off), (4, 20, 9));
    let silent: Vec<bool> = settings.classes.iter().map(|class| class.is_silent).collect();
    assert_eq!(silent, model.labels().iter().map(|label| label == "still").collect::<Vec<_>>());
    // Long enough for a window of "still": what does not leave cannot come again.
    let pause = [0.8, 1.2];
    let all =
        mix::Settings { minutes: 1.0, ratio: None, pause, is_background: false, behind: Behind::Nothing, seed: 3 };
    let stream = mixed(&task, &all).unwrap();
    let heard = scores(&model, &stream.values, &settings).unwrap();
    assert_eq!((heard.rate, heard.length, heard.window), (50.0, 3000, 20));
    let mut listener = heedful::dynamic::Listener::new(&model).unwrap();
    let events = heard.events(&settings).unwrap();
    assert_eq!(events, listener.push(&stream.values));
    let found = score(&heard, model.labels(), &events, &stream.said);
    assert!(found.spoken > 15 && found.recall() > 0.8 && found.precision() > 0.8, "{found:?}");
}
