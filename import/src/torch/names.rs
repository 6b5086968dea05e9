//! Names of tensors that PyTorch does not give itself.

use serde::{Deserialize, Serialize};

/// The `[names]` table. A layer is named by what stands before `.weight` and `.bias`; a parameter by its whole name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The list of layers, before their numbers; by default found by the names inside.
    pub layers: Option<String>,
    /// What makes tokens: linear layer, convolution, or embedding.
    pub embedding: Option<String>,
    /// The embedding of token types.
    pub token_types: Option<String>,
    /// Class tokens.
    pub class_token: Option<String>,
    /// Learned positions, or a table of biases by distance.
    pub positions: Option<String>,
    /// The norm after the positions.
    pub embedding_norm: Option<String>,
    /// The norm after the last layer; by default `norm` beside the layers.
    #[serde(alias = "norm")]
    pub final_norm: Option<String>,
    /// The scores of attention-weighted pooling.
    pub pool: Option<String>,
    /// Layers after the pooling, in turn: norms and linear layers, by name, and activations, as `"tanh"`.
    #[serde(default, alias = "classifier")]
    pub head: Head,
    /// Names inside a layer.
    pub block: Option<BlockNames>,
    /// Tensors that are no part of the model; `*` at the end stands for any.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// One layer, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Head {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Default for Head {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Head {
    /// The layers.
    #[must_use]
    pub fn layers(&self) -> &[String] {
        match self {
            Self::One(layer) => std::slice::from_ref(layer),
            Self::Several(layers) => layers,
        }
    }
}

/// The `[names.block]` table: names inside a layer, by default those of `nn.TransformerEncoderLayer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlockNames {
    /// Queries, keys and values in one.
    pub in_proj: String,
    /// Queries alone.
    pub query: String,
    /// Keys alone.
    pub key: String,
    /// Values alone.
    pub value: String,
    /// The projection of the heads.
    pub out_proj: String,
    /// The first norm.
    pub norm1: String,
    /// The second norm.
    pub norm2: String,
    /// To the hidden values.
    pub linear1: String,
    /// From them.
    pub linear2: String,
    /// The gate of gated feed-forward layers.
    pub gate: Option<String>,
    /// Logarithms of what the scores of each head are divided by, beside the root of the head's values.
    pub log_temperature: Option<String>,
}

impl Default for BlockNames {
    fn default() -> Self {
        Self::of("self_attn")
    }
}

impl BlockNames {
    /// With PyTorch's names of attention called `attention`.
    #[must_use]
    pub fn of(attention: &str) -> Self {
        Self {
            in_proj: format!("{attention}.in_proj"),
            query: format!("{attention}.q_proj"),
            key: format!("{attention}.k_proj"),
            value: format!("{attention}.v_proj"),
            out_proj: format!("{attention}.out_proj"),
            norm1: "norm1".into(),
            norm2: "norm2".into(),
            linear1: "linear1".into(),
            linear2: "linear2".into(),
            gate: None,
            log_temperature: None,
        }
    }
}
