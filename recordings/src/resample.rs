//! Band-limited resampling in blocks, to the samples that the whole sound at once would give.

use crate::error::Reason;
use crate::render::nearest;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, WindowFunction};
use std::cell::Cell;
use std::fmt::Display;

/// Samples that go in at once.
const BLOCK: usize = 1024;

thread_local! {
    /// What the last sound of this thread was resampled by, and its rates: a filter takes longer to make than a short
    /// recording to resample.
    static LAST: Cell<Option<(u32, u32, Async<f32>)>> = const { Cell::new(None) };
}

/// A sound that is being resampled, as it comes.
pub struct Resampling {
    /// Samples per second.
    from: u32,
    to: u32,
    resampler: Async<f32>,
    /// Samples to come that fill a block.
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples to leave out at the start, which the filter needs to settle.
    delay: usize,
    pushed: u64,
    pulled: u64,
}

impl Resampling {
    /// From a rate to another, both in samples per second.
    ///
    /// # Errors
    /// If the ratio of the two is none that can be resampled by.
    pub fn new(from: u32, to: u32) -> Result<Self, Reason> {
        let mut resampler = match LAST.take() {
            Some((last_from, last_to, resampler)) if (last_from, last_to) == (from, to) => resampler,
            _ => filter(from, to)?,
        };
        resampler.reset();
        let output = vec![0.0; resampler.output_frames_max()];
        let delay = resampler.output_delay();
        Ok(Self { from, to, resampler, input: Vec::with_capacity(BLOCK), output, delay, pushed: 0, pulled: 0 })
    }

    /// Takes samples in, full scale ±1, and appends what comes out.
    ///
    /// # Errors
    /// None that is known.
    pub fn push(&mut self, mut mono: &[f64], samples: &mut Vec<i16>) -> Result<(), Reason> {
        while !mono.is_empty() {
            let (now, rest) = mono.split_at(mono.len().min(BLOCK - self.input.len()));
            self.input.extend(now.iter().map(|&x| x as f32));
            self.pushed += now.len() as u64;
            mono = rest;
            if self.input.len() == BLOCK {
                self.process(samples)?;
            }
        }
        Ok(())
    }

    /// The rest, to the length that the ratio gives.
    ///
    /// # Errors
    /// None that is known.
    pub fn finish(mut self, samples: &mut Vec<i16>) -> Result<(), Reason> {
        let whole = (self.resampler.resample_ratio() * self.pushed as f64).ceil() as u64;
        while self.pulled < whole {
            self.process(samples)?;
        }
        samples.truncate(samples.len() - (self.pulled - whole) as usize);
        LAST.set(Some((self.from, self.to, self.resampler)));
        Ok(())
    }

    /// Resamples the input, with silence up to the length of a block.
    fn process(&mut self, samples: &mut Vec<i16>) -> Result<(), Reason> {
        let input = InterleavedSlice::new(&self.input, 1, self.input.len()).map_err(refused)?;
        let length = self.output.len();
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, length).map_err(refused)?;
        let partial = Indexing::new().partial_len(self.input.len());
        let (_, count) = self.resampler.process_into_buffer(&input, &mut output, Some(&partial)).map_err(refused)?;
        let late = self.delay.min(count);
        self.delay -= late;
        self.pulled += (count - late) as u64;
        samples.extend(self.output[late..count].iter().map(|&x| nearest(x.into())));
        self.input.clear();
        Ok(())
    }
}

fn filter(from: u32, to: u32) -> Result<Async<f32>, Reason> {
    // It spans 128 periods of the slower rate, so that it cuts equally steeply at any ratio.
    let taps = 128 * from.div_ceil(to).max(1) as usize;
    let filter = SincInterpolationParameters::new(taps, WindowFunction::BlackmanHarris2);
    let ratio = f64::from(to) / f64::from(from);
    Async::new_sinc(ratio, 1.0, &filter, BLOCK, 1, FixedAsync::Input).map_err(refused)
}

fn refused(reason: impl Display) -> Reason {
    Reason::Resample(reason.to_string())
}

impl std::fmt::Debug for Resampling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampling").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}
