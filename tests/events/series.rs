//! A listener on readings of sensors.

use crate::Gestures;
use crate::support::Random;
use heedful::events::{Detector, Event, Listener, ListenerSettings, ReadingWindow};

const SETTINGS: &ListenerSettings<3> = Listener::<Gestures>::SETTINGS;

fn readings(count: usize) -> Vec<[i16; 6]> {
    let mut random = Random(21);
    let mut now = [0i64; 6];
    (0..count)
        .map(|_| {
            now = now.map(|x| (x + random.int(-9000, 9000)).clamp(-32_768, 32_767));
            now.map(|x| x as i16)
        })
        .collect()
}

/// What a listener does, by hand: windows of seven readings, an inference every second one.
#[test]
fn as_by_hand() {
    let readings = readings(4000);
    let mut ear = Listener::<Gestures>::new();
    let found: Vec<Event> = readings.iter().flat_map(|reading| ear.push_reading(reading).collect::<Vec<_>>()).collect();
    let (mut model, mut detector) = (Gestures::new(), Detector::new(SETTINGS.detector, &Gestures::LABELS));
    let (mut expected, mut inferences) = (vec![], 0);
    for end in (7..=readings.len()).step_by(SETTINGS.cadence as usize) {
        let window: &[[i16; 6]; 7] = readings[end - 7..end].try_into().unwrap();
        let outcome = model.infer_readings(window);
        expected.extend(detector.step(outcome.probabilities(), end as u64 - 3));
        inferences += 1;
    }
    assert_eq!(found, expected);
    assert_eq!((ear.heard(), ear.inferences()), (4000, inferences));
    assert!(found.len() > 20, "{} events", found.len());
    assert!(found.iter().all(|event| event.label != "nothing"));
    assert!(found.iter().any(|event| event.label == "left") && found.iter().any(|event| event.label == "right"));
}

#[test]
fn readings_that_are_lost() {
    let readings = readings(20);
    let mut ear = Listener::<Gestures>::new();
    readings.iter().for_each(|reading| drop(ear.push_reading(reading)));
    assert_eq!(ear.inferences(), 7);
    ear.skip_readings(6);
    readings[..2].iter().for_each(|reading| drop(ear.push_reading(reading)));
    assert_eq!((ear.inferences(), ear.heard(), ear.lost()), (8, 28, 6));
    ear.skip_readings(7);
    readings[..6].iter().for_each(|reading| drop(ear.push_reading(reading)));
    assert_eq!(ear.inferences(), 8);
    drop(ear.push_reading(&readings[6]));
    assert_eq!(ear.inferences(), 9);
}

#[test]
fn windows() {
    let mut window = ReadingWindow::<4, 6>::new();
    let mut all: Vec<i16> = vec![];
    for (i, reading) in readings(40).iter().enumerate() {
        assert_eq!(window.is_full(), i >= 8);
        // Three values at a time: a row of the features is two readings.
        window.push(&reading[..3]);
        all.extend(&reading[..3]);
        if i >= 7 {
            let found: Vec<i16> = (0..24).map(|at| window.get(at).unwrap()).collect();
            assert_eq!(found, all[all.len() - 24..]);
        }
        assert_eq!(window.get(24), None);
    }
    window.clear();
    assert!(!window.is_full());
}
