//! Integers of layers over patches: convolutions, and the stem.

use super::layer::{largest_weight_scale, least_output, linear, scale, shift_inputs};
use super::ranges::Ranges;
use super::scales::{Affine, COARSER, positive, room};
use super::{ConvertError, Settings};
use crate::graph::{Convolution, Dense, Grid, Input, Matrix, Model, Place, Stem, Window2};
use heedful::format::write::{LinearModel, PartModel};
use heedful::{Channel, Patches};

/// Steps of an input of 15 bits on each side of 0.
const FINE: f64 = 16_383.0;
/// What the upper 8 bits of such an input count.
const HIGH: f64 = 128.0;

/// Room above the largest value of the memory that was seen.
const MEMORY_ROOM: f64 = 1.1;

/// What a layer over patches reads.
struct Reading {
    patches: Patches,
    /// The real value of a unit of each channel; alike in maps.
    steps: Vec<f64>,
    /// What the map's 0 is.
    zero: i32,
    /// Whether values have 15 bits.
    fine: bool,
}

/// What a stem over patches needs.
pub(super) struct PatchStem {
    /// The convolutions before it.
    pub convolutions: Vec<PartModel>,
    /// The steps of what each makes.
    pub affines: Vec<Affine>,
    /// Which patches it reads.
    pub patches: Patches,
    /// The real value of a unit of each channel of the input.
    pub steps: Vec<f64>,
    /// Weights `[width][kernel rows][kernel columns][channels]`, of inputs of unit 1.
    dense: Dense,
    zero: i32,
    fine: bool,
}

impl PatchStem {
    /// That of a model whose stem is no embedding; `None` for one that is.
    pub(super) fn new(model: &Model, ranges: &Ranges, settings: Settings) -> Result<Option<Self>, ConvertError> {
        let one = Window2 { kernel: Grid::ONE, stride: Grid::ONE, padding: Grid::ZERO };
        let frames;
        let (image, layers, window, dense) = match &model.stem {
            Stem::Frames { kernel, stride, padding, dense } => {
                let of = |rows| Grid { rows, columns: 1 };
                frames =
                    Window2 { kernel: of(*kernel), stride: of(*stride), padding: Grid { rows: *padding, columns: 0 } };
                (false, &[][..], frames, dense.clone())
            }
            Stem::Patches { window, dense } => (true, &[][..], *window, dense.clone()),
            Stem::Convolutions { image, layers, rows, dense } => {
                let grid = last_grid(model, *image, layers)?;
                let kernel = if *rows { Grid { rows: 1, columns: grid.columns } } else { Grid::ONE };
                let outputs = layers.last().map_or(0, |layer| layer.dense.outputs());
                let dense = dense.clone().unwrap_or_else(|| identity(outputs));
                (*image, layers.as_slice(), Window2 { kernel, stride: kernel, ..one }, dense)
            }
            Stem::Embedding { .. } => return Ok(None),
        };
        let (grid, channels) = input_grid(model, image);
        let of = |grid: Grid, channels, window: &Window2| Patches {
            input: [grid.rows, grid.columns, channels],
            kernel: [window.kernel.rows, window.kernel.columns],
            stride: [window.stride.rows, window.stride.columns],
            padding: [window.padding.rows, window.padding.columns],
            zero: 0,
        };
        let first = layers.first().map_or(&window, |layer| &layer.window);
        let mut reading =
            Reading { patches: of(grid, channels, first), steps: vec![], zero: 0, fine: settings.fine_input };
        let depthwise = layers.first().is_some_and(|layer| layer.groups > 1);
        // Frames hold their channels last; all others, first.
        let arranged = |dense: &Dense, patches: &Patches| match model.stem {
            Stem::Frames { .. } => dense.clone(),
            _ => channels_last(dense, patches.kernel[0] * patches.kernel[1], patches.input[2]),
        };
        let weights = layers.first().map_or(&dense, |layer| &layer.dense);
        let weights = if depthwise { weights.clone() } else { arranged(weights, &reading.patches) };
        reading.steps = match settings.input_unit {
            Some(unit) => vec![if settings.fine_input { unit / HIGH } else { unit }; reading.patches.input[2]],
            None => steps(model, ranges, &reading, &weights, depthwise)?,
        };
        let input_steps = reading.steps.clone();
        let (mut convolutions, mut affines) = (Vec::new(), Vec::new());
        for (index, layer) in layers.iter().enumerate() {
            let (part, affine) = convolution(layer, index, &reading, ranges)?;
            convolutions.push(part);
            affines.push(affine);
            let [rows, columns] = reading.patches.counts();
            let next = layers.get(index + 1).map_or(&window, |layer| &layer.window);
            let mut patches = of(Grid { rows, columns }, layer.dense.outputs(), next);
            patches.zero = affine.zero as i8;
            reading = Reading { steps: vec![affine.step; patches.input[2]], patches, zero: affine.zero, fine: false };
        }
        let Reading { mut patches, zero, fine, steps, .. } = reading;
        // A stride beyond a single column is no matter.
        if patches.input[1] == 1 {
            patches.stride[1] = 1;
        }
        let dense = in_units(&arranged(&dense, &patches), &steps);
        Ok(Some(Self { convolutions, affines, patches, steps: input_steps, dense, zero, fine }))
    }

    /// The least scale of the residual stream that it can add to.
    pub(super) fn least(&self) -> f64 {
        let unit = if self.fine { HIGH } else { 1.0 };
        COARSER * unit * largest_weight_scale(&self.dense.weight)
    }

    /// The integers of its layer, to a residual stream of this scale; and of an input of 15 bits, the channels of the
    /// lower 7.
    pub(super) fn layer(&self, residual: f64) -> Result<(LinearModel, Vec<Channel>), ConvertError> {
        let unit = if self.fine { HIGH } else { 1.0 };
        let mut layer = linear("stem", &self.dense, &[], unit, |_| residual)?;
        shift_inputs(&mut layer, self.zero);
        let fine = if self.fine { lower_bits("stem", &layer)? } else { vec![] };
        Ok((layer, fine))
    }
}

/// The grid of an input and its channels, channels last; a series as a picture of one channel, or as a column of many.
fn input_grid(model: &Model, image: bool) -> (Grid, usize) {
    match model.input {
        Input::Image { channels, height, width } => (Grid { rows: height, columns: width }, channels),
        Input::Features { steps, channels } if image => (Grid { rows: steps, columns: channels }, 1),
        Input::Features { steps, channels } => (Grid { rows: steps, columns: 1 }, channels),
        Input::Tokens { .. } => (Grid::ZERO, 0),
    }
}

/// The grid after convolutions.
fn last_grid(model: &Model, image: bool, layers: &[Convolution]) -> Result<Grid, ConvertError> {
    let mut grid = input_grid(model, image).0;
    for layer in layers {
        grid = layer.window.over(grid).ok_or(ConvertError::Unsupported("convolutions larger than their input"))?;
    }
    Ok(grid)
}

/// What a unit of each channel of the input is. Of 8 bits, each channel uses all. Of 15 bits there are enough: weights,
/// which have 8 themselves, become alike, and the channel that counts most uses all.
fn steps(
    model: &Model,
    ranges: &Ranges,
    reading: &Reading,
    dense: &Dense,
    depthwise: bool,
) -> Result<Vec<f64>, ConvertError> {
    let (channels, fine) = (reading.patches.input[2], reading.fine);
    // Rows that calibration saw are steps of a series, or rows of one channel of a picture.
    let seen = ranges.channels(Place::Input)?;
    let largest = |channel: usize| match model.input {
        Input::Features { .. } if seen.len() == channels => f64::from(seen[channel]),
        _ => f64::from(seen.iter().copied().fold(0.0, f32::max)),
    };
    let weight = |channel: usize| {
        let weights = dense.weight.values.iter().skip(channel).step_by(channels);
        f64::from(weights.fold(0f32, |most, w| most.max(w.abs())))
    };
    let most = (0..channels).map(|channel| largest(channel) * weight(channel)).fold(0.0, f64::max);
    let step = |channel: usize| match weight(channel) {
        weight if fine && !depthwise && weight > 0.0 => positive(most / weight / FINE),
        _ => positive(largest(channel) / if fine { FINE } else { 127.0 }),
    };
    Ok((0..channels).map(step).collect())
}

/// Weights `[outputs][channels][places]` as `[outputs][places][channels]`.
fn channels_last(dense: &Dense, places: usize, channels: usize) -> Dense {
    let rows = dense.weight.values.chunks_exact(places * channels);
    let values = rows.flat_map(|row| Matrix::new(channels, places, row.to_vec()).transposed().values).collect();
    Dense { weight: Matrix::new(dense.weight.rows, places * channels, values), bias: dense.bias.clone() }
}

/// What a unit of each channel of the memory is, of 8 bits; none without a memory.
pub(super) fn memory_steps(model: &Model, ranges: &Ranges) -> Result<Vec<f64>, ConvertError> {
    if model.memory.is_none() {
        return Ok(vec![]);
    }
    Ok(ranges.channels(Place::Memory)?.iter().map(|&most| positive(MEMORY_ROOM * f64::from(most) / 127.0)).collect())
}

/// A layer `[outputs][places][channels]` of values whose channels have these units, as of values of unit 1.
pub(super) fn in_units(dense: &Dense, steps: &[f64]) -> Dense {
    let mut dense = dense.clone();
    for (i, w) in dense.weight.values.iter_mut().enumerate() {
        *w = (f64::from(*w) * steps[i % steps.len()]) as f32;
    }
    dense
}

fn identity(width: usize) -> Dense {
    let value = |i: usize| if i / width == i % width { 1.0 } else { 0.0 };
    Dense { weight: Matrix::new(width, width, (0..width * width).map(value).collect()), bias: None }
}

/// A convolution, and the steps of what it makes.
fn convolution(
    layer: &Convolution,
    index: usize,
    reading: &Reading,
    ranges: &Ranges,
) -> Result<(PartModel, Affine), ConvertError> {
    let name = format!("convolution {index}");
    let Reading { patches, steps, zero, fine, .. } = reading;
    let (depthwise, outputs) = (layer.groups > 1, layer.dense.outputs());
    if depthwise && layer.groups != layer.inputs {
        return Err(ConvertError::Unsupported("convolutions of several groups, of more than a channel each"));
    }
    let dense = if depthwise {
        let (mut dense, each) = (layer.dense.clone(), outputs / layer.groups);
        let kernel = dense.weight.columns;
        for (i, w) in dense.weight.values.iter_mut().enumerate() {
            *w = (f64::from(*w) * steps[i / kernel / each]) as f32;
        }
        dense
    } else {
        in_units(&channels_last(&layer.dense, patches.kernel[0] * patches.kernel[1], patches.input[2]), steps)
    };
    let unit = if *fine { HIGH } else { 1.0 };
    let sum = positive(room(ranges, Place::Convolved(index))?).max(least_output(&dense, unit));
    let mut integers = linear(&name, &dense, &[], unit, |_| sum)?;
    shift_inputs(&mut integers, *zero);
    let affine = Affine::new(ranges.ends(Place::Convolution(index))?, 0.0);
    let table = affine.table(|x| layer.activation.of(x), sum);
    let fine = if *fine { lower_bits(&name, &integers)? } else { vec![] };
    Ok((PartModel::Convolution { patches: *patches, depthwise, layer: integers, fine, table }, affine))
}

/// The channels of the lower 7 bits of an input of 15: a 128th, and no bias.
fn lower_bits(name: &str, layer: &LinearModel) -> Result<Vec<Channel>, ConvertError> {
    let lower = |channel: &Channel| Ok(Channel { bias: 0, scale: scale(name, channel.scale.to_real() / HIGH)? });
    layer.channels.iter().map(lower).collect()
}
