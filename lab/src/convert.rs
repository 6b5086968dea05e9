//! From float weights and scales to the integers of a `.heed` file.

use crate::features::Extractor;
use crate::fuse::{self, Fuse};
use crate::low_rank::{self, LowRank, Rank};
use crate::weights::{Array, Weights};
use crate::{Config, Error, fake_quant};
use heedful::audio::Tables;
use heedful::format::write::{BlockModel, EncoderModel, LinearModel, NormModel};
use heedful::format::{self, Softmax};
use heedful::{Channel, HeadScale, MAX_BIAS, NormChannel, Scale, Steepness};
use std::f64::consts::LOG2_E;

/// Where accumulators go: `s_out` is at least this many times the scale of any product, as
/// requantisation takes factors below 1/4.
const COARSER: f64 = 4.001;
/// The finest scale of a weight: an integer of 1 moves the output by this share of its own 1. Finer ones
/// only occur in channels that are (nearly) dead, where the bias would leave its range.
const FINEST: f64 = 1.0 / 16384.0;

/// The integers of a model; its weights and scales are not changed, but that query and key weights are folded where it
/// pays.
///
/// # Errors
/// If a tensor or scale is absent, or a scale does not fit the integer formats; the error
/// names the site.
pub fn convert(weights: &Weights) -> Result<EncoderModel, Error> {
    convert_with(weights, Fuse::default())
}

/// [`convert_with`], with projections of low rank, too: [`low_rank::choose`] on `features`. Of a block that could have
/// both, `auto` takes what costs less.
///
/// # Errors
/// Those of [`convert_with`] and [`low_rank::choose`], and if both are demanded.
pub fn convert_on(weights: &Weights, fuse: Fuse, features: &[Vec<i8>], rank: Rank) -> Result<EncoderModel, Error> {
    if let (Fuse::Always, Rank::Fixed(rank)) = (fuse, rank) {
        return Err(Error::Training(format!("query and key weights of rank {rank} cannot be fused")));
    }
    let low_rank = if fuse == Fuse::Always { Vec::new() } else { low_rank::choose(weights, features, rank)? };
    convert_blocks(weights, fuse, &low_rank, rank)
}

/// [`convert`], with the choice where query and key weights are folded.
///
/// # Errors
/// Those of [`convert`], and if weights are to be folded where the heads are narrower than the model.
pub fn convert_with(weights: &Weights, fuse: Fuse) -> Result<EncoderModel, Error> {
    convert_blocks(weights, fuse, &[], Rank::Never)
}

fn convert_blocks(
    weights: &Weights,
    fuse: Fuse,
    low_rank: &[Option<LowRank>],
    rank: Rank,
) -> Result<EncoderModel, Error> {
    let config = &weights.config;
    if fuse == Fuse::Always && !fuse::fits(config) {
        let (width, head_width) = (config.width, config.head_width);
        return Err(Error::Training(format!(
            "query and key weights cannot be fused: heads of {head_width} in a model of width {width}, \
             expected at least as much"
        )));
    }
    let model = Model { weights, residual: residual_scale(weights)?, fuse, low_rank, rank };
    let (features, norm, pooled) = (model.scale("features")?, model.scale("norm")?, model.scale("pooled")?);
    let classifier = weights.get("classifier.weight")?;
    let logits = model.scale("logits")?.max(COARSER * pooled * largest_weight_scale(classifier));
    let pool = norm / (config.tokens as f64 * pooled);
    Ok(EncoderModel {
        config: format::Config {
            positions: config.tokens,
            inputs: config.inputs(),
            width: config.width,
            heads: config.heads,
            head_dim: config.head_width,
            hidden: config.hidden,
            layers: config.layers,
            classes: config.labels.len(),
            softmax: Softmax::Wide,
            pool: factor("pooled", pool)?,
            logit: steepness("logits", logits * LOG2_E)?,
        },
        embedding: model.linear("embed", features, model.residual)?,
        positions: model.positions()?,
        blocks: (0..config.layers).map(|b| model.block(b)).collect::<Result<_, _>>()?,
        norm: model.norm("norm", norm)?,
        classifier: model.linear("classifier", pooled, logits)?,
        audio: Some(tables(config)?),
        labels: config.labels.clone(),
    })
}

fn tables(config: &Config) -> Result<Tables, Error> {
    Ok(Extractor::new(config)?.tables().clone())
}

/// One scale for the whole residual stream: wide enough for what calibration saw, and coarse
/// enough for every layer that adds to it.
fn residual_scale(weights: &Weights) -> Result<f64, Error> {
    let mut scale = scale(weights, "residual")?.max(COARSER * product_scale(weights, "embed", "features")?);
    for b in 0..weights.config.layers {
        let output = product_scale(weights, &format!("blocks.{b}.attention.output"), &format!("blocks.{b}.heads"))?;
        let down = product_scale(weights, &format!("blocks.{b}.feed_forward.down"), &format!("blocks.{b}.gelu"))?;
        scale = scale.max(COARSER * output).max(COARSER * down);
    }
    Ok(scale)
}

/// The largest real value of one unit of a layer's accumulators.
fn product_scale(weights: &Weights, layer: &str, input: &str) -> Result<f64, Error> {
    Ok(scale(weights, input)? * largest_weight_scale(weights.get(&format!("{layer}.weight"))?))
}

fn largest_weight_scale(matrix: &Array) -> f64 {
    f64::from(matrix.data.iter().fold(0f32, |m, w| m.max(w.abs())) / fake_quant::WEIGHT)
}

fn scale(weights: &Weights, site: &str) -> Result<f64, Error> {
    match weights.scales.get(site) {
        Some(scale) if *scale > 0.0 => Ok(f64::from(*scale)),
        Some(scale) => Err(refused(site, format!("scale {scale}, expected more than 0"))),
        None => Err(refused(site, "no scale; calibrate with --data".to_owned())),
    }
}

fn refused(site: &str, reason: String) -> Error {
    Error::Scale { site: site.to_owned(), reason }
}

fn factor(site: &str, real: f64) -> Result<Scale, Error> {
    Scale::from_real(real).result().map_err(|error| refused(site, error.to_string()))
}

fn steepness(site: &str, octaves: f64) -> Result<Steepness, Error> {
    Steepness::from_real(octaves).result().map_err(|error| refused(site, error.to_string()))
}

/// A layer's integers, from int8 values of scale `input` to integers of scale `output`.
fn quantised(name: &str, matrix: &Array, biases: &Array, input: f64, output: f64) -> Result<LinearModel, Error> {
    let inputs = matrix.data.len() / biases.data.len();
    let (mut weights, mut channels) = (Vec::new(), Vec::new());
    for (row, &bias) in matrix.data.chunks_exact(inputs).zip(&biases.data) {
        let (mut integers, mut scale) = fake_quant::channel(row);
        let finest = (FINEST * output / input) as f32;
        if scale < finest {
            scale = finest;
            integers = row.iter().map(|&w| fake_quant::quantise(w, scale)).collect();
        }
        let unit = input * f64::from(scale);
        let bias = (f64::from(bias) / unit).round();
        if bias.abs() > f64::from(MAX_BIAS) {
            return Err(refused(name, format!("bias of {bias:.3e} accumulator units, expected at most 2^30")));
        }
        weights.extend(integers);
        channels.push(Channel { bias: bias as i32, scale: factor(name, unit / output)? });
    }
    Ok(LinearModel { weights, channels })
}

struct Model<'a> {
    weights: &'a Weights,
    /// Real value of one unit of the residual stream.
    residual: f64,
    fuse: Fuse,
    /// Of each block; none are there where no rank was looked for.
    low_rank: &'a [Option<LowRank>],
    rank: Rank,
}

impl Model<'_> {
    fn scale(&self, site: &str) -> Result<f64, Error> {
        scale(self.weights, site)
    }

    /// A layer from int8 values of scale `input` to integers of scale `output`.
    fn linear(&self, name: &str, input: f64, output: f64) -> Result<LinearModel, Error> {
        let tensor = |part: &str| self.weights.get(&format!("{name}.{part}"));
        quantised(name, tensor("weight")?, tensor("bias")?, input, output)
    }

    /// A norm whose output has the scale `output`.
    fn norm(&self, name: &str, output: f64) -> Result<NormModel, Error> {
        let fixed = |value: f32| {
            let steps = f64::from(value) / output;
            fixed::types::I8F8::checked_from_num(steps)
                .ok_or_else(|| refused(name, format!("parameter of {steps:.1} output steps, expected less than 128")))
        };
        let gains = &self.weights.get(&format!("{name}.weight"))?.data;
        let offsets = &self.weights.get(&format!("{name}.bias"))?.data;
        let channels = gains
            .iter()
            .zip(offsets)
            .map(|(&gain, &offset)| Ok(NormChannel { gain: fixed(gain)?, offset: fixed(offset)? }))
            .collect::<Result<_, Error>>()?;
        let epsilon = f64::from(self.weights.config.epsilon) / self.residual.powi(2);
        // 0 would divide by zero on a constant row; a unit is far below any trained variance.
        Ok(NormModel { channels, epsilon: epsilon.round().max(1.0) as u32 })
    }

    fn positions(&self) -> Result<Vec<i16>, Error> {
        // The cast saturates; calibration has seen the positions as part of the stream.
        let units = |p: &f32| (f64::from(*p) / self.residual).round() as i16;
        Ok(self.weights.get("positions")?.data.iter().map(units).collect())
    }

    /// The reduced values of queries, keys and values, one after the other.
    fn reduction(&self, b: usize, low: &LowRank, input: f64) -> Result<LinearModel, Error> {
        let mut reduce = LinearModel { weights: Vec::new(), channels: Vec::new() };
        for (factors, part) in low.parts.iter().zip(low_rank::PARTS) {
            let (matrix, biases) = &factors.reduce;
            let third = quantised(&format!("blocks.{b}.attention.{part}"), matrix, biases, input, 1.0)?;
            reduce.weights.extend(third.weights);
            reduce.channels.extend(third.channels);
        }
        Ok(reduce)
    }

    fn block(&self, b: usize) -> Result<BlockModel, Error> {
        let config = &self.weights.config;
        let site = |name: &str| format!("blocks.{b}.{name}");
        let scale = |name: &str| self.scale(&site(name));
        let (query, key, value, heads) = (scale("query")?, scale("key")?, scale("value")?, scale("heads")?);
        let (norm1, norm2, hidden, gelu) = (scale("norm1")?, scale("norm2")?, scale("hidden")?, scale("gelu")?);
        let low_rank = self.low_rank.get(b).and_then(Option::as_ref);
        let folded = match self.fuse {
            Fuse::Never => None,
            Fuse::Always => Some(scale(fuse::SITE)?),
            Fuse::Auto
                if low_rank.is_some_and(|low| self.rank != Rank::Auto || low_rank::beats_fused(config, low.rank)) =>
            {
                None
            }
            // Scales of older trainings lack this one.
            Fuse::Auto if fuse::pays(config) => scale(fuse::SITE).ok(),
            Fuse::Auto => None,
        };
        let low_rank = low_rank.filter(|_| folded.is_none());
        // The scales of what the scores are the products of.
        let (query, key) = folded.map_or((query, key), |folded| (folded, norm1));
        let octaves = LOG2_E / (config.head_width as f64).sqrt() * query * key;
        // Heads of a layer share the scales of their values.
        let value_scale = factor(&site("heads"), value / heads / 256.0)?;
        let head = |temperature: &f64| {
            let limits = "expected at least 2^-8 and less than 32";
            let refusal = || refused(&site("heads"), format!("values of {:.3e} steps, {limits}", value / heads));
            HeadScale::new(steepness(&site("attention"), octaves / temperature)?, value_scale).ok_or_else(refusal)
        };
        // One of the three projections: of low rank from the reduced values, else from the rows.
        let projection = |part: usize, output: f64| {
            let name = site(&format!("attention.{}", low_rank::PARTS[part]));
            match low_rank {
                Some(low) => {
                    let (matrix, biases) = &low.parts[part].restore;
                    quantised(&name, matrix, biases, 1.0, output)
                }
                None => self.linear(&name, norm1, output),
            }
        };
        Ok(BlockModel {
            attention_norm: self.norm(&site("norm1"), norm1)?,
            heads: self.weights.temperatures(b)?.iter().map(head).collect::<Result<_, Error>>()?,
            reduce: low_rank.map(|low| self.reduction(b, low, norm1)).transpose()?,
            query: if folded.is_some() {
                let (matrix, biases) = fuse::query_key(self.weights, b)?;
                quantised(&site("attention.query_key"), &matrix, &biases, norm1, query)?
            } else {
                projection(0, query)?
            },
            key: match folded {
                Some(_) => None,
                None => Some(projection(1, key)?),
            },
            value: projection(2, value)?,
            output: self.linear(&site("attention.output"), heads, self.residual)?,
            hidden_norm: self.norm(&site("norm2"), norm2)?,
            expand: self.linear(&site("feed_forward.up"), norm2, hidden)?,
            activation: heedful::table(heedful::gelu, hidden, gelu),
            contract: self.linear(&site("feed_forward.down"), gelu, self.residual)?,
        })
    }
}
