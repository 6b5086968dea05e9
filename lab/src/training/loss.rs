//! What is made small, and what is told of it.

use super::source::Taught;
use crate::network::{Inside, NetworkError};
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use heedful_import::graph::Output;

/// What weights below count as, so that their logarithm is a number.
const LEAST: f32 = 1e-6;

/// By what outputs are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// One of several classes: cross-entropy.
    Classes,
    /// Each holds or does not: binary cross-entropy.
    Labels,
    /// Numbers: half the square of the difference.
    Values,
}

impl Loss {
    pub fn of(output: &Output) -> Result<Self, NetworkError> {
        match output {
            Output::Classes(_) => Ok(Self::Classes),
            Output::Labels(_) => Ok(Self::Labels),
            Output::Values { .. } => Ok(Self::Values),
            Output::Embedding { .. } | Output::NextToken { .. } => {
                let (found, allowed) = ("outputs that are vectors or tokens", "classes, labels, values");
                Err(NetworkError::Unsupported { found, allowed })
            }
        }
    }

    /// Targets of which a share is spread over all.
    pub fn smooth(self, targets: &mut [f32], outputs: usize, smoothing: f32) {
        let spread = match self {
            Self::Classes => smoothing / outputs as f32,
            Self::Labels => smoothing / 2.0,
            Self::Values => return,
        };
        targets.iter_mut().for_each(|x| *x = *x * (1.0 - smoothing) + spread);
    }

    /// The mean over a batch, of outputs and targets `[batch][outputs]`.
    pub fn mean(self, outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
        let [batch, count] = outputs.dims();
        match self {
            Self::Classes => -(log_softmax(outputs, 1) * targets).sum().div_scalar(batch as f32),
            // ln(1 + e^x) - x·t, without overflow.
            Self::Labels => {
                let rest = (-outputs.clone().abs()).exp().add_scalar(1.0).log();
                let sum = (outputs.clone().clamp_min(0.0) - outputs * targets + rest).sum();
                sum.div_scalar((batch * count) as f32)
            }
            Self::Values => (outputs - targets).square().sum().div_scalar((2 * batch * count) as f32),
        }
    }

    /// How many of a batch are right, and of how many; none of numbers.
    pub fn right(self, outputs: &[f32], targets: &[f32], count: usize) -> Option<[usize; 2]> {
        match self {
            Self::Classes => {
                let rows = outputs.chunks_exact(count).zip(targets.chunks_exact(count));
                let right = rows.filter(|(outputs, targets)| largest(outputs) == largest(targets)).count();
                Some([right, outputs.len() / count])
            }
            Self::Labels => {
                let right = outputs.iter().zip(targets).filter(|(x, t)| (**x > 0.0) == (**t > 0.5)).count();
                Some([right, outputs.len()])
            }
            Self::Values => None,
        }
    }
}

/// How far the last block is from that of a teacher, whose maps are `[batch][maps · tokens · tokens]`, the mean of a
/// batch: the Kullback-Leibler divergence of what tokens attend to (Jiao et al. 2020 and Wang et al. 2020, "MiniLM"),
/// and the mean square of the differences of cosines.
pub(super) fn of_block(inside: &Inside, maps: Tensor<2>, taught: Taught) -> Tensor<1> {
    let attention = inside.attention();
    let [batch, queries, keys] = attention.dims();
    let size = queries * keys;
    let map = |at: usize| maps.clone().slice([0..batch, at * size..(at + 1) * size]).reshape([batch, queries, keys]);
    let mut loss = Tensor::zeros([1], &maps.device());
    if taught.attention > 0.0 {
        let (told, rows) = (map(0), (batch * queries) as f32);
        let logarithm = |x: Tensor<3>| x.clamp_min(LEAST).log();
        let divergence = (told.clone() * (logarithm(told) - logarithm(attention))).sum().div_scalar(rows);
        loss = loss + divergence.mul_scalar(taught.attention);
    }
    if taught.hidden > 0.0 {
        let differences = inside.relations() - map(taught.maps() - 1);
        loss = loss + differences.square().mean().mul_scalar(taught.hidden);
    }
    loss
}

/// The first of the largest.
pub(crate) fn largest(row: &[f32]) -> usize {
    (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn mean(loss: Loss, outputs: [f32; 4], targets: [f32; 4], smoothing: f32) -> f32 {
        let mut targets = targets.to_vec();
        loss.smooth(&mut targets, 2, smoothing);
        let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, [2, 2]), &Device::flex());
        loss.mean(tensor(outputs.to_vec()), tensor(targets)).into_scalar()
    }

    #[test]
    fn means_of_two_examples() {
        // Odds of 3 to 1 for the wrong class, and even ones.
        let third = 3f32.ln();
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
        let (outputs, targets) = ([third, 0.0, 5.0, 5.0], [0.0, 1.0, 1.0, 0.0]);
        near(mean(Loss::Classes, outputs, targets, 0.0), (4f32.ln() + 2f32.ln()) / 2.0);
        let smooth = 0.9 * 4f32.ln() + 0.1 * (4f32 / 3.0).ln();
        near(mean(Loss::Classes, outputs, targets, 0.2), (smooth + 2f32.ln()) / 2.0);
        let (outputs, targets) = ([third, 0.0, 90.0, -90.0], [0.0, 1.0, 1.0, 0.0]);
        near(mean(Loss::Labels, outputs, targets, 0.0), (4f32.ln() + 2f32.ln()) / 4.0);
        near(mean(Loss::Values, [1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 3.0, 3.0], 0.5), (4.0 + 1.0) / 8.0);
    }

    #[test]
    fn the_block_of_a_teacher() {
        let device = Device::flex();
        // Two heads of two tokens; in the mean, the second looks at both alike.
        let weights = [1.0, 0.0, 0.25, 0.75, 1.0, 0.0, 0.75, 0.25f32];
        let weights = Tensor::from_data(TensorData::new(weights.to_vec(), [1, 2, 2, 2]), &device);
        // Vectors that stand on each other.
        let stream = Tensor::from_data(TensorData::new(vec![3.0f32, 0.0, 0.0, 0.5], [1, 2, 2]), &device);
        let inside = Inside::new(weights, stream);
        let of = |maps: &[f32], taught| {
            let maps = Tensor::from_data(TensorData::new(maps.to_vec(), [1, maps.len()]), &device);
            of_block(&inside, maps, taught).into_scalar::<f32>()
        };
        let (attention, relations) = ([1.0, 0.0, 0.25, 0.75], [1.0, 0.5, 0.5, 1.0]);
        // 0.25·ln(0.25/0.5) + 0.75·ln(0.75/0.5), over two rows.
        let divergence = (0.25 * 0.5f32.ln() + 0.75 * 1.5f32.ln()) / 2.0;
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
        near(of(&attention, Taught { attention: 2.0, hidden: 0.0 }), 2.0 * divergence);
        near(of(&relations, Taught { attention: 0.0, hidden: 4.0 }), 4.0 * 0.125);
        near(of(&[attention, relations].concat(), Taught { attention: 1.0, hidden: 1.0 }), divergence + 0.125);
        near(of(&[1.0, 0.0, 0.5, 0.5], Taught { attention: 1.0, hidden: 0.0 }), 0.0);
    }

    #[test]
    fn right_ones() {
        let outputs = [1.0, 2.0, -1.0, -3.0];
        assert_eq!(Loss::Classes.right(&outputs, &[0.1, 0.9, 0.4, 0.6], 2), Some([1, 2]));
        assert_eq!(Loss::Labels.right(&outputs, &[1.0, 0.0, 0.0, 0.0], 2), Some([3, 4]));
        assert_eq!(Loss::Values.right(&outputs, &outputs, 2), None);
    }
}
