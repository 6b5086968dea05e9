//! From float weights to the integers of a `.heed` file: int8 weights with a scale per row, int8 activations with a
//! scale per tensor (queries, keys and values: per head), one scale for the int16 residual stream.

use crate::calibrate::Activations;
use crate::equalise::equalise;
use crate::float::{EPSILON, ROPE_BASE, Site};
use crate::{Checkpoint, Error, Layer, Shape, Tokenizer};
use heedful::format::Softmax;
use heedful::format::write::{
    ChainModel, DecoderBlockModel, DecoderModel, InputModel, LinearModel, NormModel, PartModel, TokenModel,
};
use heedful::{
    Channel, HeadScale, MAX_EPSILON, MAX_POSITIONS, NormChannel, Pairing, Scale, Steepness, gate_table, silu,
};
use std::f64::consts::{LOG2_E, TAU};

/// The least ratio of a scale of the output to that of the accumulators, as requantisation takes factors below 1/4.
const COARSER: f64 = 4.001;
/// The finest scale of a weight: an integer of 1 moves the output by this share of its own 1.
const FINEST: f64 = 1.0 / 16_777_216.0;
/// Room of the int16 tensors above the largest value seen.
const ROOM: f64 = 1.5;
/// Share of the values that the int8 range of a norm, a gate and its other half holds; the others saturate. All other
/// tensors hold what was seen: a clipped key leads its whole head astray.
const INSIDE: f64 = 0.9999;
/// Share of the largest folded query or key that its int8 range holds. The two pairs in it are hardly ever as large as
/// they get at once, and turned so that they add up.
const FOLDED: f64 = 0.9;
/// Queries and keys have so much finer a scale before they are rotated, in int16, than after it, in int8.
const ROTATED: f64 = 64.0;
/// The largest gain of a norm, in units of its output.
const LARGEST_GAIN: f64 = 127.99;
/// The factor of the embedding's rows ends here.
const MAX_KAPPA: f64 = 8_388_608.0;

/// The integer model, with scales from what the activations are on `texts` (tokens, each text begun by token 1).
///
/// # Errors
/// If there is no text, the tokenizer is of another vocabulary, or a value does not fit the integer formats.
pub fn quantise(checkpoint: &Checkpoint, tokenizer: &Tokenizer, texts: &[Vec<u16>]) -> Result<ChainModel, Error> {
    tokenizer.check(checkpoint.shape.vocabulary)?;
    let equal = equalise(checkpoint, &Activations::observe(checkpoint, texts)?);
    let scales = Scales::new(&equal, &Activations::observe(&equal, texts)?);
    let mut chain = ChainModel::from(integers(&equal, &scales, tokens(tokenizer))?);
    // Those that it was trained on; taken a token at a time, it has no last one.
    let most = checkpoint.shape.context.clamp(1, MAX_POSITIONS);
    if let InputModel::Tokens { positions, .. } = &mut chain.input {
        *positions = most;
    }
    if let Some(PartModel::Positions { count, .. }) = chain.parts.first_mut() {
        *count = most;
    }
    Ok(chain)
}

/// Scales of all tensors.
struct Scales {
    layers: Vec<LayerScales>,
    final_norm: f64,
    /// The least that the int16 residual stream needs.
    residual: f64,
    /// The least that the int16 logits need.
    logit: f64,
}

impl Scales {
    fn new(checkpoint: &Checkpoint, seen: &Activations) -> Self {
        let count = checkpoint.layers.len();
        let room = |layer, site| f64::from(seen.largest(layer, site)) * ROOM / 32767.0;
        let layers = checkpoint.layers.iter().enumerate();
        Self {
            layers: layers.map(|(index, layer)| LayerScales::new(&checkpoint.shape, layer, index, seen)).collect(),
            final_norm: norm_scale(&checkpoint.norm, seen, count, Site::FinalNorm),
            residual: (0..count).map(|layer| room(layer, Site::Residual)).fold(0.0, f64::max),
            logit: room(count, Site::Logits),
        }
    }
}

fn integers(checkpoint: &Checkpoint, scales: &Scales, tokens: Vec<TokenModel>) -> Result<DecoderModel, Error> {
    let Shape { width, heads, kv_heads, .. } = checkpoint.shape;
    let head_dim = checkpoint.shape.head_dim();
    let residual = residual_scale(checkpoint, scales);
    let final_norm = scales.final_norm;
    let kappa =
        (scales.logit / (final_norm * residual)).max(COARSER * largest_weight_scale(&checkpoint.embedding) / residual);
    let kappa = kappa.max(1.0).ceil();
    if kappa > MAX_KAPPA {
        return Err(range(
            "the embedding",
            format!("a factor of {kappa:.3e} to the residual stream, at most 2^23 fits"),
        ));
    }
    let logit = kappa * final_norm * residual;
    let octaves = LOG2_E * logit;
    let frequencies = (0..head_dim).step_by(2).map(|channel| {
        let radians = f64::from(ROPE_BASE).powf(-(channel as f64) / head_dim as f64);
        (radians / TAU * 4_294_967_296.0).round() as u32
    });
    let blocks = checkpoint.layers.iter().zip(&scales.layers).enumerate();
    Ok(DecoderModel {
        heads,
        kv_heads,
        head_dim,
        softmax: Softmax::Wide,
        pairing: Pairing::Folded,
        frequencies: frequencies.collect(),
        embedding: linear("the embedding", &checkpoint.embedding, width, final_norm, |_| logit)?,
        kappa: kappa as u32,
        blocks: blocks
            .map(|(index, (layer, scales))| block(&checkpoint.shape, index, layer, scales, residual))
            .collect::<Result<_, _>>()?,
        norm: norm("the final norm", &checkpoint.norm, final_norm, residual)?,
        logit: Steepness::from_real(octaves).result().map_err(|error| range("the logits", error.to_string()))?,
        tokens,
    })
}

/// Scales of the int8 tensors of one layer.
struct LayerScales {
    attention_norm: f64,
    /// Per head.
    query: Vec<f64>,
    /// Per key head.
    key: Vec<f64>,
    /// Per key head.
    value: Vec<f64>,
    heads: f64,
    hidden_norm: f64,
    gate: f64,
    up: f64,
    hidden: f64,
}

impl LayerScales {
    fn new(shape: &Shape, layer: &Layer, index: usize, seen: &Activations) -> Self {
        let inside = |site| f64::from(seen.quantile(index, site, INSIDE)) / 127.0;
        let attention_norm = norm_scale(&layer.attention_norm, seen, index, Site::AttentionNorm);
        let hidden_norm = norm_scale(&layer.hidden_norm, seen, index, Site::HiddenNorm);
        // Of each head, with the rows of its own.
        let heads = |largest: Vec<f32>, matrix: &[f32], inside: f64, finer: f64| -> Vec<f64> {
            let least = |rows: &[f32]| finer * COARSER * attention_norm * largest_weight_scale(rows);
            let scale = |most: f32, rows: &[f32]| positive(f64::from(most) * inside / 127.0).max(least(rows));
            let rows = matrix.chunks(shape.head_dim() * shape.width);
            largest.into_iter().zip(rows).map(|(most, rows)| scale(most, rows)).collect()
        };
        let turned =
            |site, matrix: &[f32]| heads(seen.largest_folded(index, site, shape.head_dim()), matrix, FOLDED, ROTATED);
        let gate = positive(inside(Site::Gate)).max(COARSER * hidden_norm * largest_weight_scale(&layer.gate));
        let up = positive(inside(Site::Up)).max(COARSER * hidden_norm * largest_weight_scale(&layer.up));
        let hidden = positive(f64::from(seen.largest(index, Site::Hidden)) / 127.0);
        Self {
            attention_norm,
            query: alike(turned(Site::Query, &layer.query), shape.heads / shape.kv_heads),
            key: turned(Site::Key, &layer.key),
            value: heads(seen.largest_of(index, Site::Value, shape.kv_heads), &layer.value, 1.0, 1.0),
            heads: positive(f64::from(seen.largest(index, Site::Heads)) / 127.0),
            hidden_norm,
            gate,
            up,
            hidden: hidden.max(COARSER * table_scale(gate) * up),
        }
    }
}

/// The largest scale of each group for all of it: heads that share keys share the pass over these if they have one
/// scale, too.
fn alike(mut scales: Vec<f64>, group: usize) -> Vec<f64> {
    for scales in scales.chunks_mut(group) {
        scales.fill(scales.iter().copied().fold(0.0, f64::max));
    }
    scales
}

/// A scale for a tensor that may have been all zeros.
fn positive(scale: f64) -> f64 {
    if scale > 0.0 { scale } else { 1.0 }
}

fn norm_scale(gain: &[f32], seen: &Activations, layer: usize, site: Site) -> f64 {
    positive(f64::from(seen.quantile(layer, site, INSIDE)) / 127.0).max(largest(gain) / LARGEST_GAIN)
}

/// Scale of a gate's table: SiLU is largest at the end of its range.
fn table_scale(gate: f64) -> f64 {
    silu(128.0 * gate) / 32767.0
}

/// One scale for the whole residual stream: coarse enough for every layer that adds to it, too.
fn residual_scale(checkpoint: &Checkpoint, scales: &Scales) -> f64 {
    let layers = checkpoint.layers.iter().zip(&scales.layers);
    let products = layers.map(|(layer, of)| {
        (of.heads * largest_weight_scale(&layer.output)).max(of.hidden * largest_weight_scale(&layer.down))
    });
    positive(products.map(|product| COARSER * product).fold(scales.residual, f64::max))
}

fn block(
    shape: &Shape,
    index: usize,
    layer: &Layer,
    s: &LayerScales,
    residual: f64,
) -> Result<DecoderBlockModel, Error> {
    let site = |name: &str| format!("{name} of layer {index}");
    let (dim, width) = (shape.head_dim(), shape.width);
    let project = |name, matrix: &[f32], scales: &[f64], finer: f64| {
        linear(&site(name), matrix, width, s.attention_norm, |row| scales[row / dim] / finer)
    };
    let heads = (0..shape.heads).map(|head| {
        let group = head / (shape.heads / shape.kv_heads);
        // Folding doubles products.
        let octaves = LOG2_E / (dim as f64).sqrt() * s.query[head] * s.key[group] / 2.0;
        let ratio = s.value[group] / s.heads;
        HeadScale::from_real(octaves, ratio).result().map_err(|error| range(site("the attention"), error.to_string()))
    });
    let table = table_scale(s.gate);
    let product = factor(&site("the gate's product"), table * s.up / s.hidden)?;
    let down = linear(&site("the second feed-forward layer"), &layer.down, shape.hidden, s.hidden, |_| residual)?;
    Ok(DecoderBlockModel {
        attention_norm: norm(&site("the attention norm"), &layer.attention_norm, s.attention_norm, residual)?,
        query: project("the query projection", &layer.query, &s.query, ROTATED)?,
        key: project("the key projection", &layer.key, &s.key, ROTATED)?,
        value: project("the value projection", &layer.value, &s.value, 1.0)?,
        output: linear(&site("the output projection"), &layer.output, width, s.heads, |_| residual)?,
        heads: heads.collect::<Result<_, _>>()?,
        hidden_norm: norm(&site("the feed-forward norm"), &layer.hidden_norm, s.hidden_norm, residual)?,
        gate: linear(&site("the feed-forward gate"), &layer.gate, width, s.hidden_norm, |_| s.gate)?,
        up: linear(&site("the first feed-forward layer"), &layer.up, width, s.hidden_norm, |_| s.up)?,
        table: gate_table(silu, s.gate, table),
        product,
        // Seven more bits, where there is room for them.
        hidden15: DecoderBlockModel::may_have_hidden15(product, &down),
        down,
    })
}

/// A layer without biases, `matrix` `[outputs][inputs]`, from int8 of scale `input` to integers of the scale `output`
/// of their row.
fn linear(
    site: &str,
    matrix: &[f32],
    inputs: usize,
    input: f64,
    output: impl Fn(usize) -> f64,
) -> Result<LinearModel, Error> {
    let (mut weights, mut channels) = (Vec::with_capacity(matrix.len()), Vec::new());
    for (index, row) in matrix.chunks(inputs).enumerate() {
        let output = output(index);
        let scale = (largest(row) / 127.0).max(FINEST * output / input);
        // The cast saturates.
        weights.extend(row.iter().map(|&weight| (f64::from(weight) / scale).round() as i8));
        channels.push(Channel { bias: 0, scale: factor(site, input * scale / output)? });
    }
    Ok(LinearModel { weights, channels })
}

/// An RMSNorm whose output has the scale `output`.
fn norm(site: &str, gain: &[f32], output: f64, residual: f64) -> Result<NormModel, Error> {
    let channel = |&gain: &f32| {
        NormChannel::from_real(f64::from(gain) / output, 0.0).result().map_err(|error| range(site, error.to_string()))
    };
    let channels = gain.iter().map(channel).collect::<Result<_, Error>>()?;
    let epsilon = (f64::from(EPSILON) / residual.powi(2)).round().clamp(1.0, f64::from(MAX_EPSILON));
    Ok(NormModel { channels, epsilon: epsilon as u32 })
}

/// The tokenizer's tokens, without the bytes of those that stand for no text of more than one byte.
fn tokens(tokenizer: &Tokenizer) -> Vec<TokenModel> {
    let tokens = tokenizer.tokens().iter().enumerate().map(|(id, token)| match id {
        1..259 => TokenModel { bytes: Vec::new(), score: 0.0 },
        // Adding 0 takes the sign of a negative zero, which would rank below a positive one.
        _ => TokenModel { bytes: token.bytes.clone(), score: token.score + 0.0 },
    });
    tokens.collect()
}

fn largest(values: &[f32]) -> f64 {
    f64::from(values.iter().fold(0f32, |most, value| most.max(value.abs())))
}

fn largest_weight_scale(matrix: &[f32]) -> f64 {
    largest(matrix) / 127.0
}

fn factor(site: &str, real: f64) -> Result<Scale, Error> {
    Scale::from_real(real).result().map_err(|error| range(site, error.to_string()))
}

fn range(site: impl Into<String>, reason: String) -> Error {
    Error::Range { site: site.into(), reason }
}
