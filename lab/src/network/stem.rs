//! What makes tokens of the input, in burn.

use super::convolution::{Convolution, places, windows};
use super::layers::Dense;
use super::numbered::Numbered;
use super::pass::{Channels, Pass, Statistics};
use burn::module::Module;
use burn::tensor::Tensor;
use heedful_import::graph::{self, Grid, Input, Place, Unfolded, Window2};
use std::sync::Arc;

/// A linear layer over windows of the input, or convolutions.
#[derive(Module, Debug)]
pub(super) struct Stem {
    convolutions: Vec<Convolution>,
    dense: Option<Dense>,
    #[module(skip)]
    shape: Arc<Shape>,
}

/// What of a stem is not learned.
#[derive(Debug)]
struct Shape {
    input: Input,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Windows that follow each other and are as they stand in the input.
    Rows { tokens: usize },
    /// Any windows: the place in the input of each value, or the place behind it for a 0. Values of one channel stand
    /// side by side in runs of this length.
    Windows { tokens: usize, places: Vec<i64>, run: usize },
    /// Convolutions; whether a series is a picture of one channel, and whether rows are tokens.
    Convolutions { image: bool, rows: bool },
}

impl Stem {
    /// The model has passed its check.
    pub fn new(unfolded: &Unfolded, tokens: usize, numbered: &mut Numbered<'_>) -> Self {
        let input = unfolded.model.input;
        let (dense, kind) = match &unfolded.model.stem {
            graph::Stem::Frames { kernel, stride, padding, dense } => {
                let Input::Features { steps, channels } = input else { unreachable!("frames are of a series") };
                let kind = if stride == kernel && *padding == 0 {
                    Kind::Rows { tokens }
                } else {
                    // Frame by frame, as columns of a picture.
                    let window = Window2 {
                        kernel: Grid { rows: *kernel, columns: channels },
                        stride: Grid { rows: *stride, columns: channels },
                        padding: Grid { rows: *padding, columns: 0 },
                    };
                    let places = places(1, Grid { rows: steps, columns: channels }, &window);
                    Kind::Windows { tokens, places, run: 1 }
                };
                (Some(dense), kind)
            }
            graph::Stem::Patches { window, dense } => {
                let (channels, grid) = picture(input, true);
                let places = places(channels, grid, window);
                (Some(dense), Kind::Windows { tokens, places, run: window.kernel.area() })
            }
            graph::Stem::Convolutions { image, rows, dense, .. } => {
                (dense.as_ref(), Kind::Convolutions { image: *image, rows: *rows })
            }
            graph::Stem::Embedding { .. } => unreachable!("refused before"),
        };
        let image = if let Kind::Convolutions { image, .. } = kind { image } else { false };
        let grid = |index| (index == 0).then(|| picture(input, image).1);
        let layers = unfolded.convolutions().iter().enumerate();
        let layers =
            layers.map(|(at, layer)| Convolution::new(layer, unfolded.batch_norm(at), grid(at), numbered)).collect();
        Self {
            convolutions: layers,
            dense: dense.map(|dense| Dense::new(dense, numbered)),
            shape: Arc::new(Shape { input, kind }),
        }
    }

    /// Puts its numbers into a stem of the same shape.
    pub fn store(&self, to: &mut Unfolded) {
        let dense = match &mut to.model.stem {
            graph::Stem::Frames { dense, .. } | graph::Stem::Patches { dense, .. } => Some(dense),
            graph::Stem::Convolutions { layers, dense, .. } => {
                self.convolutions.iter().zip(layers).for_each(|(layer, to)| layer.store(to));
                to.batch_norms = self.convolutions.iter().map(Convolution::batch_norm).collect();
                dense.as_mut()
            }
            graph::Stem::Embedding { .. } => None,
        };
        if let (Some(dense), Some(to)) = (&self.dense, dense) {
            dense.store(to);
        }
    }

    /// Has the BatchNorms remember what they were shown.
    pub fn remember(&mut self, statistics: Statistics) {
        for (index, seen) in statistics {
            self.convolutions[index].remember(seen);
        }
    }

    /// Tokens of inputs, `[batch][tokens][width]` of `[batch][values]`.
    pub fn forward(&self, x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<3> {
        let ([batch, values], input) = (x.dims(), self.shape.input);
        let (row, channels) = match input {
            Input::Image { height, width, .. } => (width, Channels::Planes(height * width)),
            Input::Features { channels, .. } => (channels, Channels::Last),
            Input::Tokens { .. } => (1, Channels::Last),
        };
        let x = pass.see(Place::Input, x, row, channels);
        match &self.shape.kind {
            Kind::Rows { tokens } => {
                let inputs = self.inputs();
                let x = if tokens * inputs == values { x } else { x.slice([0..batch, 0..tokens * inputs]) };
                self.last(x.reshape([batch, *tokens, inputs]), 1, pass)
            }
            Kind::Windows { tokens, places, run } => {
                self.last(windows(x, places).reshape([batch, *tokens, self.inputs()]), *run, pass)
            }
            Kind::Convolutions { image, rows } => self.convolve(x, *image, *rows, pass),
        }
    }

    fn convolve(&self, x: Tensor<2>, image: bool, rows: bool, pass: &mut Pass<'_>) -> Tensor<3> {
        let [batch, _] = x.dims();
        let mut x = match self.shape.input {
            // A series has its channels last, as one column.
            Input::Features { steps, channels } if !image => {
                x.reshape([batch, steps, channels]).swap_dims(1, 2).reshape([batch, channels, steps, 1])
            }
            input => {
                let (channels, grid) = picture(input, image);
                x.reshape([batch, channels, grid.rows, grid.columns])
            }
        };
        for (index, layer) in self.convolutions.iter().enumerate() {
            // Steps of the channels of the input; a channel of its own has a scale of its own.
            let steps = if index == 0 && !layer.depthwise() { pass.steps(Place::Input).to_vec() } else { vec![] };
            x = layer.forward(x, index, &runs(&steps, layer.area()), pass);
            let [_, _, rows, columns] = x.dims();
            let plane = Channels::Planes(rows * columns);
            x = pass.see(Place::Convolved(index), x, rows * columns, plane);
            x = pass.see(Place::Convolution(index), layer.activate(x), rows * columns, plane);
        }
        let [_, channels, height, width] = x.dims();
        if rows {
            let x = x.swap_dims(1, 2).reshape([batch, height, channels * width]);
            return self.last(x, width, pass);
        }
        let x = x.reshape([batch, channels, height * width]).swap_dims(1, 2);
        if self.dense.is_some() { self.last(x, 1, pass) } else { x }
    }

    /// The linear layer, of tokens in which values of a channel stand side by side in runs.
    fn last(&self, x: Tensor<3>, run: usize, pass: &Pass<'_>) -> Tensor<3> {
        let from = match self.convolutions.len() {
            0 => Place::Input,
            count => Place::Convolution(count - 1),
        };
        match &self.dense {
            Some(dense) => dense.of_steps(x, &runs(pass.steps(from), run), pass),
            None => x,
        }
    }

    /// Values of a token.
    fn inputs(&self) -> usize {
        self.dense.as_ref().map_or(0, Dense::inputs)
    }
}

/// Each so many times.
fn runs(steps: &[f32], run: usize) -> Vec<f32> {
    steps.iter().flat_map(|&step| std::iter::repeat_n(step, run)).collect()
}

/// The channels and the grid of an input; a series as one channel.
fn picture(input: Input, image: bool) -> (usize, Grid) {
    match input {
        Input::Image { channels, height, width } => (channels, Grid { rows: height, columns: width }),
        Input::Features { steps, channels } if image => (1, Grid { rows: steps, columns: channels }),
        Input::Features { steps, channels } => (channels, Grid { rows: steps, columns: 1 }),
        Input::Tokens { .. } => (0, Grid::ZERO),
    }
}
