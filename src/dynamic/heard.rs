//! What a recording gives a model that hears.

use super::Model;
use crate::audio::{features, fine_features};
use crate::parts::Input;
use std::vec;
use std::vec::Vec;

/// Features of a recording, by the front end of a model.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Heard {
    /// Log-mel energies, of 8 bits.
    Features(Vec<i8>),
    /// Cepstra, of 15 bits.
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
}
