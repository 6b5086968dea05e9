//! Layers of `nn.TransformerEncoder`, and such that differ in names.

use super::{Config, WindowConfig};
use crate::ImportError;
use crate::graph::{Attention, Block, Dense, FeedForward, Order};
use crate::weights::{Tensors, Wanted};
use heedful::Window;

/// Logarithms of the temperatures of a layer's heads, if they are tensors.
pub(super) fn log_temperature(
    tensors: &mut Tensors,
    config: &Config,
    start: &str,
    heads: usize,
) -> Result<Option<Vec<f32>>, ImportError> {
    let Some(name) = config.block_names().log_temperature else { return Ok(None) };
    if !config.model.temperature.is_empty() {
        return Err(ImportError::setting("temperature", "set", "nothing where `log_temperature` names a tensor"));
    }
    Ok(Some(tensors.vector(&format!("{start}{name}"), heads)?))
}

/// A layer whose names begin with `start`.
pub(super) fn read(tensors: &mut Tensors, config: &Config, start: &str, width: usize) -> Result<Block, ImportError> {
    let (model, names) = (&config.model, config.block_names());
    let full = |name: &str| format!("{start}{name}");
    let norm = |tensors: &mut Tensors, name: &str| tensors.norm(&full(name), model.norm.into(), width, model.eps);
    let first_norm = norm(tensors, &names.norm1)?;
    let second_norm = norm(tensors, &names.norm2)?;
    let attention = attention(tensors, config, start, width)?;
    let up = tensors.dense(&full(&names.linear1), Wanted::Any, width)?;
    let gate = match &names.gate {
        Some(gate) => Some(tensors.dense(&full(gate), up.outputs(), width)?),
        None => None,
    };
    let down = tensors.dense(&full(&names.linear2), width, up.outputs())?;
    let order = if model.norm_first { Order::PreNorm } else { Order::PostNorm };
    let feed_forward = FeedForward { up, gate, activation: model.activation.into(), down };
    Ok(Block { order, first_norm, attention, second_norm, feed_forward })
}

/// Heads, heads of keys, and values of a head.
fn heads(config: &Config, width: usize) -> Result<[usize; 3], ImportError> {
    let model = &config.model;
    let kv_heads = model.kv_heads.unwrap_or(model.heads);
    if model.heads == 0 {
        return Err(ImportError::setting("heads", 0, "at least 1"));
    }
    if kv_heads == 0 || !model.heads.is_multiple_of(kv_heads) {
        return Err(ImportError::setting("kv_heads", kv_heads, format!("a divisor of the {} heads", model.heads)));
    }
    match model.head_dim {
        Some(0) => Err(ImportError::setting("head_dim", 0, "at least 1")),
        Some(head_dim) => Ok([model.heads, kv_heads, head_dim]),
        None if width.is_multiple_of(model.heads) => Ok([model.heads, kv_heads, width / model.heads]),
        None => Err(ImportError::setting("heads", model.heads, format!("a divisor of the width {width}"))),
    }
}

fn attention(tensors: &mut Tensors, config: &Config, start: &str, width: usize) -> Result<Attention, ImportError> {
    let names = config.block_names();
    let full = |name: &str| format!("{start}{name}");
    let [heads, kv_heads, head_dim] = heads(config, width)?;
    let (wide, narrow) = (heads * head_dim, kv_heads * head_dim);
    let source = config.memory.map_or(width, |memory| memory.channels);
    let fused = full(&names.in_proj);
    let rows = [0..wide, wide..wide + narrow, wide + narrow..wide + 2 * narrow];
    let [query, key, value] = if source == width && tensors.has_layer(&fused) {
        let both = tensors.dense(&fused, wide + 2 * narrow, width)?;
        rows.map(|rows| Dense {
            bias: both.bias.as_ref().map(|bias| bias[rows.clone()].to_vec()),
            weight: both.weight.some_rows(rows),
        })
    } else {
        // Separate weights have one bias still.
        let mut bias = tensors.bias(&fused, wide + 2 * narrow)?;
        let parts = [(&names.query, wide, width), (&names.key, narrow, source), (&names.value, narrow, source)];
        let mut layers = Vec::with_capacity(3);
        for ((name, outputs, inputs), rows) in parts.into_iter().zip(rows) {
            // PyTorch's `kdim` and `vdim`: keys and values are made of the tokens, or of the memory.
            let mut layer = tensors.dense(&full(name), outputs, inputs)?;
            if let Some(bias) = &mut bias {
                layer.bias = Some(bias[rows].to_vec());
            }
            layers.push(layer);
        }
        layers.try_into().unwrap_or_else(|_| unreachable!("there are three"))
    };
    let out = tensors.dense(&full(&names.out_proj), width, wide)?;
    let (windows, scales) = (windows(&config.model.windows, heads)?, scales(config, heads, head_dim)?);
    let (cross, causal) = (config.memory.is_some(), config.model.causal);
    Ok(Attention { heads, kv_heads, head_dim, query, key, value, out, cross, causal, windows, scales })
}

/// One of each head.
fn spread<T: Clone>(key: &str, values: &[T], heads: usize) -> Result<Vec<T>, ImportError> {
    match values {
        [one] => Ok(vec![one.clone(); heads]),
        values if values.is_empty() || values.len() == heads => Ok(values.to_vec()),
        values => {
            let found = format!("a list of {}", values.len());
            Err(ImportError::setting(key, found, format!("one for all heads, or one for each of {heads}")))
        }
    }
}

fn windows(windows: &[WindowConfig], heads: usize) -> Result<Vec<Window>, ImportError> {
    let windows = spread("windows", windows, heads)?;
    if windows.iter().any(|window| window.dilation == Some(0)) {
        return Err(ImportError::setting("dilation", 0, "at least 1"));
    }
    let window = |window: WindowConfig| Window {
        back: window.back.unwrap_or(usize::MAX),
        ahead: window.ahead.unwrap_or(usize::MAX),
        dilation: window.dilation.unwrap_or(1),
        sinks: window.sinks,
    };
    Ok(windows.into_iter().map(window).collect())
}

fn scales(config: &Config, heads: usize, head_dim: usize) -> Result<Vec<f32>, ImportError> {
    let mut scales = Attention::plain_scales(heads, head_dim);
    let temperatures = spread("temperature", &config.model.temperature, heads)?;
    for (scale, temperature) in scales.iter_mut().zip(temperatures) {
        if !(temperature > 0.0 && temperature.is_finite()) {
            return Err(ImportError::setting("temperature", temperature, "a number above 0"));
        }
        *scale /= temperature;
    }
    Ok(scales)
}
