//! Llama: grouped queries, rotary positions, RMSNorm, gated feed-forward layers.

use super::Options;
use super::keys::Keys;
use super::layers::divides;
use crate::ImportError;
use crate::graph::{
    Attention, Block, FeedForward, HeadLayer, Input, Model, NormKind, Order, Output, Pool, Positions, RopeScaling,
    Stem, rope_frequencies,
};
use crate::weights::{Tensors, Wanted};
use heedful::{Pairing, Window};
use serde_json::json;

pub(super) fn read(tensors: &mut Tensors, keys: &Keys, options: &Options) -> Result<Model, ImportError> {
    keys.only("pretraining_tp", &[json!(1)], "1")?;
    let (width, heads) = (keys.count("hidden_size")?, keys.count("num_attention_heads")?);
    let kv_heads = keys.count_or("num_key_value_heads", heads)?;
    if !heads.is_multiple_of(kv_heads) {
        let expected = format!("a divisor of num_attention_heads, {heads}");
        return Err(ImportError::setting("num_key_value_heads", kv_heads, expected));
    }
    let head_dim = match keys.get("head_dim") {
        Some(_) => keys.count("head_dim")?,
        None => divides(heads, width).map(|()| width / heads)?,
    };
    let (vocabulary, most) = (keys.count("vocab_size")?, keys.count_or("max_position_embeddings", 2048)?);
    let length = options.length.unwrap_or(most);
    if length == 0 || length > most {
        return Err(ImportError::setting("length", length, format!("1 to max_position_embeddings, {most}")));
    }
    let start = if tensors.has("model.embed_tokens.weight") { "model." } else { "" };
    let table = tensors.matrix(&format!("{start}embed_tokens.weight"), vocabulary, width)?;
    let epsilon = keys.number_or("rms_norm_eps", 1e-6)? as f32;
    let window = match keys.get("sliding_window") {
        // Its own position is one of them.
        Some(_) => vec![Window::back(keys.count("sliding_window")? - 1); heads],
        None => Vec::new(),
    };
    let sizes = Sizes { width, heads, kv_heads, head_dim, epsilon, window };
    let count = keys.count("num_hidden_layers")?;
    let layer = |index: usize| sizes.block(tensors, keys, &format!("{start}layers.{index}."));
    let blocks = (0..count).map(layer).collect::<Result<_, _>>()?;
    let final_norm = tensors.norm(&format!("{start}norm"), NormKind::Rms, width, epsilon)?;
    let (pool, head, output) = match keys.architecture()? {
        Some("LlamaForCausalLM" | "MistralForCausalLM") => {
            let tied = keys.on("tie_word_embeddings")?;
            if tied && !tensors.has("lm_head.weight") {
                (Pool::Every, vec![], Output::NextToken { tied })
            } else {
                let last = tensors.dense("lm_head", vocabulary, width)?;
                if tied && last.weight != table {
                    let expected = "false: lm_head.weight is another matrix than the embedding";
                    return Err(ImportError::setting("tie_word_embeddings", true, expected));
                }
                let head = if tied { vec![] } else { vec![HeadLayer::Dense(last)] };
                (Pool::Every, head, Output::NextToken { tied })
            }
        }
        Some("LlamaForSequenceClassification" | "MistralForSequenceClassification") => {
            let score = tensors.dense("score", Wanted::Any, width)?;
            let output = keys.classes(score.outputs())?;
            (Pool::Last, vec![HeadLayer::Dense(score)], output)
        }
        None | Some("LlamaModel" | "MistralModel") => (Pool::Every, vec![], Output::Embedding { normalised: false }),
        Some(other) => {
            let known = "LlamaModel, LlamaForCausalLM or LlamaForSequenceClassification";
            return Err(ImportError::setting("architectures", other, known));
        }
    };
    Ok(Model {
        input: Input::Tokens { vocabulary, length },
        series: crate::graph::Series::default(),
        memory: None,
        stem: Stem::Embedding { tokens: table, types: None },
        class_tokens: None,
        positions: rotary(keys, head_dim)?,
        embedding_norm: None,
        blocks,
        final_norm: Some(final_norm),
        pool,
        head,
        output,
    })
}

struct Sizes {
    width: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    epsilon: f32,
    window: Vec<Window>,
}

impl Sizes {
    fn block(&self, tensors: &mut Tensors, keys: &Keys, start: &str) -> Result<Block, ImportError> {
        let &Self { width, heads, kv_heads, head_dim, epsilon, .. } = self;
        let full = |name: &str| format!("{start}{name}");
        let (wide, narrow) = (heads * head_dim, kv_heads * head_dim);
        let attention = Attention {
            heads,
            kv_heads,
            head_dim,
            query: tensors.dense(&full("self_attn.q_proj"), wide, width)?,
            key: tensors.dense(&full("self_attn.k_proj"), narrow, width)?,
            value: tensors.dense(&full("self_attn.v_proj"), narrow, width)?,
            out: tensors.dense(&full("self_attn.o_proj"), width, wide)?,
            cross: false,
            causal: true,
            windows: self.window.clone(),
            scales: Attention::plain_scales(heads, head_dim),
        };
        let hidden = keys.count("intermediate_size")?;
        let feed_forward = FeedForward {
            up: tensors.dense(&full("mlp.up_proj"), hidden, width)?,
            gate: Some(tensors.dense(&full("mlp.gate_proj"), hidden, width)?),
            activation: keys.activation("hidden_act")?,
            down: tensors.dense(&full("mlp.down_proj"), width, hidden)?,
        };
        let first_norm = tensors.norm(&full("input_layernorm"), NormKind::Rms, width, epsilon)?;
        let second_norm = tensors.norm(&full("post_attention_layernorm"), NormKind::Rms, width, epsilon)?;
        Ok(Block { order: Order::PreNorm, first_norm, attention, second_norm, feed_forward })
    }
}

/// Rotary positions: `rope_parameters`, or `rope_theta` and `rope_scaling` as older files have it.
fn rotary(keys: &Keys, head_dim: usize) -> Result<Positions, ImportError> {
    let parameters = keys.inner("rope_parameters")?;
    let scaling = keys.inner("rope_scaling")?;
    let base = match &parameters {
        Some(parameters) => parameters.number_or("rope_theta", 10_000.0)?,
        None => keys.number_or("rope_theta", 10_000.0)?,
    };
    let share = keys.number_or("partial_rotary_factor", 1.0)?;
    let share = parameters.as_ref().map_or(Ok(share), |inner| inner.number_or("partial_rotary_factor", share))?;
    let turned = (head_dim as f64 * share) as usize;
    if !turned.is_multiple_of(2) || turned == 0 || turned > head_dim {
        let expected = format!("an even number of a head's {head_dim} values");
        return Err(ImportError::setting("partial_rotary_factor", share, expected));
    }
    let scaling = match parameters.as_ref().or(scaling.as_ref()) {
        Some(scaling) => kind(scaling, keys)?,
        None => RopeScaling::None,
    };
    Ok(Positions::Rotary { pairing: Pairing::Halves, frequencies: rope_frequencies(turned / 2, base, scaling) })
}

fn kind(scaling: &Keys, keys: &Keys) -> Result<RopeScaling, ImportError> {
    // Older files say `type`.
    let key = if scaling.get("rope_type").is_some() { "rope_type" } else { "type" };
    if scaling.get(key).is_none() {
        return Ok(RopeScaling::None);
    }
    match scaling.word(key)? {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: scaling.number("factor")? }),
        "llama3" => {
            let (low, high) = (scaling.number("low_freq_factor")?, scaling.number("high_freq_factor")?);
            if high <= low {
                return Err(ImportError::setting("high_freq_factor", high, format!("above low_freq_factor, {low}")));
            }
            let length = match scaling.get("original_max_position_embeddings") {
                Some(_) => scaling.number("original_max_position_embeddings")?,
                None => keys.number("original_max_position_embeddings")?,
            };
            Ok(RopeScaling::Llama3 { factor: scaling.number("factor")?, low, high, length })
        }
        other => Err(ImportError::setting(key, other, "default, linear or llama3")),
    }
}
