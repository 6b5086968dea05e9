//! Finding the scale of each activation from the values it takes on some recordings.

use crate::encoder::{Encoder, Pass, batch};
use crate::ranges::Ranges;
use crate::weights::Scales;
use burn::tensor::Device;

/// Recordings per forward pass.
const BATCH: usize = 100;

/// Calibrates on features `[tokens * inputs]` of some recordings.
#[must_use]
pub fn calibrate(encoder: &Encoder, features: &[Vec<i8>], device: &Device) -> Scales {
    let mut ranges = Ranges::default();
    for some in features.chunks(BATCH) {
        let x = batch(some, encoder.tokens(), device);
        let _ = encoder.forward(x, &mut Pass::Observe(&mut ranges));
    }
    ranges.into_scales()
}
