//! The magnitudes that activations take, and the scales that these ask for.
//!
//! Sites, in the order of the data flow: `features` (fixed, 1/8 octave), then per block
//! `blocks.N.` + `norm1`, `query`, `key`, `value`, `heads`, `norm2`, `hidden`, `gelu`;
//! then `norm`, `pooled`. `residual` and `logits` are int16. Where query and key weights can be folded
//! ([`crate::fuse`]), `query_key` is what the folded ones make of `norm1`. The reduced values of projections of low
//! rank ([`crate::low_rank`]) are no site: they have a scale each, found when converting.

use crate::features::SCALE;
use crate::weights::Scales;
use burn::tensor::Tensor;
use std::collections::BTreeMap;

/// Share of the values that an int8 range holds; the others saturate.
const INSIDE: f64 = 0.9998;
/// Head room above the largest value seen for the int16 sites.
const HEADROOM: f32 = 2.0;

/// Magnitudes that the sites take.
#[derive(Debug, Default)]
pub struct Ranges {
    seen: BTreeMap<String, Vec<f32>>,
}

impl Ranges {
    /// Adds the values of one site.
    pub fn observe<const D: usize>(&mut self, site: &str, x: &Tensor<D>) {
        let values: Vec<f32> = x.to_data().iter::<f32>().map(f32::abs).collect();
        self.seen.entry(site.to_owned()).or_default().extend(values);
    }

    /// The scale of every site.
    #[must_use]
    pub fn into_scales(self) -> Scales {
        let scales = self.seen.into_iter().map(|(site, values)| {
            let scale = if site == "residual" || site == "logits" {
                HEADROOM * values.iter().copied().fold(0.0, f32::max) / 32767.0
            } else {
                int8_scale(values)
            };
            (site, scale.max(f32::MIN_POSITIVE))
        });
        scales.chain([("features".to_owned(), SCALE)]).collect()
    }
}

/// The scale of an int8 value that takes such magnitudes; 0 if there are none.
pub(crate) fn int8_scale(magnitudes: impl IntoIterator<Item = f32>) -> f32 {
    let mut magnitudes: Vec<f32> = magnitudes.into_iter().collect();
    let rank = (magnitudes.len().saturating_sub(1) as f64 * INSIDE).round() as usize;
    if magnitudes.is_empty() { 0.0 } else { *magnitudes.select_nth_unstable_by(rank, f32::total_cmp).1 / 127.0 }
}
