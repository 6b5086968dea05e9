//! Version 1 of the format: a pre-norm encoder with a classifier, whose blocks are sections. It is read as the parts of
//! version 2.

#[cfg(feature = "audio")]
use super::AUDIO;
use super::part::{Output, Read};
use super::reader::{Reader, between, label_in, tri, within};
use super::shape::{InputKind, InputShape, OutputKind, Softmax};
use super::{BLOCK, BLOCK_VARIANT, CLASSIFIER, CONFIG, DECODER, EMBEDDING, File, LABELS, NORM, POSITIONS};
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::Steepness;
use crate::attention::{AttentionView, MAX_HEAD_DIM, MAX_POSITIONS, ProjectionView};
#[cfg(feature = "audio")]
use crate::audio::Frontend;
use crate::feed_forward::PlainView;
use crate::linear::{LinearView, MAX_INPUTS};
use crate::norm::{MAX_WIDTH, NormView};
use crate::parts::{AttentionPart, FilePattern, Patches, Pool, PoolKind, Positions, Stem};
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

/// One encoder block (pre-norm: Xiong et al., "On Layer Normalization in the Transformer Architecture", 2020).
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    /// Norm before the attention.
    pub attention_norm: NormView<'a>,
    /// What the projections of low rank read instead of the normalised rows: three parts, for queries, keys and values.
    pub reduce: Option<LinearView<'a>>,
    /// Attention, added to the residual stream.
    pub attention: AttentionView<'a>,
    /// Norm before the feed-forward layers.
    pub hidden_norm: NormView<'a>,
    /// Feed-forward layers, added to the residual stream.
    pub feed_forward: PlainView<'a>,
}

/// An encoder of any shape, as the `.heed` file holds it.
#[derive(Clone, Copy, Debug)]
pub struct EncoderView<'a> {
    /// From the input to the width of the model.
    pub embedding: LinearView<'a>,
    /// Added to the embedded input, `[positions][width]`, int16.
    pub positions: &'a [i16],
    /// Blocks, first to last.
    pub blocks: &'a [BlockView<'a>],
    /// Norm after the last block.
    pub norm: NormView<'a>,
    /// From the sum of the normalised positions to their mean.
    pub pool: Scale,
    /// From the mean to the logits.
    pub classifier: LinearView<'a>,
}

/// The kind of a block with projections to queries and to keys.
pub(super) const SEPARATE: u32 = 0;
/// The kind of a block with both in one, whose normalised rows are the keys.
pub(super) const FUSED: u32 = 1;
/// The kind of a block with all three after a reduction.
pub(super) const LOW_RANK: u32 = 2;

/// What the weights of a block's attention are, see `docs/format.md`.
#[derive(Clone, Copy)]
enum Kind {
    Separate,
    Fused,
    LowRank { rank: usize },
}

/// The shape of an encoder with a classifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// Positions (tokens).
    pub positions: usize,
    /// Input values per position.
    pub inputs: usize,
    /// Width of the model.
    pub width: usize,
    /// Heads per block, at most.
    pub heads: usize,
    /// Dimension of a head.
    pub head_dim: usize,
    /// Width of the feed-forward layer.
    pub hidden: usize,
    /// Encoder blocks.
    pub layers: usize,
    /// Classes told apart.
    pub classes: usize,
    /// Softmax weights.
    pub softmax: Softmax,
    /// Scale from the sum of normalised values over all positions to their int8 mean.
    pub pool: Scale,
    /// Octaves of probability per unit of a logit.
    pub logit: Steepness,
}

impl Config {
    /// Multiply-accumulates of one inference where no block is a variant with fewer heads, fused weights or weights of
    /// low rank; [`File::macs`] counts what there is. `usize::MAX` where they are more.
    #[must_use]
    pub const fn macs(&self) -> usize {
        let Self { heads, width, head_dim, .. } = *self;
        let inner = heads.saturating_mul(head_dim);
        let block = self.attended(inner.saturating_mul(width).saturating_mul(4), inner.saturating_mul(2));
        self.ends().saturating_add(self.layers.saturating_mul(block))
    }

    /// Multiply-accumulates of a block, given those of its projections per position and of its heads per pair of
    /// positions.
    const fn attended(&self, projections: usize, per_pair: usize) -> usize {
        let pairs = self.positions.saturating_mul(per_pair);
        self.positions.saturating_mul(projections.saturating_add(pairs).saturating_add(self.feed_forward()))
    }

    /// Multiply-accumulates before and after the blocks.
    const fn ends(&self) -> usize {
        let embedding = self.positions.saturating_mul(self.inputs).saturating_mul(self.width);
        embedding.saturating_add(self.width.saturating_mul(self.classes))
    }

    /// Multiply-accumulates of a block's feed-forward layers, per position.
    const fn feed_forward(&self) -> usize {
        self.width.saturating_mul(self.hidden).saturating_mul(2)
    }

    pub(crate) const fn check(&self) -> Result<(), Error> {
        tri!(within("positions", self.positions, MAX_POSITIONS));
        tri!(within("inputs", self.inputs, MAX_INPUTS));
        tri!(within("width", self.width, MAX_WIDTH));
        tri!(within("head dimension", self.head_dim, MAX_HEAD_DIM));
        tri!(within("heads", self.heads, MAX_INPUTS / self.head_dim));
        tri!(within("hidden width", self.hidden, MAX_INPUTS));
        tri!(within("layers", self.layers, 1024));
        within("classes", self.classes, MAX_INPUTS)
    }
}

impl<'a> Reader<'a> {
    /// What a variant of a block begins with: its heads, and of what kind their weights are.
    const fn variant(&mut self, config: &Config) -> Result<(usize, Kind), Error> {
        let heads = tri!(self.word()) as usize;
        tri!(between("heads of a block", heads, 0, config.heads));
        let kind = tri!(self.word());
        match kind {
            SEPARATE => Ok((heads, Kind::Separate)),
            FUSED => {
                // Queries take the memory of the heads, and in wider models fusing would not pay.
                tri!(within("width of a block with fused query-key weights", config.width, config.head_dim));
                Ok((heads, Kind::Fused))
            }
            LOW_RANK => {
                let rank = tri!(self.word()) as usize;
                tri!(within("rank of a block", rank, config.width));
                Ok((heads, Kind::LowRank { rank }))
            }
            _ => {
                let (least, most) = (SEPARATE as usize, LOW_RANK as usize);
                Err(Error::Shape {
                    what: "kind of a block",
                    allowed: Allowed::Between(least, most),
                    found: kind as usize,
                })
            }
        }
    }
}

impl<'a> File<'a> {
    /// The model's shape.
    ///
    /// # Errors
    /// If the section is missing, or a shape is out of the bounds within which no sum overflows.
    pub const fn config(&self) -> Result<Config, Error> {
        let mut words = tri!(self.kind(CONFIG, DECODER));
        let config = Config {
            positions: tri!(words.word()) as usize,
            inputs: tri!(words.word()) as usize,
            width: tri!(words.word()) as usize,
            heads: tri!(words.word()) as usize,
            head_dim: tri!(words.word()) as usize,
            hidden: tri!(words.word()) as usize,
            layers: tri!(words.word()) as usize,
            classes: tri!(words.word()) as usize,
            softmax: tri!(Softmax::of_bits(tri!(words.word()))),
            pool: tri!(words.scale("scale of the mean over positions")),
            logit: tri!(words.steepness("scale of the logits")),
        };
        tri!(config.check());
        Ok(config)
    }

    /// The encoder, but for its blocks.
    ///
    /// # Errors
    /// If a section is missing or does not fit the configuration, or this is out of bounds.
    #[doc(hidden)]
    pub const fn encoder(&self, config: &Config, blocks: &'a [BlockView<'a>]) -> Result<EncoderView<'a>, Error> {
        tri!(config.check());
        let positions = tri!(self.section(POSITIONS, 0)).words;
        let count = config.positions * config.width;
        let positions: &[i16] = must_cast_slice(positions);
        let Some((positions, _)) = positions.split_at_checked(count) else {
            let (allowed, found) = (Allowed::Exactly(count), positions.len());
            return Err(Error::Shape { what: "values of the positions", allowed, found });
        };
        Ok(EncoderView {
            embedding: tri!(tri!(self.section(EMBEDDING, 0)).linear(config.inputs, config.width)),
            positions,
            blocks,
            norm: tri!(tri!(self.section(NORM, 0)).norm(config.width, true)),
            pool: config.pool,
            classifier: tri!(tri!(self.section(CLASSIFIER, 0)).linear(config.width, config.classes)),
        })
    }

    /// One block of the encoder, whichever kind it is.
    ///
    /// # Errors
    /// If the section is missing or does not fit the configuration, or this is out of bounds.
    #[doc(hidden)]
    pub const fn block(&self, config: &Config, index: usize) -> Result<BlockView<'a>, Error> {
        tri!(config.check());
        let (mut words, is_variant) = tri!(self.section_of(BLOCK, Some(BLOCK_VARIANT), index));
        let (heads, kind) = if is_variant { tri!(words.variant(config)) } else { (config.heads, Kind::Separate) };
        let (width, inner) = (config.width, heads * config.head_dim);
        let attention_norm = tri!(words.norm(width, true));
        let scales = tri!(words.heads(heads));
        // What projections read of a row: all of it, or their third of what the reduction leaves.
        let (reduce, inputs, step) = match kind {
            Kind::LowRank { rank } => (Some(tri!(words.linear(width, 3 * rank))), rank, rank),
            _ => (None, width, 0),
        };
        let (dim, has_key) = if let Kind::Fused = kind { (width, false) } else { (config.head_dim, true) };
        Ok(BlockView {
            attention_norm,
            reduce,
            attention: AttentionView {
                head_scales: scales,
                query: ProjectionView::new(tri!(words.linear(inputs, heads * dim)), heads),
                key: if has_key {
                    Some(ProjectionView::new(tri!(words.linear(inputs, inner)), heads).reading_from(step))
                } else {
                    None
                },
                value: ProjectionView::new(tri!(words.linear(inputs, inner)), heads).reading_from(2 * step),
                output: tri!(words.linear(inner, width)),
                dim,
                head_dim: config.head_dim,
            },
            hidden_norm: tri!(words.norm(width, true)),
            feed_forward: PlainView {
                expand: tri!(words.linear(width, config.hidden)),
                activation: tri!(words.table()),
                contract: tri!(words.linear(config.hidden, width)),
            },
        })
    }

    /// What its model takes in, as version 2 says it.
    pub(super) const fn old_input(&self, config: &Config) -> Result<InputShape, Error> {
        let (steps, channels) = (config.positions, config.inputs);
        let input = InputShape { kind: InputKind::Features, steps, columns: 1, channels, millihertz: 0, fine: false };
        #[cfg(feature = "audio")]
        if let Some(frontend) = tri!(self.frontend(config)) {
            let channels = frontend.params.bands as usize;
            let steps = config.inputs / channels * config.positions;
            let millihertz = frontend.params.sample_rate as u64 * 1000;
            return Ok(InputShape { kind: InputKind::Audio, steps, channels, millihertz, ..input });
        }
        Ok(input)
    }

    /// The `index`th part of its model, as version 2 says it.
    pub(super) const fn old_part(&self, config: &Config, index: usize) -> Result<Option<Read<'a>>, Error> {
        let Config { positions: count, width, layers, .. } = *config;
        let encoder = tri!(self.encoder(config, &[]));
        if index == 0 {
            let positions = Positions { width, values: encoder.positions };
            return Ok(Some(Read::Positions { positions, count, first: 0 }));
        }
        if index == 1 {
            let input = tri!(self.old_input(config));
            let patches = Patches::of_series(input.steps, input.channels, config.inputs / input.channels);
            return Ok(Some(Read::Stem(Stem { layer: encoder.embedding, fine: &[], first: 0, patches })));
        }
        let index = index - 2;
        if index < 4 * layers {
            let BlockView { attention_norm, reduce, attention, hidden_norm, feed_forward } =
                tri!(self.block(config, index / 4));
            return Ok(Some(match index % 4 {
                0 => Read::Norm { norm: attention_norm, carry: None },
                1 => Read::Attention(AttentionPart { reduce, attention, pattern: FilePattern::PLAIN, memory: None }),
                2 => Read::Norm { norm: hidden_norm, carry: None },
                _ => Read::FeedForward(feed_forward),
            }));
        }
        Ok(match index - 4 * layers {
            0 => Some(Read::Norm { norm: encoder.norm, carry: None }),
            1 => Some(Read::Pool { width, pool: Pool { kind: PoolKind::Mean, count, scale: config.pool } }),
            2 => {
                let (outputs, kind, logit) = (config.classes, OutputKind::Classes, config.logit);
                let step = (logit.to_real() / core::f64::consts::LOG2_E) as f32;
                let layer = Some(encoder.classifier);
                Some(Read::Output(Output { width, outputs, kind, logit, step, layer, tied: false }))
            }
            _ => None,
        })
    }

    /// Multiply-accumulates of one inference; `usize::MAX` where they are more.
    ///
    /// # Errors
    /// If a block is missing or does not fit the configuration, or this is out of bounds.
    pub const fn macs(&self, config: &Config) -> Result<usize, Error> {
        tri!(config.check());
        let mut macs = config.ends();
        let mut layer = 0;
        while layer < config.layers {
            let BlockView { attention, reduce, .. } = tri!(self.block(config, layer));
            let AttentionView { head_scales: heads, query, key, value, output, dim, head_dim } = attention;
            let mut projections = query.layer().products().saturating_add(value.layer().products());
            projections = projections.saturating_add(output.products());
            if let Some(key) = key {
                projections = projections.saturating_add(key.layer().products());
            }
            // Without heads there is nothing to reduce for.
            if let Some(reduce) = reduce
                && !heads.is_empty()
            {
                projections = projections.saturating_add(reduce.products());
            }
            macs = macs.saturating_add(config.attended(projections, heads.len() * (dim + head_dim)));
            layer += 1;
        }
        Ok(macs)
    }

    /// The label of a class; empty where the file names none.
    ///
    /// # Errors
    /// If it is not UTF-8, or cut off.
    pub const fn label(&self, class: usize) -> Result<&'a str, Error> {
        let section = match self.section(LABELS, 0) {
            Ok(section) => section,
            Err(Error::Missing { .. }) => return Ok(""),
            Err(error) => return Err(error),
        };
        label_in(section, class)
    }

    /// The audio front end, if the model has one.
    ///
    /// # Errors
    /// If the section does not fit itself or the model.
    #[cfg(feature = "audio")]
    pub const fn frontend(&self, config: &Config) -> Result<Option<Frontend<'a>>, Error> {
        let words = match self.section(AUDIO, 0) {
            Ok(words) => words,
            Err(Error::Missing { .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        let frontend = tri!(words.old_frontend());
        let bands = frontend.params.bands as usize;
        if !config.inputs.is_multiple_of(bands) {
            let allowed = Allowed::MultipleOf(bands);
            return Err(Error::Shape { what: "inputs of a model of mel bands", allowed, found: config.inputs });
        }
        Ok(Some(frontend))
    }
}
