//! The forward pass in f32.

use super::attention::Context;
use super::matrix::product;
use super::stem::{grids, picture};
use super::taps::Taps;
use super::{
    Convolution, Dense, GraphError, Grid, HeadLayer, Input, Model, Output, Place, Pool, Positions, Stem, Window2,
};

/// What a model is run on.
#[derive(Clone, Copy, Debug)]
pub enum Sample<'a> {
    /// A series or an image, as the model's [`Input`] says.
    Values(&'a [f32]),
    /// A series or an image, and a memory to look at.
    WithMemory {
        /// The series or the image.
        values: &'a [f32],
        /// `[steps][channels]`
        memory: &'a [f32],
    },
    /// A text.
    Tokens {
        /// Its numbers.
        tokens: &'a [u32],
        /// The type of each, or nothing.
        types: &'a [u32],
    },
}

/// Shows tensors to taps, and refuses those that are not finite.
pub(super) struct Watch<'a, T>(pub &'a mut T);

impl<T: Taps> Watch<'_, T> {
    pub(super) fn see(&mut self, place: Place, rows: &[f32], width: usize) -> Result<(), GraphError> {
        if let Some(index) = rows.iter().position(|x| !x.is_finite()) {
            return Err(GraphError::NotFinite { place, index, value: rows[index] });
        }
        self.0.see(place, rows, width);
        Ok(())
    }
}

impl Model {
    /// The outputs for one input, before softmax or sigmoid; for every position in turn where the model does not pool.
    ///
    /// The model has passed [`Model::check`].
    ///
    /// # Errors
    /// If the input does not fit, or a value on the way is not finite.
    ///
    /// # Panics
    /// If the model's shapes do not fit together.
    pub fn run(&self, sample: Sample<'_>, taps: &mut impl Taps) -> Result<Vec<f32>, GraphError> {
        let watch = &mut Watch(taps);
        let width = self.width();
        let (memory, sample) = self.memory(sample)?;
        if let Some(shape) = self.memory {
            watch.see(Place::Memory, memory, shape.channels)?;
        }
        let stem = self.stem(sample, watch)?;
        watch.see(Place::Stem, &stem, width)?;
        let mut x = self.class_tokens.as_ref().map_or(Vec::new(), |tokens| tokens.values.clone());
        x.extend(stem);
        if let Positions::Table(table) = &self.positions {
            x.iter_mut().zip(&table.values).for_each(|(x, position)| *x += position);
        }
        watch.see(Place::Embedded, &x, width)?;
        if let Some(norm) = &self.embedding_norm {
            x = norm.apply(&x);
            watch.see(Place::EmbeddingNorm, &x, width)?;
        }
        for (index, block) in self.blocks.iter().enumerate() {
            block.run(&mut x, Context { positions: &self.positions, memory }, index, watch)?;
        }
        if let Some(norm) = &self.final_norm {
            x = norm.apply(&x);
            watch.see(Place::FinalNorm, &x, width)?;
        }
        let x = self.pool.apply(&x, width);
        watch.see(Place::Pooled, &x, width)?;
        self.head(x, watch)
    }

    /// The memory, and the rest of the input.
    fn memory<'a>(&self, sample: Sample<'a>) -> Result<(&'a [f32], Sample<'a>), GraphError> {
        let (memory, rest) = match sample {
            Sample::WithMemory { values, memory } => (memory, Sample::Values(values)),
            sample => (&[][..], sample),
        };
        let expected = self.memory.map_or(0, |memory| memory.steps * memory.channels);
        let wrong = || GraphError::Length { found: memory.len(), expected: format!("a memory of {expected}") };
        if memory.len() == expected { Ok((memory, rest)) } else { Err(wrong()) }
    }

    fn head<T: Taps>(&self, mut x: Vec<f32>, watch: &mut Watch<'_, T>) -> Result<Vec<f32>, GraphError> {
        let mut width = self.width();
        for (index, layer) in self.head.iter().enumerate() {
            match layer {
                HeadLayer::Norm(norm) => x = norm.apply(&x),
                HeadLayer::Activation(activation) => activation.apply(&mut x),
                HeadLayer::Dense(dense) => {
                    x = dense.apply(&x);
                    width = dense.outputs();
                }
            }
            watch.see(Place::Head(index), &x, width)?;
        }
        if let (Output::NextToken { tied: true }, Stem::Embedding { tokens, .. }) = (&self.output, &self.stem) {
            x = product(tokens, None, &x);
            width = tokens.rows;
        }
        watch.see(Place::Logits, &x, width)?;
        Ok(x)
    }

    fn stem<T: Taps>(&self, sample: Sample<'_>, watch: &mut Watch<'_, T>) -> Result<Vec<f32>, GraphError> {
        let values = match (sample, &self.stem) {
            (Sample::Tokens { tokens, types }, Stem::Embedding { .. }) => return self.embed(tokens, types),
            (Sample::Values(values), Stem::Frames { .. } | Stem::Patches { .. } | Stem::Convolutions { .. }) => values,
            (Sample::Tokens { .. }, stem) => {
                return Err(GraphError::Input { found: "tokens", stem: stem.kind() });
            }
            (Sample::Values(_) | Sample::WithMemory { .. }, stem) => {
                return Err(GraphError::Input { found: "values", stem: stem.kind() });
            }
        };
        if values.len() != self.input.len() {
            return Err(GraphError::Length { found: values.len(), expected: self.input.len().to_string() });
        }
        let row = match self.input {
            Input::Features { channels, .. } => channels,
            Input::Image { width, .. } => width,
            Input::Tokens { .. } => 1,
        };
        watch.see(Place::Input, values, row)?;
        match &self.stem {
            Stem::Frames { kernel, stride, padding, dense } => {
                let tokens = self.stem.tokens(&self.input)?;
                Ok(frames(values, row, [*kernel, *stride, *padding], tokens, dense))
            }
            Stem::Patches { window, dense } => {
                let (channels, grid) = picture(&self.input, true);
                let windows = gather(values, channels, grid, window);
                Ok(dense.apply(&windows))
            }
            Stem::Convolutions { image, layers, rows, dense } => {
                let (channels, grid) = picture(&self.input, *image);
                // A series has its channels last, as one column.
                let across = matches!(self.input, Input::Features { .. }) && !*image;
                let x = if across { flip(values, grid.area(), channels) } else { values.to_vec() };
                let last = if *rows { TokensOf::Rows } else { TokensOf::Places };
                convolve(x, layers, grid, last, dense.as_ref(), watch)
            }
            Stem::Embedding { .. } => unreachable!("returned above"),
        }
    }

    fn embed(&self, tokens: &[u32], types: &[u32]) -> Result<Vec<f32>, GraphError> {
        let (Stem::Embedding { tokens: table, types: type_table }, Input::Tokens { length, .. }) =
            (&self.stem, &self.input)
        else {
            return Err(GraphError::Input { found: "tokens", stem: self.stem.kind() });
        };
        if tokens.is_empty() || tokens.len() > *length {
            return Err(GraphError::Length { found: tokens.len(), expected: format!("1 to {length}") });
        }
        if !types.is_empty() && types.len() != tokens.len() {
            let expected = format!("{} token types, as there are tokens", tokens.len());
            return Err(GraphError::Length { found: types.len(), expected });
        }
        let row = |what, index: usize, found: u32, table: &super::Matrix| {
            let fits = (found as usize) < table.rows;
            let wrong = GraphError::Token { what, index, found, limit: table.rows };
            if fits { Ok(table.row(found as usize).to_vec()) } else { Err(wrong) }
        };
        let mut x = Vec::with_capacity(tokens.len() * table.columns);
        for (index, &token) in tokens.iter().enumerate() {
            let mut sum = row("token", index, token, table)?;
            if let Some(type_table) = type_table {
                let of = row("token type", index, types.get(index).copied().unwrap_or(0), type_table)?;
                sum.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
            }
            x.extend(sum);
        }
        Ok(x)
    }
}

/// Windows over frames, `[tokens][kernel · channels]`, through a linear layer.
fn frames(x: &[f32], channels: usize, window: [usize; 3], tokens: usize, dense: &Dense) -> Vec<f32> {
    let [kernel, stride, padding] = window;
    let mut rows = vec![0.0; tokens * kernel * channels];
    for (index, frame) in rows.chunks_exact_mut(channels).enumerate() {
        let step = (index / kernel * stride + index % kernel).checked_sub(padding);
        if let Some(from) = step.and_then(|step| x.get(step * channels..(step + 1) * channels)) {
            frame.copy_from_slice(from);
        }
    }
    dense.apply(&rows)
}

/// Windows over `[channels][rows][columns]`, each `[channels · kernel rows · kernel columns]`, row by row.
fn gather(x: &[f32], channels: usize, grid: Grid, window: &Window2) -> Vec<f32> {
    let Some(places) = window.over(grid) else { return Vec::new() };
    let Window2 { kernel, stride, padding } = *window;
    let mut out = Vec::with_capacity(places.area() * channels * kernel.area());
    for place in 0..places.area() {
        let (top, left) = (place / places.columns * stride.rows, place % places.columns * stride.columns);
        for channel in 0..channels {
            for at in 0..kernel.area() {
                let row = (top + at / kernel.columns).checked_sub(padding.rows).filter(|&row| row < grid.rows);
                let column =
                    (left + at % kernel.columns).checked_sub(padding.columns).filter(|&column| column < grid.columns);
                let value = row.zip(column).map_or(0.0, |(r, c)| x[(channel * grid.rows + r) * grid.columns + c]);
                out.push(value);
            }
        }
    }
    out
}

/// What a token is made of, after convolutions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TokensOf {
    /// A row of the grid, `[channels][columns]`.
    Rows,
    /// A place, `[channels]`.
    Places,
}

fn convolve<T: Taps>(
    mut x: Vec<f32>,
    layers: &[Convolution],
    grid: Grid,
    last: TokensOf,
    dense: Option<&Dense>,
    watch: &mut Watch<'_, T>,
) -> Result<Vec<f32>, GraphError> {
    let grids = grids(layers, grid)?;
    let mut channels = layers.first().map_or(1, |layer| layer.inputs);
    for (index, layer) in layers.iter().enumerate() {
        x = layer.apply(&x, grids[index]);
        channels = layer.dense.outputs();
        watch.see(Place::Convolved(index), &x, grids[index + 1].area())?;
        layer.activation.apply(&mut x);
        watch.see(Place::Convolution(index), &x, grids[index + 1].area())?;
    }
    let grid = grids.last().copied().unwrap_or(grid);
    let tokens = match last {
        TokensOf::Places => flip(&x, channels, grid.area()),
        TokensOf::Rows => {
            let row = |row: usize| (0..channels).map(move |channel| channel * grid.rows + row);
            let starts = (0..grid.rows).flat_map(row).map(|start| start * grid.columns);
            starts.flat_map(|start| x[start..start + grid.columns].iter().copied()).collect()
        }
    };
    Ok(dense.map_or(tokens.clone(), |dense| dense.apply(&tokens)))
}

impl Convolution {
    /// `[outputs][rows][columns]`, before the activation, of `[inputs][rows][columns]`.
    fn apply(&self, x: &[f32], grid: Grid) -> Vec<f32> {
        let places = self.window.over(grid).unwrap_or(Grid::ZERO).area();
        let (inputs, outputs) = (self.inputs / self.groups, self.dense.outputs() / self.groups);
        let mut y = Vec::with_capacity(places * self.dense.outputs());
        for group in 0..self.groups {
            let part = &x[group * inputs * grid.area()..][..inputs * grid.area()];
            let windows = gather(part, inputs, grid, &self.window);
            let range = group * outputs..(group + 1) * outputs;
            let weight = self.dense.weight.some_rows(range.clone());
            let bias = self.dense.bias.as_ref().map(|bias| &bias[range]);
            y.extend(flip(&product(&weight, bias, &windows), places, outputs));
        }
        y
    }
}

/// `[rows][columns]` as `[columns][rows]`.
fn flip(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    super::Matrix { rows, columns, values: x.to_vec() }.transposed().values
}

impl Pool {
    /// The pooled rows of tokens of `width` values.
    fn apply(&self, x: &[f32], width: usize) -> Vec<f32> {
        let mean = |x: &[f32]| {
            let mut sum = vec![0.0f64; width];
            x.chunks_exact(width).for_each(|row| sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x)));
            sum.iter().map(|sum| (sum / (x.len() / width) as f64) as f32).collect()
        };
        match self {
            Self::Mean => mean(x),
            Self::First(count) => mean(&x[..(count * width).min(x.len())]),
            Self::Last => x[x.len() - width..].to_vec(),
            Self::Every => x.to_vec(),
            Self::Max => {
                let mut most = x[..width].to_vec();
                x.chunks_exact(width)
                    .for_each(|row| most.iter_mut().zip(row).for_each(|(most, x)| *most = most.max(*x)));
                most
            }
            Self::Weighted(score) => {
                let scores = score.apply(x);
                let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weights: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
                let sum: f32 = weights.iter().sum();
                let mut out = vec![0.0; width];
                for (row, weight) in x.chunks_exact(width).zip(&weights) {
                    out.iter_mut().zip(row).for_each(|(out, x)| *out += weight / sum * x);
                }
                out
            }
        }
    }
}
