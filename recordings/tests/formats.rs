//! Tones in every format, at every rate, and every way to be broken.

#[path = "support/file.rs"]
mod file;

use file::{A_LAW, FLOAT, MU_LAW, PCM, Wav};
use heedful_recordings::{Reason, Recording, Warning, decode, read};
use std::f64::consts::TAU;

const RATE: u32 = 8_000;

/// A WAV file of `frames` frames; `value(time in samples, channel)` has full scale ±1.
fn wav(tag: u16, bits: u16, rate: u32, channels: u16, frames: u32, value: impl Fn(u32, u16) -> f64) -> Wav {
    let mut data = Vec::new();
    for (frame, channel) in (0..frames).flat_map(|f| (0..channels).map(move |c| (f, c))) {
        let x = value(frame, channel);
        let integer = (x * 2f64.powi(i32::from(bits) - 1)).round() as i32;
        match (tag, bits) {
            (FLOAT, 32) => data.extend((x as f32).to_le_bytes()),
            (FLOAT, _) => data.extend(x.to_le_bytes()),
            (_, 8) => data.push((integer + 128) as u8),
            _ => data.extend(&integer.to_le_bytes()[..usize::from(bits / 8)]),
        }
    }
    Wav { rate, channels, ..Wav::new(tag, bits, data) }
}

fn sound(file: &Wav) -> Vec<i16> {
    let Recording { samples, file_rate, channels, warnings } = decode(&file.bytes(), RATE).unwrap();
    assert_eq!((file_rate, channels), (file.rate, file.channels.into()));
    assert_eq!(warnings, []);
    samples
}

fn tone(hz: f64, rate: u32) -> impl Fn(u32, u16) -> f64 {
    move |frame, _| 0.5 * (TAU * hz * f64::from(frame) / f64::from(rate)).sin()
}

/// Largest difference, in 16-bit steps, from [`tone`].
fn distance(sound: &[i16], hz: f64) -> f64 {
    let expected = tone(hz, RATE);
    let differences = sound.iter().enumerate().map(|(i, &x)| f64::from(x) - 32768.0 * expected(i as u32, 0));
    differences.fold(0.0, |worst, d| d.abs().max(worst))
}

/// A tone that was resampled: (amplitude in 16-bit steps, samples by which it comes
/// late, RMS of what is not that tone in 16-bit steps). Looks at whole periods in the
/// middle, where the resampler's filter (128 samples to each side at half the rate) sees
/// no end of the sound.
fn listen(sound: &[i16], hz: f64) -> (f64, f64, f64) {
    let inner = &sound[200..1800];
    let angle = |i: usize| TAU * hz * (i + 200) as f64 / f64::from(RATE);
    let mean = |f: &dyn Fn(usize, f64) -> f64| {
        inner.iter().enumerate().map(|(i, &x)| f(i, f64::from(x))).sum::<f64>() / inner.len() as f64
    };
    let (a, b) = (2.0 * mean(&|i, x| x * angle(i).sin()), 2.0 * mean(&|i, x| x * angle(i).cos()));
    let rest = mean(&|i, x| (x - a * angle(i).sin() - b * angle(i).cos()).powi(2));
    (a.hypot(b), -b.atan2(a) / (TAU * hz / f64::from(RATE)), rest.sqrt())
}

#[test]
fn every_format_at_the_models_rate() {
    for (tag, bits, steps) in
        [(PCM, 8, 128.5), (PCM, 16, 0.5), (PCM, 24, 0.51), (PCM, 32, 0.51), (FLOAT, 32, 0.51), (FLOAT, 64, 0.51)]
    {
        for channels in [1, 2, 3, 6, 32] {
            let sound = sound(&wav(tag, bits, RATE, channels, 800, tone(440.0, RATE)));
            assert_eq!(sound.len(), 800);
            let error = distance(&sound, 440.0);
            assert!(error <= steps, "{tag}: {bits} bits, {channels} channels: {error} steps");
        }
    }
}

#[test]
fn sixteen_bits_stay_as_they_are() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(7).collect();
    let file = Wav::new(PCM, 16, file::data(&samples, i16::to_le_bytes));
    assert_eq!(sound(&file), samples);
}

#[test]
fn samples_go_to_the_nearest_step_and_stay_within_the_range() {
    let samples = [0, 0x7fff, 0x8000, 0x1_7fff, -0x8000, -0x8001, i32::MAX, i32::MIN, 0x7fff_7fff];
    let bytes = samples.iter().flat_map(|sample: &i32| sample.to_le_bytes()).collect();
    assert_eq!(sound(&Wav::new(PCM, 32, bytes)), [0, 0, 1, 1, -1, -1, 32767, -32768, 32767]);
}

#[test]
fn channels_are_averaged() {
    let left = tone(440.0, RATE);
    let sound = sound(&wav(PCM, 16, RATE, 2, 800, |i, channel| if channel == 0 { left(i, 0) } else { 0.25 }));
    for (i, &x) in sound.iter().enumerate() {
        let expected = 16384.0 * (left(i as u32, 0) + 0.25);
        assert!((f64::from(x) - expected).abs() <= 1.0, "sample {i}: {x}, expected {expected}");
    }
}

#[test]
fn channels_that_cancel_are_one_channel() {
    let (left, other) = (tone(440.0, RATE), tone(300.0, RATE));
    let alone = sound(&wav(PCM, 16, RATE, 1, 800, &left));
    // The gain of another channel with the same sound, and its offset.
    for (gain, offset, cancelled) in [
        (-1.0, 0.0, true),
        (-0.9, 0.0, true),
        (-0.5, 0.0, true),
        (-0.99, 0.4, true),
        (-0.3, 0.0, false),
        (0.0, 0.0, false),
        (1.0, 0.0, false),
    ] {
        let file =
            wav(PCM, 16, RATE, 2, 800, |i, channel| [left(i, 0), gain * left(i, 0) + offset][usize::from(channel)]);
        let recording = decode(&file.bytes(), RATE).unwrap();
        let expected: &[Warning] = if cancelled { &[Warning::Cancelled { channel: 0 }] } else { &[] };
        assert_eq!(recording.warnings, expected, "{gain}, {offset}");
        assert_eq!(recording.samples == alone, cancelled || gain == 1.0, "{gain}, {offset}");
    }
    // One that is silent, two that have nothing in common, and six of which one is heard do not cancel.
    sound(&wav(PCM, 16, RATE, 2, 800, |i, channel| if channel == 0 { left(i, 0) } else { other(i, 0) }));
    sound(&wav(PCM, 16, RATE, 6, 800, |i, channel| if channel == 5 { left(i, 0) } else { 0.0 }));
    // The loudest is taken.
    let file = wav(PCM, 16, RATE, 3, 800, |i, channel| [0.5, -1.0, 0.4][usize::from(channel)] * left(i, 0));
    let recording = decode(&file.bytes(), RATE).unwrap();
    assert_eq!(recording.warnings, [Warning::Cancelled { channel: 1 }]);
    assert!(recording.samples.iter().zip(&alone).all(|(a, b)| *a == -b));
}

#[test]
fn every_rate_keeps_pitch_place_and_length() {
    for rate in [4_000, 7_999, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        let frames = rate / 4;
        let sound = sound(&wav(PCM, 24, rate, 2, frames, tone(440.0, rate)));
        assert!(sound.len().abs_diff(RATE as usize / 4) <= 1, "{rate} Hz: {} samples", sound.len());
        let (amplitude, late, rest) = listen(&sound, 440.0);
        let heard = format!("{rate} Hz: amplitude {amplitude}, late {late}, rest {rest}");
        assert!((amplitude - 16384.0).abs() < 2.0 && late.abs() < 1.1 && rest < 0.5, "{heard}");
    }
}

/// A recording is resampled alike, whatever was before it.
#[test]
fn resampling_forgets_the_last_recording() {
    let file = |hz| wav(PCM, 16, 11_025, 1, 2_000, tone(hz, 11_025));
    let (first, other) = (sound(&file(440.0)), sound(&file(200.0)));
    sound(&wav(PCM, 16, 16_000, 1, 10, tone(440.0, 16_000)));
    // In the other order.
    assert_eq!((sound(&file(200.0)), sound(&file(440.0))), (other, first));
}

#[test]
fn what_is_above_half_the_rate_does_not_fold_back() {
    for rate in [16_000, 44_100, 192_000] {
        let sound = decode(&wav(PCM, 16, rate, 1, rate / 4, tone(5_000.0, rate)).bytes(), RATE).unwrap().samples;
        let loudest = sound[64..sound.len() - 64].iter().map(|x| x.unsigned_abs()).max();
        assert!(loudest < Some(16), "{rate} Hz: {loudest:?}");
    }
}

#[test]
fn louder_than_full_scale_is_clipped_and_said() {
    for gain in [2.5, 20.0] {
        // 0.5 of full scale, a spike, and full scale itself, which is no fault.
        let value = |i, c| {
            if i == 400 {
                gain
            } else if i == 401 {
                1.0
            } else {
                tone(440.0, RATE)(i, c)
            }
        };
        let recording = decode(&wav(FLOAT, 32, RATE, 1, 800, value).bytes(), RATE).unwrap();
        assert_eq!(recording.warnings, [Warning::Clipped { samples: 1 }]);
        assert_eq!(&recording.samples[400..402], [i16::MAX; 2]);
        assert!(recording.samples[..400].iter().all(|x| x.abs() <= 16384));
    }
}

#[test]
fn float_at_the_range_of_integers_is_scaled_and_said() {
    let plain = sound(&wav(PCM, 16, RATE, 1, 800, tone(440.0, RATE)));
    // Rounded, as a program writes it that only changes the type, and not, as after a filter.
    for (bits, rounded) in [(16, true), (16, false), (24, true), (24, false), (32, true)] {
        let scale = 2f64.powi(bits as i32 - 1);
        let value = |i, c| scale * tone(440.0, RATE)(i, c);
        let file = wav(FLOAT, 64, RATE, 1, 800, |i, c| if rounded { value(i, c).round() } else { value(i, c) });
        let recording = decode(&file.bytes(), RATE).unwrap();
        assert_eq!(recording.warnings, [Warning::Scaled { bits }]);
        assert!(recording.samples.iter().zip(&plain).all(|(a, b)| a.abs_diff(*b) <= 1), "{bits}");
    }
    let file = wav(FLOAT, 32, RATE, 1, 800, |i, c| 1e10 * tone(440.0, RATE)(i, c));
    assert!(matches!(decode(&file.bytes(), RATE), Err(Reason::Range(peak)) if peak > 4e9));
}

#[test]
fn silence_is_said() {
    let file = |rate, tag, bits, x: f64| wav(tag, bits, rate, 1, 800, move |i, c| x + 1e-6 * tone(440.0, rate)(i, c));
    for (file, what) in [
        (file(RATE, PCM, 16, 0.0), "zeros"),
        (file(RATE, PCM, 16, 0.3), "a constant"),
        (file(44_100, PCM, 16, 0.3), "a constant, resampled"),
        (file(RATE, FLOAT, 32, 0.0), "fainter than 16 bits"),
    ] {
        assert_eq!(decode(&file.bytes(), RATE).unwrap().warnings, [Warning::Silent], "{what}");
    }
}

#[test]
fn each_fault_has_its_error() {
    let plain = wav(PCM, 16, RATE, 1, 800, tone(440.0, RATE));
    let good = plain.bytes();
    let changed = |place: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[place..place + bytes.len()].copy_from_slice(bytes);
        file
    };
    let reason = |bytes: &[u8]| decode(bytes, RATE).unwrap_err();
    let said = |bytes: &[u8]| reason(bytes).to_string();

    assert!(matches!(reason(b""), Reason::Empty));
    let kind = "not a recording of a known kind, expected WAV, FLAC, Ogg Vorbis or MP3";
    assert_eq!(said(b"some words, but no sound"), kind);
    for (start, found) in [
        (&b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"[..], "Wave64"),
        (b"FORM\0\0\0\0AIFFCOMM", "AIFF"),
        (b"FORM\0\0\0\0AIFCFVER", "AIFF"),
        (b"NIST_1A\n   1024\n", "NIST SPHERE"),
        (b"\0\0\0\x20ftypM4A ", "MP4 or M4A"),
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"RIFF\0\0\0\0AVI LIST", "a RIFF file that is no WAVE"),
    ] {
        assert!(said(start).starts_with(&format!("{found}, expected WAV")), "{}", said(start));
    }
    assert!(matches!(reason(&changed(36, b"tada")), Reason::Malformed("it has no data chunk")));
    assert!(matches!(reason(&changed(12, b"tada")), Reason::Malformed("its data come before their format")));
    assert!(matches!(reason(&changed(22, &[0, 0])), Reason::Malformed("it has no channels")));
    let encoding = |tag: u8, bits: u8| {
        let mut file = changed(20, &[tag, 0]);
        file[34] = bits;
        said(&file)
    };
    let expected = "expected PCM of 8 to 32 bits, float of 32 or 64 bits, A-law, mu-law or IMA ADPCM";
    assert_eq!(encoding(3, 16), format!("samples stored as float of 16 bits, {expected}"));
    assert_eq!(encoding(1, 64), format!("samples stored as PCM of 64 bits, {expected}"));
    assert_eq!(encoding(2, 4), format!("samples stored as Microsoft ADPCM, {expected}"));
    assert_eq!(encoding(0x55, 0), format!("samples stored as MPEG, {expected}"));
    assert!(matches!(reason(&wav(PCM, 16, RATE, 1, 0, |_, _| 0.0).bytes()), Reason::NoSamples));
    for rate in [0u32, 1, 999, 768_001, u32::MAX] {
        assert!(matches!(reason(&changed(24, &rate.to_le_bytes())), Reason::Rate(found) if found == rate));
        assert!(matches!(decode(&good, rate), Err(Reason::Rate(found)) if found == rate));
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (bits, rate) in [(32, RATE), (64, 11_025)] {
            let value = |i, c| if (i, c) == (9_700, 1) { bad } else { tone(440.0, RATE)(i, c) };
            let error = reason(&wav(FLOAT, bits, rate, 2, 9_800, value).bytes());
            assert!(matches!(error, Reason::NotFinite { sample: 9_700, channel: 1, .. }), "{error}");
        }
    }
    let absent = read("no_such_clip.wav".as_ref(), RATE).unwrap_err();
    assert_eq!(absent.to_string(), "no_such_clip.wav: no such file or folder");
    assert!(matches!(read("tests".as_ref(), RATE).unwrap_err().reason, Reason::Io(_)), "a folder");
}

/// In the header it is an error; in the data, what is there is heard, and what is not, is said.
#[test]
fn a_file_cut_anywhere_says_so() {
    let file = wav(PCM, 16, RATE, 1, 300, tone(440.0, RATE));
    let (bytes, whole) = (file.bytes(), sound(&file));
    for length in 0..bytes.len() {
        let cut = decode(&bytes[..length], RATE);
        match length {
            0 => assert!(matches!(cut, Err(Reason::Empty))),
            1..4 => assert!(matches!(cut, Err(Reason::Kind { .. })), "{length} bytes: {cut:?}"),
            4..44 => assert!(matches!(cut, Err(Reason::Malformed(_))), "{length} bytes: {cut:?}"),
            44..46 => assert!(matches!(cut, Err(Reason::NoSamples)), "{length} bytes: {cut:?}"),
            _ => {
                let (cut, present) = (cut.unwrap(), (length - 44) / 2);
                assert_eq!(cut.samples, whole[..present]);
                let warning = Warning::Truncated { present: present as u64, promised: Some(300) };
                assert_eq!(cut.warnings[0], warning);
            }
        }
    }
}

/// Whatever a file holds, it is heard or refused; errors and warnings stay on one line.
#[test]
fn no_byte_brings_the_reader_down() {
    let good = wav(PCM, 24, 11_025, 2, 40, tone(440.0, 11_025)).extensible(20);
    let compressed = [A_LAW, MU_LAW].map(|tag| Wav { tag, bits: 8, ..good.clone() });
    for file in [good].iter().chain(&compressed) {
        let good = file.bytes();
        for place in 0..80 {
            for value in [0, 1, 2, 3, 7, 8, 16, 32, 64, 127, 128, 254, 255] {
                let mut bytes = good.clone();
                bytes[place] = value;
                let said = match decode(&bytes, RATE) {
                    Ok(recording) => recording.warnings.iter().map(ToString::to_string).collect(),
                    Err(error) => vec![error.to_string()],
                };
                assert!(said.iter().all(|said| said.lines().count() == 1), "{said:?}");
            }
        }
    }
}
