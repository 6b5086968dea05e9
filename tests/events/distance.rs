//! The detector of one distance goes by the same rules.

use crate::support::Random;
use heedful::Error;
use heedful::events::{ClassSettings, Detector, DistanceDetector, DistanceSettings, Settings};
use heedful::fixed::types::U1F15;

const SETTINGS: DistanceSettings = DistanceSettings {
    millihertz: 100_000,
    smoothing: 0,
    enter: 3_000_000_000,
    leave: 2_000_000_000,
    shortest: 20,
    longest: 100,
    hold_off: 50,
};

fn run(settings: DistanceSettings, distances: &[u32]) -> Vec<(u32, u64, u64)> {
    let mut detector = DistanceDetector::new(settings);
    let steps = distances.iter().zip((0..).step_by(10));
    steps
        .filter_map(|(&distance, at)| detector.step(distance, at))
        .map(|event| (event.peak, event.start, event.end))
        .collect()
}

#[test]
fn large_distances() {
    let high = SETTINGS.enter;
    assert_eq!(run(SETTINGS, &[0, high - 1, high - 1, high - 1, 0]), []);
    assert_eq!(run(SETTINGS, &[0, high, SETTINGS.leave, u32::MAX, SETTINGS.leave - 1]), [(u32::MAX, 10, 40)]);
    assert_eq!(run(SETTINGS, &[high, 0, 0, 0]), []);
    assert_eq!(run(SETTINGS, &[u32::MAX; 50]), [(u32::MAX, 0, 100)]);
    // Smoothed, the largest distance is reached, and none beyond it.
    let slow = DistanceSettings { smoothing: 4, longest: 100_000, ..SETTINGS };
    let mut distances = vec![u32::MAX; 1000];
    distances.extend([0; 20]);
    assert_eq!(run(slow, &distances)[0].0, u32::MAX);
}

#[test]
fn times_and_clocks() {
    let mut detector = DistanceDetector::new(SETTINGS);
    assert_eq!(detector.step(u32::MAX, 250), None);
    let event = detector.step(0, 280).unwrap();
    assert_eq!((event.start_ms(), event.end_ms(), event.duration_ms()), (2500, 2800, 300));
    // Held off; set back, it is not.
    assert_eq!((detector.step(u32::MAX, 290), detector.step(0, 320)), (None, None));
    assert_eq!(detector.step(u32::MAX, 100), None);
    assert_eq!(detector.step(0, 130).map(|event| event.start), Some(100));
    // Within an event, too.
    assert_eq!((detector.step(u32::MAX, 400), detector.step(0, 50)), (None, None));
    detector.reset();
    assert_eq!((detector.step(u32::MAX, 140), detector.step(0, 170).map(|event| event.end)), (None, Some(170)));
}

#[test]
fn settings_out_of_bounds() {
    let refused = |change: &dyn Fn(&mut DistanceSettings)| {
        let mut settings = SETTINGS;
        change(&mut settings);
        matches!(DistanceDetector::try_new(settings), Err(Error::Scale { .. }))
    };
    assert!(refused(&|s| (s.enter, s.leave) = (0, 0)));
    assert!(refused(&|s| s.leave = 0));
    assert!(refused(&|s| s.leave = s.enter + 1));
    assert!(refused(&|s| s.smoothing = 8));
    assert!(refused(&|s| s.longest = 19));
    assert!(!refused(&|s| (s.enter, s.leave, s.shortest, s.longest) = (1, 1, 0, 1)));
}

/// As a detector of one class, on what both can take.
#[test]
fn the_same_rules() {
    let mut random = Random(9);
    for smoothing in 0..4 {
        let class = ClassSettings { shortest: 30, longest: 200, hold_off: 40, ..ClassSettings::of_window(1) };
        let settings = Settings { millihertz: 1000, smoothing, separation: 0, classes: [class] };
        let (mut one, mut other) = (
            Detector::new(settings, &["word"]),
            DistanceDetector::new(DistanceSettings {
                millihertz: 1000,
                smoothing,
                enter: class.enter.to_bits().into(),
                leave: class.leave.to_bits().into(),
                shortest: 30,
                longest: 200,
                hold_off: 40,
            }),
        );
        let (mut level, mut count) = (0, 0);
        for at in (0..50_000).step_by(10) {
            level = (level + random.int(-12_000, 12_000)).clamp(0, 32_768);
            let event = one.step([U1F15::from_bits(level as u16)], at).next();
            let found = other.step(level as u32, at);
            let expected = event.map(|event| (event.score.to_bits().into(), event.start, event.end));
            assert_eq!(found.map(|event| (event.peak, event.start, event.end)), expected);
            count += u32::from(found.is_some());
        }
        assert!(count > 50, "{count} events");
    }
}
