//! Reading one part out of its section.

#[cfg(feature = "audio")]
use super::AUDIO;
#[cfg(feature = "audio")]
use super::audio::AudioInput;
use super::reader::{Reader, between, exactly, tri, within};
use super::shape::{InputKind, InputShape, OutputKind};
use super::{Tag, tag};
use crate::activation::FineActivation;
use crate::arithmetic::requantise::Channel;
use crate::arithmetic::softmax::{MAX_HEAD_DIM, MAX_POSITIONS, Steepness};
use crate::attention::{AttentionView, HeadScale, ProjectionView};
use crate::block::ResidualScale;
use crate::feed_forward::{GatedView, MAX_HIDDEN15_INPUTS, PlainView, allows_hidden15, coarse};
use crate::linear::{LinearView, MAX_INPUTS};
use crate::norm::{MAX_WIDTH, NormView};
use crate::parts::{
    AttentionPart, Carry, Convolution, DenseView, Embedding, FilePattern, FineFeedForward, MemoryShape, Part, Pool,
    PoolKind, Positions, Stem, TokenTypes, WeightedPool,
};
use crate::pattern::RelativeTable;
use crate::rope::Rope;
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

pub(crate) const MODEL: Tag = tag(*b"MODL", "model");
pub(crate) const FEATURES: Tag = tag(*b"FEAT", "features");
pub(crate) const TOKEN_INPUT: Tag = tag(*b"TOKS", "tokens");
pub(crate) const MEMORY: Tag = tag(*b"MEMO", "memory");
pub(crate) const CONVOLUTION: Tag = tag(*b"CONV", "convolution");
pub(crate) const POSITIONS: Tag = tag(*b"POSI", "positions");
pub(crate) const STEM: Tag = tag(*b"STEM", "stem");
pub(crate) const EMBEDDING: Tag = tag(*b"EMBD", "embedding");
pub(crate) const TOKEN_TYPES: Tag = tag(*b"TYPE", "token types");
pub(crate) const NORM: Tag = tag(*b"NORM", "norm");
pub(crate) const ROWS: Tag = tag(*b"ROWS", "rows of the residual stream");
pub(crate) const RESIDUAL: Tag = tag(*b"RESI", "residual stream of the rows");
pub(crate) const ATTENTION: Tag = tag(*b"ATTN", "attention");
pub(crate) const FEED_FORWARD: Tag = tag(*b"FFWD", "feed-forward layers");
pub(crate) const FINE_FEED_FORWARD: Tag = tag(*b"FFWF", "feed-forward layers of fine arguments");
pub(crate) const GATED: Tag = tag(*b"GATE", "gated feed-forward layers");
pub(crate) const POOL: Tag = tag(*b"POOL", "pooling");
pub(crate) const DENSE: Tag = tag(*b"DENS", "dense layer");
pub(crate) const OUTPUT: Tag = tag(*b"OUTP", "output");
/// No parts of the chain, nor are the next ones.
pub(crate) const LABELS: Tag = tag(*b"labl", "labels");
pub(crate) const CHANNELS: Tag = tag(*b"chan", "names of channels");
pub(crate) const UNIT: Tag = tag(*b"unit", "unit");
pub(crate) const TOKENIZER: Tag = tag(*b"tokn", "tokens");
pub(crate) const EVENTS: Tag = tag(*b"evnt", "events");

/// The name of a part.
pub(super) const fn name(tag: u32) -> &'static str {
    let tags = [
        MODEL,
        FEATURES,
        TOKEN_INPUT,
        MEMORY,
        CONVOLUTION,
        POSITIONS,
        STEM,
        EMBEDDING,
        TOKEN_TYPES,
        NORM,
        ROWS,
        RESIDUAL,
        ATTENTION,
        FEED_FORWARD,
        FINE_FEED_FORWARD,
        GATED,
        POOL,
        DENSE,
        OUTPUT,
        CHANNELS,
        UNIT,
        TOKENIZER,
        EVENTS,
        LABELS,
    ];
    let mut i = 0;
    while i < tags.len() {
        if tags[i].word == tag {
            return tags[i].name;
        }
        i += 1;
    }
    "unknown part"
}

pub(super) const fn missing(tag: Tag) -> Error {
    Error::Missing { section: tag.name, expected: 1, found: 0 }
}

/// A part as it was read.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)] // One at a time is read; nothing keeps several.
pub(crate) enum Read<'a> {
    Memory(MemoryShape),
    Convolution(Convolution<'a>),
    Positions { positions: Positions<'a>, count: usize, first: usize },
    Stem(Stem<'a>),
    Embedding(Embedding<'a>),
    TokenTypes(TokenTypes<'a>),
    Norm { norm: NormView<'a>, carry: Option<Carry<'a>> },
    Rows(&'a [Channel]),
    Residual { width: usize, scale: ResidualScale },
    Attention(AttentionPart<'a>),
    FeedForward(PlainView<'a>),
    FineFeedForward(FineFeedForward<'a>),
    Gated(GatedView<'a>),
    Pool { width: usize, pool: Pool },
    WeightedPool(WeightedPool<'a>),
    Dense(DenseView<'a>),
    Output(Output<'a>),
}

/// The last part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output<'a> {
    pub width: usize,
    pub outputs: usize,
    pub kind: OutputKind,
    pub logit: Steepness,
    pub step: f32,
    pub layer: Option<LinearView<'a>>,
    /// Whether its layer is that of the embedding.
    pub tied: bool,
}

impl Read<'_> {
    /// As it runs.
    #[inline]
    pub(crate) const fn part(&self) -> Part<'_> {
        match self {
            Self::Memory(_) => Part::Nothing,
            Self::Convolution(layer) => Part::Convolution(layer),
            Self::Positions { positions, .. } => Part::Positions(*positions),
            Self::Stem(stem) => Part::Stem(stem),
            Self::Embedding(embedding) => Part::Embedding(embedding),
            Self::TokenTypes(types) => Part::TokenTypes(*types),
            Self::Norm { norm, carry } => Part::Norm(*norm, *carry),
            Self::Rows(channels) => Part::Rows(channels),
            Self::Residual { scale, .. } => Part::Residual(*scale),
            Self::Attention(attention) => Part::Attention(attention),
            Self::FeedForward(layers) => Part::FeedForward(layers),
            Self::FineFeedForward(layers) => Part::FineFeedForward(layers),
            Self::Gated(layers) => Part::Gated(layers),
            Self::Pool { pool, .. } => Part::Pool(*pool),
            Self::WeightedPool(pool) => Part::WeightedPool(*pool),
            Self::Dense(layer) => Part::Dense(layer),
            Self::Output(output) => Part::Output(output.layer),
        }
    }
}

impl<'a> Reader<'a> {
    /// What a model takes in.
    pub(crate) const fn input(mut self, tag: u32) -> Result<InputShape, Error> {
        if tag == TOKEN_INPUT.word {
            let (steps, channels) = (tri!(self.count()), tri!(self.count()));
            tri!(within("positions", steps, MAX_POSITIONS));
            tri!(within("tokens", channels, 1 << 16));
            return Ok(InputShape { kind: InputKind::Tokens, steps, columns: 1, channels, millihertz: 0, fine: false });
        }
        #[cfg(feature = "audio")]
        if tag == AUDIO.word {
            let steps = tri!(self.count());
            tri!(within("frames", steps, 1 << 20));
            let AudioInput { frontend, is_picture } = tri!(self.audio());
            let (kind, millihertz) = (InputKind::Audio, frontend.params.sample_rate as u64 * 1000);
            let (columns, channels) = if is_picture { (frontend.values(), 1) } else { (1, frontend.values()) };
            let fine = frontend.cepstra.is_some();
            return Ok(InputShape { kind, steps, columns, channels, millihertz, fine });
        }
        if tag != FEATURES.word {
            return Err(missing(FEATURES));
        }
        let (steps, columns, channels) = (tri!(self.count()), tri!(self.count()), tri!(self.count()));
        tri!(within("steps of the input", steps, 1 << 20));
        tri!(within("columns of the input", columns, 1 << 15));
        tri!(within("channels of the input", channels, MAX_INPUTS));
        // Places of values are words of any target.
        tri!(within("values of the input", steps.saturating_mul(columns).saturating_mul(channels), 1 << 30));
        let bits = tri!(self.count());
        if bits != 8 && bits != 15 {
            return Err(Error::Shape { what: "bits of the input", allowed: Allowed::Either(8, 15), found: bits });
        }
        let millihertz = tri!(self.word()) as u64;
        let has_readings = tri!(self.flag("raw readings"));
        // An offset and a step for each channel, for hosts.
        tri!(self.take(channels * 2));
        if has_readings {
            tri!(self.channels(channels));
        }
        Ok(InputShape { kind: InputKind::Features, steps, columns, channels, millihertz, fine: bits == 15 })
    }

    /// One part of the chain.
    pub(crate) const fn part(&mut self, tag: u32) -> Result<Read<'a>, Error> {
        if tag == MEMORY.word {
            let (steps, channels) = (tri!(self.count()), tri!(self.count()));
            tri!(within("rows of the memory", steps, MAX_POSITIONS));
            tri!(within("channels of the memory", channels, MAX_INPUTS));
            tri!(self.take(channels * 2));
            Ok(Read::Memory(MemoryShape { steps, channels }))
        } else if tag == CONVOLUTION.word {
            self.convolution()
        } else if tag == POSITIONS.word {
            self.positions()
        } else if tag == STEM.word {
            self.stem()
        } else if tag == TOKEN_TYPES.word {
            self.token_types()
        } else if tag == EMBEDDING.word {
            self.embedding()
        } else if tag == NORM.word {
            let width = tri!(self.count());
            tri!(within("width", width, MAX_WIDTH));
            let centred = !tri!(self.flag("kind of a norm"));
            let carries = tri!(self.flag("residual stream of a norm"));
            let norm = tri!(self.norm(width, centred));
            let carry = if carries {
                let scale = tri!(self.scale("scale of the residual stream"));
                Some(Carry { channels: must_cast_slice(tri!(self.take(width))), scale })
            } else {
                None
            };
            Ok(Read::Norm { norm, carry })
        } else if tag == ROWS.word {
            let width = tri!(self.count());
            tri!(within("width", width, MAX_WIDTH));
            Ok(Read::Rows(tri!(self.channels(width))))
        } else if tag == RESIDUAL.word {
            let width = tri!(self.count());
            let found = tri!(self.word());
            match ResidualScale::from_word(found) {
                Some(scale) => Ok(Read::Residual { width, scale }),
                None => Err(Error::Scale { what: "scale of the rows", found, allowed: "2^-8 to 255" }),
            }
        } else if tag == ATTENTION.word {
            self.attention()
        } else if tag == FEED_FORWARD.word {
            let (width, hidden) = (tri!(self.count()), tri!(self.count()));
            tri!(within("width", width, MAX_WIDTH));
            tri!(within("hidden width", hidden, MAX_INPUTS));
            Ok(Read::FeedForward(PlainView {
                expand: tri!(self.linear(width, hidden)),
                activation: tri!(self.table()),
                contract: tri!(self.linear(hidden, width)),
            }))
        } else if tag == FINE_FEED_FORWARD.word {
            let (width, hidden) = (tri!(self.count()), tri!(self.count()));
            tri!(within("width", width, MAX_WIDTH));
            tri!(within("hidden width", hidden, MAX_INPUTS));
            let expand = tri!(self.linear(width, hidden));
            let activation = tri!(self.fine_table());
            Ok(Read::FineFeedForward(FineFeedForward {
                expand,
                activation,
                contract: tri!(self.linear(hidden, width)),
            }))
        } else if tag == GATED.word {
            self.gated_layers()
        } else if tag == POOL.word {
            self.pool()
        } else if tag == DENSE.word {
            let (inputs, outputs) = (tri!(self.count()), tri!(self.count()));
            tri!(within("inputs", inputs, MAX_INPUTS));
            tri!(within("outputs", outputs, MAX_INPUTS));
            let has_activation = tri!(self.flag("activation of a layer"));
            let layer = tri!(self.linear(inputs, outputs));
            let activation = if has_activation { Some(tri!(self.table())) } else { None };
            Ok(Read::Dense(DenseView { layer, activation }))
        } else if tag == OUTPUT.word {
            self.output()
        } else {
            Err(Error::Shape { what: "tag of the part", allowed: Allowed::Known, found: tag as usize })
        }
    }

    pub(super) const fn fine_table(&mut self) -> Result<FineActivation<'a>, Error> {
        let table: &[i16] = must_cast_slice(tri!(self.take(129)));
        match table.first_chunk() {
            Some(table) => Ok(FineActivation(table)),
            None => Err(Error::Truncated { expected: 516, found: 2 * table.len() }),
        }
    }

    const fn attention(&mut self) -> Result<Read<'a>, Error> {
        let (width, heads) = (tri!(self.count()), tri!(self.count()));
        let (key_heads, head_dim) = (tri!(self.count()), tri!(self.count()));
        let (kind, rank, flags) = (tri!(self.count()), tri!(self.count()), tri!(self.word()));
        tri!(within("width", width, MAX_WIDTH));
        tri!(within("head dimension", head_dim, MAX_HEAD_DIM));
        tri!(between("heads", heads, 0, MAX_INPUTS / head_dim));
        if heads > 0 {
            tri!(within("heads of keys and values", key_heads, heads));
            if !heads.is_multiple_of(key_heads) {
                let allowed = Allowed::MultipleOf(key_heads);
                return Err(Error::Shape { what: "heads that share keys and values", allowed, found: heads });
            }
        } else {
            tri!(exactly("heads of keys and values", key_heads, 0));
        }
        tri!(between("kind of the projections", kind, 0, 3));
        tri!(between("pattern", flags as usize, 0, 31));
        // Of cross-attention, what stands in the place of a rank is the width of the memory.
        let memory = if kind == 3 {
            tri!(within("channels of the memory", rank, MAX_INPUTS));
            tri!(exactly("pattern of attention to a memory", flags as usize, 0));
            let steps = tri!(self.count());
            tri!(within("rows of the memory", steps, MAX_POSITIONS));
            Some(MemoryShape { steps, channels: rank })
        } else {
            None
        };
        let head_scales = tri!(self.heads(heads));
        let (inner, key_inner) = (heads * head_dim, key_heads * head_dim);
        let (reduce, inputs, step) = if kind == 2 {
            tri!(within("rank", rank, width));
            (Some(tri!(self.linear(width, 3 * rank))), rank, rank)
        } else {
            (None, width, 0)
        };
        if kind == 1 {
            // Keys are rows, which heads do not share in groups.
            tri!(exactly("heads of keys and values with fused weights", key_heads, heads));
            tri!(within("width with fused query-key weights", width, MAX_HEAD_DIM));
        }
        let dim = if kind == 1 { width } else { head_dim };
        let query = ProjectionView::new(tri!(self.linear(inputs, heads * dim)), heads);
        let inputs = if kind == 3 { rank } else { inputs };
        let key = if kind == 1 {
            None
        } else {
            Some(ProjectionView::new(tri!(self.linear(inputs, key_inner)), key_heads).reading_from(step))
        };
        let value = ProjectionView::new(tri!(self.linear(inputs, key_inner)), key_heads).reading_from(2 * step);
        let output = tri!(self.linear(inner, width));
        let pattern = tri!(self.pattern(flags, heads, dim));
        if kind == 1 && !pattern.rope.frequencies.is_empty() {
            return Err(Error::Shape {
                what: "rotated pairs of fused weights",
                allowed: Allowed::Exactly(0),
                found: 1,
            });
        }
        let attention = AttentionView { query, key, value, output, head_scales, dim, head_dim };
        Ok(Read::Attention(AttentionPart { reduce, attention, pattern, memory }))
    }

    const fn pattern(&mut self, flags: u32, heads: usize, dim: usize) -> Result<FilePattern<'a>, Error> {
        let mut pattern = FilePattern { causal: flags & 1 != 0, ..FilePattern::PLAIN };
        if flags & 2 != 0 {
            pattern.windows = tri!(self.take(heads * 4)).as_chunks::<4>().0;
            let mut head = 0;
            while head < heads {
                tri!(within("dilation of a head", pattern.windows[head][2] as usize, MAX_POSITIONS));
                head += 1;
            }
        }
        if flags & 4 != 0 {
            pattern.slopes = must_cast_slice(tri!(self.take(heads)));
        }
        if flags & 8 != 0 {
            let span = tri!(self.count());
            tri!(within("distances with a bias", span, 2 * MAX_POSITIONS));
            pattern.relative =
                RelativeTable { span, biases: must_cast_slice(tri!(self.take(heads.saturating_mul(span)))) };
        }
        if flags & 16 != 0 {
            let pairing = tri!(self.pairing());
            let pairs = tri!(self.count());
            tri!(within("rotated pairs of a head", pairs, dim / 2));
            pattern.rope = Rope { pairing, frequencies: tri!(self.take(pairs)) };
        }
        Ok(pattern)
    }

    const fn gated_layers(&mut self) -> Result<Read<'a>, Error> {
        let (width, hidden) = (tri!(self.count()), tri!(self.count()));
        tri!(within("width", width, MAX_WIDTH));
        tri!(within("hidden width", hidden, MAX_INPUTS));
        let hidden15 = tri!(self.flag("bits of the hidden values"));
        let (gate, up) = (tri!(self.linear(width, hidden)), tri!(self.linear(width, hidden)));
        let table: &[i16] = must_cast_slice(tri!(self.take(128)));
        let Some(table) = table.first_chunk() else { return Err(Error::Truncated { expected: 512, found: 0 }) };
        let product = tri!(self.scale("scale of a gate"));
        let down = tri!(self.linear(hidden, width));
        if hidden15 {
            tri!(within("15-bit hidden values", hidden, MAX_HIDDEN15_INPUTS));
            if !allows_hidden15(product) {
                let found = product.to_word();
                return Err(Error::Scale { what: "scale of a gate", found, allowed: "2^-32 up to, but not, 2^-9" });
            }
            if !self.trusted
                && let Some(bias) = coarse(down.channels)
            {
                let (what, allowed) = ("bias after 15-bit hidden values", "-2^22 to 2^22, both excluded");
                return Err(Error::Scale { what, found: bias as u32, allowed });
            }
        }
        Ok(Read::Gated(GatedView { gate, up, table, product, down, hidden15 }))
    }

    const fn pool(&mut self) -> Result<Read<'a>, Error> {
        let (width, kind, count) = (tri!(self.count()), tri!(self.count()), tri!(self.count()));
        let kind = match kind {
            0 => PoolKind::Mean,
            1 => PoolKind::First,
            2 => PoolKind::Last,
            3 => PoolKind::Max,
            4 => {
                tri!(within("width", width, MAX_WIDTH));
                let [scale] = tri!(self.heads(1)) else { return Err(Error::Truncated { expected: 8, found: 0 }) };
                let (scale, layer): (HeadScale, _) = (*scale, tri!(self.linear(width, 1)));
                return Ok(Read::WeightedPool(WeightedPool { layer, scale }));
            }
            _ => return Err(Error::Shape { what: "kind of pooling", allowed: Allowed::Between(0, 4), found: kind }),
        };
        tri!(within("pooled positions", count, MAX_POSITIONS));
        Ok(Read::Pool {
            width,
            pool: Pool { kind, count, scale: tri!(self.scale("scale of the mean over positions")) },
        })
    }

    const fn output(&mut self) -> Result<Read<'a>, Error> {
        let (width, outputs, kind) = (tri!(self.count()), tri!(self.count()), tri!(self.count()));
        let kind = match kind {
            0 => OutputKind::Classes,
            1 => OutputKind::Labels,
            2 => OutputKind::Values,
            3 => OutputKind::Embedding,
            4 => OutputKind::NextToken,
            _ => return Err(Error::Shape { what: "kind of output", allowed: Allowed::Between(0, 4), found: kind }),
        };
        tri!(within("width", width, MAX_INPUTS));
        tri!(within("outputs", outputs, 1 << 16));
        let layer = tri!(self.count());
        tri!(between("layer of the output", layer, 0, 2));
        let logit = tri!(self.steepness("scale of the logits"));
        let step = f32::from_bits(tri!(self.word()));
        if !(step > 0.0 && step.is_finite()) {
            let found = step.to_bits();
            return Err(Error::Scale { what: "step of an output", found, allowed: "a positive, finite f32" });
        }
        let (layer, tied) = match layer {
            0 => {
                tri!(exactly("outputs without a layer", outputs, width));
                (None, false)
            }
            1 => (Some(tri!(self.linear(width, outputs))), false),
            _ => (None, true),
        };
        Ok(Read::Output(Output { width, outputs, kind, logit, step, layer, tied }))
    }
}
