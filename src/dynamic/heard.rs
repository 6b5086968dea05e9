//! What a recording gives a model that hears, and readings one that does not.

use super::Model;
use crate::audio::{features, fine_features};
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
        let (frontend, frames) = (self.frontend()?, self.shape.input.steps);
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
