//! From recordings to the features of the front end that runs on the target.

use crate::augment::Draw;
use crate::data::Clip;
use crate::{Config, Error, augment};
use heedful::audio::{DesignError, Tables};

/// Real value of an int8 feature of 1: an eighth of an octave.
pub const SCALE: f32 = 0.125;

/// The front end of a model, with its tables.
#[derive(Clone, Debug)]
pub struct Extractor {
    tables: Tables,
    frames: usize,
    bands: usize,
    samples: usize,
}

impl Extractor {
    /// Designs the front end.
    ///
    /// # Errors
    /// If its parameters are out of range.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let tables =
            Tables::design(config.audio.into()).map_err(|e: DesignError| Error::Training(format!("front end: {e}")))?;
        Ok(Self { tables, frames: config.frames(), bands: config.audio.bands as usize, samples: config.samples() })
    }

    /// The tables, for the `.heed` file.
    #[must_use]
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Features of a recording as it is, `[frames][bands]`, in eighths of an octave.
    #[must_use]
    pub fn plain(&self, recording: &[i16]) -> Vec<i8> {
        let mut out = vec![0; self.frames * self.bands];
        heedful::audio::features(&self.tables.frontend(), recording, self.frames, &mut out);
        out
    }

    /// Features of an altered copy of a recording; the same `draw` alters the same way.
    #[must_use]
    pub fn augmented(&self, clip: &Clip, draw: &mut Draw) -> Vec<i8> {
        let altered = augment::waveform(&clip.samples, self.samples, draw);
        let mut out = self.plain(&altered);
        augment::masks(&mut out, self.bands, draw);
        out
    }
}
