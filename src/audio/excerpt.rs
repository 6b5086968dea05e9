//! Placing a recording of any length under a model's window.

/// Places a recording into exactly `length` samples, without a buffer.
///
/// A shorter recording stands in the middle of silence (the extra sample of an odd
/// remainder goes to the end). Of a longer one the loudest stretch is taken:
/// the start, in steps of `length / 64`, whose samples have the largest energy.
///
/// ```
/// let placed: Vec<i16> = heedful::audio::excerpt(&[7, 8, 9], 6).collect();
/// assert_eq!(placed, [0, 7, 8, 9, 0, 0]);
/// ```
pub fn excerpt(recording: &[i16], length: usize) -> impl Iterator<Item = i16> + '_ {
    let (before, heard) = place(recording, length);
    let after = length.saturating_sub(recording.len()) - before;
    core::iter::repeat_n(0, before).chain(heard.iter().copied()).chain(core::iter::repeat_n(0, after))
}

/// The silence that comes before a recording under a window, and what is heard of it.
pub(super) fn place(recording: &[i16], length: usize) -> (usize, &[i16]) {
    let heard = recording.get(loudest(recording, length)..).unwrap_or(&[]);
    (length.saturating_sub(recording.len()) / 2, heard.get(..length).unwrap_or(heard))
}

/// Start of the stretch of `length` samples with the largest energy.
fn loudest(recording: &[i16], length: usize) -> usize {
    let step = (length / 64).max(1);
    let energy = |stretch: &[i16]| -> u64 { stretch.iter().map(|&s| i64::from(s).pow(2) as u64).sum() };
    let mut current = energy(recording.get(..length).unwrap_or(recording));
    let (mut best, mut best_start, mut start) = (current, 0, 0);
    // A stretch that is longer than the recording starts with it.
    let after = recording.get(length..).unwrap_or(&[]);
    while let (Some(leaving), Some(entering)) = (recording.get(start..start + step), after.get(start..start + step)) {
        current = current + energy(entering) - energy(leaving);
        start += step;
        if current > best {
            (best, best_start) = (current, start);
        }
    }
    best_start
}
