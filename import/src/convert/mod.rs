//! From a float model and what its tensors are on some inputs to the parts of a `.heed` file: int8 weights with a scale
//! per output, int8 activations with a scale per tensor (queries, keys and values: per head), and an int16 residual
//! stream.
//!
//! [`Ranges::observe`] runs the float model and notes what it sees; [`convert`] chooses scales and writes integers.

mod attention;
mod balance;
mod block;
mod error;
mod head;
mod layer;
mod patches;
mod ranges;
mod roundings;
mod scales;
mod stem;

pub use error::ConvertError;
pub use ranges::{Clipping, Ranges};
pub use roundings::{Rounding, Roundings};

use crate::graph::{Block, Model, Norm, Order, Output, Place, Pool, Site};
use heedful::format::Softmax;
use heedful::format::write::{ChainModel, PartModel};
use heedful::{Channel, ResidualScale};
use layer::{least_norm, norm, scale};
use scales::{Scales, positive};

/// What a conversion may choose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How the ranges of activations are chosen.
    pub clipping: Clipping,
    /// Whether features keep 15 bits, not 8.
    pub fine_input: bool,
    /// The real value of a unit of features of 8 bits, where what makes them decides it, not calibration.
    pub input_unit: Option<f64>,
    /// Whether activations take arguments of 16 bits, not 8.
    pub fine_activations: bool,
    /// Softmax weights.
    pub softmax: Softmax,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clipping: Clipping::Range,
            fine_input: true,
            input_unit: None,
            fine_activations: true,
            softmax: Softmax::Wide,
        }
    }
}

/// The integers of a model.
///
/// # Errors
/// If a scale or value does not fit the integer formats, or the model has something that a file cannot say yet; both
/// are named.
pub fn convert(model: &Model, ranges: &Ranges, settings: Settings) -> Result<ChainModel, ConvertError> {
    convert_with(model, ranges, settings).map(|(chain, _)| chain)
}

/// How the integers of [`convert`] round the tensors that have 8 bits.
///
/// # Errors
/// As [`convert`].
pub fn roundings(model: &Model, ranges: &Ranges, settings: Settings) -> Result<Roundings, ConvertError> {
    convert_with(model, ranges, settings).map(|(_, roundings)| roundings)
}

fn convert_with(model: &Model, ranges: &Ranges, settings: Settings) -> Result<(ChainModel, Roundings), ConvertError> {
    let scales = Scales::new(model, ranges, settings)?;
    let mut chain = Chain {
        model,
        ranges,
        settings,
        scales: &scales,
        parts: Vec::new(),
        rows: None,
        residual: false,
        stretch: 0,
        read: Place::Pooled,
        roundings: Roundings::default(),
    };
    let input = chain.stem()?;
    if let Some(norm) = &model.embedding_norm {
        chain.carried_norm("norm of the embedding", norm, Place::EmbeddingNorm)?;
    }
    for (index, block) in model.blocks.iter().enumerate() {
        chain.block(index, block)?;
    }
    if let Some(norm) = &model.final_norm {
        chain.ensure_residual()?;
        chain.norm("final norm", norm, Place::FinalNorm)?;
    }
    chain.head()?;
    let labels = model.output.names().to_vec();
    let unit = if let Output::Values { unit, .. } = &model.output { unit.clone() } else { String::new() };
    let Chain { parts, roundings, .. } = chain;
    Ok((ChainModel { softmax: settings.softmax, input, parts, labels, unit, tokens: vec![] }, roundings))
}

/// The real value of a unit of the residual stream after each part of what [`convert`] gave.
///
/// # Errors
/// As [`convert`].
pub fn residual_steps(
    model: &Model,
    ranges: &Ranges,
    settings: Settings,
    parts: &[PartModel],
) -> Result<Vec<f64>, ConvertError> {
    let streams = Scales::new(model, ranges, settings)?.streams;
    let mut stretch = 0;
    let step = |part: &PartModel| {
        stretch += usize::from(matches!(part, PartModel::Norm { carry: Some(_), .. }));
        streams.get(stretch).copied().unwrap_or(1.0)
    };
    Ok(parts.iter().map(step).collect())
}

/// The parts so far, and what is in the two tensors after them.
struct Chain<'a> {
    model: &'a Model,
    ranges: &'a Ranges,
    settings: Settings,
    scales: &'a Scales,
    parts: Vec<PartModel>,
    /// The scale of the rows, if they are what goes on.
    rows: Option<f64>,
    /// Whether the residual stream is what goes on.
    residual: bool,
    /// Which stretch of the residual stream that is.
    stretch: usize,
    /// What the next layer of the head reads.
    read: Place,
    /// Of the tensors of 8 bits so far.
    roundings: Roundings,
}

impl Chain<'_> {
    /// The scale of the residual stream as it is now.
    fn stream(&self) -> f64 {
        self.scales.streams.get(self.stretch).copied().unwrap_or(1.0)
    }

    /// Puts a norm.
    fn norm(&mut self, name: &str, layer: &Norm, place: Place) -> Result<(), ConvertError> {
        let (output, layer) = (self.scales.at(place), self.scales.balance.norm(layer, place));
        let (norm, rms) = norm(name, &layer, output, self.stream())?;
        self.round_rows(place, output);
        self.parts.push(PartModel::Norm { norm, rms, carry: None });
        self.rows = Some(output);
        self.residual = false;
        Ok(())
    }

    /// Puts a norm whose result goes on both as rows and as the residual stream.
    fn carried_norm(&mut self, name: &str, layer: &Norm, place: Place) -> Result<(), ConvertError> {
        let (before, output) = (self.stream(), self.scales.at(place));
        self.round_rows(place, output);
        self.stretch += 1;
        let after = self.stream();
        // As fine as gains can be.
        let finest = positive(least_norm(layer));
        let (carried, rms) = norm(name, layer, finest, before)?;
        let (norm, _) = norm(name, &self.scales.balance.norm(layer, place), output, before)?;
        let carry = Some((carried.channels, scale(name, finest / after / 65_536.0)?));
        self.parts.push(PartModel::Norm { norm, rms, carry });
        (self.rows, self.residual) = (Some(output), true);
        Ok(())
    }

    /// Has the residual stream be what goes on.
    fn ensure_residual(&mut self) -> Result<(), ConvertError> {
        if let (false, Some(rows)) = (self.residual, self.rows) {
            let ratio = ResidualScale::from_real(rows / self.stream());
            let scale = ratio.result().map_err(|error| ConvertError::scale("residual stream", error))?;
            self.parts.push(PartModel::Residual { width: self.model.width(), scale });
        }
        self.residual = true;
        Ok(())
    }

    /// Has rows be what goes on; gives their scale.
    fn ensure_rows(&mut self, place: Place) -> Result<f64, ConvertError> {
        if let Some(rows) = self.rows {
            return Ok(rows);
        }
        let (residual, by) = (self.stream(), self.scales.balance.at(place));
        let factor = |channel: usize| ranges::factor(by.get(channel).copied().unwrap_or(0));
        let finest = (0..self.model.width()).map(factor).fold(f64::INFINITY, f64::min);
        let rows = self.scales.at(place).max(scales::COARSER * residual / finest);
        let channel = |channel: usize| {
            let scale = scale("rows of the residual stream", residual / rows / factor(channel))?;
            Ok(Channel { bias: 0, scale })
        };
        let channels = (0..self.model.width()).map(channel).collect::<Result<_, ConvertError>>()?;
        self.parts.push(PartModel::Rows(channels));
        self.round_rows(place, rows);
        self.rows = Some(rows);
        Ok(rows)
    }

    fn block(&mut self, index: usize, block: &Block) -> Result<(), ConvertError> {
        let at = |site| Place::Block(index, site);
        let name = |part: &str| format!("{part} of block {index}");
        match block.order {
            Order::PreNorm => {
                self.ensure_residual()?;
                self.norm(&name("first norm"), &block.first_norm, at(Site::FirstNorm))?;
                self.residual = true;
                self.attention(index, &block.attention)?;
                self.norm(&name("second norm"), &block.second_norm, at(Site::SecondNorm))?;
                self.residual = true;
                self.feed_forward(index, &block.feed_forward)?;
                self.rows = None;
            }
            Order::PostNorm => {
                // The first block may find an embedding that no norm has made rows of.
                self.ensure_rows(at(Site::AttentionInput))?;
                self.ensure_residual()?;
                self.attention(index, &block.attention)?;
                self.carried_norm(&name("first norm"), &block.first_norm, at(Site::FirstNorm))?;
                self.feed_forward(index, &block.feed_forward)?;
                self.carried_norm(&name("second norm"), &block.second_norm, at(Site::SecondNorm))?;
            }
        }
        Ok(())
    }

    /// How many rows are pooled, and how.
    fn pooled(&self) -> Result<Option<(heedful::PoolKind, usize)>, ConvertError> {
        use heedful::PoolKind;
        let tokens = self.model.tokens().map_err(ConvertError::Graph)?;
        Ok(Some(match &self.model.pool {
            Pool::Mean => (PoolKind::Mean, tokens),
            Pool::First(1) => (PoolKind::First, 1),
            Pool::First(count) => (PoolKind::Mean, *count),
            Pool::Last => (PoolKind::Last, 1),
            Pool::Max => (PoolKind::Max, 1),
            Pool::Every | Pool::Weighted(_) => return Ok(None),
        }))
    }

    /// What the outputs mean.
    fn kind(&self) -> heedful::format::OutputKind {
        use heedful::format::OutputKind;
        match self.model.output {
            Output::Classes(_) => OutputKind::Classes,
            Output::Labels(_) => OutputKind::Labels,
            Output::Values { .. } => OutputKind::Values,
            Output::Embedding { .. } => OutputKind::Embedding,
            Output::NextToken { .. } => OutputKind::NextToken,
        }
    }
}
