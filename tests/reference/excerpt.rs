//! Which stretch of a long recording is taken: the one with the word, whatever is louder and no word.

use crate::support::Random;
use heedful::audio::{excerpt, excerpt_start};
use std::f64::consts::TAU;
use std::ops::Range;

const RATE: f64 = 8000.0;
/// A second of sound is heard.
const LENGTH: usize = 8000;
/// What is heard of three has to hold the word, and some of what is around it.
const WORD: Range<usize> = 12_000..14_400;

#[test]
fn excerpts() {
    let placed = |recording: &[i16], length| excerpt(recording, length).collect::<Vec<_>>();
    assert_eq!(placed(&[], 3), [0, 0, 0]);
    assert_eq!(placed(&[1, 2], 5), [0, 1, 2, 0, 0]);
    assert_eq!(placed(&[1, 2, 3], 3), [1, 2, 3]);
    assert!(placed(&[1, 2, 3], 0).is_empty());
    // Of what has no frames of several samples, the middle, the earlier of two.
    assert_eq!(placed(&[0, 9, 0, i16::MIN, 1, 0, 9], 3), [0, i16::MIN, 1]);
    assert_eq!(placed(&[0, 9, 0, i16::MIN, 1, 0], 3), [9, 0, i16::MIN]);
    // The largest change that there is.
    let mut recording = vec![0; 4000];
    recording[3000..3640].as_chunks_mut().0.fill([i16::MIN, i16::MAX]);
    assert!(excerpt_start(&recording, 640).abs_diff(3000) <= 20);
    assert_eq!(placed(&recording, 640), recording[excerpt_start(&recording, 640)..][..640]);
}

#[test]
fn a_word_wins_over_what_is_louder() {
    let burst = |random: &mut Random, sound: &mut [f64]| {
        sound.fill_with(|| 65_535.0 * random.uniform() - 32_768.0);
    };
    let decay = |sound: &mut [f64], seconds: f64, hz: f64| {
        for (i, sample) in sound.iter_mut().enumerate() {
            let time = i as f64 / RATE;
            *sample += 32_000.0 * (-time / seconds).exp() * (TAU * hz * time).cos();
        }
    };
    type Disturb<'a> = &'a dyn Fn(&mut Random, &mut [f64]);
    let cases: &[(&str, Disturb<'_>)] = &[
        ("nothing else", &|_, _| ()),
        ("the click of one sample", &|_, sound| sound[800] = 32_767.0),
        ("a click", &|random, sound| burst(random, &mut sound[800..880])),
        ("a crackle", &|random, sound| (0..3).for_each(|i| burst(random, &mut sound[800 + 600 * i..][..30]))),
        ("a knock", &|random, sound| burst(random, &mut sound[800..1400])),
        ("a click behind", &|random, sound| burst(random, &mut sound[23_000..23_400])),
        ("clicks on both sides", &|random, sound| {
            burst(random, &mut sound[800..1000]);
            burst(random, &mut sound[23_000..23_200]);
        }),
        ("ringing", &|_, sound| decay(&mut sound[800..], 0.01, 1000.0)),
        ("quick settling", &|_, sound| decay(sound, 0.01, 0.0)),
        ("settling", &|_, sound| decay(sound, 0.05, 0.0)),
        ("slow settling", &|_, sound| decay(sound, 0.4, 0.0)),
        ("an offset", &|_, sound| sound.iter_mut().for_each(|sample| *sample -= 9000.0)),
        ("a step", &|_, sound| sound[..6000].iter_mut().for_each(|sample| *sample += 20_000.0)),
        ("two steps", &|_, sound| sound[2000..8000].iter_mut().for_each(|sample| *sample += 20_000.0)),
        ("a drift", &|_, sound| (0..sound.len()).for_each(|i| sound[i] += i as f64 - 12_000.0)),
        ("hum", &|_, sound| (0..sound.len()).for_each(|i| sound[i] += 500.0 * (TAU * 50.0 / RATE * i as f64).sin())),
    ];
    for (level, noise) in [(8000.0, 3.0), (8000.0, 200.0), (500.0, 3.0), (100.0, 2.0)] {
        for (what, disturb) in cases {
            let mut random = Random(5);
            let mut sound = vec![0.0; 24_000];
            disturb(&mut random, &mut sound);
            for (i, sample) in sound[WORD].iter_mut().enumerate() {
                let loudness = level * (i as f64 / WORD.len() as f64 * TAU / 2.0).sin();
                *sample += loudness * (0.6 * (0.4 * i as f64).sin() + 0.4 * (1.3 * i as f64).sin());
            }
            let recording: Vec<i16> = sound.iter().map(|x| (x + noise * random.normal()).round() as i16).collect();
            let start = excerpt_start(&recording, LENGTH);
            let heard = start..start + LENGTH;
            let whole = heard.start + 400 <= WORD.start && WORD.end + 400 <= heard.end;
            assert!(whole, "level {level}, noise {noise}, {what}: {heard:?}");
        }
    }
}

/// With nothing to tell places apart, the middle; whatever the offset.
#[test]
fn silence() {
    for offset in [0, 1, -9000, i16::MIN] {
        assert_eq!(excerpt_start(&[offset; 24_000], LENGTH), 8000);
    }
}

/// Places are frames: the largest that no longer fits begins behind the end.
#[test]
fn ends_of_the_recording() {
    for length in [LENGTH, LENGTH + 1, LENGTH + 124, LENGTH + 125, LENGTH + 130, 3 * LENGTH + 7] {
        for loud in [0..1000, length - 1000..length] {
            let mut recording = vec![0; length];
            recording[loud.clone()].as_chunks_mut().0.fill([700, -700]);
            let start = excerpt_start(&recording, LENGTH);
            assert!(start.is_multiple_of(125) && start + LENGTH <= length);
            let places = (length - LENGTH) / 125;
            if places > 60 {
                assert!(start <= loud.start && loud.end <= start + LENGTH + 125, "{loud:?} from {start}");
            }
        }
    }
}
