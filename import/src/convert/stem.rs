//! Integers of what comes before the first block.

use super::layer::{largest_weight_scale, linear, scale};
use super::scales::COARSER;
use super::{Chain, ConvertError};
use crate::graph::{Dense, Input, Matrix, Model, Place, Positions, Stem};
use heedful::format::write::{ChannelModel, InputModel, PartModel};
use heedful::{Channel, MAX_BIAS};

/// What a raw reading is multiplied with before it is scaled.
const READING: f64 = 4096.0;
/// The largest factor of an embedding.
const MAX_FACTOR: f64 = 8_388_608.0;

impl Chain<'_> {
    /// Input, memory, convolutions, positions and stem.
    pub(super) fn stem(&mut self) -> Result<InputModel, ConvertError> {
        let (model, residual) = (self.model, self.stream());
        if let Some(memory) = model.memory {
            let channels = self.scales.memory.iter().map(|&step| (0.0, step as f32)).collect();
            self.parts.push(PartModel::Memory { steps: memory.steps, channels });
        }
        if let (Stem::Embedding { tokens, types }, Input::Tokens { vocabulary, length }) = (&model.stem, &model.input) {
            let class_tokens = model.class_count();
            // A single type is always there, as positions are.
            let (one, several) = match types {
                Some(types) if types.rows > 1 => (None, Some(types)),
                types => (types.as_ref(), None),
            };
            self.positions(one)?;
            self.parts.push(embedding(tokens, class_tokens, residual)?);
            if let Some(types) = several {
                let values = types.values.iter().map(|&x| integer(x, residual)).collect();
                self.parts.push(PartModel::TokenTypes { class_tokens, width: model.width(), values });
            }
            return Ok(InputModel::Tokens { positions: *length, vocabulary: *vocabulary });
        }
        let Some(stem) = &self.scales.stem else {
            return Err(ConvertError::Unsupported("this stem for this input"));
        };
        self.parts.extend(stem.convolutions.iter().cloned());
        for (index, affine) in stem.affines.iter().enumerate() {
            self.round_affine(Place::Convolution(index), *affine);
        }
        self.round_input(&stem.steps);
        self.positions(None)?;
        let (layer, fine) = stem.layer(residual)?;
        self.parts.push(PartModel::Stem { class_tokens: model.class_count(), patches: stem.patches, layer, fine });
        let channels = stem.steps.iter().enumerate().map(|(channel, &step)| self.channel(channel, step));
        let channels = channels.collect::<Result<Vec<_>, _>>()?;
        // Checked when it was read.
        let millihertz = (model.series.rate * 1000.0).round() as u32;
        let (steps, columns) = match model.input {
            Input::Image { height, width, .. } => (height, width),
            Input::Features { steps, channels: all } => (steps, all / channels.len().max(1)),
            Input::Tokens { .. } => return Err(ConvertError::Unsupported("patches of tokens")),
        };
        Ok(InputModel::Features { steps, columns, fine: self.settings.fine_input, millihertz, channels })
    }

    /// A channel of the input whose unit is `step`.
    fn channel(&self, channel: usize, step: f64) -> Result<ChannelModel, ConvertError> {
        let series = &self.model.series;
        let name = series.names.get(channel).cloned().unwrap_or_default();
        let reading = series.readings.get(channel).map(|reading| {
            let what = format!("raw readings of channel {channel}");
            let scale = scale(&what, reading.scale / step / READING)?;
            let bias = (-reading.offset * READING).round();
            if bias.abs() > f64::from(MAX_BIAS) {
                let reason = format!("an offset of {}, expected at most 2^18 either way", reading.offset);
                return Err(ConvertError::scale(&what, reason));
            }
            Ok(Channel { bias: bias as i32, scale })
        });
        Ok(ChannelModel { name, reading: reading.transpose()?, ..ChannelModel::of_unit(step as f32) })
    }

    /// Class tokens and positions, and a row that is added to all tokens.
    fn positions(&mut self, row: Option<&Matrix>) -> Result<(), ConvertError> {
        let (model, residual) = (self.model, self.stream());
        let (count, width) = (model.tokens().map_err(ConvertError::Graph)?, model.width());
        let class_tokens = model.class_count();
        let mut start = vec![0f32; count * width];
        if let Some(tokens) = &model.class_tokens {
            start.iter_mut().zip(&tokens.values).for_each(|(x, token)| *x += token);
        }
        if let Positions::Table(table) = &model.positions {
            start.iter_mut().zip(&table.values).for_each(|(x, position)| *x += position);
        }
        if let Some(row) = row {
            let rows = start.chunks_exact_mut(width).skip(class_tokens);
            rows.for_each(|to| to.iter_mut().zip(row.row(0)).for_each(|(x, first)| *x += first));
        }
        let values = if start.iter().all(|x| *x == 0.0) {
            vec![]
        } else {
            start.iter().map(|&x| integer(x, residual)).collect()
        };
        self.parts.push(PartModel::Positions { count, width, class_tokens, values });
        self.residual = true;
        Ok(())
    }
}

/// The largest value that a token can start with: calibration has not seen all tokens. 0 where there are none.
pub(super) fn largest(model: &Model) -> f64 {
    let Stem::Embedding { tokens, types } = &model.stem else { return 0.0 };
    let largest = |matrix: &Matrix| f64::from(matrix.values.iter().fold(0f32, |most, x| most.max(x.abs())));
    let positions = if let Positions::Table(table) = &model.positions { largest(table) } else { 0.0 };
    largest(tokens) + types.as_ref().map_or(0.0, largest) + positions
}

/// A value of the residual stream. The cast saturates; calibration has seen it as part of the stream.
fn integer(x: f32, residual: f64) -> i16 {
    (f64::from(x) / residual).round() as i16
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
