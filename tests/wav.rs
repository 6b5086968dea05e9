//! The WAV reader of the example `spoken_digits`: every format, every way to be broken.

#[path = "../examples/spoken_digits/wav.rs"]
mod wav;

use hound::{SampleFormat, WavSpec, WavWriter};
use std::f64::consts::TAU;
use std::io::Cursor;
use wav::{Error, decode};

const RATE: u32 = 8_000;
const FLOAT: u16 = 0;

/// A WAV file of `frames` frames; `value(time in samples, channel)` has full scale ±1.
/// `bits` is [`FLOAT`] or an integer width.
fn file(bits: u16, rate: u32, channels: u16, frames: u32, value: impl Fn(u32, u16) -> f64) -> Vec<u8> {
    let (bits_per_sample, sample_format) = match bits {
        FLOAT => (32, SampleFormat::Float),
        _ => (bits, SampleFormat::Int),
    };
    let mut bytes = Cursor::new(Vec::new());
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample, sample_format };
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    for (frame, channel) in (0..frames).flat_map(|f| (0..channels).map(move |c| (f, c))) {
        let x = value(frame, channel);
        match sample_format {
            SampleFormat::Float => writer.write_sample(x as f32).unwrap(),
            SampleFormat::Int => writer.write_sample((x * 2f64.powi(i32::from(bits) - 1)).round() as i32).unwrap(),
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
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
    for (bits, steps) in [(8, 128.5), (16, 0.5), (24, 0.51), (32, 0.51), (FLOAT, 0.51)] {
        for channels in [1, 2, 3, 6] {
            let sound = decode(&file(bits, RATE, channels, 800, tone(440.0, RATE)), RATE).unwrap();
            assert_eq!(sound.len(), 800);
            let error = distance(&sound, 440.0);
            assert!(error <= steps, "{bits} bits, {channels} channels: {error} steps");
        }
    }
}

#[test]
fn sixteen_bits_stay_as_they_are() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(7).collect();
    let bytes = file(16, RATE, 1, samples.len() as u32, |i, _| f64::from(samples[i as usize]) / 32768.0);
    assert_eq!(decode(&bytes, RATE).unwrap(), samples);
}

#[test]
fn channels_are_averaged() {
    let left = tone(440.0, RATE);
    let bytes = file(16, RATE, 2, 800, |i, channel| if channel == 0 { left(i, 0) } else { 0.25 });
    let sound = decode(&bytes, RATE).unwrap();
    for (i, &x) in sound.iter().enumerate() {
        let expected = 16384.0 * (left(i as u32, 0) + 0.25);
        assert!((f64::from(x) - expected).abs() <= 1.0, "sample {i}: {x}, expected {expected}");
    }
}

#[test]
fn every_rate_keeps_pitch_place_and_length() {
    for rate in [4_000, 7_999, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        let frames = rate / 4;
        let sound = decode(&file(24, rate, 2, frames, tone(440.0, rate)), RATE).unwrap();
        assert!(sound.len().abs_diff(RATE as usize / 4) <= 1, "{rate} Hz: {} samples", sound.len());
        let (amplitude, late, rest) = listen(&sound, 440.0);
        let heard = format!("{rate} Hz: amplitude {amplitude}, late {late}, rest {rest}");
        assert!((amplitude - 16384.0).abs() < 2.0 && late.abs() < 1.1 && rest < 0.5, "{heard}");
    }
}

#[test]
fn what_is_above_half_the_rate_does_not_fold_back() {
    for rate in [16_000, 44_100, 192_000] {
        let sound = decode(&file(16, rate, 1, rate / 4, tone(5_000.0, rate)), RATE).unwrap();
        let loudest = sound[64..sound.len() - 64].iter().map(|x| x.unsigned_abs()).max();
        assert!(loudest < Some(16), "{rate} Hz: {loudest:?}");
    }
}

#[test]
fn louder_than_full_scale_is_clipped() {
    let sound = decode(&file(FLOAT, RATE, 1, 100, |i, _| f64::from(i) - 50.0), RATE).unwrap();
    assert_eq!((sound[0], sound[50], sound[99]), (i16::MIN, 0, i16::MAX));
}

#[test]
fn chunks_of_odd_length_are_passed_over() {
    let mut bytes = file(16, RATE, 1, 800, tone(440.0, RATE));
    let plain = decode(&bytes, RATE).unwrap();
    bytes.splice(36..36, *b"note\x03\0\0\0abc\0");
    assert_eq!(decode(&bytes, RATE).unwrap(), plain);
}

#[test]
fn each_fault_has_its_error() {
    let good = file(16, RATE, 1, 800, tone(440.0, RATE));
    let changed = |place: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[place..place + bytes.len()].copy_from_slice(bytes);
        file
    };
    let reason = |bytes: &[u8]| decode(bytes, RATE).unwrap_err();

    assert!(matches!(reason(b""), Error::Empty));
    assert!(matches!(reason(b"ID3\x04 this is no sound but a file of another kind"), Error::Malformed(_)));
    assert!(matches!(reason(&changed(8, b"AVI ")), Error::Malformed(_)));
    assert!(matches!(reason(&changed(36, b"tada")), Error::Malformed("it has no data chunk")));
    assert!(matches!(reason(&changed(22, &[0, 0])), Error::Malformed(_)), "no channels");
    assert!(matches!(reason(&changed(20, &[6, 0])), Error::Encoding), "A-law");
    assert!(matches!(reason(&changed(20, &[3, 0])), Error::Encoding), "float of 16 bits");
    assert!(matches!(reason(&good[..good.len() - 1]), Error::Truncated { promised: 1600, present: 1599 }));
    assert!(matches!(reason(&file(16, RATE, 1, 0, |_, _| 0.0)), Error::NoSamples));
    assert!(matches!(reason(&file(16, RATE, 1, 800, |_, _| 0.0)), Error::Silent));
    assert!(matches!(reason(&file(16, RATE, 1, 800, |_, _| 0.3)), Error::Silent), "a constant");
    assert!(matches!(reason(&file(16, 44_100, 1, 800, |_, _| 0.3)), Error::Silent), "a constant, resampled");
    let faint = file(FLOAT, RATE, 1, 800, |i, c| 1e-6 * tone(440.0, RATE)(i, c));
    assert!(matches!(reason(&faint), Error::Silent), "fainter than 16 bits");
    for rate in [0u32, 1, 999, 768_001, u32::MAX] {
        let mut file = changed(24, &rate.to_le_bytes());
        file[28..32].copy_from_slice(&rate.wrapping_mul(2).to_le_bytes());
        let error = reason(&file);
        assert!(matches!(error, Error::Rate(_) | Error::Malformed(_)), "{rate} Hz: {error}");
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bytes = file(FLOAT, RATE, 1, 800, |i, c| if i == 700 { bad } else { tone(440.0, RATE)(i, c) });
        assert!(matches!(reason(&bytes), Error::NotFinite(700)));
    }
    let absent = wav::read("examples/clips/no_such_clip.wav".as_ref(), RATE).unwrap_err();
    assert_eq!(absent.to_string(), "no such file");
    assert!(matches!(wav::read("examples/clips".as_ref(), RATE), Err(Error::Io(_))), "a folder");
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = file(16, RATE, 1, 300, tone(440.0, RATE));
    for length in 1..bytes.len() {
        let error = decode(&bytes[..length], RATE).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{length} bytes: {error}");
    }
}

/// Whatever a file holds, it is heard or refused; errors stay on one line.
#[test]
fn no_byte_brings_the_reader_down() {
    let good = file(24, 11_025, 2, 40, tone(440.0, 11_025));
    for place in 0..60 {
        for value in [0, 1, 2, 3, 7, 8, 16, 32, 64, 127, 128, 254, 255] {
            let mut bytes = good.clone();
            bytes[place] = value;
            if let Err(error) = decode(&bytes, RATE) {
                assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }
}
