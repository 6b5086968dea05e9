//! Integers of what comes before the first block.

use super::layer::{largest_weight_scale, linear, scale};
use super::ranges::Ranges;
use super::scales::{COARSER, positive};
use super::{Chain, ConvertError, Settings};
use crate::graph::{Dense, Input, Matrix, Model, Place, Positions, Stem};
use heedful::format::write::{InputModel, LinearModel, PartModel};
use heedful::{Channel, Patches};

/// Steps of an input of 15 bits on each side of 0.
const FINE: f64 = 16_383.0;
/// What the upper 8 bits of such an input count.
const HIGH: f64 = 128.0;
/// The largest factor of an embedding.
const MAX_FACTOR: f64 = 8_388_608.0;

/// What a stem reads: its patches, and its weights `[width][kernel rows][kernel columns][channels]` for an input whose
/// unit is 1 in each channel.
struct Layout {
    patches: Patches,
    dense: Dense,
    /// The real value of a unit of each channel.
    steps: Vec<f64>,
}

fn layout(model: &Model, ranges: &Ranges, settings: Settings) -> Result<Option<Layout>, ConvertError> {
    let (mut patches, dense) = match (&model.stem, &model.input) {
        (Stem::Frames { kernel, stride, padding, dense }, Input::Features { steps, channels }) => {
            let patches = Patches {
                input: [*steps, 1, *channels],
                kernel: [*kernel, 1],
                stride: [*stride, 1],
                padding: [*padding, 0],
            };
            (patches, dense.clone())
        }
        (Stem::Patches { window, dense }, input) => {
            let [rows, columns, channels] = match *input {
                Input::Image { channels, height, width } => [height, width, channels],
                Input::Features { steps, channels } => [steps, channels, 1],
                Input::Tokens { .. } => return Err(ConvertError::Unsupported("patches of tokens")),
            };
            let of = |grid: crate::graph::Grid| [grid.rows, grid.columns];
            let patches = Patches {
                input: [rows, columns, channels],
                kernel: of(window.kernel),
                stride: of(window.stride),
                padding: of(window.padding),
            };
            (patches, channels_last(dense, window.kernel.area(), channels))
        }
        (Stem::Convolutions { .. }, _) => return Err(ConvertError::Unsupported("a stem of convolutions")),
        _ => return Ok(None),
    };
    // A stride beyond a single column is no matter.
    if patches.input[1] == 1 {
        patches.stride[1] = 1;
    }
    let channels = patches.input[2];
    // Rows that calibration saw are steps of a series, or rows of one channel of a picture.
    let seen = ranges.channels(Place::Input)?;
    let largest = |channel: usize| match model.input {
        Input::Features { .. } if seen.len() == channels => f64::from(seen[channel]),
        _ => f64::from(seen.iter().copied().fold(0.0, f32::max)),
    };
    let steps = steps(channels, largest, &dense, settings.fine_input);
    let mut dense = dense;
    for row in dense.weight.values.chunks_exact_mut(patches.values()) {
        row.iter_mut().enumerate().for_each(|(i, w)| *w = (f64::from(*w) * steps[i % channels]) as f32);
    }
    Ok(Some(Layout { patches, dense, steps }))
}

/// What a unit of each channel is. Of 8 bits, each channel uses all. Of 15 bits there are enough: weights, which have 8
/// themselves, become alike, and the channel that counts most uses all.
fn steps(channels: usize, largest: impl Fn(usize) -> f64, dense: &Dense, fine: bool) -> Vec<f64> {
    let weight = |channel: usize| {
        let weights = dense.weight.values.iter().skip(channel).step_by(channels);
        f64::from(weights.fold(0f32, |most, w| most.max(w.abs())))
    };
    let most = (0..channels).map(|channel| largest(channel) * weight(channel)).fold(0.0, f64::max);
    let step = |channel: usize| match weight(channel) {
        weight if fine && weight > 0.0 => positive(most / weight / FINE),
        _ => positive(largest(channel) / if fine { FINE } else { 127.0 }),
    };
    (0..channels).map(step).collect()
}

/// Weights `[width][channels][places]` as `[width][places][channels]`.
fn channels_last(dense: &Dense, places: usize, channels: usize) -> Dense {
    let rows = dense.weight.values.chunks_exact(places * channels);
    let values = rows.flat_map(|row| Matrix::new(channels, places, row.to_vec()).transposed().values).collect();
    Dense { weight: Matrix::new(dense.weight.rows, places * channels, values), bias: dense.bias.clone() }
}

/// The least scale of the residual stream that a stem can add to.
pub(super) fn least(model: &Model, ranges: &Ranges, settings: Settings) -> Result<f64, ConvertError> {
    let unit = if settings.fine_input { HIGH } else { 1.0 };
    Ok(layout(model, ranges, settings)?
        .map_or(0.0, |layout| COARSER * unit * largest_weight_scale(&layout.dense.weight)))
}

impl Chain<'_> {
    /// Input, positions and stem.
    pub(super) fn stem(&mut self) -> Result<InputModel, ConvertError> {
        let (model, settings, residual) = (self.model, self.settings, self.scales.residual);
        let (count, width) = (model.tokens().map_err(ConvertError::Graph)?, model.width());
        let class_tokens = model.class_count();
        let mut start = vec![0f32; count * width];
        if let Some(tokens) = &model.class_tokens {
            start.iter_mut().zip(&tokens.values).for_each(|(x, token)| *x += token);
        }
        if let Positions::Table(table) = &model.positions {
            start.iter_mut().zip(&table.values).for_each(|(x, position)| *x += position);
        }
        if let Stem::Embedding { types: Some(types), .. } = &model.stem {
            // All tokens are of the first type.
            let rows = start.chunks_exact_mut(width).skip(class_tokens);
            rows.for_each(|row| row.iter_mut().zip(types.row(0)).for_each(|(x, first)| *x += first));
        }
        // The cast saturates; calibration has seen them as part of the stream.
        let integer = |x: &f32| (f64::from(*x) / residual).round() as i16;
        let values = if start.iter().all(|x| *x == 0.0) { vec![] } else { start.iter().map(integer).collect() };
        self.parts.push(PartModel::Positions { count, width, class_tokens, values });
        self.residual = true;
        if let (Stem::Embedding { tokens, .. }, Input::Tokens { vocabulary, length }) = (&model.stem, &model.input) {
            self.parts.push(embedding(tokens, class_tokens, residual)?);
            return Ok(InputModel::Tokens { positions: *length, vocabulary: *vocabulary });
        }
        let Some(Layout { patches, dense, steps }) = layout(model, self.ranges, settings)? else {
            return Err(ConvertError::Unsupported("this stem for this input"));
        };
        let unit = if settings.fine_input { HIGH } else { 1.0 };
        let layer = linear("stem", &dense, &[], unit, |_| residual)?;
        let fine = if settings.fine_input { fine(&layer)? } else { vec![] };
        self.parts.push(PartModel::Stem { class_tokens, patches, layer, fine });
        let channels = steps.iter().map(|&step| (0.0, step as f32)).collect();
        let [steps, columns, _] = patches.input;
        Ok(InputModel::Features { steps, columns, fine: settings.fine_input, channels })
    }
}

/// The channels of the lower 7 bits of an input of 15: a 128th, and no bias.
fn fine(layer: &LinearModel) -> Result<Vec<Channel>, ConvertError> {
    let lower = |channel: &Channel| Ok(Channel { bias: 0, scale: scale("stem", channel.scale.to_real() / HIGH)? });
    layer.channels.iter().map(lower).collect()
}

/// Rows of tokens: of int8 weights, a scale each.
fn embedding(tokens: &Matrix, class_tokens: usize, residual: f64) -> Result<PartModel, ConvertError> {
    let factor = (COARSER * largest_weight_scale(tokens) / residual).max(1.0).ceil();
    if factor > MAX_FACTOR {
        let reason = format!("a factor of {factor:.3e} to the residual stream, at most 2^23 fits");
        return Err(ConvertError::scale("embedding", reason));
    }
    let dense = Dense { weight: tokens.clone(), bias: None };
    let layer = linear("embedding", &dense, &[], 1.0, |_| residual * factor)?;
    Ok(PartModel::Embedding { class_tokens, factor: factor as u32, layer })
}
