//! Architectures that heedful has not got.

use super::Config;
use crate::ImportError;
use crate::weights::Tensors;

/// Part of a name, what has it, and what comes nearest.
const KINDS: [[&str; 3]; 7] = [
    ["bias_k", "nn.MultiheadAttention with add_bias_kv", "the same without, trained anew"],
    ["weight_ih_l0", "a recurrent network", "a causal nn.TransformerEncoder"],
    ["_packed_params", "weights quantised by PyTorch", "the float model that they were made of"],
    [
        "parametrizations.",
        "weights with a parametrisation",
        "plain weights: torch.nn.utils.parametrize.remove_parametrizations",
    ],
    ["weight_g", "weights with a norm of their own", "plain weights: torch.nn.utils.remove_weight_norm"],
    ["relative_position_bias_table", "windows of two dimensions with biases (Swin)", "ViT with learned positions"],
    ["lora_A", "an adapter beside its model", "the merged model: merge_and_unload"],
];

/// Refuses names and settings of such.
pub(super) fn architecture(tensors: &Tensors, config: &Config) -> Result<(), ImportError> {
    for (name, _) in tensors.iter() {
        let part = |part: &str| {
            let mut places = name.match_indices(part);
            places.any(|(at, _)| at == 0 || name[..at].ends_with('.'))
        };
        if let Some([_, what, nearest]) = KINDS.iter().find(|[start, ..]| part(start)) {
            return Err(ImportError::Architecture { found: format!("{what} ({name})"), nearest: (*nearest).into() });
        }
    }
    let attends = |part: &str| tensors.iter().any(|(name, _)| name.contains(part));
    if attends("multihead_attn.") && attends("self_attn.") {
        let found = "layers of nn.TransformerDecoder, with attention to the tokens and to a memory".to_string();
        let nearest = "nn.TransformerEncoder with `causal = true`, or layers of `multihead_attn` alone with a [memory]";
        return Err(ImportError::Architecture { found, nearest: nearest.into() });
    }
    if attends("multihead_attn.") && config.memory.is_none() && config.names.block.is_none() {
        let expected = "a table with the steps and channels that `multihead_attn` makes keys and values of";
        return Err(ImportError::setting("memory", "nothing", expected));
    }
    let model = &config.model;
    if model.add_zero_attn {
        let found = "nn.MultiheadAttention with add_zero_attn".to_string();
        return Err(ImportError::Architecture { found, nearest: "the same without, trained anew".into() });
    }
    if model.batch_first == Some(false) {
        let expected = "true: items come one by one, as [items][steps][channels]; the weights are the same";
        return Err(ImportError::setting("batch_first", false, expected));
    }
    Ok(())
}
