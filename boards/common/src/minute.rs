//! A minute of sound that takes no more flash than the clips: a word each second, with quiet noise after it. `xtask`
//! makes the same on the host.

/// Samples per second.
pub const RATE: usize = 8000;
/// Seconds.
pub const SECONDS: usize = 60;
/// Frames of 10 ms from an inference to the next, and those where the core is a small one.
pub const CADENCE: u32 = 10;
pub const SMALL_CADENCE: u32 = 25;
/// From the clip of one second to that of the next, so that words change: no divisor in common with the number of
/// clips.
const STRIDE: usize = 7;
/// The largest sample of the noise.
const LOUDEST: u32 = 12;

/// The samples of a minute; `clip` gives the `n`th of `clips` clips, none longer than a second.
#[derive(Clone, Debug)]
pub struct Minute<'c, F> {
    clip: F,
    clips: usize,
    samples: core::slice::Iter<'c, i16>,
    /// Samples so far.
    at: usize,
    noise: u32,
}

impl<'c, F: Fn(usize) -> &'c [i16]> Minute<'c, F> {
    /// At its start.
    pub fn new(clips: usize, clip: F) -> Self {
        Self { clip, clips, samples: [].iter(), at: 0, noise: 1 }
    }
}

impl<'c, F: Fn(usize) -> &'c [i16]> Iterator for Minute<'c, F> {
    type Item = i16;

    fn next(&mut self) -> Option<i16> {
        if self.at == SECONDS * RATE {
            return None;
        }
        if self.at.is_multiple_of(RATE) {
            self.samples = (self.clip)(self.at / RATE * STRIDE % self.clips).iter();
        }
        self.at += 1;
        // A generator modulo 2^32 (Numerical Recipes), of which the upper bits count.
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = ((self.noise >> 16) % (2 * LOUDEST + 1)) as i16 - LOUDEST as i16;
        Some(self.samples.next().copied().unwrap_or(noise))
    }
}
