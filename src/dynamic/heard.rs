//! What a recording gives a model that hears, and readings one that does not.

use super::Model;
use crate::audio::{Params, features, fine_features};
use crate::parts::Input;
use std::vec;
use std::vec::Vec;

/// Features of a recording, by the front end of a model, or of readings.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Heard {
    /// Log-mel energies, or values of other inputs, of 8 bits.
    Features(Vec<i8>),
    /// Cepstra, or values of other inputs, of 15 bits.
    FineFeatures(Vec<i16>),
}

impl Heard {
    /// As an input of the model.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        match self {
            Self::Features(features) => Input::Features(features),
            Self::FineFeatures(features) => Input::FineFeatures(features),
        }
    }

    /// Token by token, each of so many values; a rest at the end is left out.
    pub fn tokens(&self, values: usize) -> impl Iterator<Item = Input<'_>> {
        let (narrow, fine): (&[i8], &[i16]) = match self {
            Self::Features(features) => (features, &[]),
            Self::FineFeatures(features) => (&[], features),
        };
        let narrow = narrow.chunks_exact(values.max(1)).map(Input::Features);
        narrow.chain(fine.chunks_exact(values.max(1)).map(Input::FineFeatures))
    }

    /// The upper 8 bits of each feature.
    #[must_use]
    pub fn upper_bits(&self) -> Vec<i8> {
        match self {
            Self::Features(features) => features.clone(),
            Self::FineFeatures(features) => features.iter().map(|&x| (x >> 7) as i8).collect(),
        }
    }
}

impl Model {
    /// What the model's front end makes of a recording at its sample rate, of any length: as many frames as the model
    /// looks at ([`excerpt`](crate::audio::excerpt)). None if it has no front end.
    #[must_use]
    pub fn hear(&self, recording: &[i16]) -> Option<Heard> {
        self.hear_frames(recording, self.shape.input.steps)
    }

    /// The same, of all frames of a recording: for a [`Streaming`](super::Streaming) model.
    #[must_use]
    pub fn hear_all(&self, recording: &[i16]) -> Option<Heard> {
        let Params { window, hop, .. } = self.frontend()?.params;
        let after_first = recording.len().checked_sub(window as usize);
        let frames = after_first.map_or(0, |rest| rest / hop.max(1) as usize + 1);
        // The rest at the end is less than a hop.
        self.hear_frames(recording.get(..self.frontend()?.params.samples(frames))?, frames)
    }

    fn hear_frames(&self, recording: &[i16], frames: usize) -> Option<Heard> {
        let frontend = self.frontend()?;
        let count = frames * frontend.values();
        Some(if frontend.cepstra.is_some() {
            let mut heard = vec![0; count];
            fine_features(&frontend, recording, frames, &mut heard);
            Heard::FineFeatures(heard)
        } else {
            let mut heard = vec![0; count];
            features(&frontend, recording, frames, &mut heard);
            Heard::Features(heard)
        })
    }

    /// Real features, as [`Model::infer_real`] takes them, in the integers that the model takes.
    #[must_use]
    pub fn quantised(&self, features: &[f32]) -> Heard {
        let integers = self.integers(features);
        if self.shape.input.fine {
            Heard::FineFeatures(integers)
        } else {
            Heard::Features(integers.into_iter().map(|x| x as i8).collect())
        }
    }
}
