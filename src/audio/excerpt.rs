//! Placing a recording of any length under a model's window.

use core::iter::{once, repeat_n};

/// Places a recording into exactly `length` samples, without a buffer.
///
/// A shorter recording stands in the middle of silence (the extra sample of an odd
/// remainder goes to the end). Of a longer one the stretch with the most sound is taken,
/// from [`excerpt_start`] on.
///
/// ```
/// let placed: Vec<i16> = heedful::audio::excerpt(&[7, 8, 9], 6).collect();
/// assert_eq!(placed, [0, 7, 8, 9, 0, 0]);
/// ```
pub fn excerpt(recording: &[i16], length: usize) -> impl Iterator<Item = i16> + '_ {
    let (before, heard) = place(recording, length);
    let after = length.saturating_sub(recording.len()) - before;
    repeat_n(0, before).chain(heard.iter().copied()).chain(repeat_n(0, after))
}

/// The silence that comes before a recording under a window, and what is heard of it.
// Not inlined: it would take registers from the loop that hears the samples.
#[inline(never)]
fn place(recording: &[i16], length: usize) -> (usize, &[i16]) {
    let heard = recording.get(excerpt_start(recording, length)..).unwrap_or(&[]);
    (length.saturating_sub(recording.len()) / 2, heard.get(..length).unwrap_or(heard))
}

/// The first sample that [`excerpt`] takes of a recording: 0 where this is no longer than `length`.
///
/// A word has to win over what is louder and no word: a click or a knock, an offset, the settling of a microphone. So
/// sound is what changes from sample to sample, other than steadily, in short frames of `length / 64` samples, and a
/// frame is as loud as the median of the 13 around it. That leaves nothing of what is shorter than 7 frames, a tenth of
/// `length`, however loud it is; what is longer than that counts, word or not. Of neighbouring places that are about as
/// good, the middle one is taken, so that the word has room on both sides.
///
/// ```
/// let mut recording = vec![0; 20_000];
/// recording[1_000] = i16::MAX; // a click
/// for (i, sample) in recording[12_000..15_000].iter_mut().enumerate() {
///     *sample = [300, -300][i / 4 % 2]; // a quiet tone
/// }
/// let start = heedful::audio::excerpt_start(&recording, 8_000);
/// assert!(start < 12_000 && start + 8_000 > 15_000);
/// ```
#[must_use]
pub fn excerpt_start(recording: &[i16], length: usize) -> usize {
    if recording.len() <= length {
        return 0;
    }
    let (mut least, mut most) = (u64::MAX, 0);
    for score in scores(recording, length) {
        (least, most) = (least.min(score), most.max(score));
    }
    // A share of what places differ by: noise adds to all of them.
    let enough = most - (most - least) / 16;
    let first = scores(recording, length).take_while(|&score| score < enough).count();
    let good = scores(recording, length).skip(first).take_while(|&score| score >= enough).count();
    (first + (good - 1) / 2) * frame(length)
}

/// Samples of a frame.
fn frame(length: usize) -> usize {
    (length / 64).max(1)
}

/// Sums of the loudness of so many samples, from each frame on that they fit behind. None reaches 2^64 for less than
/// 2^30 samples.
fn scores(recording: &[i16], length: usize) -> impl Iterator<Item = u64> {
    let frame = frame(length);
    let (mut entering, leaving) = (loudness(recording, frame), loudness(recording, frame));
    let first: u64 = entering.by_ref().take(length / frame).sum();
    let others = entering.zip(leaving).take((recording.len() - length) / frame);
    once(first).chain(others.scan(first, |score, (entering, leaving)| {
        *score = *score + entering - leaving;
        Some(*score)
    }))
}

/// Frames that one is held against, itself among them.
const AROUND: usize = 13;

/// The loudness of each frame: the median of the changes around it. Beyond the ends there are none.
fn loudness(recording: &[i16], frame: usize) -> impl Iterator<Item = u64> {
    let mut last = [0; AROUND];
    let changes = (0..recording.len() / frame).map(move |at| change(recording, at * frame, frame));
    let medians = changes.chain(repeat_n(0, AROUND / 2)).map(move |change| {
        last.rotate_left(1);
        last[AROUND - 1] = change;
        let mut sorted = last;
        *sorted.select_nth_unstable(AROUND / 2).1
    });
    // The first ones belong to frames before the recording.
    medians.skip(AROUND / 2)
}

/// How much so many samples change, each against the one before, other than along a straight line: the variance of the
/// differences times their number. No offset and no slow drift has any.
fn change(recording: &[i16], start: usize, frame: usize) -> u64 {
    let samples = recording.get(start.saturating_sub(1)..start + frame).unwrap_or(&[]);
    let squares = samples.windows(2).map(|pair| u64::from(pair[0].abs_diff(pair[1])).pow(2)).sum::<u64>();
    let (Some(from), Some(to)) = (samples.first(), samples.last()) else { return 0 };
    squares - u64::from(from.abs_diff(*to)).pow(2) / frame as u64
}
