//! Sound in, events and scores out, as the example `listen` hears it.

use heedful::Error;
use heedful::dynamic::{Detector, Ear, Model};
use serde::Serialize;

/// Samples that are heard at once: what is due keeps its input until its inference.
const CHUNK: usize = 512;

/// What happened in some samples. Times are in samples since the sound began.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Heard {
    /// Events that ended.
    pub events: Vec<Happened>,
    /// Inferences that were due.
    pub scored: Vec<Scored>,
}

/// An event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Happened {
    /// Index of the class.
    pub class: usize,
    /// Where it began.
    pub start: u64,
    /// Where it ended.
    pub end: u64,
    /// The highest smoothed probability, 2^15 for 1.
    pub score: u16,
}

/// An inference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Scored {
    /// The middle of the window; before the sound, it is negative.
    pub at: i64,
    /// The probability of each output, 2^15 for 1; none where the gate was closed and no inference was run.
    pub scores: Vec<u16>,
}

/// A listener on one sound.
///
/// Half a window of silence stands before the sound, and a window behind, so that words at either end of it are in the
/// middle of a window.
#[derive(Clone, Debug)]
pub struct Session<'m> {
    ear: Ear<'m>,
    detector: Detector,
    /// Samples of the sound so far.
    heard: u64,
}

impl<'m> Session<'m> {
    /// One that has heard nothing.
    ///
    /// # Errors
    /// If the model cannot listen: see [`Ear::new`].
    pub fn new(model: &'m Model) -> Result<Self, Error> {
        let detector = Detector::new(model.events(), model.shape().input.millihertz)?;
        let mut session = Self { ear: Ear::new(model, model.events())?, detector, heard: 0 };
        session.silence(session.before());
        Ok(session)
    }

    /// Samples of silence before the sound.
    fn before(&self) -> u64 {
        self.ear.window() / 2
    }

    /// Hears samples of the sound.
    pub fn push(&mut self, samples: &[i16]) -> Heard {
        self.heard += samples.len() as u64;
        self.take(samples)
    }

    /// Says that samples of the sound were lost.
    pub fn skip(&mut self, lost: u64) {
        self.heard += lost;
        self.ear.skip(lost);
    }

    /// The sound is over: what is still to come of it.
    pub fn end(&mut self) -> Heard {
        self.silence(2 * self.ear.window())
    }

    fn silence(&mut self, samples: u64) -> Heard {
        self.take(&vec![0; samples as usize])
    }

    fn take(&mut self, samples: &[i16]) -> Heard {
        let mut heard = Heard::default();
        let before = self.before();
        for samples in samples.chunks(CHUNK) {
            for due in self.ear.push(samples) {
                let posteriors = self.ear.posteriors(&due);
                let scores = posteriors.iter().map(|p| p.to_bits()).collect();
                heard.scored.push(Scored { at: due.position as i64 - before as i64, scores });
                for event in self.detector.step(posteriors, due.position) {
                    let at = |position: u64| position.saturating_sub(before).min(self.heard);
                    let (start, end, score) = (at(event.start), at(event.end), event.score.to_bits());
                    heard.events.push(Happened { class: event.class, start, end, score });
                }
            }
        }
        heard
    }
}
