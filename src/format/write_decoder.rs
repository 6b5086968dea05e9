//! Host side: writing a decoder from integer parameters.

use super::chain_model::{AttentionModel, ChainModel, InputModel, PartModel, PatternModel};
use super::write::{LinearModel, NormModel, Writer, linear, norm, pack, same};
use super::{DECODER, DECODER_BLOCK, DecoderConfig, EMBEDDING, NORM, OLD_MAJOR, Softmax, TOKENS};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::{MAX_POSITIONS, Steepness};
use crate::feed_forward::{MAX_HIDDEN15_INPUTS, allows_hidden15, biases_allow_hidden15};
use crate::rope::Pairing;
use crate::{Allowed, Error};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// A decoder block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecoderBlockModel {
    /// RMSNorm before the attention.
    pub attention_norm: NormModel,
    /// One per head.
    pub heads: Vec<HeadScale>,
    /// `[heads * head_dim][width]`; to int16, 64 steps to the int8 step, if there are pairs to rotate.
    pub query: LinearModel,
    /// `[key_heads * head_dim][width]`; likewise.
    pub key: LinearModel,
    /// `[key_heads * head_dim][width]`
    pub value: LinearModel,
    /// `[width][heads * head_dim]`
    pub output: LinearModel,
    /// RMSNorm before the feed-forward layers.
    pub hidden_norm: NormModel,
    /// `[hidden][width]`
    pub gate: LinearModel,
    /// `[hidden][width]`
    pub up: LinearModel,
    /// Activation of a gate, indexed by its bits.
    pub table: [i16; 256],
    /// From the activation times the other half to the hidden values.
    pub product: Scale,
    /// `[width][hidden]`
    pub down: LinearModel,
    /// Whether hidden values keep seven more bits.
    pub hidden15: bool,
}

/// A token of the vocabulary.
#[derive(Clone, PartialEq, Debug)]
pub struct TokenModel {
    /// Its bytes, at most 255.
    pub bytes: Vec<u8>,
    /// The higher, the sooner is it merged; only the order counts.
    pub score: f32,
}

/// A language model.
#[derive(Clone, PartialEq, Debug)]
pub struct DecoderModel {
    /// Heads per block.
    pub heads: usize,
    /// Heads of keys and values per block.
    pub kv_heads: usize,
    /// Dimension of a head.
    pub head_dim: usize,
    /// Softmax weights.
    pub softmax: Softmax,
    /// Which values are rotated together.
    pub pairing: Pairing,
    /// Of each rotated pair: its turn per position, in units of 2^-32 of a turn.
    pub frequencies: Vec<u32>,
    /// `[tokens][width]`; the channels are those to the logits.
    pub embedding: LinearModel,
    /// Scale of the logits over those of the final norm and of the residual stream.
    pub kappa: u32,
    /// First to last.
    pub blocks: Vec<DecoderBlockModel>,
    /// RMSNorm after the last block.
    pub norm: NormModel,
    /// Octaves of probability per unit of a logit.
    pub logit: Steepness,
    /// One per token, or none: the tokenizer.
    pub tokens: Vec<TokenModel>,
}

impl DecoderBlockModel {
    /// Whether hidden values may have seven more bits: if the product's scale, and the last layer's inputs and biases,
    /// leave room for them.
    #[must_use]
    pub fn may_have_hidden15(product: Scale, down: &LinearModel) -> bool {
        let inputs = down.weights.len().checked_div(down.channels.len()).unwrap_or(0);
        allows_hidden15(product) && inputs <= MAX_HIDDEN15_INPUTS && biases_allow_hidden15(&down.channels)
    }
}

impl DecoderModel {
    /// The bytes of a file of version 1; [`ChainModel`] writes version 2.
    ///
    /// # Errors
    /// If shapes do not agree or a value is out of bounds: all that a reader would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let c = DecoderConfig {
            tokens: self.embedding.channels.len(),
            width: self.norm.channels.len(),
            heads: self.heads,
            key_heads: self.kv_heads,
            head_dim: self.head_dim,
            hidden: self.blocks.first().map_or(0, |block| block.gate.channels.len()),
            layers: self.blocks.len(),
            softmax: self.softmax,
            factor: self.kappa,
            logit: self.logit,
            pairing: self.pairing,
            pairs: self.frequencies.len(),
        };
        c.check()?;
        let (inner, key_inner) = (c.heads * c.head_dim, c.key_heads * c.head_dim);
        let mut file = Writer::new();
        let shape = [c.tokens, c.width, c.heads, c.key_heads, c.head_dim, c.hidden, c.layers];
        let mut words: Vec<u32> = shape.iter().map(|&n| n as u32).collect();
        words.extend([c.softmax.bits(), c.factor, c.logit.to_word()]);
        words.extend([c.pairing as u32, c.pairs as u32]);
        words.extend(&self.frequencies);
        file.section(DECODER, words);

        file.section(EMBEDDING, linear("embedding", &self.embedding, c.width, c.tokens)?);
        for block in &self.blocks {
            let mut words = norm(&block.attention_norm, c.width)?;
            same("head scales", c.heads, block.heads.len())?;
            words.extend(bytemuck::cast_slice::<_, u32>(&block.heads));
            words.extend(linear("query projection", &block.query, c.width, inner)?);
            words.extend(linear("key projection", &block.key, c.width, key_inner)?);
            words.extend(linear("value projection", &block.value, c.width, key_inner)?);
            words.extend(linear("output projection", &block.output, inner, c.width)?);
            words.extend(norm(&block.hidden_norm, c.width)?);
            words.extend(linear("gate", &block.gate, c.width, c.hidden)?);
            words.extend(linear("other half of the gate", &block.up, c.width, c.hidden)?);
            words.extend(pack(bytemuck::cast_slice(&block.table)));
            words.push(block.product.to_word());
            words.extend(linear("layer after the gate", &block.down, c.hidden, c.width)?);
            if block.hidden15 {
                words.push(1);
            }
            file.section(DECODER_BLOCK, words);
        }
        file.section(NORM, norm(&self.norm, c.width)?);
        if !self.tokens.is_empty() {
            same("tokens", c.tokens, self.tokens.len())?;
            let words = tokenizer(&self.tokens)?;
            file.section(TOKENS, words);
        }
        let bytes = file.finish_as(OLD_MAJOR, 0);
        // Whatever a reader would refuse is refused here.
        crate::dynamic::Decoder::load(&bytes)?;
        Ok(bytes)
    }
}

/// Their number, then rank, length and bytes of each token.
pub(super) fn tokenizer(tokens: &[TokenModel]) -> Result<Vec<u32>, Error> {
    let mut scores: Vec<f32> = tokens.iter().map(|token| token.score).collect();
    scores.sort_by(f32::total_cmp);
    scores.dedup();
    let mut bytes = Vec::new();
    for token in tokens {
        let Ok(length) = u8::try_from(token.bytes.len()) else {
            let allowed = Allowed::Between(0, 255);
            return Err(Error::Shape { what: "length of a token", allowed, found: token.bytes.len() });
        };
        // From 1 on; 65,536 tokens at most.
        let rank = scores.partition_point(|score| score.total_cmp(&token.score).is_lt()) + 1;
        bytes.extend(u16::try_from(rank).unwrap_or(u16::MAX).to_le_bytes());
        bytes.push(length);
        bytes.extend(&token.bytes);
    }
    let mut words = vec![tokens.len() as u32];
    words.extend(pack(&bytes));
    Ok(words)
}

impl From<DecoderModel> for ChainModel {
    /// Pre-norm blocks of RMSNorm, grouped queries and gated layers, and an output that is tied to the embedding.
    /// Positions have no end: as many as a file can have.
    fn from(model: DecoderModel) -> Self {
        let (width, vocabulary) = (model.norm.channels.len(), model.embedding.channels.len());
        let rms_norm = |norm| PartModel::Norm { norm, rms: true, carry: None };
        let rope = (!model.frequencies.is_empty()).then_some((model.pairing, model.frequencies));
        let pattern = PatternModel { causal: true, rope, ..PatternModel::default() };
        let (key_heads, head_dim) = (model.kv_heads, model.head_dim);
        let mut parts = vec![
            PartModel::Positions { count: MAX_POSITIONS, width, class_tokens: 0, values: vec![] },
            PartModel::Embedding { class_tokens: 0, factor: model.kappa, layer: model.embedding },
        ];
        for block in model.blocks {
            let DecoderBlockModel {
                heads, query, key, value, output, gate, up, table, product, down, hidden15, ..
            } = block;
            let (reduce, key, pattern) = (None, Some(key), pattern.clone());
            parts.push(rms_norm(block.attention_norm));
            parts.push(PartModel::Attention(AttentionModel {
                heads,
                key_heads,
                head_dim,
                reduce,
                query,
                key,
                value,
                output,
                pattern,
                memory: None,
            }));
            parts.push(rms_norm(block.hidden_norm));
            parts.push(PartModel::Gated { gate, up, table, product, down, hidden15 });
        }
        parts.push(rms_norm(model.norm));
        let step = (model.logit.to_real() / core::f64::consts::LOG2_E) as f32;
        parts.push(PartModel::TiedOutput { width, outputs: vocabulary, logit: model.logit, step });
        let input = InputModel::Tokens { positions: MAX_POSITIONS, vocabulary };
        Self { softmax: model.softmax, input, parts, labels: vec![], unit: String::new(), tokens: model.tokens }
    }
}
