//! Reading a model as a chain of parts: version 2 of the format. Whether parts fit together is checked once, when a file
//! is loaded.

#[cfg(feature = "audio")]
use super::AUDIO;
use super::part::{EMBEDDING, FEATURES, LABELS, MODEL, NORM, OUTPUT, POSITIONS, Read, STEM, missing, name};
#[cfg(feature = "audio")]
use super::reader::frontend;
use super::reader::{Reader, exactly, label_in, labels_in, tri, within};
use super::shape::{InputKind, InputShape, OutputKind, Shape, Softmax};
use super::{File, MAJOR, OLD_MAJOR};
use crate::arithmetic::softmax::Steepness;
use crate::parts::{AttentionPart, Uses};
use crate::plan::Needs;
use crate::{Allowed, Error};

/// The most parts of a model.
const MAX_PARTS: usize = 1 << 14;

/// The sections of a file, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    rest: Reader<'a>,
}

impl<'a> Sections<'a> {
    /// The next one's tag and content; a file that ends within it is truncated.
    pub(crate) const fn next(&mut self) -> Result<Option<(u32, Reader<'a>)>, Error> {
        if self.rest.words.is_empty() {
            return Ok(None);
        }
        let tag = tri!(self.rest.word());
        let length = tri!(self.rest.word()) as usize;
        let words = tri!(self.rest.take(length));
        Ok(Some((tag, Reader { words, trusted: self.rest.trusted })))
    }

    /// The next one that is a part of the chain: tags of others begin with a small letter.
    pub(crate) const fn next_part(&mut self) -> Result<Option<(u32, Reader<'a>)>, Error> {
        loop {
            match tri!(self.next()) {
                Some((tag, _)) if (tag & 0xff) as u8 >= b'a' => {}
                part => return Ok(part),
            }
        }
    }
}

impl<'a> File<'a> {
    pub(crate) const fn sections_in_order(&self, trusted: bool) -> Sections<'a> {
        Sections { rest: Reader { words: self.sections, trusted } }
    }

    /// The model's shape, if all its parts are right and fit together.
    ///
    /// # Errors
    /// What is wrong, and in which part: see [`Error`].
    pub const fn shape(&self) -> Result<Shape, Error> {
        if self.major != MAJOR {
            return Err(Error::Version { found: self.major, supported: MAJOR });
        }
        let mut sections = self.sections_in_order(false);
        let softmax = match tri!(sections.next_part()) {
            Some((tag, mut words)) if tag == MODEL.word => tri!(Softmax::of_bits(tri!(words.word()))),
            _ => return Err(missing(MODEL)),
        };
        let input = match tri!(sections.next_part()) {
            Some((tag, words)) => tri!(words.input(tag)),
            None => return Err(missing(FEATURES)),
        };
        let mut flow = Flow::new(softmax, input);
        loop {
            match tri!(sections.next_part()) {
                Some((tag, words)) => {
                    let index = flow.shape.parts;
                    let mut words = words;
                    let read = match words.part(tag, &input) {
                        Ok(read) => read,
                        Err(error) => return Err(error.in_part(index, name(tag))),
                    };
                    match flow.take(&read) {
                        Ok(()) => {}
                        Err(error) => return Err(error.in_part(index, name(tag))),
                    }
                }
                None => return flow.finish(),
            }
        }
    }
}

const fn raise(most: &mut usize, found: usize) {
    if found > *most {
        *most = found;
    }
}

/// What has gone along the chain so far.
struct Flow {
    shape: Shape,
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

impl Flow {
    const fn new(softmax: Softmax, input: InputShape) -> Self {
        let shape = Shape {
            input,
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
            tables: [0; 5],
        };
        Self { shape, has_residual: false, streams: 0, has_input: false, values: 0, rows: 0, ended: false }
    }

    const fn finish(self) -> Result<Shape, Error> {
        if self.ended { Ok(self.shape) } else { Err(missing(OUTPUT)) }
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

    const fn take(&mut self, read: &Read<'_>) -> Result<(), Error> {
        if self.ended {
            return Err(Error::Shape { what: "parts after the output", allowed: Allowed::Exactly(0), found: 1 });
        }
        if self.shape.parts == MAX_PARTS {
            return Err(Error::Shape { what: "parts", allowed: Allowed::Between(1, MAX_PARTS), found: MAX_PARTS + 1 });
        }
        self.shape.parts += 1;
        if !self.has_residual && !matches!(read, Read::Positions { .. }) {
            return Err(missing(POSITIONS));
        }
        match read {
            Read::Positions { positions, count, first } => {
                if self.has_residual {
                    let (what, allowed) = ("parts that start the residual stream", Allowed::Exactly(1));
                    return Err(Error::Shape { what, allowed, found: 2 });
                }
                self.has_residual = true;
                (self.rows, self.streams, self.shape.positions) = (*count, *count, *count);
                (self.shape.class_tokens, self.shape.width) = (*first, positions.width);
                self.shape.needs.residual(*count, positions.width);
            }
            Read::Stem(stem) => {
                tri!(exactly("width of the residual stream", stem.layer.channels.len(), self.shape.width));
                tri!(exactly("class tokens", stem.first, self.shape.class_tokens));
                tri!(exactly("patches", stem.patches.total(), self.shape.positions - stem.first));
                if let InputKind::Tokens = self.shape.input.kind {
                    return Err(missing(EMBEDDING));
                }
                tri!(self.input());
                self.shape.inputs = stem.layer.weights.inputs;
                self.uses(Uses::STEM);
                self.uses(Uses::FINE.only_if(!stem.fine.is_empty()));
                self.uses(Uses::PATCHES.only_if(!stem.patches.are_consecutive()));
                let planes = if stem.fine.is_empty() { 1 } else { 2 };
                self.shape.needs.input(planes * stem.layer.weights.inputs);
                self.macs(stem.patches.total(), planes * stem.layer.products());
            }
            Read::Embedding(embedding) => {
                let layer = embedding.view.layer;
                tri!(exactly("width of the residual stream", layer.weights.inputs, self.shape.width));
                tri!(exactly("class tokens", embedding.first, self.shape.class_tokens));
                let InputKind::Tokens = self.shape.input.kind else { return Err(missing(STEM)) };
                tri!(exactly("tokens", layer.channels.len(), self.shape.input.channels));
                tri!(exactly("positions", self.shape.positions - embedding.first, self.shape.input.steps));
                tri!(self.input());
                self.uses(Uses::TOKENS);
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
                let width = layers.contract.channels.len();
                tri!(self.rows(width));
                tri!(self.residual(width));
                self.uses(Uses::FEED_FORWARD);
                self.shape.tables[1] += 1;
                raise(&mut self.shape.hidden, layers.expand.channels.len());
                self.shape.needs.hidden(layers.expand.channels.len());
                self.macs(self.rows, layers.expand.products().saturating_add(layers.contract.products()));
            }
            Read::FineFeedForward(layers) => {
                let width = layers.contract.channels.len();
                tri!(self.rows(width));
                tri!(self.residual(width));
                self.uses(Uses::FINE_FEED_FORWARD);
                self.shape.tables[4] += 1;
                raise(&mut self.shape.hidden, layers.expand.channels.len());
                self.shape.needs.hidden(3 * layers.expand.channels.len());
                self.macs(self.rows, layers.expand.products().saturating_add(layers.contract.products()));
            }
            Read::Gated(layers) => {
                let width = layers.down.channels.len();
                tri!(self.rows(width));
                tri!(self.residual(width));
                self.uses(Uses::GATED);
                self.shape.tables[2] += 1;
                raise(&mut self.shape.hidden, layers.gate.channels.len());
                self.shape.needs.hidden(2 * layers.gate.channels.len());
                self.macs(self.rows, layers.down.products().saturating_mul(3));
            }
            Read::Pool { width, pool } => {
                tri!(self.rows(*width));
                tri!(within("pooled positions", pool.count, self.rows));
                self.uses(Uses::POOL);
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
                if let Some(layer) = output.layer {
                    self.macs(self.rows, layer.products());
                }
                self.ended = true;
            }
        }
        Ok(())
    }

    const fn attention(&mut self, part: &AttentionPart<'_>) -> Result<(), Error> {
        let AttentionPart { reduce, attention, pattern } = part;
        let width = attention.output.channels.len();
        tri!(self.rows(width));
        tri!(self.residual(width));
        self.shape.layers += 1;
        self.shape.tables[0] += 1;
        let heads = attention.head_scales.len();
        raise(&mut self.shape.heads, heads);
        raise(&mut self.shape.head_dim, attention.head_dim);
        if heads == 0 {
            self.uses(Uses::NO_HEADS);
            return Ok(());
        }
        self.uses(pattern.uses());
        let mut products = attention.query.layer().products();
        products = products.saturating_add(attention.value.layer().products());
        products = products.saturating_add(attention.output.products());
        if let Some(key) = attention.key {
            products = products.saturating_add(key.layer().products());
        }
        if let Some(reduce) = reduce {
            self.uses(Uses::LOW_RANK);
            products = products.saturating_add(reduce.products());
            let length = reduce.channels.len();
            self.shape.needs.reduced(self.rows, if length > width { length } else { 0 });
        }
        let pairs = self.rows.saturating_mul(heads * (attention.dim + attention.head_dim));
        self.macs(self.rows, products.saturating_add(pairs));
        self.shape.needs.attention(self.rows, attention.dim, attention.head_dim, attention.output.weights.inputs);
        // Some rows at a time are reduced there.
        self.shape.needs.heads(width);
        Ok(())
    }
}

impl<'a> File<'a> {
    /// [`File::shape`], of an encoder of version 1 of the format, too.
    ///
    /// # Errors
    /// Those of [`File::shape`].
    pub const fn shape_of_any(&self) -> Result<Shape, Error> {
        if self.major != OLD_MAJOR {
            return self.shape();
        }
        let config = tri!(self.config());
        let mut flow = Flow::new(config.softmax, tri!(self.old_input(&config)));
        while let Some(read) = tri!(self.old_part(&config, flow.shape.parts)) {
            tri!(flow.take(&read));
        }
        flow.finish()
    }

    /// The name of a class; empty where the file gives none.
    ///
    /// # Errors
    /// If it is not UTF-8, or cut off.
    pub const fn label_of(&self, class: usize) -> Result<&'a str, Error> {
        if self.major == OLD_MAJOR {
            return self.label(class);
        }
        let mut sections = self.sections_in_order(true);
        loop {
            match tri!(sections.next()) {
                Some((tag, words)) if tag == LABELS.word => return label_in(words, class),
                Some(_) => {}
                None => return Ok(""),
            }
        }
    }

    /// The audio front end of either version of the format, if there is one.
    ///
    /// # Errors
    /// If the section does not fit itself or the model.
    #[cfg(feature = "audio")]
    pub const fn frontend_of_any(&self) -> Result<Option<crate::audio::Frontend<'a>>, Error> {
        if self.major == OLD_MAJOR {
            return self.frontend(&tri!(self.config()));
        }
        let mut sections = self.sections_in_order(true);
        tri!(sections.next_part());
        match tri!(sections.next_part()) {
            Some((tag, mut words)) if tag == AUDIO.word => {
                tri!(words.word());
                Ok(Some(tri!(frontend(words))))
            }
            _ => Ok(None),
        }
    }

    /// The `index`th part of a file whose shape has been found right; `None` after the last.
    pub(super) const fn nth_part(&self, input: &InputShape, index: usize) -> Result<Option<Read<'a>>, Error> {
        let mut sections = self.sections_in_order(true);
        // What the model is, and what goes in, are no parts.
        let mut skip = index + 2;
        loop {
            match tri!(sections.next_part()) {
                Some((tag, mut words)) if skip == 0 => return Ok(Some(tri!(words.part(tag, input)))),
                Some(_) => skip -= 1,
                None => return Ok(None),
            }
        }
    }

    /// For each channel of features, the bits of two `f32`: the real value of 0, and that of a unit.
    #[cfg(feature = "std")]
    pub(crate) const fn channels(&self) -> &'a [[u32; 2]] {
        let mut sections = self.sections_in_order(true);
        while let Ok(Some((tag, words))) = sections.next() {
            if tag == FEATURES.word && words.words.len() > 4 {
                return words.words.split_at(4).1.as_chunks::<2>().0;
            }
        }
        &[]
    }

    /// How many labels a file has, at most; a cut one counts, too.
    pub(crate) const fn labels(&self) -> usize {
        let mut sections = self.sections_in_order(true);
        while let Ok(Some((tag, words))) = sections.next() {
            if tag == LABELS.word {
                return labels_in(words);
            }
        }
        0
    }

    /// Calls `run` with each part of a file whose shape has been found right.
    #[inline]
    pub(crate) fn each_read(&self, input: &InputShape, mut run: impl FnMut(&Read<'_>)) {
        let mut sections = self.sections_in_order(true);
        while let Ok(Some((tag, mut words))) = sections.next_part() {
            if let Ok(read) = words.part(tag, input) {
                run(&read);
            }
        }
    }
}
