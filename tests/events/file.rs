//! What a file says of events: the section `evnt`.

use crate::support::{Random, config, crc32, random_model, seal, to_bytes, to_words};
use crate::{Digits, Gestures};
use heedful::audio::Params;
use heedful::events::{ClassSettings, GateSettings, Listener, ListenerSettings};
use heedful::fixed::types::U1F15;
use heedful::format::write::{ChainModel, EventsModel, InputModel};
use heedful::format::{File, Softmax};
use heedful::{Channel, Error, Scale, dynamic};
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

/// A model of readings of six channels, 50 a second, without what it says of events.
fn gestures() -> Vec<u8> {
    let mut model = ChainModel::from(random_model(7, config(Softmax::Wide), None));
    model.labels = ["nothing", "left", "right"].map(String::from).to_vec();
    let InputModel::Features { millihertz, channels, .. } = &mut model.input else { panic!() };
    *millihertz = 50_000;
    for (i, channel) in channels.iter_mut().enumerate() {
        channel.reading = Some(Channel { bias: 1000 * i as i32, scale: Scale::from_real(1e-6).unwrap() });
    }
    model.to_bytes().unwrap()
}

/// A model that hears.
fn sound() -> Vec<u8> {
    let params = Params { bands: 3, low_hz: 100, ..Params::DEFAULT };
    ChainModel::from(random_model(3, config(Softmax::Wide), Some(params))).to_bytes().unwrap()
}

fn events() -> EventsModel {
    let class = ClassSettings {
        enter: U1F15::from_bits(13_000),
        leave: U1F15::from_bits(12_000),
        shortest: 4,
        longest: 40,
        hold_off: 6,
        is_silent: false,
    };
    let classes = vec![ClassSettings { is_silent: true, ..class }, class, ClassSettings { hold_off: 9, ..class }];
    EventsModel { cadence: 2, smoothing: 1, separation: 3, gate: None, classes }
}

/// The committed files are what the writer writes, one of them with a threshold above 1 then; `HEEDFUL_BLESS=1` writes
/// them anew.
#[test]
fn committed_files_are_current() {
    let bytes = events().write(&gestures()).unwrap();
    let mut words = to_words(&bytes);
    let last = words.len() - 5;
    words[last] = 40_000 | 12_000 << 16;
    seal(&mut words);
    for (name, bytes) in [("events_series.heed", bytes), ("events_damaged.heed", to_bytes(&words))] {
        if std::env::var_os("HEEDFUL_BLESS").is_some() {
            std::fs::write(path(name), &bytes).unwrap();
        }
        assert_eq!(read(name), bytes, "{name}");
    }
}

#[test]
fn round_trip() {
    let mut random = Random(12);
    let file = sound();
    assert_eq!(to_words(&file)[1], 0x20000);
    for _ in 0..200 {
        let classes = (0..3).map(|_| {
            let leave = random.int(1, 32_768);
            let longest = random.int(1, u32::MAX.into());
            ClassSettings {
                enter: U1F15::from_bits(random.int(leave, 32_768) as u16),
                leave: U1F15::from_bits(leave as u16),
                shortest: random.int(0, longest) as u32,
                longest: longest as u32,
                hold_off: random.next() as u32,
                is_silent: random.int(0, 1) == 1,
            }
        });
        let classes: Vec<_> = classes.collect();
        let gate = GateSettings {
            above: random.int(1, 311) as u32,
            rise: random.int(1, 65_535) as u32,
            least: random.int(0, 311) as u32,
            hangover: random.next() as u32,
        };
        let events = EventsModel {
            cadence: random.int(1, 1 << 20) as u32,
            smoothing: random.int(0, 7) as u32,
            separation: random.next() as u32,
            gate: (random.int(0, 1) == 1).then_some(gate),
            classes,
        };
        let written = events.write(&file).unwrap();
        assert_eq!(EventsModel::of(&written).unwrap(), events);
        let words = to_words(&written);
        assert_eq!((words[1], words[2], words[3]), (0x20001, words.len() as u32, crc32(&written[16..])));
        // What it said before is replaced, and all else stays.
        assert_eq!(events.write(&written).unwrap(), written);
        assert_eq!(words[4..to_words(&file).len()], to_words(&file)[4..]);
        let opened = File::open(&words).unwrap();
        let shape = opened.shape().unwrap();
        let read: ListenerSettings<3> = opened.events(&shape).unwrap();
        assert_eq!(
            (read.cadence, read.gate, read.detector.classes.to_vec()),
            (events.cadence, events.gate, events.classes)
        );
        assert_eq!((read.detector.millihertz, read.check()), (8_000_000, Ok(())));
        assert!(opened.events::<4>(&shape).is_err());
        // The model is the same.
        let heard = [0; 4000];
        let [before, after] = [&file, &written].map(|file| {
            let model = dynamic::Model::load(file).unwrap();
            model.infer_input(model.hear(&heard).unwrap().input(), &[]).logits().to_vec()
        });
        assert_eq!(before, after);
    }
}

/// Files that say nothing of events: the defaults, which are in their bounds.
#[test]
fn defaults() {
    let settings = Listener::<Digits>::SETTINGS;
    assert_eq!((settings.cadence, settings.check()), (5, Ok(())));
    let window = Digits::SAMPLES as u32;
    assert_eq!(settings.detector.classes, [ClassSettings::of_window(window); 10]);
    assert_eq!(settings.detector.millihertz, 8_000_000);
    let gate = settings.gate.unwrap();
    assert_eq!((gate.rise, gate.hangover), (13, window / 4 * 3));
    for name in ["chain_sound.heed", "chain_series.heed", "chain_image_fine.heed", "wide.heed"] {
        let events = EventsModel::of(&read(name)).unwrap();
        assert_eq!(events.gate.is_some(), name == "chain_sound.heed");
        assert!(events.cadence >= 1 && events.classes.iter().all(|class| class.check().is_ok()));
    }
    // A separation is of classes, not of labels.
    assert_eq!(EventsModel::of(&read("chain_image_fine.heed")).unwrap().separation, 0);
    let named = EventsModel::of(&gestures()).unwrap();
    assert_eq!(named.classes.iter().map(|class| class.is_silent).collect::<Vec<_>>(), [true, false, false]);
    let commands = EventsModel::of(include_bytes!("../../models/commands.heed")).unwrap();
    assert!(commands.classes.iter().filter(|class| class.is_silent).count() == 2);
}

/// What the compiled-in model says is what its file says.
#[test]
fn compiled_in() {
    let (settings, events) = (Listener::<Gestures>::SETTINGS, events());
    assert_eq!(settings.detector.classes.to_vec(), events.classes);
    assert_eq!((settings.cadence, settings.detector.smoothing, settings.detector.separation), (2, 1, 3));
    assert_eq!((settings.detector.millihertz, settings.gate), (50_000, None));
    let words = Gestures::WORDS;
    let mut memory = [0; 4000];
    let model = heedful::Model::load(heedful::bytemuck::cast_slice(words), &mut memory).unwrap();
    assert_eq!(model.events::<3>().as_ref(), Ok(settings));
    assert!(model.events::<4>().is_err());
}

/// Why the committed file is refused after one word of the section was changed, by all that read it.
fn refusal(word: usize, value: u32) -> Error {
    let mut words = to_words(&read("events_series.heed"));
    let tag = u32::from_le_bytes(*b"evnt");
    let mut at = 4;
    while words[at] != tag {
        at += 2 + words[at + 1] as usize;
    }
    words[at + 2 + word] = value;
    seal(&mut words);
    let mut memory = [0; 4000];
    let loaded = heedful::Model::load(heedful::bytemuck::cast_slice(&words), &mut memory).unwrap_err();
    let bytes = to_bytes(&words);
    assert_eq!(dynamic::Model::load(&bytes).unwrap_err(), loaded);
    assert_eq!(EventsModel::of(&bytes).unwrap_err(), loaded);
    loaded
}

#[test]
fn damaged_values() {
    let scale = |word, value| match refusal(word, value) {
        Error::Scale { what, found, .. } => (what, found),
        other => panic!("{other:?}"),
    };
    assert_eq!(scale(0, 0), ("cadence of the inferences", 0));
    assert_eq!(scale(0, (1 << 20) + 1).0, "cadence of the inferences");
    assert_eq!(scale(1, 8), ("smoothing of events", 8));
    // Of the second class.
    let class = 9 + 5;
    assert_eq!(scale(class, 32_769 | 100 << 16), ("threshold to enter an event", 32_769));
    assert_eq!(scale(class, 100 << 16), ("threshold to enter an event", 0));
    assert_eq!(scale(class, 100 | 101 << 16), ("threshold to leave an event", 101));
    assert_eq!(scale(class, 100), ("threshold to leave an event", 0));
    assert_eq!(scale(class + 1, 41), ("shortest duration of an event", 41));
    assert_eq!(scale(class + 2, 0), ("longest duration of an event", 0));
    let shape = |word, value| match refusal(word, value) {
        Error::Shape { what, .. } => what,
        other => panic!("{other:?}"),
    };
    // It hears nothing, and has no gate.
    assert_eq!(shape(3, 1), "gate of a model");
    assert_eq!(shape(8, 2), "classes of the events");
    assert_eq!(shape(8, u32::MAX), "classes of the events");
    assert_eq!(shape(class + 4, 2), "silent class of the events");
}

/// What the gate of a model that hears may not be, and files that have no place for events.
#[test]
fn what_is_not_written() {
    let file = sound();
    let right = EventsModel::of(&file).unwrap();
    let refused = |change: &dyn Fn(&mut EventsModel)| {
        let mut events = right.clone();
        change(&mut events);
        events.write(&file).is_err()
    };
    let gate = right.gate.unwrap();
    assert!(!refused(&|_| ()));
    assert!(refused(&|events| events.gate = Some(GateSettings { above: 0, ..gate })));
    assert!(refused(&|events| events.gate = Some(GateSettings { above: 312, ..gate })));
    assert!(refused(&|events| events.gate = Some(GateSettings { rise: 0, ..gate })));
    assert!(refused(&|events| events.gate = Some(GateSettings { rise: 65_536, ..gate })));
    assert!(refused(&|events| events.gate = Some(GateSettings { least: 312, ..gate })));
    assert!(refused(&|events| events.classes.truncate(2)));
    assert!(refused(&|events| events.classes[2].enter = U1F15::ZERO));
    let old = include_bytes!("../../models/digits.heed");
    assert_eq!(right.write(old), Err(Error::Version { found: 1, supported: 2 }));
}

/// The section may be cut off anywhere.
#[test]
fn cut_short() {
    let words = to_words(&read("events_series.heed"));
    let length = 9 + 3 * 5;
    for cut in 1..=length {
        let mut words = words[..words.len() - cut].to_vec();
        let at = words.len() + cut - length - 1;
        words[at] = (length - cut) as u32;
        seal(&mut words);
        let found = dynamic::Model::load(&to_bytes(&words)).unwrap_err();
        assert!(matches!(found, Error::Truncated { .. }), "{cut}: {found:?}");
    }
}
