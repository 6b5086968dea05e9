//! Host side: writing a `.heed` file from integer parameters.

pub use super::chain_model::{AttentionModel, ChainModel, ChannelModel, InputModel, PartModel, PatternModel};
pub use super::write_decoder::{DecoderBlockModel, DecoderModel, TokenModel};
pub use super::write_events::EventsModel;

use super::v1::{FUSED, LOW_RANK, SEPARATE};
use super::{
    AUDIO, BLOCK, BLOCK_VARIANT, CLASSIFIER, CONFIG, Config, EMBEDDING, File, HEADER, LABELS, MAGIC, MAJOR, NORM,
    OLD_MAJOR, POSITIONS, Tag,
};
use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::Channel;
use crate::audio::{Level, Params, Spectrum, Tables};
use crate::norm::NormChannel;
use crate::{Allowed, Error};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// A linear layer: weights `[outputs][inputs]`, a channel per output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinearModel {
    /// Weights, row by row.
    pub weights: Vec<i8>,
    /// Bias and scale of each output.
    pub channels: Vec<Channel>,
}

/// A layer norm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NormModel {
    /// Gain and offset of each channel.
    pub channels: Vec<NormChannel>,
    /// ε over the square of the residual scale.
    pub epsilon: u32,
}

/// An encoder block. It may have fewer heads than the configuration says, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockModel {
    /// Norm before the attention.
    pub attention_norm: NormModel,
    /// One per head.
    pub heads: Vec<HeadScale>,
    /// `[3 * rank][width]`, for queries, keys and values: with it these three projections are of low rank, and read
    /// `[rank]` instead of `[width]`.
    pub reduce: Option<LinearModel>,
    /// `[heads * head_dim][width]`, or `[heads * width][width]` without a key projection.
    pub query: LinearModel,
    /// `[heads * head_dim][width]`; `None` where it is fused into that of the queries, and the normalised rows are the
    /// keys. This takes a head dimension of at least the width.
    pub key: Option<LinearModel>,
    /// `[heads * head_dim][width]`
    pub value: LinearModel,
    /// `[width][heads * head_dim]`
    pub output: LinearModel,
    /// Norm before the feed-forward layers.
    pub hidden_norm: NormModel,
    /// `[hidden][width]`
    pub expand: LinearModel,
    /// Activation, indexed by the value's bits.
    pub activation: [i8; 256],
    /// `[width][hidden]`
    pub contract: LinearModel,
}

/// An encoder with a classifier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncoderModel {
    /// Its shape.
    pub config: Config,
    /// `[width][inputs]`
    pub embedding: LinearModel,
    /// `[positions][width]`
    pub positions: Vec<i16>,
    /// First to last.
    pub blocks: Vec<BlockModel>,
    /// Norm after the last block.
    pub norm: NormModel,
    /// `[classes][width]`
    pub classifier: LinearModel,
    /// The audio front end.
    pub audio: Option<Tables>,
    /// Names of the classes: none, or one each of at most 255 bytes.
    pub labels: Vec<String>,
}

impl EncoderModel {
    /// The bytes of the file.
    ///
    /// # Errors
    /// If a shape does not agree with the configuration or a value is out of bounds: all that a
    /// reader would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let c = &self.config;
        c.check()?;
        let mut file = Writer::new();
        let mut words: Vec<u32> = [c.positions, c.inputs, c.width, c.heads, c.head_dim, c.hidden, c.layers, c.classes]
            .iter()
            .map(|&n| n as u32)
            .collect();
        words.push(c.softmax.bits());
        words.push(c.pool.to_word());
        words.push(c.logit.to_word());
        file.section(CONFIG, words);

        if let Some(audio) = &self.audio {
            file.section(AUDIO, old_audio(audio)?);
        }

        file.section(EMBEDDING, linear("embedding", &self.embedding, c.inputs, c.width)?);
        same("values of the positions", c.positions * c.width, self.positions.len())?;
        file.section(POSITIONS, pack(bytemuck::cast_slice(&self.positions)));
        same("blocks", c.layers, self.blocks.len())?;
        for block in &self.blocks {
            let words = block.words(c)?;
            let heads = block.heads.len() as u32;
            let kind = match (block.rank(), &block.key) {
                (Some(rank), _) => vec![heads, LOW_RANK, rank as u32],
                (None, None) => vec![heads, FUSED],
                (None, Some(_)) if block.heads.len() != c.heads => vec![heads, SEPARATE],
                (None, Some(_)) => {
                    file.section(BLOCK, words);
                    continue;
                }
            };
            file.section(BLOCK_VARIANT, [kind, words].concat());
        }
        file.section(NORM, norm(&self.norm, c.width)?);
        file.section(CLASSIFIER, linear("classifier", &self.classifier, c.width, c.classes)?);
        if !self.labels.is_empty() {
            same("labels", c.classes, self.labels.len())?;
            file.section(LABELS, labels(&self.labels)?);
        }
        let bytes = file.finish_as(OLD_MAJOR, 0);
        // Whatever a reader would refuse is refused here.
        crate::dynamic::Model::load(&bytes)?;
        Ok(bytes)
    }
}

impl BlockModel {
    /// The rank of its projections, where it is low.
    #[must_use]
    pub fn rank(&self) -> Option<usize> {
        self.reduce.as_ref().map(|reduce| reduce.channels.len() / 3)
    }

    /// What the sections of all kinds hold.
    fn words(&self, c: &Config) -> Result<Vec<u32>, Error> {
        let heads = self.heads.len();
        if heads > c.heads {
            return Err(Error::Shape { what: "heads of a block", allowed: Allowed::Between(0, c.heads), found: heads });
        }
        let (dim, inner) = (if self.key.is_some() { c.head_dim } else { c.width }, heads * c.head_dim);
        let mut words = norm(&self.attention_norm, c.width)?;
        words.extend(bytemuck::cast_slice::<_, u32>(&self.heads));
        let inputs = self.rank().unwrap_or(c.width);
        if let Some(reduce) = &self.reduce {
            words.extend(linear("reduction of a block", reduce, c.width, 3 * inputs)?);
            // Fused weights are whole ones.
            same("key projections of a block of low rank", 1, usize::from(self.key.is_some()))?;
        }
        words.extend(linear("query projection", &self.query, inputs, heads * dim)?);
        if let Some(key) = &self.key {
            words.extend(linear("key projection", key, inputs, inner)?);
        }
        words.extend(linear("value projection", &self.value, inputs, inner)?);
        words.extend(linear("output projection", &self.output, inner, c.width)?);
        words.extend(norm(&self.hidden_norm, c.width)?);
        words.extend(linear("first feed-forward layer", &self.expand, c.width, c.hidden)?);
        words.extend(pack(bytemuck::cast_slice(&self.activation)));
        words.extend(linear("second feed-forward layer", &self.contract, c.hidden, c.width)?);
        Ok(words)
    }
}

pub(super) struct Writer {
    words: Vec<u32>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { words: vec![0; HEADER] }
    }

    pub(super) fn section(&mut self, tag: Tag, content: Vec<u32>) {
        self.section_of(tag.word, content);
    }

    pub(super) fn section_of(&mut self, tag: u32, content: Vec<u32>) {
        self.words.push(tag);
        self.words.push(content.len() as u32);
        self.words.extend(content);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.finish_as(MAJOR, 0)
    }

    /// A file of this version.
    pub(super) fn finish_as(mut self, major: u16, minor: u16) -> Vec<u8> {
        let checksum = super::CRC.checksum(bytemuck::cast_slice(&self.words[HEADER..]));
        let version = u32::from(major) << 16 | u32::from(minor);
        let header = [MAGIC, version, self.words.len() as u32, checksum];
        self.words[..HEADER].copy_from_slice(&header);
        debug_assert!(File::open(&self.words).is_ok());
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// Bytes as words, filled up with zeros.
pub(super) fn pack(bytes: &[u8]) -> Vec<u32> {
    bytes
        .chunks(4)
        .map(|chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            u32::from_le_bytes(word)
        })
        .collect()
}

/// What describes an audio front end in version 1 of the format.
fn old_audio(audio: &Tables) -> Result<Vec<u32>, Error> {
    let options = [audio.params.spectrum != Spectrum::Power, audio.params.remove_dc];
    if options.contains(&true) || audio.params.level != Level::Mean || audio.cepstra.is_some() {
        let allowed = Allowed::Exactly(0);
        return Err(Error::Shape { what: "options of the front end in version 1 of the format", allowed, found: 1 });
    }
    let mut words = params(&audio.params).to_vec();
    words.extend(tables(audio)?);
    Ok(words)
}

/// What describes an audio front end.
pub(super) fn audio(audio: &Tables, is_picture: bool) -> Result<Vec<u32>, Error> {
    let Tables { params: p, cepstra, .. } = audio;
    let shift = if let Level::Running { shift } = p.level { shift } else { 0 };
    let is_magnitude = p.spectrum == Spectrum::Magnitude;
    let count = cepstra.as_ref().map_or(0, |cepstra| cepstra.channels.len());
    let mut words = params(p).to_vec();
    words.extend([is_picture.into(), is_magnitude.into(), p.remove_dc.into(), shift, count as u32]);
    words.extend(tables(audio)?);
    if let Some(cepstra) = cepstra {
        same("numbers of the cepstral matrix", count * (p.bands as usize).next_multiple_of(2), cepstra.matrix.len())?;
        words.extend(pack(bytemuck::cast_slice(&cepstra.matrix)));
        words.extend(bytemuck::cast_slice::<_, u32>(&cepstra.channels));
    }
    Ok(words)
}

fn params(p: &Params) -> [u32; 7] {
    [p.sample_rate, p.window, p.hop, p.bands, p.low_hz, p.high_hz, p.floor_log2 as u32]
}

fn tables(audio: &Tables) -> Result<Vec<u32>, Error> {
    same("values of the audio window", audio.params.window as usize, audio.window.len())?;
    same("filters of the audio window", audio.params.points() / 2 + 1, audio.mel.len())?;
    let mut words = pack(bytemuck::cast_slice(&audio.window));
    words.extend(bytemuck::cast_slice::<_, u32>(&audio.mel));
    Ok(words)
}

/// Labels, each with its length in a byte before it.
pub(super) fn labels(labels: &[String]) -> Result<Vec<u32>, Error> {
    let mut bytes = Vec::new();
    for label in labels {
        let Ok(length) = u8::try_from(label.len()) else {
            let allowed = Allowed::Between(0, 255);
            return Err(Error::Shape { what: "length of a label", allowed, found: label.len() });
        };
        bytes.push(length);
        bytes.extend(label.as_bytes());
    }
    Ok(pack(&bytes))
}

pub(super) fn same(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found { Ok(()) } else { Err(Error::Shape { what, allowed: Allowed::Exactly(expected), found }) }
}

pub(super) fn linear(
    what: &'static str,
    layer: &LinearModel,
    inputs: usize,
    outputs: usize,
) -> Result<Vec<u32>, Error> {
    same(what, inputs * outputs, layer.weights.len())?;
    same(what, outputs, layer.channels.len())?;
    let mut words = Vec::new();
    // An output projection of no heads has no inputs, and no rows.
    for row in layer.weights.chunks(inputs.max(1)) {
        words.extend(pack(bytemuck::cast_slice(row)));
    }
    words.extend(bytemuck::cast_slice::<_, u32>(&layer.channels));
    Ok(words)
}

pub(super) fn norm(layer: &NormModel, width: usize) -> Result<Vec<u32>, Error> {
    same("channels of a norm", width, layer.channels.len())?;
    let mut words = vec![layer.epsilon];
    words.extend(bytemuck::cast_slice::<_, u32>(&layer.channels));
    Ok(words)
}
