//! The front end on a stream of samples, on the host: frames of any number and size.

use super::Heard;
use crate::audio::{Frontend, Level, RUNNING, above, follow, level_of};
use std::vec;
use std::vec::Vec;

/// [`audio::Stream`](crate::audio::Stream) of a front end that is not known before: the same frames, in vectors.
#[derive(Clone, Debug)]
pub(super) struct Stream<'a> {
    frontend: Frontend<'a>,
    /// Samples of the next window, those that have come, oldest first.
    samples: Vec<i16>,
    fft: Vec<i32>,
    /// Values of the frames that are kept.
    kept: usize,
    /// Energies of the last frames, oldest first; none of a front end that makes cepstra.
    bands: Vec<u8>,
    /// The running mean of each band.
    means: Vec<u16>,
    /// Cepstra of the last frames, oldest first.
    cepstra: Vec<i16>,
}

impl<'a> Stream<'a> {
    /// A stream that has heard nothing and keeps so many frames.
    pub(super) fn new(frontend: Frontend<'a>, frames: usize) -> Self {
        Self {
            frontend,
            samples: vec![],
            fft: vec![0; frontend.params.points()],
            kept: frames * frontend.values(),
            bands: vec![],
            means: vec![0; frontend.params.bands as usize],
            cepstra: vec![],
        }
    }

    /// Takes one sample; true when it completed a frame.
    pub(super) fn push(&mut self, sample: i16) -> bool {
        let Self { frontend, samples, fft, .. } = self;
        samples.push(sample);
        if samples.len() < frontend.params.window as usize {
            return false;
        }
        if frontend.cepstra.is_some() {
            let frame = next(&mut self.cepstra, self.kept, frontend.values());
            frontend.cepstra(samples, fft, frame);
        } else {
            let is_first = self.bands.is_empty();
            let frame = next(&mut self.bands, self.kept, frontend.values());
            frontend.log_mel(samples, fft, frame);
            if let Level::Running { shift } = frontend.params.level {
                follow(frame, &mut self.means, shift, is_first);
            }
        }
        samples.drain(..samples.len().min(frontend.params.hop as usize));
        true
    }

    /// Whether there are as many frames as it keeps.
    pub(super) fn is_full(&self) -> bool {
        self.bands.len().max(self.cepstra.len()) >= self.kept
    }

    /// Forgets all samples and frames.
    pub(super) fn reset(&mut self) {
        self.samples.clear();
        self.bands.clear();
        self.cepstra.clear();
    }

    /// The frames as the model takes them, oldest first: energies relative to the mean of all or to running means, or
    /// cepstra.
    pub(super) fn heard(&self) -> Heard {
        if self.frontend.cepstra.is_some() {
            return Heard::FineFeatures(self.cepstra.clone());
        }
        let is_running = matches!(self.frontend.params.level, Level::Running { .. });
        let level = if is_running { RUNNING } else { level_of(&self.bands) };
        Heard::Features(self.bands.iter().map(|&energy| above(energy, level)).collect())
    }
}

/// The place of the next frame, behind those that are kept.
fn next<T: Copy + Default>(frames: &mut Vec<T>, kept: usize, values: usize) -> &mut [T] {
    if frames.len() >= kept {
        frames.drain(..values.min(frames.len()));
    }
    let start = frames.len();
    frames.resize(start + values, T::default());
    &mut frames[start..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{CepstraFrames, Frames, LogMelFrames, Params, Tables};

    type Typed<F> = crate::audio::Stream<100, 128, F>;

    const PARAMS: Params = Params { window: 100, hop: 40, bands: 6, ..Params::DEFAULT };

    /// Samples of a stream: few under Miri, which interprets.
    const COUNT: i32 = if cfg!(miri) { 2000 } else { 9000 };

    /// Streams of firmware and this one take the same samples; whether their features, `values` of each of 20 frames,
    /// were compared often enough.
    fn compare<F: Frames>(tables: &Tables, values: usize) -> bool {
        let frontend = tables.frontend();
        let (mut typed, mut stream) = (Typed::<F>::new(), Stream::new(frontend, 20));
        let mut compared = 0;
        let sample = |n: i32| (n.wrapping_mul(n).wrapping_mul(7919) >> 16) as i16 >> (n / 500 % 9);
        for n in 0..COUNT {
            if n == COUNT / 2 {
                (typed, _) = (Typed::new(), stream.reset());
            }
            assert_eq!(typed.push(&frontend, sample(n)), stream.push(sample(n)));
            assert_eq!(typed.frames().is_full(), stream.is_full());
            if !stream.is_full() || n % 61 != 0 {
                continue;
            }
            let (mut high, mut low) = (vec![0; 20 * values], vec![0; 20 * values]);
            typed.frames().features(0, typed.frames().level(), &mut high, &mut low);
            match stream.heard() {
                Heard::Features(found) => assert_eq!(found, high),
                Heard::FineFeatures(found) => {
                    let fine = high.iter().zip(&low).map(|(&high, &low)| (i16::from(high) << 7) + i16::from(low));
                    assert_eq!(found, fine.collect::<Vec<_>>());
                }
            }
            compared += 1;
        }
        compared >= 4
    }

    #[test]
    fn the_stream_of_firmware() {
        assert!(compare::<LogMelFrames<6, 20>>(&Tables::design(PARAMS).unwrap(), 6));
        let running = Params { level: Level::Running { shift: 3 }, ..PARAMS };
        assert!(compare::<LogMelFrames<6, 20, 6>>(&Tables::design(running).unwrap(), 6));
        let cepstra = Tables::design_cepstra(PARAMS, &[0.01, 0.002, 0.002]).unwrap();
        assert!(compare::<CepstraFrames<3, 20>>(&cepstra, 3));
    }
}
