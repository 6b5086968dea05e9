//! Reading an encoder out of a `.heed` file: shapes and bounds are checked once, here, so that
//! inference need not check any.

#[cfg(feature = "audio")]
use super::AUDIO;
use super::{BLOCK, BLOCK_VARIANT, CLASSIFIER, CONFIG, DECODER, EMBEDDING, File, LABELS, NORM, POSITIONS, Reader};
use crate::activation::Activation;
use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::Steepness;
use crate::attention::{AttentionView, HeadScale, MAX_HEAD_DIM, MAX_POSITIONS, ProjectionView};
#[cfg(feature = "audio")]
use crate::audio::{Frontend, MAX_BANDS, Params};
use crate::encoder::{BlockView, EncoderView};
use crate::feed_forward::PlainView;
use crate::kernels::{Matrix, words};
use crate::linear::{LinearView, MAX_BIAS, MAX_INPUTS};
use crate::norm::{MAX_EPSILON, MAX_WIDTH, NormView};
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

/// `?` for `const fn`.
macro_rules! tri {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}
pub(super) use tri;

/// The softmax weights that a model was made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Softmax {
    /// [`Narrow`](crate::Narrow), 8 bits.
    Narrow,
    /// [`Wide`](crate::Wide), 15 bits.
    Wide,
}

impl Softmax {
    /// Whether it is [`Softmax::Wide`].
    #[must_use]
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::Wide)
    }

    pub(super) const fn of_bits(bits: u32) -> Result<Self, Error> {
        match bits {
            8 => Ok(Self::Narrow),
            15 => Ok(Self::Wide),
            found => Err(Error::Shape {
                what: "softmax weight bits",
                allowed: Allowed::Either(8, 15),
                found: found as usize,
            }),
        }
    }

    #[cfg(feature = "std")]
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::Narrow => 8,
            Self::Wide => 15,
        }
    }
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

/// `1 ..= bound`
pub(super) const fn within(what: &'static str, found: usize, bound: usize) -> Result<(), Error> {
    between(what, found, 1, bound)
}

/// `least ..= most`
pub(super) const fn between(what: &'static str, found: usize, least: usize, most: usize) -> Result<(), Error> {
    if found >= least && found <= most {
        Ok(())
    } else {
        Err(Error::Shape { what, allowed: Allowed::Between(least, most), found })
    }
}

impl<'a> Reader<'a> {
    /// Weights `[outputs][inputs]`, each row filled up to a word, then the channels.
    pub(super) const fn linear(&mut self, inputs: usize, outputs: usize) -> Result<LinearView<'a>, Error> {
        let stride = inputs.next_multiple_of(4);
        let data = must_cast_slice(tri!(self.take(outputs * (stride / 4))));
        let (pairs, _) = tri!(self.take(outputs * 2)).as_chunks::<2>();
        let channels = tri!(words::channels(pairs));
        let mut i = 0;
        while i < outputs {
            if channels[i].bias < -MAX_BIAS || channels[i].bias > MAX_BIAS {
                let found = channels[i].bias as u32;
                return Err(Error::Scale { what: "bias of an output channel", found, allowed: "-2^30 to 2^30" });
            }
            i += 1;
        }
        Ok(LinearView { weights: Matrix { data, inputs, stride }, channels })
    }

    pub(super) const fn norm(&mut self, width: usize, centred: bool) -> Result<NormView<'a>, Error> {
        let epsilon = tri!(self.word());
        if epsilon == 0 || epsilon > MAX_EPSILON {
            return Err(Error::Scale { what: "epsilon of a norm", found: epsilon, allowed: "1 to 2^20" });
        }
        Ok(NormView { epsilon, channels: must_cast_slice(tri!(self.take(width))), centred })
    }

    pub(super) const fn heads(&mut self, count: usize) -> Result<&'a [HeadScale], Error> {
        let (pairs, _) = tri!(self.take(count * 2)).as_chunks::<2>();
        words::heads(pairs)
    }

    pub(super) const fn scale(&mut self, what: &'static str) -> Result<Scale, Error> {
        let found = tri!(self.word());
        match Scale::from_word(found) {
            Some(scale) => Ok(scale),
            None => Err(Error::Scale { what, found, allowed: Scale::RANGE }),
        }
    }

    pub(super) const fn steepness(&mut self, what: &'static str) -> Result<Steepness, Error> {
        let found = tri!(self.word());
        match Steepness::from_word(found) {
            Some(steepness) => Ok(steepness),
            None => Err(Error::Scale { what, found, allowed: Steepness::RANGE }),
        }
    }

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

    const fn table(&mut self) -> Result<Activation<'a>, Error> {
        let bytes: &[i8] = must_cast_slice(tri!(self.take(64)));
        match bytes.first_chunk() {
            Some(table) => Ok(Activation(table)),
            None => Err(Error::Truncated { expected: 256, found: bytes.len() }),
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

    /// Values of a reduced row, at most, where it is wider than the model and needs memory of its own; else 0.
    pub(crate) const fn reduced(&self, config: &Config) -> Result<usize, Error> {
        let (mut most, mut layer) = (0, 0);
        while layer < config.layers {
            if let Some(reduce) = tri!(self.block(config, layer)).reduce
                && reduce.channels.len() > config.width
                && reduce.channels.len() > most
            {
                most = reduce.channels.len();
            }
            layer += 1;
        }
        Ok(most)
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
        // Each label is its length in one byte, and its bytes.
        let mut rest: &[u8] = must_cast_slice(section.words);
        let mut skip = class;
        while let Some((&length, after)) = rest.split_first() {
            let Some((label, after)) = after.split_at_checked(length as usize) else {
                return Err(Error::Truncated { expected: length as usize, found: after.len() });
            };
            if skip == 0 {
                return match core::str::from_utf8(label) {
                    Ok(label) => Ok(label),
                    Err(_) => Err(Error::Label { class }),
                };
            }
            skip -= 1;
            rest = after;
        }
        Ok("")
    }

    /// The audio front end, if the model has one.
    ///
    /// # Errors
    /// If the section does not fit itself or the model.
    #[cfg(feature = "audio")]
    pub const fn frontend(&self, config: &Config) -> Result<Option<Frontend<'a>>, Error> {
        let mut words = match self.section(AUDIO, 0) {
            Ok(words) => words,
            Err(Error::Missing { .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        let params = Params {
            sample_rate: tri!(words.word()),
            window: tri!(words.word()),
            hop: tri!(words.word()),
            bands: tri!(words.word()),
            low_hz: tri!(words.word()),
            high_hz: tri!(words.word()),
            floor_log2: tri!(words.word()) as i32,
        };
        let (window, bands) = (params.window as usize, params.bands as usize);
        if window != 256 && window != 512 {
            let allowed = Allowed::Either(256, 512);
            return Err(Error::Shape { what: "samples of the audio window", allowed, found: window });
        }
        tri!(within("hop of the audio window", params.hop as usize, window));
        tri!(within("mel bands", bands, MAX_BANDS));
        if !config.inputs.is_multiple_of(bands) {
            let allowed = Allowed::MultipleOf(bands);
            return Err(Error::Shape { what: "inputs of a model of mel bands", allowed, found: config.inputs });
        }
        Ok(Some(Frontend {
            params,
            window: must_cast_slice(tri!(words.take(window / 2))),
            mel: must_cast_slice(tri!(words.take(window / 2 + 1))),
        }))
    }
}
