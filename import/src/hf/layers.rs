//! Blocks of the library's encoders.

use super::keys::Keys;
use crate::ImportError;
use crate::graph::{Activation, Attention, Block, FeedForward, NormKind, Order};
use crate::weights::Tensors;

/// Names inside a block, and where its norms are.
pub(super) struct Names {
    pub order: Order,
    pub query: &'static str,
    pub key: &'static str,
    pub value: &'static str,
    pub out: &'static str,
    pub first_norm: &'static str,
    pub second_norm: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

/// Sizes that BERT, ViT and AST have in common.
pub(super) struct Sizes {
    pub width: usize,
    pub heads: usize,
    pub layers: usize,
    pub hidden: usize,
    pub activation: Activation,
    pub epsilon: f32,
}

impl Sizes {
    pub fn read(keys: &Keys) -> Result<Self, ImportError> {
        let (width, heads) = (keys.count("hidden_size")?, keys.count("num_attention_heads")?);
        divides(heads, width)?;
        Ok(Self {
            width,
            heads,
            layers: keys.count("num_hidden_layers")?,
            hidden: keys.count("intermediate_size")?,
            activation: keys.activation("hidden_act")?,
            epsilon: keys.number_or("layer_norm_eps", 1e-12)? as f32,
        })
    }

    /// The blocks whose names begin with `start` and their number.
    pub fn blocks(&self, tensors: &mut Tensors, start: &str, names: &Names) -> Result<Vec<Block>, ImportError> {
        (0..self.layers).map(|index| self.block(tensors, &format!("{start}.{index}."), names)).collect()
    }

    fn block(&self, tensors: &mut Tensors, start: &str, names: &Names) -> Result<Block, ImportError> {
        let Self { width, heads, hidden, activation, epsilon, .. } = *self;
        let full = |name: &str| format!("{start}{name}");
        let mut square = |name: &str| tensors.dense(&full(name), width, width);
        let (query, key, value) = (square(names.query)?, square(names.key)?, square(names.value)?);
        let out = square(names.out)?;
        let head_dim = width / heads;
        let attention = Attention {
            heads,
            kv_heads: heads,
            head_dim,
            query,
            key,
            value,
            out,
            cross: false,
            causal: false,
            windows: Vec::new(),
            scales: Attention::plain_scales(heads, head_dim),
        };
        let first_norm = tensors.norm(&full(names.first_norm), NormKind::Layer, width, epsilon)?;
        let second_norm = tensors.norm(&full(names.second_norm), NormKind::Layer, width, epsilon)?;
        let up = tensors.dense(&full(names.up), hidden, width)?;
        let down = tensors.dense(&full(names.down), width, hidden)?;
        let feed_forward = FeedForward { up, gate: None, activation, down };
        Ok(Block { order: names.order, first_norm, attention, second_norm, feed_forward })
    }
}

/// Refuses heads that do not divide the width.
pub(super) fn divides(heads: usize, width: usize) -> Result<(), ImportError> {
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    let expected = format!("a divisor of the hidden_size {width}");
    Err(ImportError::setting("num_attention_heads", heads, expected))
}

/// The names of ViT and AST.
pub(super) const VIT: Names = Names {
    order: Order::PreNorm,
    query: "attention.attention.query",
    key: "attention.attention.key",
    value: "attention.attention.value",
    out: "attention.output.dense",
    first_norm: "layernorm_before",
    second_norm: "layernorm_after",
    up: "intermediate.dense",
    down: "output.dense",
};
