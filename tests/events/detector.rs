//! The detector, step by step.

use crate::support::Random;
use heedful::Error;
use heedful::events::{ClassSettings, Detector, Event, Settings};
use heedful::fixed::types::U1F15;
use heedful::format::write::EventsModel;

/// Steps are 100 samples apart, at 1,000 samples a second.
const STEP: u64 = 100;
const WORD: ClassSettings = ClassSettings {
    enter: U1F15::from_bits(20_000),
    leave: U1F15::from_bits(10_000),
    shortest: 200,
    longest: 1000,
    hold_off: 500,
    is_silent: false,
};

fn settings<const C: usize>(classes: [ClassSettings; C]) -> Settings<C> {
    Settings { millihertz: 1_000_000, smoothing: 0, separation: 0, classes }
}

fn word() -> Detector<1> {
    Detector::new(settings([WORD]), &["word"])
}

/// The events of levels of one class, a step after the other from a position on.
fn events_from(detector: &mut Detector<1>, position: u64, levels: &[u16]) -> Vec<Event> {
    let positions = (0..).map(|step: u64| position.wrapping_add(step * STEP));
    let steps = levels.iter().zip(positions);
    steps.flat_map(|(&level, at)| detector.step([U1F15::from_bits(level)], at).collect::<Vec<_>>()).collect()
}

fn events(levels: &[u16]) -> Vec<Event> {
    events_from(&mut word(), 0, levels)
}

fn times(events: &[Event]) -> Vec<(u64, u64)> {
    events.iter().map(|event| (event.start, event.end)).collect()
}

#[test]
fn thresholds_are_exact() {
    assert_eq!(times(&events(&[19_999, 19_999, 19_999, 0, 0])), []);
    let found = events(&[0, 20_000, 10_000, 10_000, 9_999]);
    assert_eq!(times(&found), [(100, 400)]);
    assert_eq!((found[0].class, found[0].label, found[0].score.to_bits()), (0, "word", 20_000));
    // Below the threshold to enter, and not below that to leave, it goes on.
    assert_eq!(times(&events(&[20_000, 15_000, 10_000, 0])), [(0, 300)]);
    assert_eq!(events(&[20_000, 15_000, 32_768, 0])[0].score, 1);
}

#[test]
fn durations() {
    // Of 200 samples an event, of 100 none.
    assert_eq!(times(&events(&[0, 30_000, 0, 0])), []);
    assert_eq!(times(&events(&[0, 30_000, 30_000, 0])), [(100, 300)]);
    // One too short holds nothing off.
    assert_eq!(times(&events(&[30_000, 0, 30_000, 30_000, 0])), [(200, 400)]);
    // After the longest time it is reported, once, however long it goes on.
    let mut levels = vec![30_000; 40];
    let found = events(&levels);
    assert_eq!(times(&found), [(0, 1000)]);
    levels.extend([0, 0, 0, 0, 30_000, 30_000, 30_000, 30_000, 0]);
    // What is left of it ends at 4,000, and holds off until 4,500.
    assert_eq!(times(&events(&levels)), [(0, 1000), (4500, 4800)]);
}

/// With the shortest and the longest duration alike, an event is reported as soon as it has lasted so long.
#[test]
fn early_reports() {
    let mut detector = Detector::new(settings([ClassSettings { longest: 200, ..WORD }]), &["word"]);
    assert_eq!(times(&events_from(&mut detector, 0, &[30_000, 30_000])), []);
    assert_eq!(times(&events_from(&mut detector, 200, &[30_000])), [(0, 200)]);
    assert_eq!(times(&events_from(&mut detector, 300, &[30_000; 20])), []);
}

#[test]
fn hold_off() {
    let one = [30_000, 30_000, 0];
    // The first ends at 200: what begins at 600 is too early, at 700 it is not.
    let mut levels = [&one[..], &[0, 0, 0], &one].concat();
    assert_eq!(times(&events(&levels)), [(0, 200)]);
    levels.insert(3, 0);
    assert_eq!(times(&events(&levels)), [(0, 200), (700, 900)]);
    // Where it is still high when the time is over, it begins then.
    assert_eq!(times(&events(&[&one[..], &[30_000; 8], &[0]].concat())), [(0, 200), (700, 1100)]);
}

#[test]
fn silent_classes_are_no_events() {
    let mut detector = Detector::new(settings([ClassSettings::SILENT, WORD]), &["nothing", "word"]);
    let mut found = vec![];
    for step in 0..40 {
        let (nothing, word) = if step / 10 % 2 == 0 { (32_768, 0) } else { (0, 32_768) };
        found.extend(detector.step([nothing, word].map(U1F15::from_bits), step * STEP));
    }
    assert_eq!(found.iter().map(|event| event.label).collect::<Vec<_>>(), ["word"]);
}

/// Several classes at once are several events; with a separation, the higher one counts, and others wait.
#[test]
fn classes_that_overlap() {
    let levels = [[0, 0], [22_000, 0], [22_000, 30_000], [0, 30_000], [0, 30_000], [0, 0], [0, 0]];
    let found = |separation| {
        let mut detector = Detector::new(Settings { separation, ..settings([WORD, WORD]) }, &["lower", "higher"]);
        let steps = levels.iter().zip((0..).step_by(100));
        let found = steps.flat_map(|(level, at)| detector.step(level.map(U1F15::from_bits), at).collect::<Vec<_>>());
        found.map(|event| (event.label, event.start, event.end)).collect::<Vec<_>>()
    };
    assert_eq!(found(0), [("lower", 100, 300), ("higher", 200, 500)]);
    assert_eq!(found(1), [("higher", 200, 500)]);
}

#[test]
fn classes_are_separated() {
    let after = |pause: usize| {
        let mut detector = Detector::new(Settings { separation: 300, ..settings([WORD, WORD]) }, &["a", "b"]);
        let a = [[30_000, 0]; 3];
        let levels = [&a[..], &vec![[0, 0]; pause], &[[0, 30_000]; 3], &[[0, 0]]].concat();
        let steps = levels.iter().zip((0..).step_by(100));
        let found = steps.flat_map(|(level, at)| detector.step(level.map(U1F15::from_bits), at).collect::<Vec<_>>());
        found.map(|event| (event.label, event.start)).collect::<Vec<_>>()
    };
    assert_eq!(after(3), [("a", 0), ("b", 600)]);
    // Begun too early: as soon as the time is over, and then too short.
    assert_eq!(after(1), [("a", 0)]);
}

/// A constant level settles on itself, and half of the way is gone in one step.
#[test]
fn smoothing() {
    let mut random = Random(3);
    for smoothing in 0..=7 {
        for _ in 0..50 {
            let level = random.int(1, 32_768) as u16;
            let class = ClassSettings {
                enter: U1F15::from_bits(level),
                leave: U1F15::from_bits(level),
                longest: u32::MAX,
                ..WORD
            };
            let mut detector = Detector::new(Settings { smoothing, ..settings([class]) }, &["word"]);
            // From below, in at most as many steps as 2^15 and half a unit take at this rate.
            assert_eq!(events_from(&mut detector, 0, &vec![level; 12 * (2 << smoothing)]), []);
            let end = 12 * (2 << smoothing) * STEP;
            assert_eq!(events_from(&mut detector, end, &[0])[0].score.to_bits(), level, "{smoothing}: {level}");
        }
    }
    let class = ClassSettings { enter: U1F15::from_bits(16_384), ..WORD };
    let mut detector = Detector::new(Settings { smoothing: 1, ..settings([class]) }, &["word"]);
    // 16,384, 24,576, 12,288, 6,144.
    let found = events_from(&mut detector, 0, &[32_768, 32_768, 0, 0]);
    assert_eq!((times(&found), found[0].score.to_bits()), (vec![(0, 300)], 24_576));
}

#[test]
fn clocks() {
    let levels = [0, 30_000, 30_000, 30_000, 0];
    // Around 2^64.
    let start = u64::MAX - 150;
    let mut detector = word();
    // The way there, in steps that are none back.
    for position in [1 << 62, start - STEP] {
        assert_eq!(detector.step([U1F15::ZERO], position).count(), 0);
    }
    let found = events_from(&mut detector, start, &levels);
    assert_eq!(times(&found), [(start + 100, 249)]);
    assert_eq!(found[0].duration_ms(), 300);
    // Set back within an event, and within a hold-off: both are forgotten.
    let mut detector = word();
    assert_eq!(times(&events_from(&mut detector, 50_000, &levels[..3])), []);
    assert_eq!(times(&events_from(&mut detector, 0, &[0, 0])), []);
    assert_eq!(times(&events_from(&mut detector, 200, &levels)), [(300, 600)]);
    assert_eq!(times(&events_from(&mut detector, 100, &levels)), [(200, 500)]);
    // Ahead: an event does not become longer than it may.
    let mut detector = word();
    assert_eq!(times(&events_from(&mut detector, 0, &[30_000])), []);
    assert_eq!(times(&events_from(&mut detector, 1 << 40, &[0])), [(0, 1000)]);
}

#[test]
fn milliseconds() {
    let event = |millihertz, at: u64| {
        let class = ClassSettings { shortest: 0, ..WORD };
        let mut detector = Detector::new(Settings { millihertz, ..settings([class]) }, &["word"]);
        let up = detector.step([U1F15::ONE], at).count();
        assert_eq!(up, 0);
        let mut found = detector.step([U1F15::ZERO], at + 800);
        found.next().unwrap()
    };
    let found = event(8_000_000, 12_345);
    assert_eq!((found.start_ms(), found.end_ms(), found.duration_ms()), (1543, 1643, 100));
    // 12.5 readings a second; ten thousand years at 16 kHz; an unknown rate.
    assert_eq!(event(12_500, 25).start_ms(), 2000);
    let years = 10_000 * 31_557_600;
    assert_eq!(event(16_000_000, years * 16_000).start_ms(), years * 1000);
    assert_eq!(event(0, 12_345).start_ms(), 0);
}

/// What is not taken waits for the next step, oldest first, up to 4; those beyond are counted.
#[test]
fn events_wait() {
    let labels = &["a", "b", "c", "d", "e", "f"];
    let up = [U1F15::ONE; 6];
    let run = |taken: usize| {
        let mut detector = Detector::new(settings([WORD; 6]), labels);
        detector.step(up, 0).count();
        detector.step(up, 200).count();
        let mut found: Vec<_> = detector.step([U1F15::ZERO; 6], 400).take(taken).map(|event| event.label).collect();
        found.extend(detector.step([U1F15::ZERO; 6], 500).map(|event| event.label));
        (found, detector.missed())
    };
    assert_eq!(run(6), (labels.to_vec(), 0));
    assert_eq!(run(2), (labels.to_vec(), 0));
    assert_eq!(run(1), (vec!["a", "b", "c", "d", "e"], 1));
    assert_eq!(run(0), (vec!["a", "b", "c", "d"], 2));
}

/// Missing probabilities count as 0, and none counts as more than 1.
#[test]
fn odd_probabilities() {
    let mut detector = Detector::new(settings([WORD; 2]), &["a", "b"]);
    let found = (0..4).flat_map(|step| {
        let most = U1F15::MAX;
        let levels: &[U1F15] = if step < 3 { &[most, most, most] } else { &[most] };
        detector.step(levels.iter().copied(), step * STEP).collect::<Vec<_>>()
    });
    let found: Vec<_> = found.map(|event| (event.label, event.score.to_bits())).collect();
    assert_eq!(found, [("b", 32_768)]);
}

#[test]
fn reset() {
    let mut detector = word();
    assert_eq!(events_from(&mut detector, 0, &[30_000; 5]), []);
    detector.reset();
    assert_eq!(events_from(&mut detector, 500, &[0; 5]), []);
}

#[test]
fn settings_out_of_bounds() {
    let refused = |change: &dyn Fn(&mut Settings<2>)| {
        let mut settings = settings([WORD; 2]);
        change(&mut settings);
        match Detector::try_new(settings, &["a", "b"]) {
            Err(Error::Scale { what, found, .. }) => (what, found),
            other => panic!("{other:?}"),
        }
    };
    let bits = U1F15::from_bits;
    assert_eq!(refused(&|s| s.classes[1].enter = bits(32_769)), ("threshold to enter an event", 32_769));
    assert_eq!(refused(&|s| s.classes[1].enter = bits(0)), ("threshold to enter an event", 0));
    assert_eq!(refused(&|s| s.classes[0].leave = bits(20_001)), ("threshold to leave an event", 20_001));
    assert_eq!(refused(&|s| s.classes[0].leave = bits(0)), ("threshold to leave an event", 0));
    assert_eq!(refused(&|s| s.classes[0].shortest = 1001), ("shortest duration of an event", 1001));
    assert_eq!(refused(&|s| s.classes[0].longest = 0), ("longest duration of an event", 0));
    assert_eq!(refused(&|s| s.smoothing = 8), ("smoothing of events", 8));
    let at_the_bounds = ClassSettings { enter: bits(32_768), leave: bits(32_768), shortest: 0, longest: 1, ..WORD };
    assert!(Detector::try_new(Settings { smoothing: 7, ..settings([at_the_bounds; 2]) }, &["a", "b"]).is_ok());
}

/// The detector of any number of classes is the same code.
#[test]
fn of_any_number_of_classes() {
    let mut random = Random(17);
    let settings = Settings { smoothing: 1, separation: 400, ..settings([WORD, ClassSettings::SILENT, WORD, WORD]) };
    let mut typed = Detector::new(settings, &["a", "nothing", "b", "c"]);
    let (smoothing, separation, classes) = (1, 400, settings.classes.to_vec());
    let mut events = EventsModel { cadence: 1, smoothing, separation, gate: None, classes };
    let mut any = heedful::dynamic::Detector::new(events.clone(), 1_000_000).unwrap();
    let (mut levels, mut count) = ([0i64; 4], 0);
    for step in 0..20_000 {
        levels = levels.map(|level| (level + random.int(-9000, 9000)).clamp(0, 32_768));
        let posteriors = levels.map(|level| U1F15::from_bits(level as u16));
        let found = typed.step(posteriors, step * STEP).map(|event| (event.class, event.score, event.start, event.end));
        let expected = any.step(posteriors, step * STEP);
        count += expected.len();
        let expected: Vec<_> =
            expected.iter().map(|event| (event.class, event.score, event.start, event.end)).collect();
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }
    assert!(count > 200, "{count} events");
    events.classes[2].longest = 0;
    assert!(heedful::dynamic::Detector::new(events, 1_000_000).is_err());
}

/// A plain list of what the documentation says of one class, with the whole history at hand.
fn by_the_book(levels: &[u16], class: &ClassSettings) -> Vec<(u64, u64)> {
    let (mut found, mut free, mut at) = (vec![], 0, 0);
    let time = |step: usize| step as u64 * STEP;
    while let Some(start) = (at..levels.len()).find(|&i| levels[i] >= class.enter.to_bits() && time(i) >= free) {
        let below = (start..levels.len()).find(|&i| levels[i] < class.leave.to_bits());
        let last = below.unwrap_or(usize::MAX);
        let long =
            (start..levels.len()).find(|&i| time(i) - time(start) >= u64::from(class.longest)).unwrap_or(usize::MAX);
        if last.min(long) == usize::MAX {
            break;
        }
        let end = time(last.min(long)).min(time(start) + u64::from(class.longest));
        if end - time(start) >= u64::from(class.shortest) {
            found.push((time(start), end));
            free = if last == usize::MAX { u64::MAX } else { time(last) + u64::from(class.hold_off) };
        }
        at = if last == usize::MAX { levels.len() } else { last + 1 };
        // At the step that ends a hold-off, one may begin; the one that ended the event is below the threshold.
    }
    found
}

#[test]
fn random_levels() {
    let (mut random, mut all) = (Random(5), 0);
    for _ in 0..2000 {
        let leave = random.int(1, 30_000) as u16;
        let shortest = random.int(0, 900) as u32;
        let class = ClassSettings {
            enter: U1F15::from_bits(random.int(leave.into(), 32_000) as u16),
            leave: U1F15::from_bits(leave),
            shortest,
            longest: shortest + random.int(1, 1500) as u32,
            hold_off: random.int(0, 900) as u32,
            is_silent: false,
        };
        let mut level = 0;
        let levels: Vec<u16> = (0..200)
            .map(|_| {
                level = (level + random.int(-9000, 9000)).clamp(0, 32_768);
                level as u16
            })
            .collect();
        let mut detector = Detector::new(settings([class]), &["word"]);
        let found = times(&events_from(&mut detector, 0, &levels));
        assert_eq!(found, by_the_book(&levels, &class), "{class:?}, {levels:?}");
        all += found.len();
    }
    assert!(all > 5000, "{all} events");
}
