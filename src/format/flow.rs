//! Whether the parts of a chain fit together, and what shape they make.

use super::part::{EMBEDDING, MEMORY, NORM, OUTPUT, POSITIONS, Read, STEM, TOKEN_INPUT, missing};
use super::reader::{exactly, tri, within};
use super::shape::{CacheShape, InputKind, InputShape, OutputKind, Shape, Softmax};
use crate::arithmetic::softmax::Steepness;
use crate::linear::LinearView;
use crate::parts::{AttentionPart, Convolution, FilePattern, MemoryShape, Patches, Uses};
use crate::plan::Needs;
use crate::rope::Rope;
use crate::{Allowed, Error};

/// The most parts of a model.
const MAX_PARTS: usize = 1 << 14;

const fn raise(most: &mut usize, found: usize) {
    if found > *most {
        *most = found;
    }
}

/// How a model takes its input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// All at once.
    Whole,
    /// A token of a text at a time: a language model.
    Text,
    /// A token of a series or of sound at a time.
    Stream,
}

/// What has gone along the chain so far.
pub(super) struct Flow<'a> {
    pub(super) shape: Shape,
    /// What a stem or convolution reads: rows, columns, channels, and whether they have 15 bits.
    map: ([usize; 3], bool),
    pace: Pace,
    /// Of the first attention that rotates.
    pub(super) rope: Option<Rope<'a>>,
    /// Tokens and width.
    embedding: Option<[usize; 2]>,
    has_residual: bool,
    /// Rows of the residual stream.
    streams: usize,
    has_input: bool,
    /// Values of a row, once there are rows; 0 before.
    values: usize,
    /// How many rows.
    rows: usize,
    ended: bool,
}

impl<'a> Flow<'a> {
    pub(super) const fn new(softmax: Softmax, input: InputShape, pace: Pace) -> Self {
        let shape = Shape {
            input,
            memory: None,
            positions: 0,
            class_tokens: 0,
            inputs: 0,
            width: 0,
            heads: 0,
            head_dim: 0,
            hidden: 0,
            parts: 0,
            layers: 0,
            softmax,
            rows: 0,
            outputs: 0,
            kind: OutputKind::Classes,
            logit: Steepness::LEAST,
            step: 1.0,
            macs: 0,
            uses: Uses(0),
            needs: Needs::NONE,
            tables: [0; 6],
            attended: 0,
            cache: CacheShape::NONE,
        };
        let map = ([input.steps, input.columns, input.channels], input.fine);
        let (rope, embedding) = (None, None);
        let (has_residual, streams, has_input, values, rows, ended) = (false, 0, false, 0, 0, false);
        Self { shape, map, pace, rope, embedding, has_residual, streams, has_input, values, rows, ended }
    }

    /// Parts so far.
    pub(super) const fn parts(&self) -> usize {
        self.shape.parts
    }

    pub(super) const fn finish(self) -> Result<Shape, Error> {
        if self.ended { Ok(self.shape) } else { Err(missing(OUTPUT)) }
    }

    /// Whether the model takes a token at a time.
    const fn steps(&self) -> bool {
        !matches!(self.pace, Pace::Whole)
    }

    const fn uses(&mut self, uses: Uses) {
        self.shape.uses = self.shape.uses.and(uses);
    }

    const fn macs(&mut self, rows: usize, per_row: usize) {
        self.shape.macs = self.shape.macs.saturating_add(rows.saturating_mul(per_row));
    }

    /// A part that reads the residual stream.
    const fn residual(&self, width: usize) -> Result<(), Error> {
        tri!(exactly("width of the residual stream", width, self.shape.width));
        if !self.has_input {
            return Err(missing(STEM));
        }
        exactly("positions of the residual stream", self.streams, self.rows)
    }

    /// A part that reads rows.
    const fn rows(&self, values: usize) -> Result<(), Error> {
        if self.values == 0 {
            return Err(missing(NORM));
        }
        exactly("values of a row", values, self.values)
    }

    /// A part that adds the input, which one alone does: `model!` has room for no more.
    const fn input(&mut self) -> Result<(), Error> {
        if self.has_input {
            return Err(Error::Shape { what: "parts that add the input", allowed: Allowed::Exactly(1), found: 2 });
        }
        self.has_input = true;
        Ok(())
    }

    /// Rows of so many values from here on.
    const fn becomes(&mut self, values: usize) {
        self.values = values;
        self.shape.needs.rows(self.rows, values);
    }

    pub(super) const fn take(&mut self, read: &Read<'a>) -> Result<(), Error> {
        if self.ended {
            return Err(Error::Shape { what: "parts after the output", allowed: Allowed::Exactly(0), found: 1 });
        }
        if self.shape.parts == MAX_PARTS {
            return Err(Error::Shape { what: "parts", allowed: Allowed::Between(1, MAX_PARTS), found: MAX_PARTS + 1 });
        }
        self.shape.parts += 1;
        match self.pace {
            Pace::Whole => {}
            Pace::Text => tri!(self.can_step(read)),
            Pace::Stream => tri!(self.can_stream(read)),
        }
        let is_input = matches!(read, Read::Positions { .. } | Read::Convolution(_) | Read::Memory(_));
        if !self.has_residual && !is_input {
            return Err(missing(POSITIONS));
        }
        match read {
            Read::Memory(memory) => {
                if self.shape.memory.is_some() || self.has_residual {
                    let (what, allowed) = ("memories after the input", Allowed::Exactly(1));
                    return Err(Error::Shape { what, allowed, found: 2 });
                }
                self.shape.memory = Some(*memory);
            }
            Read::Convolution(layer) => tri!(self.convolution(layer)),
            Read::Positions { positions, count, first } => {
                if self.has_residual {
                    let (what, allowed) = ("parts that start the residual stream", Allowed::Exactly(1));
                    return Err(Error::Shape { what, allowed, found: 2 });
                }
                self.has_residual = true;
                self.rows = if self.steps() { 1 } else { *count };
                (self.streams, self.shape.positions) = (self.rows, *count);
                (self.shape.class_tokens, self.shape.width) = (*first, positions.width);
                self.uses(Uses::LEARNED_STEPS.only_if(self.steps() && !positions.values.is_empty()));
                self.shape.needs.residual(self.rows, positions.width);
            }
            Read::Stem(stem) => {
                tri!(exactly("width of the residual stream", stem.layer.channels.len(), self.shape.width));
                tri!(exactly("class tokens", stem.first, self.shape.class_tokens));
                tri!(exactly("patches", stem.patches.total(), self.shape.positions - stem.first));
                tri!(self.reads(&stem.patches, !stem.fine.is_empty()));
                tri!(self.input());
                self.shape.inputs = stem.layer.weights.inputs;
                self.uses(Uses::STEM);
                let planes = if stem.fine.is_empty() { 1 } else { 2 };
                self.shape.needs.input(planes * stem.layer.weights.inputs);
                let patches = if self.steps() { 1 } else { stem.patches.total() };
                self.macs(patches, planes * stem.layer.products());
            }
            Read::Embedding(embedding) => {
                let layer = embedding.view.layer;
                tri!(exactly("width of the residual stream", layer.weights.inputs, self.shape.width));
                tri!(exactly("class tokens", embedding.first, self.shape.class_tokens));
                let InputKind::Tokens = self.shape.input.kind else { return Err(missing(STEM)) };
                tri!(exactly("tokens", layer.channels.len(), self.shape.input.channels));
                tri!(exactly("positions", self.shape.positions - embedding.first, self.shape.input.steps));
                tri!(self.input());
                self.embedding = Some([layer.channels.len(), layer.weights.inputs]);
                self.uses(Uses::TOKENS);
            }
            Read::TokenTypes(types) => {
                tri!(exactly("width of the residual stream", types.width, self.shape.width));
                tri!(exactly("class tokens", types.first, self.shape.class_tokens));
                let InputKind::Tokens = self.shape.input.kind else { return Err(missing(TOKEN_INPUT)) };
                self.uses(Uses::TOKEN_TYPES);
            }
            Read::Norm { norm, carry } => {
                tri!(self.residual(norm.channels.len()));
                self.uses(Uses::CARRY.only_if(carry.is_some()));
                self.becomes(norm.channels.len());
            }
            Read::Rows(channels) => {
                tri!(self.residual(channels.len()));
                self.uses(Uses::ROWS);
                self.becomes(channels.len());
            }
            Read::Residual { width, .. } => {
                tri!(self.rows(*width));
                self.streams = self.rows;
                tri!(self.residual(*width));
                self.uses(Uses::RESIDUAL);
            }
            Read::Attention(part) => tri!(self.attention(part)),
            Read::FeedForward(layers) => {
                let (expand, contract) = (&layers.expand, &layers.contract);
                let products = expand.products().saturating_add(contract.products());
                tri!(self.hidden(contract, expand.channels.len(), 1, products));
                self.uses(Uses::FEED_FORWARD);
                self.shape.tables[1] += 1;
            }
            Read::FineFeedForward(layers) => {
                let (expand, contract) = (&layers.expand, &layers.contract);
                let products = expand.products().saturating_add(contract.products());
                // An int8 and an int16.
                tri!(self.hidden(contract, expand.channels.len(), 3, products));
                self.uses(Uses::FINE_FEED_FORWARD);
                self.shape.tables[4] += 1;
            }
            Read::Gated(layers) => {
                let products = layers.down.products().saturating_mul(3);
                // The gate and what it is multiplied with.
                tri!(self.hidden(&layers.down, layers.gate.channels.len(), 2, products));
                self.uses(Uses::GATED);
                self.shape.tables[2] += 1;
            }
            Read::Pool { width, pool } => {
                tri!(self.rows(*width));
                tri!(within(
                    "pooled positions",
                    pool.count,
                    if self.steps() { self.shape.positions } else { self.rows }
                ));
                self.uses(Uses::POOL);
                self.rows = 1;
            }
            Read::WeightedPool(pool) => {
                tri!(self.rows(pool.layer.weights.inputs));
                self.uses(Uses::WEIGHTED_POOL);
                self.shape.needs.scores(self.rows);
                self.macs(self.rows, 2 * pool.layer.products());
                self.rows = 1;
            }
            Read::Dense(dense) => {
                tri!(self.rows(dense.layer.weights.inputs));
                self.uses(Uses::DENSE);
                self.shape.tables[3] += 1;
                self.shape.needs.hidden(dense.layer.weights.inputs);
                self.macs(self.rows, dense.layer.products());
                self.becomes(dense.layer.channels.len());
            }
            Read::Output(output) => {
                tri!(self.rows(output.width));
                (self.shape.rows, self.shape.outputs, self.shape.kind) = (self.rows, output.outputs, output.kind);
                (self.shape.logit, self.shape.step) = (output.logit, output.step);
                self.shape.needs.outputs(self.rows, output.outputs);
                if output.tied {
                    let Some([tokens, width]) = self.embedding else { return Err(missing(EMBEDDING)) };
                    tri!(exactly("outputs that are tokens", output.outputs, tokens));
                    tri!(exactly("values of a row", output.width, width));
                }
                if output.tied || output.layer.is_some() {
                    self.macs(self.rows, output.outputs.saturating_mul(output.width));
                }
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Feed-forward layers whose last one is this: so many hidden values of so many bytes.
    const fn hidden(
        &mut self,
        last: &LinearView<'_>,
        hidden: usize,
        bytes: usize,
        products: usize,
    ) -> Result<(), Error> {
        let width = last.channels.len();
        tri!(self.rows(width));
        tri!(self.residual(width));
        raise(&mut self.shape.hidden, hidden);
        self.shape.needs.hidden(bytes * hidden);
        self.macs(self.rows, products);
        Ok(())
    }

    /// A part that reads the input, or what the last convolution made of it.
    const fn reads(&mut self, patches: &Patches, fine: bool) -> Result<(), Error> {
        if let InputKind::Tokens = self.shape.input.kind {
            return Err(missing(EMBEDDING));
        }
        let ([rows, columns, channels], has_15_bits) = self.map;
        tri!(exactly("rows of the input", patches.input[0], rows));
        tri!(exactly("columns of the input", patches.input[1], columns));
        tri!(exactly("channels of the input", patches.input[2], channels));
        tri!(exactly("bits of the input", if fine { 15 } else { 8 }, if has_15_bits { 15 } else { 8 }));
        self.uses(Uses::FINE.only_if(fine));
        self.uses(Uses::PATCHES.only_if(!patches.are_consecutive()));
        Ok(())
    }

    const fn convolution(&mut self, layer: &Convolution<'_>) -> Result<(), Error> {
        if self.has_residual {
            let (what, allowed) = ("convolutions after the positions", Allowed::Exactly(0));
            return Err(Error::Shape { what, allowed, found: 1 });
        }
        let fine = !layer.fine.is_empty();
        tri!(self.reads(&layer.patches, fine));
        self.uses(Uses::CONVOLUTIONS);
        let (planes, outputs) = (if fine { 2 } else { 1 }, layer.layer.channels.len());
        let places = layer.patches.total();
        self.shape.needs.input(planes * layer.patches.values());
        self.shape.needs.hidden(2 * outputs);
        self.shape.needs.map(self.shape.tables[5], places, outputs);
        self.shape.tables[5] += 1;
        self.macs(places, planes * layer.layer.products());
        let [down, across] = layer.patches.counts();
        self.map = ([down, across, outputs], false);
        Ok(())
    }

    const fn attention(&mut self, part: &AttentionPart<'a>) -> Result<(), Error> {
        let AttentionPart { reduce, attention, pattern, memory } = part;
        let width = attention.output.channels.len();
        tri!(self.rows(width));
        tri!(self.residual(width));
        self.shape.layers += 1;
        (self.shape.attended, self.shape.tables[0]) = (self.shape.parts, self.shape.tables[0] + 1);
        let heads = attention.head_scales.len();
        let mut keys = self.rows;
        if let Some(MemoryShape { steps, channels }) = *memory {
            let Some(found) = self.shape.memory else { return Err(missing(MEMORY)) };
            tri!(exactly("rows of the memory", steps, found.steps));
            tri!(exactly("channels of the memory", channels, found.channels));
            self.uses(Uses::CROSS);
            keys = steps;
        }
        raise(&mut self.shape.heads, heads);
        raise(&mut self.shape.head_dim, attention.head_dim);
        if heads == 0 {
            self.uses(Uses::NO_HEADS);
            return Ok(());
        }
        // Nothing lies ahead of the newest position.
        let causal = pattern.causal && !self.steps();
        self.uses(FilePattern { causal, ..*pattern }.uses());
        let mut products = attention.query.layer().products().saturating_add(attention.output.products());
        // Of each row that is looked at.
        let mut of_keys = attention.value.layer().products();
        if let Some(key) = attention.key {
            of_keys = of_keys.saturating_add(key.layer().products());
        }
        if let Some(reduce) = reduce {
            self.uses(Uses::LOW_RANK);
            products = products.saturating_add(reduce.products());
            let length = reduce.channels.len();
            self.shape.needs.reduced(self.rows, if length > width { length } else { 0 });
        }
        if !pattern.rope.frequencies.is_empty() {
            let uses = self.turns(pattern.rope);
            self.uses(uses);
        }
        if self.steps() {
            self.macs(1, products.saturating_add(of_keys));
            let (dim, head_dim, inner) = (attention.dim, attention.head_dim, attention.output.weights.inputs);
            let groups = attention.value.channel_groups;
            self.shape.needs.step(heads * dim, groups * dim, inner, groups * (dim + head_dim));
            self.shape.needs.heads(if reduce.is_some() { width } else { 0 });
            return Ok(());
        }
        let pairs = keys.saturating_mul(heads * (attention.dim + attention.head_dim));
        self.macs(self.rows, products.saturating_add(pairs));
        self.macs(keys, of_keys);
        let outputs = attention.output.weights.inputs;
        self.shape.needs.attention(self.rows, keys, attention.dim, attention.head_dim, outputs);
        // Some rows at a time are reduced there.
        self.shape.needs.heads(width);
        Ok(())
    }
}
