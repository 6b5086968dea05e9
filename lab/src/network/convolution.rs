//! Convolutions in burn, and the BatchNorms after them.

use super::layers::activate;
use super::numbered::{Numbered, constant, matrix};
use super::pass::Pass;
use super::quantise::{self, values};
use burn::module::{Module, Param};
use burn::tensor::module::{conv2d, linear};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Int, Tensor, TensorData};
use heedful_import::graph::{self, Activation, Grid, Window2};
use std::sync::Arc;

/// Share of a batch in what a BatchNorm remembers.
const MOMENTUM: f32 = 0.1;

/// A convolution, perhaps a BatchNorm, and an activation.
#[derive(Module, Debug)]
pub(super) struct Convolution {
    /// `[outputs][inputs / groups · kernel rows · kernel columns]`
    weight: Param<Tensor<2>>,
    bias: Option<Param<Tensor<1>>>,
    norm: Option<BatchNorm>,
    inputs: usize,
    groups: usize,
    /// Of one that reads the input: the place in it of each value of each window, or the place behind it for a 0.
    #[module(skip)]
    places: Option<Arc<Vec<i64>>>,
    #[module(skip)]
    window: Window2,
    #[module(skip)]
    activation: Activation,
}

/// What a BatchNorm learns and remembers.
#[derive(Module, Debug)]
struct BatchNorm {
    gain: Param<Tensor<1>>,
    offset: Param<Tensor<1>>,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f32,
}

impl Convolution {
    /// `grid` is that of the input, if it reads that.
    pub fn new(
        layer: &graph::Convolution,
        norm: Option<&graph::BatchNorm>,
        grid: Option<Grid>,
        numbered: &mut Numbered<'_>,
    ) -> Self {
        let grid = grid.filter(|_| layer.groups == 1);
        let places = grid.map(|grid| Arc::new(places(layer.inputs, grid, &layer.window)));
        Self {
            places,
            weight: numbered.matrix(&layer.dense.weight, |x| x),
            bias: layer.dense.bias.as_ref().map(|bias| numbered.vector(bias)),
            norm: norm.map(|norm| BatchNorm {
                gain: numbered.vector(&norm.gain),
                offset: numbered.vector(&norm.offset),
                mean: norm.mean.clone(),
                variance: norm.variance.clone(),
                epsilon: norm.epsilon,
            }),
            inputs: layer.inputs,
            groups: layer.groups,
            window: layer.window,
            activation: layer.activation,
        }
    }

    /// Puts its numbers into one of the same shape, BatchNorm apart.
    pub fn store(&self, to: &mut graph::Convolution) {
        to.dense.weight = matrix(self.weight.val());
        to.dense.bias = self.bias.as_ref().map(|bias| values(bias.val()));
    }

    /// The BatchNorm after it.
    pub fn batch_norm(&self) -> Option<graph::BatchNorm> {
        self.norm.as_ref().map(|norm| graph::BatchNorm {
            gain: values(norm.gain.val()),
            offset: values(norm.offset.val()),
            mean: norm.mean.clone(),
            variance: norm.variance.clone(),
            epsilon: norm.epsilon,
        })
    }

    /// Has the BatchNorm remember what it was shown; the first time, nothing else.
    pub fn remember(&mut self, [mean, variance]: [Tensor<1>; 2]) {
        let Some(norm) = &mut self.norm else { return };
        let fresh = norm.mean.iter().all(|x| *x == 0.0) && norm.variance.iter().all(|x| *x == 1.0);
        let share = if fresh { 1.0 } else { MOMENTUM };
        for (kept, seen) in [(&mut norm.mean, mean), (&mut norm.variance, variance)] {
            kept.iter_mut().zip(values(seen)).for_each(|(kept, seen)| *kept += share * (seen - *kept));
        }
    }

    /// Before the activation, `[batch][outputs][rows][columns]` of `[batch][inputs][rows][columns]`. `steps` are those
    /// of the weights' columns, where they differ; `index` is its own place.
    pub fn forward(&self, x: Tensor<4>, index: usize, steps: &[f32], pass: &mut Pass<'_>) -> Tensor<4> {
        let bias = self.bias.as_ref().map(Param::val);
        match (&self.norm, &mut *pass) {
            (Some(norm), Pass::Learn(statistics)) => {
                let y = self.convolve(x, self.weight.val(), bias);
                let (y, seen) = norm.forward(y);
                statistics.push((index, seen));
                y
            }
            (norm, pass) => {
                let (weight, bias) = match norm {
                    Some(norm) => norm.fold(self.weight.val(), bias),
                    None => (self.weight.val(), bias),
                };
                let weight = if pass.quantised() { quantise::rows(weight, steps) } else { weight };
                self.convolve(x, weight, bias)
            }
        }
    }

    /// After that.
    pub fn activate(&self, x: Tensor<4>) -> Tensor<4> {
        activate(self.activation, x)
    }

    /// Values of a kernel of one channel.
    pub fn area(&self) -> usize {
        self.window.kernel.area()
    }

    /// Whether channels do not mix.
    pub fn depthwise(&self) -> bool {
        self.groups > 1
    }

    fn convolve(&self, x: Tensor<4>, weight: Tensor<2>, bias: Option<Tensor<1>>) -> Tensor<4> {
        let Window2 { kernel, stride, padding } = self.window;
        let [outputs, values] = weight.dims();
        if let Some(places) = &self.places {
            // No gradient goes back to the input: windows are copied out of it, which is twice as fast.
            let [batch, inputs, rows, columns] = x.dims();
            let grid = self.window.over(Grid { rows, columns }).unwrap_or(Grid::ZERO);
            let windows = windows(x.reshape([batch, inputs * rows * columns]), places);
            let y = linear(windows.reshape([batch, grid.area(), values]), weight.transpose(), bias);
            return y.swap_dims(1, 2).reshape([batch, outputs, grid.rows, grid.columns]);
        }
        if self.groups == 1 && [kernel, stride, padding] == [Grid::ONE, Grid::ONE, Grid::ZERO] {
            // A linear layer on each place: several times faster.
            let [batch, inputs, rows, columns] = x.dims();
            let places = x.reshape([batch, inputs, rows * columns]).swap_dims(1, 2);
            let y = linear(places, weight.transpose(), bias);
            return y.swap_dims(1, 2).reshape([batch, outputs, rows, columns]);
        }
        let weight = weight.reshape([outputs, self.inputs / self.groups, kernel.rows, kernel.columns]);
        let both = |grid: Grid| [grid.rows, grid.columns];
        conv2d(x, weight, bias, ConvOptions::new(both(stride), both(padding), [1, 1], self.groups))
    }
}

/// Values at places of rows; behind all of them is 0.
pub(super) fn windows(x: Tensor<2>, places: &[i64]) -> Tensor<2> {
    let ([batch, _], device) = (x.dims(), x.device());
    let x = Tensor::cat(vec![x, Tensor::zeros([batch, 1], &device)], 1);
    let places: Tensor<1, Int> = Tensor::from_data(TensorData::new(places.to_vec(), [places.len()]), &device);
    x.select(1, places)
}

/// Where the values of each window stand in `[channels][rows][columns]`; behind all for what is outside.
pub(super) fn places(channels: usize, grid: Grid, window: &Window2) -> Vec<i64> {
    let windows = window.over(grid).unwrap_or(Grid::ZERO);
    let Window2 { kernel, stride, padding } = *window;
    let mut places = Vec::with_capacity(windows.area() * channels * kernel.area());
    for index in 0..windows.area() {
        let (top, left) = (index / windows.columns * stride.rows, index % windows.columns * stride.columns);
        for channel in 0..channels {
            for at in 0..kernel.area() {
                let row = (top + at / kernel.columns).checked_sub(padding.rows).filter(|&row| row < grid.rows);
                let column =
                    (left + at % kernel.columns).checked_sub(padding.columns).filter(|&column| column < grid.columns);
                let place = row.zip(column).map_or(channels * grid.area(), |(row, column)| {
                    (channel * grid.rows + row) * grid.columns + column
                });
                places.push(place as i64);
            }
        }
    }
    places
}

impl BatchNorm {
    /// By the mean and the variance of the batch, which are given back. (Sums along dimensions are several times
    /// faster than burn's own.)
    fn forward(&self, x: Tensor<4>) -> (Tensor<4>, [Tensor<1>; 2]) {
        let shape @ [batch, channels, rows, columns] = x.dims();
        let x = x.reshape([batch, channels, rows * columns]);
        let mean_of = |x: Tensor<3>| x.sum_dim(2).sum_dim(0).div_scalar((batch * rows * columns) as f32);
        let mean = mean_of(x.clone());
        let variance = (mean_of(x.clone().square()) - mean.clone().square()).clamp_min(0.0);
        let of_channels = |values: Tensor<1>| values.reshape([1, channels, 1]);
        let scale = of_channels(self.gain.val()) / variance.clone().add_scalar(self.epsilon).sqrt();
        let shift = of_channels(self.offset.val()) - mean.clone() * scale.clone();
        let seen = [mean, variance].map(|values| values.detach().reshape([channels]));
        ((x * scale + shift).reshape(shape), seen)
    }

    /// The layer before it that does the work of both, by what is remembered.
    fn fold(&self, weight: Tensor<2>, bias: Option<Tensor<1>>) -> (Tensor<2>, Option<Tensor<1>>) {
        let (device, count) = (weight.device(), self.mean.len());
        let root = self.variance.iter().map(|variance| (variance + self.epsilon).sqrt().recip()).collect();
        let scale = self.gain.val() * constant(root, [count], &device);
        let mean = constant(self.mean.clone(), [count], &device);
        let centred = match bias {
            Some(bias) => bias - mean,
            None => -mean,
        };
        (weight * scale.clone().reshape([count, 1]), Some(centred * scale + self.offset.val()))
    }
}
