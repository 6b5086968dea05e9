//! What the tensors of a float model are on some inputs.

use super::ConvertError;
use crate::graph::{Model, Place, Sample, Taps};
use std::collections::BTreeMap;
use std::ops::Range;

/// Bins of a histogram per octave of magnitude.
const PER_OCTAVE: f32 = 8.0;
/// Octaves of a histogram: from 2^-40 to 2^24.
const OCTAVES: usize = 64;
const LEAST: f32 = -40.0;
const BINS: usize = OCTAVES * PER_OCTAVE as usize;

/// Room above the largest value seen: other inputs have larger ones, and a clipped key leads its head astray.
const ROOM: f64 = 1.1;

/// How the range of an int8 tensor is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clipping {
    /// It holds all that was seen, and a tenth more.
    Range,
    /// It holds this share of the values; the others saturate.
    Percentile(f64),
    /// The sum of the squares of rounding and saturation is least.
    LeastSquares,
}

/// Magnitudes of each value of a tensor's rows.
#[derive(Clone, Debug, Default)]
struct Seen {
    width: usize,
    largest: Vec<f32>,
    /// `[width][BINS]`
    counts: Vec<u32>,
    /// The least and the largest value of all.
    ends: [f32; 2],
    /// Of each channel.
    sums: Vec<f64>,
    rows: usize,
}

/// Magnitudes of all tensors.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    seen: BTreeMap<Place, Seen>,
    inputs: usize,
}

impl Ranges {
    /// Those on some inputs.
    ///
    /// # Errors
    /// If there are no inputs, or the model refuses one.
    pub fn observe<'a>(model: &Model, samples: impl IntoIterator<Item = Sample<'a>>) -> Result<Self, ConvertError> {
        let mut ranges = Self::default();
        for sample in samples {
            ranges.count(1);
            model.run(sample, &mut ranges)?;
        }
        if ranges.inputs == 0 { Err(ConvertError::NoInputs) } else { Ok(ranges) }
    }

    /// Counts inputs, where another forward pass than [`Model::run`] shows its tensors.
    pub fn count(&mut self, inputs: usize) {
        self.inputs += inputs;
    }

    /// The same, with all means 0. Biases are then not changed to make up for the rounding of weights: models that were
    /// trained with rounded weights have biases that do.
    #[must_use]
    pub fn without_means(mut self) -> Self {
        self.seen.values_mut().for_each(|seen| seen.sums.fill(0.0));
        self
    }

    /// Inputs seen.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    fn at(&self, place: Place) -> Result<&Seen, ConvertError> {
        self.seen.get(&place).ok_or(ConvertError::Unseen(place))
    }

    /// The largest value of each channel.
    pub(super) fn channels(&self, place: Place) -> Result<&[f32], ConvertError> {
        Ok(&self.at(place)?.largest)
    }

    /// The largest value.
    pub(super) fn largest(&self, place: Place) -> Result<f64, ConvertError> {
        Ok(self.at(place)?.largest.iter().copied().fold(0.0, f32::max).into())
    }

    /// The mean of each channel.
    pub(super) fn means(&self, place: Place) -> Result<Vec<f64>, ConvertError> {
        let seen = self.at(place)?;
        Ok(seen.sums.iter().map(|sum| sum / seen.rows.max(1) as f64).collect())
    }

    /// The least value, or 0, and the largest, or 0.
    pub(super) fn ends(&self, place: Place) -> Result<[f64; 2], ConvertError> {
        Ok(self.at(place)?.ends.map(f64::from))
    }

    /// The largest value that an int8 tensor shall hold, of some channels.
    pub(super) fn clipped(&self, place: Place, part: Range<usize>, clipping: Clipping) -> Result<f64, ConvertError> {
        self.clipped_under(place, part, clipping, &[])
    }

    /// The same, where each channel is divided by so many eighths of an octave.
    pub(super) fn clipped_under(
        &self,
        place: Place,
        part: Range<usize>,
        clipping: Clipping,
        eighths: &[i32],
    ) -> Result<f64, ConvertError> {
        let seen = self.at(place)?;
        let down = |channel: usize| eighths.get(channel).copied().unwrap_or(0);
        let divided = part.clone().map(|channel| f64::from(seen.largest[channel]) / factor(down(channel)));
        let largest = divided.fold(0.0, f64::max);
        let mut counts = vec![0u64; BINS];
        for channel in part {
            let bins = seen.counts[channel * BINS..][..BINS].iter().enumerate().filter(|(_, count)| **count > 0);
            for (bin, &count) in bins {
                let bin = (bin as i32 - down(channel)).clamp(0, BINS as i32 - 1);
                counts[bin as usize] += u64::from(count);
            }
        }
        Ok(match clipping {
            Clipping::Range => largest * ROOM,
            Clipping::Percentile(share) => percentile(&counts, share).min(largest),
            Clipping::LeastSquares => least_squares(&counts, largest),
        })
    }
}

impl Taps for Ranges {
    fn see(&mut self, place: Place, rows: &[f32], width: usize) {
        // Weights of the softmax are no tensor of the integer model.
        if let Place::Block(_, crate::graph::Site::Weights(_)) = place {
            return;
        }
        let seen = self.seen.entry(place).or_default();
        if seen.width == 0 {
            let bins = if counted(place) { BINS } else { 0 };
            let (largest, counts, sums) = (vec![0.0; width], vec![0; width * bins], vec![0.0; width]);
            *seen = Seen { width, largest, counts, ends: [0.0; 2], sums, rows: 0 };
        }
        let counted = counted(place);
        seen.ends = rows.iter().fold(seen.ends, |[least, most], &x| [least.min(x), most.max(x)]);
        for row in rows.chunks_exact(width) {
            seen.rows += 1;
            seen.sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
            for (channel, x) in row.iter().map(|x| x.abs()).enumerate() {
                seen.largest[channel] = seen.largest[channel].max(x);
                if counted && let Some(bin) = bin(x) {
                    seen.counts[channel * BINS + bin] += 1;
                }
            }
        }
    }
}

/// Whether the range of a tensor may be less than its largest value: only then, all its values count.
fn counted(place: Place) -> bool {
    !matches!(place, Place::Input | Place::Memory | Place::Convolved(_) | Place::Convolution(_) | Place::Stem)
}

/// So many eighths of an octave, as a factor.
pub(super) fn factor(eighths: i32) -> f64 {
    (f64::from(eighths) / f64::from(PER_OCTAVE)).exp2()
}

/// A factor in eighths of an octave.
pub(super) fn eighths(factor: f64) -> i32 {
    (factor.log2() * f64::from(PER_OCTAVE)).round().clamp(-400.0, 400.0) as i32
}

/// The bin of a magnitude; `None` for 0.
fn bin(x: f32) -> Option<usize> {
    let place = (x.log2() - LEAST) * PER_OCTAVE;
    (place >= 0.0).then(|| (place as usize).min(BINS - 1))
}

/// The middle of a bin.
fn middle(bin: usize) -> f64 {
    f64::from(LEAST + (bin as f32 + 0.5) / PER_OCTAVE).exp2()
}

/// The upper end of a bin.
fn end(bin: usize) -> f64 {
    f64::from(LEAST + (bin as f32 + 1.0) / PER_OCTAVE).exp2()
}

fn percentile(counts: &[u64], share: f64) -> f64 {
    let all: u64 = counts.iter().sum();
    let mut outside = (all as f64 * (1.0 - share)) as u64;
    for (bin, &count) in counts.iter().enumerate().rev() {
        if count > outside {
            return end(bin);
        }
        outside -= count;
    }
    0.0
}

/// The range of the least sum of squares of what rounding to 127 steps and saturation change.
fn least_squares(counts: &[u64], largest: f64) -> f64 {
    let Some(last) = counts.iter().rposition(|&count| count > 0) else { return 0.0 };
    // Nothing is gained below an eighth of the largest value.
    let first = last.saturating_sub(3 * PER_OCTAVE as usize);
    let error = |clip: f64| {
        let step = clip / 127.0;
        let each = counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(bin, &count)| {
            let x = middle(bin).min(largest);
            // Values below half a step become 0.
            let error = if x > clip { (x - clip).powi(2) } else { (step * step / 12.0).min(x * x) };
            error * count as f64
        });
        each.sum::<f64>()
    };
    let candidates = (first..=last).map(|bin| end(bin).min(largest));
    candidates.map(|clip| (error(clip), clip)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(largest, |(_, clip)| clip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_tensor_with_an_outlier() {
        let mut ranges = Ranges::default();
        let rows: Vec<f32> = (0..10_000).map(|i| (i % 100) as f32 / 100.0).chain([40.0]).collect();
        ranges.see(Place::Logits, &rows, 1);
        let of = |clipping| ranges.clipped(Place::Logits, 0..1, clipping).unwrap();
        assert_eq!(of(Clipping::Range), 44.0);
        assert!((0.9..1.2).contains(&of(Clipping::Percentile(0.999))));
        // One value of 40 among 10,000 of 1: worth a coarser step.
        assert!((5.0..=40.0).contains(&of(Clipping::LeastSquares)), "{}", of(Clipping::LeastSquares));
        assert!(matches!(ranges.clipped(Place::Input, 0..1, Clipping::Range), Err(ConvertError::Unseen(Place::Input))));
    }

    #[test]
    fn bins_hold_their_values() {
        for x in [1e-9f32, 0.3, 1.0, 77.7] {
            let bin = bin(x).unwrap();
            assert!(f64::from(x) <= end(bin) * 1.0001 && end(bin) < f64::from(x) * 1.1);
        }
        assert_eq!(bin(0.0), None);
    }
}
