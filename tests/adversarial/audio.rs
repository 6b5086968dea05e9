//! The front end with any samples, memory and parameters.

use crate::SIZES;
use heedful::audio::{
    Frames, Frontend, LogMelFrames, MAX_BANDS, MAX_WINDOW, MelBin, Params, Stream, Tables, centre, excerpt,
    excerpt_start, features,
};
use heedful::fixed::types::U0F16;

const PARAMS: Params = Params { bands: 16, low_hz: 100, ..Params::DEFAULT };

const WORDS: [u32; 12] = [0, 1, 2, 63, 64, 65, 255, 256, 512, 1 << 16, i32::MAX as u32, u32::MAX];

#[test]
fn samples_of_any_frames() {
    for frames in SIZES {
        for hop in WORDS {
            for window in WORDS {
                let samples = Params { hop, window, ..PARAMS }.samples(frames);
                let exact = (frames as u128).saturating_sub(1) * u128::from(hop) + u128::from(window);
                let exact = if frames == 0 { 0 } else { exact };
                assert_eq!(samples as u128, exact.min(usize::MAX as u128));
            }
        }
    }
}

#[test]
fn excerpts_of_any_length() {
    let loud: Vec<i16> = (0..1000).map(|i| if i % 2 == 0 { i16::MIN } else { i16::MAX }).collect();
    for recording in [&[][..], &[7], &[i16::MIN; 65], &loud] {
        for length in SIZES {
            let placed: Vec<i16> = excerpt(recording, length).take(3000).collect();
            assert_eq!(placed.len(), length.min(3000));
            assert!(excerpt_start(recording, length) + length.min(recording.len()) <= recording.len());
        }
        // As far as it can be told, for no one can wait for the end.
        assert_eq!(excerpt(recording, usize::MAX).size_hint().1, Some(usize::MAX));
    }
}

#[test]
fn designs_of_any_parameters() {
    for sample_rate in WORDS {
        for word in WORDS {
            for other in WORDS {
                for params in [
                    Params { sample_rate, window: word, hop: other, ..PARAMS },
                    Params { sample_rate, bands: word, floor_log2: other as i32, ..PARAMS },
                    Params { sample_rate, low_hz: word, high_hz: other, bands: 1, ..PARAMS },
                ] {
                    let _ = Tables::design(params);
                }
            }
        }
    }
}

/// Memory that held no numbers before, and too few samples.
#[test]
fn energies_of_any_memory() {
    let tables = Tables::design(PARAMS).unwrap();
    let expected = {
        let mut energies = [0; 16];
        tables.frontend().log_mel(&[i16::MAX; 100], &mut [0; 256], &mut energies);
        energies
    };
    assert!(expected[0] > 0);
    for before in [i32::MIN, i32::MAX, -1, 1] {
        for floor_log2 in [i32::MIN, -1, 10, i32::MAX] {
            let params = Params { floor_log2, ..PARAMS };
            let mut energies = [9; 70];
            let frontend = Frontend::new(params, &tables.window, &tables.mel, None);
            frontend.log_mel(&[i16::MAX; 100], &mut [before; 300], &mut energies);
            if floor_log2 == 10 {
                assert_eq!(energies[..16], expected, "{before}");
            }
            frontend.log_mel(&[], &mut [before; 256], &mut energies);
            frontend.log_mel(&[1; 1000], &mut [before; 3], &mut energies);
            frontend.log_mel(&[], &mut [], &mut []);
        }
    }
    // Filters of any bits.
    for (upper, rise) in [(0, 0), (1, u16::MAX), (63, 5), (64, 5), (65, 5), (MelBin::OUTSIDE - 1, 1)] {
        let mel = [MelBin { upper, rise: U0F16::from_bits(rise) }; 400];
        let window = [heedful::fixed::types::I1F15::MIN; 400];
        let frontend = Frontend::new(PARAMS, &window, &mel, None);
        frontend.log_mel(&[i16::MIN; 256], &mut [0; 256], &mut [0; MAX_BANDS]);
    }
}

/// More values than a word can sum up.
#[test]
fn centre_of_many() {
    let frames = vec![255; (1 << 24) + 70_000];
    for length in [0, 1, 1 << 24, frames.len()] {
        let mut out = [1; 2];
        centre(&frames[..length], &mut out);
        assert_eq!(out, if length == 0 { [1, 1] } else { [0, if length == 1 { 1 } else { 0 }] }, "{length}");
    }
    centre(&[3], &mut []);
}

#[test]
fn features_of_any_shape() {
    let tables = Tables::design(PARAMS).unwrap();
    let recording: Vec<i16> = (0..2000).map(|i| (i * 7919) as i16).collect();
    let mut whole = [0; 160];
    features(&tables.frontend(), &recording, 10, &mut whole);
    assert!(whole.iter().any(|&value| value != 0));
    for frames in [0, 1, 11, 1 << 30, usize::MAX / 3 + 1, usize::MAX] {
        for hop in [0, 80, 257, u32::MAX] {
            for (window, bands) in WORDS.into_iter().zip(WORDS.into_iter().rev()).chain([(256, 16), (256, 0)]) {
                let params = Params { window, hop, bands, ..PARAMS };
                let frontend = Frontend::new(params, &tables.window, &tables.mel, None);
                for length in [0, 1, 40] {
                    let mut out = vec![9; length];
                    features(&frontend, &recording, frames, &mut out);
                    features(&frontend, &[], frames, &mut out);
                }
            }
        }
    }
    // What has no room is as if not asked for, whatever its number.
    for frames in [10, 11, usize::MAX] {
        let mut out = [0; 160];
        features(&tables.frontend(), &recording, frames, &mut out);
        assert_eq!(out, whole, "{frames}");
    }
}

/// Frames of any place, and streams of nothing.
#[test]
fn streams() {
    let tables = Tables::design(PARAMS).unwrap();
    let mut stream = Stream::<256, 256, LogMelFrames<16, 3>>::new();
    for i in 0..1000 {
        stream.push(&tables.frontend(), (i * 7919) as i16);
    }
    assert!(stream.frames().is_full());
    let token = |first, mean| {
        let mut token = [0; 48];
        stream.frames().features(first, mean, &mut token, &mut []);
        token
    };
    let all = token(0, 0);
    for first in SIZES {
        let mut expected = all;
        expected.rotate_left(first % 48);
        assert_eq!(token(first, 0), expected, "{first}");
    }
    assert_eq!((token(0, i16::MAX), token(0, -300)), ([-128; 48], [127; 48]));

    fn nothing<const WINDOW: usize, const POINTS: usize, const BANDS: usize, const FRAMES: usize>(
        frontend: &Frontend<'_>,
    ) {
        let mut stream = Stream::<WINDOW, POINTS, LogMelFrames<BANDS, FRAMES>>::new();
        for i in 0..600 {
            stream.push(frontend, i);
        }
        let mut token = [5; 7];
        stream.frames().features(1, stream.frames().level(), &mut token, &mut []);
        assert!(BANDS > 0 && FRAMES > 0 || token == [5; 7]);
        stream.reset();
    }
    for hop in WORDS {
        for window in [0, 256, 512, u32::MAX] {
            let params = Params { hop, window, ..PARAMS };
            let frontend = Frontend::new(params, &tables.window, &tables.mel, None);
            nothing::<256, 256, 16, 3>(&frontend);
            nothing::<0, 32, 16, 3>(&frontend);
            nothing::<256, 256, 0, 3>(&frontend);
            nothing::<256, 0, 16, 0>(&frontend);
            nothing::<MAX_WINDOW, MAX_WINDOW, 100, 1>(&frontend);
            nothing::<1, 1, 1, 1>(&frontend);
        }
    }
}
