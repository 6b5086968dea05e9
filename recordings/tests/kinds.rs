//! Kinds of WAV files that users of other tools reported trouble with: one spoken digit as each of them.

#[path = "support/file.rs"]
mod file;

use file::{A_LAW, FLOAT, MU_LAW, PCM, Wav, data, samples};
use heedful_recordings::{Warning, decode};

const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/clips/7_theo_5.wav");

fn seven() -> Vec<i16> {
    samples(CLIP)
}

/// As it is, in 16 bits.
fn plain() -> Wav {
    Wav::new(PCM, 16, data(&seven(), i16::to_le_bytes))
}

fn float(scale: f32) -> Wav {
    Wav::new(FLOAT, 32, data(&seven(), |x| (f32::from(x) / scale).to_le_bytes()))
}

/// In the upper bits of 32.
fn wide() -> Wav {
    Wav::new(PCM, 32, data(&seven(), |x| (i32::from(x) << 16).to_le_bytes()))
}

/// Heard to the bit, without a word.
#[track_caller]
fn exact(file: &Wav) {
    warned(file, &[]);
}

/// Heard to the bit, with these warnings.
#[track_caller]
fn warned(file: &Wav, warnings: &[Warning]) {
    let recording = decode(&file.bytes(), 8000).unwrap();
    assert_eq!(recording.warnings, warnings);
    assert!(recording.samples == seven(), "{} samples differ from the plain file's", recording.samples.len());
    assert_eq!((recording.file_rate, recording.channels), (8000, file.channels.into()));
}

/// Signal-to-noise ratio against the plain file, dB.
fn snr(found: &[i16]) -> f64 {
    let seven = seven();
    assert_eq!(found.len(), seven.len());
    let square = |x: f64| x * x;
    let signal: f64 = seven.iter().map(|&x| square(x.into())).sum();
    let noise: f64 = seven.iter().zip(found).map(|(&x, &y)| square(f64::from(x) - f64::from(y))).sum();
    10.0 * (signal / noise).log10()
}

#[test]
fn the_clip_is_plain() {
    assert_eq!(std::fs::read(CLIP).unwrap(), plain().bytes());
    exact(&plain());
}

#[test]
fn bits_to_spare_lie_below() {
    exact(&wide().extensible(24));
    exact(&Wav::new(PCM, 24, data(&seven(), |x| [0, x.to_le_bytes()[0], x.to_le_bytes()[1]])).extensible(20));
    // 24 bits that are all used, in 32.
    let fine = |x: i16| (i32::from(x) << 16) | (i32::from(x & 0x3f) << 8);
    exact(&Wav::new(PCM, 32, data(&seven(), |x| fine(x).to_le_bytes())).extensible(24));
    // By the plain format chunk, whose bits are those of a sample and whose alignment is that of the container.
    exact(&Wav { bits: 24, align: Some(4), ..wide() });
    exact(&Wav { bits: 20, align: Some(3), ..Wav::new(PCM, 24, data(&seven(), |x| [0, x as u8, (x >> 8) as u8])) });
    // 12 bits in 16: as if the lower four were 0.
    let twelve = |x: i16| x & !15;
    let file = Wav::new(PCM, 16, data(&seven(), |x| twelve(x).to_le_bytes())).extensible(12);
    let recording = decode(&file.bytes(), 8000).unwrap();
    assert_eq!(recording.warnings, []);
    assert!(recording.samples.iter().eq(seven().iter().map(|&x| twelve(x)).collect::<Vec<_>>().iter()));
}

#[test]
fn bits_to_spare_lie_above_against_the_rules() {
    let right = |valid, container| Warning::RightAligned { valid, container };
    // 16-bit samples in 24 bits in 32, and ones that use all of the 24.
    let low = |x: i16| i32::from(x) << 8;
    warned(&Wav::new(PCM, 32, data(&seven(), |x| low(x).to_le_bytes())).extensible(24), &[right(24, 32)]);
    let fine = |x: i16| low(x) + i32::from(x & 0x3f);
    warned(&Wav::new(PCM, 32, data(&seven(), |x| fine(x).to_le_bytes())).extensible(24), &[right(24, 32)]);
    let file =
        Wav::new(PCM, 24, data(&seven(), |x| (i32::from(x) << 4).to_le_bytes().first_chunk::<3>().copied().unwrap()));
    // Four bits to spare, and the lowest four of the samples are 0: a quiet recording, as the rules have it.
    let recording = decode(&file.extensible(20).bytes(), 8000).unwrap();
    assert_eq!(recording.warnings, []);
    assert!(recording.samples.iter().zip(seven()).all(|(&a, b)| (f64::from(a) - f64::from(b) / 16.0).abs() <= 0.5));
    let file = Wav::new(PCM, 16, data(&seven(), |x| (x >> 4).to_le_bytes())).extensible(12);
    let recording = decode(&file.bytes(), 8000).unwrap();
    assert_eq!(recording.warnings, [right(12, 16)]);
    assert!(recording.samples.iter().zip(seven()).all(|(&a, b)| a == b >> 4 << 4));
    // All bits of the container are used, whatever the header says.
    let loud = |x: i16| 8 * x + (x & 7);
    let file = Wav::new(PCM, 16, data(&seven(), |x| loud(x).to_le_bytes())).extensible(12);
    let recording = decode(&file.bytes(), 8000).unwrap();
    assert_eq!(recording.warnings, []);
    assert!(recording.samples.iter().zip(seven()).all(|(&a, b)| a == loud(b)));
    // Silence says nothing of where it lies.
    let silence = decode(&Wav::new(PCM, 32, vec![0; 400]).extensible(24).bytes(), 8000).unwrap();
    assert_eq!(silence.warnings, [Warning::Silent]);
}

#[test]
fn format_chunks_of_any_length() {
    exact(&plain().extensible(16));
    exact(&plain().extensible(0));
    let mut longer = plain().extensible(16);
    longer.extension.extend([0, 0]);
    longer.extension[0] = 24;
    exact(&longer);
    for length in [2, 24, 100] {
        exact(&Wav { extension: vec![0; length], ..wide() });
        exact(&Wav { extension: vec![0; length], ..float(32768.0) });
    }
    exact(&Wav { extension: float(32768.0).extensible(32).extension, ..float(32768.0) });
    exact(&float(32768.0).extensible(32));
}

#[test]
fn float_of_64_bits() {
    exact(&Wav::new(FLOAT, 64, data(&seven(), |x| (f64::from(x) / 32768.0).to_le_bytes())));
    exact(&float(32768.0));
}

#[test]
fn float_at_the_range_of_16_bits() {
    warned(&float(1.0), &[Warning::Scaled { bits: 16 }]);
}

#[test]
fn wrong_rates_of_bytes_and_lengths_of_the_whole() {
    for wrong in [0, 1, 8000, u32::MAX] {
        exact(&Wav { byte_rate: Some(wrong), ..plain() });
        exact(&Wav { outer_length: Some(wrong), ..plain() });
    }
    // A frame cannot have no bytes.
    exact(&Wav { align: Some(0), ..plain() });
}

#[test]
fn chunks_before_the_data() {
    let list = b"INFOISFT\x05\0\0\0Lavf\0";
    assert_eq!(list.len() % 2, 1);
    let padded = plain().chunk(b"LIST", list);
    exact(&Wav { before: padded.clone(), ..plain() });
    exact(&Wav { before: padded[..padded.len() - 1].to_vec(), ..plain() });
    exact(&Wav { first: padded.clone(), ..plain() });
    exact(&Wav { first: padded[..padded.len() - 1].to_vec(), ..plain() });
    let unknown = plain().chunk(b"xyz!", b"abc");
    exact(&Wav { before: [&unknown[..], &padded, &unknown].concat(), ..plain() });
    exact(&Wav { before: unknown[..unknown.len() - 1].to_vec(), ..plain() });
}

#[test]
fn what_follows_the_data() {
    exact(&Wav { after: b"\x93rest\0".to_vec(), ..plain() });
    exact(&Wav { after: plain().chunk(b"LIST", b"INFO"), ..plain() });
}

#[test]
fn lengths_that_a_recorder_cannot_know() {
    let lengths = [
        (0xffff_ffff, 0xffff_ffff),
        (0, 0),
        (36, 0),
        (0x7fff_f024, 0x7fff_f000),
        (0x8000_0024, 0x8000_0000),
        (0xffff_ffff, 0xffff_ffdb),
        (0x7fff_ffff, 0x7fff_ffdb),
    ];
    let before = plain().chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf58.29.100\0");
    for (outer_length, length) in lengths {
        let file = Wav { outer_length: Some(outer_length), length: Some(length), ..plain() };
        exact(&file);
        exact(&Wav { before: before.clone(), ..file.clone() });
        // The first part of the sound is silent.
        let mut quiet = file;
        quiet.data[..100].fill(0);
        assert_eq!(decode(&quiet.bytes(), 8000).unwrap().samples.len(), seven().len());
    }
    // Nothing, with something else behind it.
    let empty = Wav { data: Vec::new(), after: before, ..plain() };
    assert_eq!(decode(&empty.bytes(), 8000).unwrap_err().to_string(), "no samples");
}

#[test]
fn lengths_that_are_wrong() {
    let (present, whole) = (seven().len() as u64, plain().data.len() as u32);
    for (length, promised) in [(whole + 44, present + 22), (whole + 2, present + 1), (0x1000_0000, 0x800_0000)] {
        let truncated = Warning::Truncated { present, promised: Some(promised) };
        warned(&Wav { length: Some(length), ..plain() }, &[truncated]);
    }
    // Half a sample more.
    let mut odd = plain();
    odd.data.push(7);
    exact(&odd);
    odd.after.push(0);
    exact(&odd);
    exact(&Wav { length: Some(whole + 1), ..plain() });
}

#[test]
fn lengths_of_64_bits() {
    let bytes = plain().data.len() as u64;
    let long = |length: u64| {
        let mut content = (length + 72).to_le_bytes().to_vec();
        content.extend(length.to_le_bytes());
        content.extend([0; 12]);
        plain().chunk(b"ds64", &content)
    };
    for outer in [*b"RF64", *b"BW64"] {
        let file = Wav { outer, outer_length: Some(u32::MAX), length: Some(u32::MAX), first: long(bytes), ..plain() };
        exact(&file);
        exact(&Wav { after: plain().chunk(b"LIST", b"INFO"), ..file.clone() });
        // A length that was not known, and none.
        exact(&Wav { first: long(0), ..file.clone() });
        exact(&Wav { first: Vec::new(), ..file.clone() });
        let truncated = Warning::Truncated { present: bytes / 2, promised: Some(1 << 39) };
        warned(&Wav { first: long(1 << 40), ..file }, &[truncated]);
    }
    // Where the data's own length is there, it counts.
    exact(&Wav { outer: *b"RF64", first: long(2), ..plain() });
}

#[test]
fn big_endian() {
    let rifx = |file: Wav| Wav { outer: *b"RIFX", big: true, ..file };
    let of = |tag, bits, data| rifx(Wav::new(tag, bits, data));
    let word = |x: i16| i32::from(x) << 16;
    exact(&of(PCM, 16, data(&seven(), i16::to_be_bytes)));
    exact(&of(PCM, 16, data(&seven(), i16::to_be_bytes)).extensible(16));
    exact(&of(PCM, 24, data(&seven(), |x| [(x >> 8) as u8, x as u8, 0])));
    exact(&of(PCM, 32, data(&seven(), |x| word(x).to_be_bytes())));
    exact(&of(FLOAT, 32, data(&seven(), |x| (f32::from(x) / 32768.0).to_be_bytes())));
    exact(&of(FLOAT, 64, data(&seven(), |x| (f64::from(x) / 32768.0).to_be_bytes())));
}

#[test]
fn a_law_and_mu_law() {
    // G.711: a sign, three bits of exponent, four of mantissa.
    let mu_law = |x: i16| {
        let magnitude = x.unsigned_abs().min(32_635) + 132;
        let exponent = magnitude.ilog2() - 7;
        let mantissa = (magnitude >> (exponent + 3) & 15) as u8;
        [!(u8::from(x < 0) << 7 | (exponent as u8) << 4 | mantissa)]
    };
    let a_law = |x: i16| {
        let magnitude = x.unsigned_abs().min(32_767) >> 4;
        let exponent = magnitude.max(8).ilog2() - 3;
        let mantissa = (magnitude >> (exponent.max(1) - 1) & 15) as u8;
        [(u8::from(x >= 0) << 7 | (exponent as u8) << 4 | mantissa) ^ 0x55]
    };
    for (tag, data) in [(MU_LAW, data(&seven(), mu_law)), (A_LAW, data(&seven(), a_law))] {
        let file = Wav::new(tag, 8, data);
        for file in [&file, &Wav { extension: vec![0; 2], ..file.clone() }, &file.clone().extensible(8)] {
            let recording = decode(&file.bytes(), 8000).unwrap();
            assert_eq!(recording.warnings, []);
            let snr = snr(&recording.samples);
            assert!(snr > 30.0, "{tag}: {snr} dB");
        }
    }
    // Both ends of the scale.
    let ends = |tag, data: [u8; 4]| decode(&Wav::new(tag, 8, data.to_vec()).bytes(), 8000).unwrap().samples;
    assert_eq!(ends(MU_LAW, [0x00, 0x7f, 0xff, 0x80]), [-32124, 0, 0, 32124]);
    assert_eq!(ends(A_LAW, [0x2a, 0x55, 0xd5, 0xaa]), [-32256, -8, 8, 32256]);
}

#[test]
fn an_inverted_channel() {
    let both = |gain: f64| {
        let inverted = |x: i16| (-gain * f64::from(x)).round() as i16;
        let frame = |x: i16| [x.to_le_bytes(), inverted(x).to_le_bytes()].concat().try_into().unwrap();
        Wav { channels: 2, ..Wav::new(PCM, 16, data::<4>(&seven(), frame)) }
    };
    warned(&both(1.0), &[Warning::Cancelled { channel: 0 }]);
    warned(&both(0.9), &[Warning::Cancelled { channel: 0 }]);
    let louder = decode(&both(1.1).bytes(), 8000).unwrap();
    assert_eq!(louder.warnings, [Warning::Cancelled { channel: 1 }]);
    // A file at another rate, and one of the same channel twice.
    let half = Wav { rate: 16_000, ..both(1.0) };
    assert_eq!(decode(&half.bytes(), 8000).unwrap().warnings, [Warning::Cancelled { channel: 0 }]);
    exact(&both(-1.0));
}
