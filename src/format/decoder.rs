//! Version 1 of the format: language models, whose blocks are sections. They are read as the parts of version 2.

use super::part::{Output, Read};
use super::reader::{between, tri, within};
use super::shape::{InputKind, InputShape, OutputKind, Softmax};
use super::{CONFIG, DECODER, DECODER_BLOCK, EMBEDDING, File, NORM, Reader};
use crate::arithmetic::softmax::Steepness;
use crate::attention::{AttentionView, MAX_HEAD_DIM, MAX_POSITIONS, ProjectionView};
use crate::embedding::{EmbeddingView, MAX_FACTOR};
use crate::feed_forward::{GatedView, MAX_HIDDEN15_INPUTS, allows_hidden15, coarse};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::norm::MAX_WIDTH;
use crate::parts::{AttentionPart, Embedding, FilePattern, Positions};
use crate::rope::{Pairing, Rope};
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

/// Scales of a product that leave room for 15-bit hidden values.
const HIDDEN15_SCALE: &str = "2^-32 up to, but not, 2^-9";

/// The shape of a decoder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecoderConfig {
    /// Tokens of the vocabulary.
    pub tokens: usize,
    /// Width of the model.
    pub width: usize,
    /// Heads per block.
    pub heads: usize,
    /// Heads of keys and values per block.
    pub key_heads: usize,
    /// Dimension of a head.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub hidden: usize,
    /// Blocks.
    pub layers: usize,
    /// Softmax weights.
    pub softmax: Softmax,
    /// From a row of the embedding to the residual stream.
    pub factor: u32,
    /// Octaves of probability per unit of a logit.
    pub logit: Steepness,
    /// Which values are rotated together.
    pub pairing: Pairing,
    /// Pairs of a head that are rotated by their position; the others, and all where it is 0, are not.
    pub pairs: usize,
}

impl DecoderConfig {
    /// What goes in.
    pub(super) const fn input(&self) -> InputShape {
        let (kind, steps, channels) = (InputKind::Tokens, MAX_POSITIONS, self.tokens);
        InputShape { kind, steps, columns: 1, channels, millihertz: 0, fine: false }
    }

    /// Multiply-accumulates of the layers for one token, its logits included, without attention's own: these are
    /// `2 · layers · heads · head_dim` per position looked at. `usize::MAX` where they are more.
    #[must_use]
    pub const fn macs(&self) -> usize {
        let heads = self.heads.saturating_add(self.key_heads).saturating_mul(self.head_dim).saturating_mul(2);
        let columns = heads.saturating_add(self.hidden.saturating_mul(3));
        let blocks = self.layers.saturating_mul(columns).saturating_add(self.tokens);
        blocks.saturating_mul(self.width)
    }

    pub(crate) const fn check(&self) -> Result<(), Error> {
        tri!(within("tokens", self.tokens, 1 << 16));
        tri!(within("width", self.width, MAX_WIDTH));
        tri!(within("head dimension", self.head_dim, MAX_HEAD_DIM));
        tri!(within("heads", self.heads, MAX_INPUTS / self.head_dim));
        tri!(within("key heads", self.key_heads, self.heads));
        if !self.heads.is_multiple_of(self.key_heads) {
            let allowed = Allowed::MultipleOf(self.key_heads);
            return Err(Error::Shape { what: "heads that share key heads", allowed, found: self.heads });
        }
        tri!(within("hidden width", self.hidden, MAX_INPUTS));
        tri!(within("layers", self.layers, 1024));
        tri!(within("factor of the embedding", self.factor as usize, MAX_FACTOR as usize));
        between("rotated pairs", self.pairs, 0, self.head_dim / 2)
    }
}

impl<'a> File<'a> {
    /// The shape of a decoder.
    ///
    /// # Errors
    /// If the section is missing, or a shape is out of the bounds within which no sum overflows.
    pub const fn decoder_config(&self) -> Result<DecoderConfig, Error> {
        let mut words = tri!(self.kind(DECODER, CONFIG));
        let config = DecoderConfig {
            tokens: tri!(words.word()) as usize,
            width: tri!(words.word()) as usize,
            heads: tri!(words.word()) as usize,
            key_heads: tri!(words.word()) as usize,
            head_dim: tri!(words.word()) as usize,
            hidden: tri!(words.word()) as usize,
            layers: tri!(words.word()) as usize,
            softmax: tri!(Softmax::of_bits(tri!(words.word()))),
            factor: tri!(words.word()),
            logit: tri!(words.steepness("scale of the logits")),
            pairing: tri!(words.pairing()),
            pairs: tri!(words.word()) as usize,
        };
        tri!(config.check());
        Ok(config)
    }

    /// The `index`th part of a language model, as version 2 says it.
    pub(super) const fn old_language_part(
        &self,
        config: &DecoderConfig,
        index: usize,
    ) -> Result<Option<Read<'a>>, Error> {
        let width = config.width;
        if index == 0 {
            let positions = Positions { width, values: &[] };
            return Ok(Some(Read::Positions { positions, count: MAX_POSITIONS, first: 0 }));
        }
        let index = index - 1;
        if index == 0 {
            let view = EmbeddingView { layer: tri!(self.old_embedding(config)), factor: config.factor as i32 };
            return Ok(Some(Read::Embedding(Embedding { view, first: 0 })));
        }
        let index = index - 1;
        if index < 4 * config.layers {
            return Ok(Some(tri!(self.old_language_layer(config, index / 4, index % 4))));
        }
        Ok(match index - 4 * config.layers {
            0 => Some(Read::Norm { norm: tri!(tri!(self.section(NORM, 0)).norm(width, false)), carry: None }),
            1 => {
                let (outputs, kind, logit) = (config.tokens, OutputKind::NextToken, config.logit);
                let step = (logit.to_real() / core::f64::consts::LOG2_E) as f32;
                let layer = Some(tri!(self.old_embedding(config)));
                Some(Read::Output(Output { width, outputs, kind, logit, step, layer, tied: false }))
            }
            _ => None,
        })
    }

    /// The embedding, which is the output layer, too.
    const fn old_embedding(&self, config: &DecoderConfig) -> Result<LinearView<'a>, Error> {
        tri!(self.section(EMBEDDING, 0)).linear(config.width, config.tokens)
    }

    /// Of a block: the norm before the attention, this, the norm before the gated layers, or these.
    const fn old_language_layer(&self, config: &DecoderConfig, block: usize, part: usize) -> Result<Read<'a>, Error> {
        let mut words = tri!(self.section(DECODER_BLOCK, block));
        let (width, dim) = (config.width, config.head_dim);
        let (inner, key_inner) = (config.heads * dim, config.key_heads * dim);
        let norm = tri!(words.norm(width, false));
        if part == 0 {
            return Ok(Read::Norm { norm, carry: None });
        }
        let attention = AttentionView {
            head_scales: tri!(words.heads(config.heads)),
            query: ProjectionView::new(tri!(words.linear(width, inner)), config.heads),
            key: Some(ProjectionView::new(tri!(words.linear(width, key_inner)), config.key_heads)),
            value: ProjectionView::new(tri!(words.linear(width, key_inner)), config.key_heads),
            output: tri!(words.linear(inner, width)),
            dim,
            head_dim: dim,
        };
        if part == 1 {
            let mut frequencies = tri!(self.section(DECODER, 0));
            tri!(frequencies.take(12));
            let rope = Rope { pairing: config.pairing, frequencies: tri!(frequencies.take(config.pairs)) };
            let pattern = FilePattern { causal: true, rope, ..FilePattern::PLAIN };
            return Ok(Read::Attention(AttentionPart { reduce: None, attention, pattern, memory: None }));
        }
        let norm = tri!(words.norm(width, false));
        if part == 2 {
            return Ok(Read::Norm { norm, carry: None });
        }
        Ok(Read::Gated(tri!(words.gated(width, config.hidden))))
    }
}

impl<'a> Reader<'a> {
    const fn gate_table(&mut self) -> Result<&'a [i16; 256], Error> {
        let values: &[i16] = must_cast_slice(tri!(self.take(128)));
        match values.first_chunk() {
            Some(table) => Ok(table),
            None => Err(Error::Truncated { expected: 512, found: 2 * values.len() }),
        }
    }

    const fn gated(&mut self, width: usize, hidden: usize) -> Result<GatedView<'a>, Error> {
        let layers = GatedView {
            gate: tri!(self.linear(width, hidden)),
            up: tri!(self.linear(width, hidden)),
            table: tri!(self.gate_table()),
            product: tri!(self.scale("scale of a gate's product")),
            down: tri!(self.linear(hidden, width)),
            // The word may be missing.
            hidden15: match self.word() {
                Ok(0) | Err(_) => false,
                Ok(1) => true,
                Ok(found) => {
                    let (allowed, found) = (Allowed::Between(0, 1), found as usize);
                    return Err(Error::Shape { what: "precision of hidden values", allowed, found });
                }
            },
        };
        if layers.hidden15 && !allows_hidden15(layers.product) {
            let found = layers.product.to_word();
            return Err(Error::Scale {
                what: "scale of a gate's product to 15-bit hidden values",
                found,
                allowed: HIDDEN15_SCALE,
            });
        }
        if layers.hidden15 && hidden > MAX_HIDDEN15_INPUTS {
            let allowed = Allowed::Between(1, MAX_HIDDEN15_INPUTS);
            return Err(Error::Shape { what: "15-bit hidden values", allowed, found: hidden });
        }
        if layers.hidden15
            && !self.trusted
            && let Some(bias) = coarse(layers.down.channels)
        {
            let (found, allowed) = (bias as u32, "less than 2^22 either way");
            return Err(Error::Scale { what: "bias of a layer that takes 15-bit hidden values", found, allowed });
        }
        Ok(layers)
    }
}
