//! Recordings of spoken digits, one after the other.

use crate::skip::{Lack, skipped};
use crate::support::Random;
use std::path::Path;

/// A digit, and the samples that it begins and ends at.
pub type Spoken = (usize, u64, u64);

/// A stream: a digit at a time, with so many samples of faint noise before each and at the end; and what is spoken in
/// it. None where the recordings are not there.
pub fn stream(clips: &[(usize, &str)], pause: usize) -> Option<(Vec<i16>, Vec<Spoken>)> {
    let mut random = Random(11);
    let mut noise = move || (0..pause).map(|_| random.int(-12, 12) as i16).collect::<Vec<i16>>();
    let (mut samples, mut truth) = (noise(), vec![]);
    for &(digit, speaker) in clips {
        let name = format!("examples/clips/{digit}_{speaker}_5.wav");
        let Ok(bytes) = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)) else {
            skipped(Lack::Data, "there are no recordings");
            return None;
        };
        let start = samples.len() as u64;
        // Behind a header of 44 bytes.
        samples.extend(bytes[44..].as_chunks().0.iter().map(|&sample| i16::from_le_bytes(sample)));
        truth.push((digit, start, samples.len() as u64));
        samples.extend(noise());
    }
    Some((samples, truth))
}
