//! What makes features independent of the gain of the microphone.

/// Subtracts the rounded mean of all `frames` (`U5F3`) from each and saturates to
/// int8 (`I5F3`). Both slices have the same length; the shorter one counts.
///
/// ```
/// let mut features = [0i8; 4];
/// heedful::audio::centre(&[80, 90, 100, 255], &mut features);
/// assert_eq!(features, [-51, -41, -31, 124]); // the mean is 131
/// ```
pub fn centre(frames: &[u8], out: &mut [i8]) {
    let mean = mean(frames);
    for (o, &frame) in out.iter_mut().zip(frames) {
        *o = above(frame, mean);
    }
}

/// The most energies that sum to a word, half of their number included.
const SUMMED: usize = 1 << 24;

/// Rounded mean; 0 of nothing.
#[inline]
pub(crate) fn mean(frames: &[u8]) -> i16 {
    let sum = |frames: &[u8]| frames.iter().map(|&frame| u32::from(frame)).sum::<u32>();
    if frames.len() <= SUMMED {
        let count = frames.len() as u32;
        return (sum(frames) + count / 2).checked_div(count).unwrap_or(0) as i16;
    }
    let (sum, count) = (frames.chunks(SUMMED).map(|part| u64::from(sum(part))).sum::<u64>(), frames.len() as u64);
    ((sum + count / 2) / count) as i16
}

/// `frame - mean`, saturated to int8.
#[inline]
pub(crate) fn above(frame: u8, mean: i16) -> i8 {
    (i16::from(frame).saturating_sub(mean)).clamp(-128, 127) as i8
}

/// The level of frames that are held against running means already: what they are stored above.
pub(crate) const RUNNING: i16 = 128;

/// Holds a frame against the running mean of each band, `U5F3` with 8 more fraction bits, and stores it above
/// [`RUNNING`]. The first frame is its own mean.
pub(crate) fn follow(frame: &mut [u8], means: &mut [u16], shift: u32, is_first: bool) {
    for (value, mean) in frame.iter_mut().zip(means) {
        let fine = i32::from(*value) << 8;
        if is_first {
            *mean = fine as u16;
        }
        let before = i32::from(*mean);
        let now = before + ((fine - before) >> shift.min(15));
        *mean = now as u16;
        *value = (i32::from(*value) - ((now + 128) >> 8) + i32::from(RUNNING)).clamp(0, 255) as u8;
    }
}
