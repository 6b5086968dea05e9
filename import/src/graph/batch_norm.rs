//! BatchNorm, which training has and finished models do not.

use super::Dense;

/// BatchNorm after a convolution, as it is once training is over: a line for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Of each channel.
    pub gain: Vec<f32>,
    /// Of each channel.
    pub offset: Vec<f32>,
    /// What was seen, of each channel.
    pub mean: Vec<f32>,
    /// Likewise.
    pub variance: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl BatchNorm {
    /// One of so many channels that has seen nothing and changes next to nothing.
    #[must_use]
    pub fn new(channels: usize) -> Self {
        let (zeros, ones) = (vec![0.0; channels], vec![1.0; channels]);
        Self { gain: ones.clone(), offset: zeros.clone(), mean: zeros, variance: ones, epsilon: 1e-5 }
    }

    /// The layer before it that does the work of both.
    #[must_use]
    pub fn fold(&self, dense: &Dense) -> Dense {
        let mut dense = dense.clone();
        let bias = dense.bias.take().unwrap_or_else(|| vec![0.0; dense.outputs()]);
        let mut folded = Vec::with_capacity(bias.len());
        for (channel, row) in dense.weight.values.chunks_exact_mut(dense.weight.columns).enumerate() {
            let root = (f64::from(self.variance[channel]) + f64::from(self.epsilon)).sqrt();
            let scale = f64::from(self.gain[channel]) / root;
            row.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
            let centred = f64::from(bias[channel]) - f64::from(self.mean[channel]);
            folded.push((centred * scale + f64::from(self.offset[channel])) as f32);
        }
        dense.bias = Some(folded);
        dense
    }
}
