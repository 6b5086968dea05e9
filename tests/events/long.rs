//! Long runs and saturated input.

use crate::Digits;
use heedful::events::{ClassSettings, Detector, GateSettings, Listener, ListenerSettings, Settings};
use heedful::fixed::types::U1F15;

/// Ten million steps of the same thousand: the last word is as the second.
#[test]
fn ten_million_steps() {
    const CLASS: ClassSettings = ClassSettings { shortest: 3, longest: 40, hold_off: 5, ..ClassSettings::of_window(1) };
    const SETTINGS: Settings<2> =
        Settings { millihertz: 100_000, smoothing: 2, separation: 4, classes: [CLASS, ClassSettings::SILENT] };
    let mut detector = Detector::new(SETTINGS, &["word", "nothing"]);
    // A word every thousand steps.
    let (mut count, mut last) = (0, 0);
    let mut first = None;
    for at in 0..10_000_000u64 {
        let word = if at % 1000 < 20 { U1F15::ONE } else { U1F15::from_bits((at % 1000 * 7919 % 9000) as u16) };
        for event in detector.step([word, U1F15::ONE - word], at) {
            let within = (event.class, event.start % 1000, event.end - event.start, event.score);
            // Before the very first word there was nothing.
            if at > 1000 {
                assert_eq!(within, *first.get_or_insert(within), "{event:?}");
            }
            (count, last) = (count + 1, event.end / 1000);
        }
    }
    assert_eq!((count, last, detector.missed()), (10_000, 9999, 0));
}

/// Samples of the largest size: inferences are run, and nothing overflows.
#[test]
fn saturated_input() {
    static OPEN: ListenerSettings<10> = ListenerSettings { cadence: 20, gate: Some(OPEN_GATE), ..DEFAULT };
    // Which stays open from the start.
    const OPEN_GATE: GateSettings = GateSettings { hangover: u32::MAX, ..GateSettings::of_window(8000, 80, 8000) };
    const DEFAULT: ListenerSettings<10> = *Listener::<Digits>::SETTINGS;
    let mut ear = Box::new(Listener::<Digits>::new().with_settings(&OPEN));
    let square: Vec<i16> = (0..24_000).map(|i| if i / 20 % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
    let found = ear.push(&square).count() + ear.push(&[i16::MIN; 16_000]).count();
    assert!(ear.inferences() >= 20, "{}", ear.inferences());
    assert_eq!(ear.heard(), 40_000);
    assert!(found <= 10, "{found} events");
}

/// An hour of zeros costs the front end alone, but for the first window, and gives no event. In a build without
/// optimisation, a minute.
#[test]
fn an_hour_of_zeros() {
    let minutes = if cfg!(debug_assertions) { 1 } else { 60 };
    let mut ear = Box::new(Listener::<Digits>::new());
    for _ in 0..60 * minutes {
        assert_eq!(ear.push(&[0; 8000]).count(), 0);
    }
    assert_eq!((ear.heard(), ear.missed()), (60 * minutes * 8000, 0));
    assert!(ear.inferences() <= 20, "{} inferences", ear.inferences());
}
