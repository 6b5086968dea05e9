//! Models of any shape, on the host: the same code as [`Model`](crate::Model), with the file and its working memory in
//! vectors.

mod change;
mod contents;
mod decoder;
mod detector;
mod ear;
mod heard;
mod listener;
mod stream;
mod streaming;
mod target;
mod trace;

pub use change::Change;
pub use contents::{PartInfo, Work};
pub use decoder::{Decoder, Session};
pub use detector::Detector;
pub use ear::{Due, Ear};
pub use heard::Heard;
pub use listener::Listener;
pub use streaming::Streaming;
pub use target::{TARGETS, Target};
pub use trace::Trace;

use crate::Error;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::audio::Frontend;
use crate::format::write::{ChainModel, EncoderModel, EventsModel};
use crate::format::{File, OLD_MAJOR, Read, Shape, Softmax};
use crate::kernels::{Active, Kernels};
use crate::loaded::run_watched;
use crate::observe::{Observer, Row, Unobserved};
use crate::outcome::Outcome;
use crate::parts::{Attend, Given, Input, State, WholeSequence};
use crate::pattern::AttentionPattern;
use crate::plan::Plan;
use core::ops::Range;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

/// A `.heed` file in memory, found right in all its parts.
#[derive(Clone, Debug)]
pub struct Model {
    words: Vec<u32>,
    shape: Shape,
    labels: Vec<String>,
    heads: Vec<usize>,
    bytes: usize,
}

impl Model {
    /// Reads and checks the bytes of a `.heed` file of either version, at any alignment.
    ///
    /// # Errors
    /// If any part of the file is wrong; see [`Error`].
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let mut words = words(bytes);
        if File::open(&words)?.major() == OLD_MAJOR {
            words = self::words(&ChainModel::from(EncoderModel::load(bytes)?).to_bytes()?);
        }
        let file = File::reopen(&words);
        let shape = file.shape()?;
        file.check_events(&shape)?;
        // Of the working memory, most is within bounds of its own, but not on all hosts.
        let (expected, found) = (crate::loaded::memory_of::<Active>(&shape), isize::MAX as usize / 4);
        if expected > found {
            return Err(Error::Memory { expected: expected.saturating_mul(4), found });
        }
        let labels = (0..shape.outputs.min(file.labels()))
            .map(|class| file.label_of(class).map(str::to_string))
            .collect::<Result<Vec<_>, _>>()?;
        let mut heads = Vec::new();
        file.each_read(|read| {
            if let Read::Attention(part) = read {
                heads.push(part.attention.heads());
            }
        });
        Ok(Self { shape, labels, heads, bytes: bytes.len(), words })
    }

    fn file(&self) -> File<'_> {
        File::reopen(&self.words)
    }

    /// The model's shape.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Names of the outputs; empty where the file gives none.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Heads of each attention part.
    #[must_use]
    pub fn heads(&self) -> &[usize] {
        &self.heads
    }

    /// Bytes of the file.
    #[must_use]
    pub fn flash_bytes(&self) -> usize {
        self.bytes
    }

    /// Multiply-accumulates of one inference.
    #[must_use]
    pub fn macs(&self) -> usize {
        self.shape.macs
    }

    /// The audio front end, if the model has one.
    #[must_use]
    pub fn frontend(&self) -> Option<Frontend<'_>> {
        self.file().frontend_of_any().expect("checked when it was loaded")
    }

    /// How events are made of its outputs: what the file says, or else defaults ([`File::events`]).
    #[must_use]
    pub fn events(&self) -> EventsModel {
        EventsModel::of_file(&self.file(), &self.shape).expect("checked when it was loaded")
    }

    /// For each channel of features, the real value of 0, and that of a unit; none where the input is something else.
    #[must_use]
    pub fn channels(&self) -> Vec<(f32, f32)> {
        let bits = |&[zero, unit]: &[u32; 2]| (f32::from_bits(zero), f32::from_bits(unit));
        self.file().channels().iter().map(bits).collect()
    }

    /// [`Model::channels`], or, where the model hears, the same of each value of a frame: of cepstra as the writer
    /// makes them, of natural logarithms; else of octaves. None where the input is tokens.
    #[must_use]
    pub fn feature_units(&self) -> Vec<(f32, f32)> {
        match self.frontend() {
            Some(frontend) => frontend.units().iter().map(|&unit| (0.0, unit as f32)).collect(),
            None => self.channels(),
        }
    }

    /// [`Model::channels`] of a second input.
    #[must_use]
    pub fn memory_channels(&self) -> Vec<(f32, f32)> {
        let bits = |&[zero, unit]: &[u32; 2]| (f32::from_bits(zero), f32::from_bits(unit));
        self.file().memory_channels().iter().map(bits).collect()
    }

    /// Names of the channels of features; empty where the file gives none.
    #[must_use]
    pub fn channel_names(&self) -> Vec<&str> {
        let name = |channel| self.file().channel_name(channel).unwrap_or("");
        let names: Vec<&str> = (0..self.shape.input.channels).map(name).collect();
        if names.iter().all(|name| name.is_empty()) { vec![] } else { names }
    }

    /// The unit of outputs that are values; empty where the file gives none.
    #[must_use]
    pub fn unit(&self) -> &str {
        self.file().unit().unwrap_or("")
    }

    /// Real features `[steps][columns][channels]` in, and what comes out, in real values. Missing features count as 0,
    /// and those that are no numbers, too. Of a model that hears, they are `[frames][values]`.
    #[must_use]
    pub fn infer_real(&self, features: &[f32]) -> Vec<f32> {
        self.infer_real_with(features, &[])
    }

    /// [`Model::infer_real`] with a second input `[steps][channels]`, that attention looks at.
    #[must_use]
    pub fn infer_real_with(&self, features: &[f32], memory: &[f32]) -> Vec<f32> {
        let memory = self.memory_integers(memory);
        let outcome = self.infer_input(self.quantised(features).input(), &memory);
        self.real(outcome.logits())
    }

    /// Real features as the integers that the model takes.
    fn integers(&self, features: &[f32]) -> Vec<i16> {
        units(features, &self.feature_units(), if self.shape.input.fine { 14 } else { 7 }).collect()
    }

    /// The same of a second input.
    fn memory_integers(&self, memory: &[f32]) -> Vec<i8> {
        units(memory, &self.memory_channels(), 7).map(|x| x as i8).collect()
    }

    /// Outputs in real values.
    #[must_use]
    pub fn real(&self, outputs: &[i16]) -> Vec<f32> {
        outputs.iter().map(|&x| f32::from(x) * self.shape.step).collect()
    }

    /// One inference over features `[steps][columns][channels]`; missing ones count as 0.
    #[must_use]
    pub fn infer(&self, features: &[i8]) -> Outcome<Vec<i16>> {
        self.infer_input(Input::Features(features), &[])
    }

    /// [`Model::infer`] over features of 15 bits, -2^14 up to 2^14; where the model takes 8, they are rounded.
    #[must_use]
    pub fn infer_fine(&self, features: &[i16]) -> Outcome<Vec<i16>> {
        self.infer_input(Input::FineFeatures(features), &[])
    }

    /// One inference over tokens: as many as there are, and at most as many as the model has positions for.
    #[must_use]
    pub fn infer_tokens(&self, tokens: &[u16]) -> Outcome<Vec<i16>> {
        self.infer_input(Input::Tokens(tokens, &[]), &[])
    }

    /// One inference over an input of any kind, and a second one, `[steps][channels]` of 8 bits, for models with
    /// attention to a memory; what is missing at its end is not looked at.
    #[must_use]
    pub fn infer_input(&self, input: Input<'_>, memory: &[i8]) -> Outcome<Vec<i16>> {
        self.run(input, memory, |_| (), None::<fn(Row<'_, f32>)>)
    }

    /// An inference with some heads switched off, named by attention part and head, both counted from 0: they
    /// contribute exactly 0.
    #[must_use]
    pub fn infer_without(&self, input: Input<'_>, heads: &[(usize, usize)]) -> Outcome<Vec<i16>> {
        let pattern = |layer| Off { layer, heads };
        self.run(input, &[], pattern, None::<fn(Row<'_, f32>)>)
    }

    /// An inference that shows each row of softmax weights to `observer`, as shares that add up to 1; of a query that
    /// sees no key, they are 0.
    #[must_use]
    pub fn infer_observed(&self, input: Input<'_>, observer: impl FnMut(Row<'_, f32>)) -> Outcome<Vec<i16>> {
        self.run(input, &[], |_| (), Some(observer))
    }

    /// What comes out with the kernels of one's choice.
    #[doc(hidden)]
    #[must_use]
    pub fn infer_on<K: Kernels>(&self, input: Input<'_>, memory: &[i8]) -> Vec<i16> {
        let (pattern, observer) = (|_| (), &mut Unobserved);
        let outcome = match self.shape.softmax {
            Softmax::Wide => self.run_with::<K, Wide, _, _>(input, memory, pattern, observer),
            Softmax::Narrow => self.run_with::<K, Narrow, _, _>(input, memory, pattern, observer),
        };
        outcome.logits().to_vec()
    }

    fn run<R: AttentionPattern>(
        &self,
        input: Input<'_>,
        memory: &[i8],
        pattern: impl Fn(usize) -> R,
        observer: Option<impl FnMut(Row<'_, f32>)>,
    ) -> Outcome<Vec<i16>> {
        match (self.shape.softmax, observer) {
            (Softmax::Wide, None) => self.run_with::<Active, Wide, R, _>(input, memory, pattern, &mut Unobserved),
            (Softmax::Narrow, None) => self.run_with::<Active, Narrow, R, _>(input, memory, pattern, &mut Unobserved),
            (Softmax::Wide, Some(mut observer)) => {
                let observer = &mut |row: Row<'_, Wide>| shares(row, &mut observer);
                self.run_with::<Active, Wide, R, _>(input, memory, pattern, observer)
            }
            (Softmax::Narrow, Some(mut observer)) => {
                let observer = &mut |row: Row<'_, Narrow>| shares(row, &mut observer);
                self.run_with::<Active, Narrow, R, _>(input, memory, pattern, observer)
            }
        }
    }

    fn run_with<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        input: Input<'_>,
        memory: &[i8],
        pattern: impl Fn(usize) -> R,
        observer: &mut O,
    ) -> Outcome<Vec<i16>> {
        self.run_watched::<K, W, _, _, _>(input, memory, &mut WholeSequence, pattern, observer, |_, _| ())
    }

    /// [`Model::run_with`], with attention as `attend` has it, calling `see` with each part after it.
    fn run_watched<K: Kernels, W: Weight, A: Attend<W>, R: AttentionPattern, O: Observer<W>>(
        &self,
        input: Input<'_>,
        memory: &[i8],
        attend: &mut A,
        pattern: impl Fn(usize) -> R,
        observer: &mut O,
        see: impl FnMut(&Read<'_>, &State<'_, W>),
    ) -> Outcome<Vec<i16>> {
        let (file, shape) = (self.file(), &self.shape);
        let source = &mut Given { input, readings: file.readings(), memory };
        let words = &mut vec![0; Plan::of::<K, W>(&shape.needs).words()];
        let positions = shape.positions_of(&input);
        let outputs =
            run_watched::<K, W, _, A, R, O>(&file, shape, words, source, positions, attend, pattern, observer, see);
        Outcome::new(outputs.to_vec(), shape.logit)
    }
}

/// Real values in the units of their channels, `[…][channels]`, between -2^bits and 2^bits.
fn units(values: &[f32], channels: &[(f32, f32)], bits: i32) -> impl Iterator<Item = i16> {
    let end = f64::from(1 << bits);
    let unit = move |(x, (zero, unit)): (&f32, &(f32, f32))| {
        // The cast makes 0 of what is no number.
        ((f64::from(*x) - f64::from(*zero)) / f64::from(*unit)).round().clamp(-end, end - 1.0) as i16
    };
    values.iter().zip(channels.iter().cycle()).map(unit)
}

/// Bytes as words.
fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
}

/// Heads of a block switched off, as [`HeadMask`](crate::Without) does it, but any number of them.
struct Off<'h> {
    layer: usize,
    heads: &'h [(usize, usize)],
}

impl AttentionPattern for Off<'_> {
    fn keys(&self, head: usize, _query: usize, keys: usize) -> Range<usize> {
        if self.heads.contains(&(self.layer, head)) { 0..0 } else { 0..keys }
    }
}

/// Turns weights into shares of 1.
fn shares<W: Weight>(row: Row<'_, W>, observer: &mut impl FnMut(Row<'_, f32>)) {
    let sum: i64 = row.weights.iter().map(|w| i64::from(w.to_int())).sum();
    let shares: Vec<f32> = row.weights.iter().map(|w| (f64::from(w.to_int()) / sum.max(1) as f64) as f32).collect();
    observer(Row {
        layer: row.layer,
        head: row.head,
        query: row.query,
        first: row.first,
        dilation: row.dilation,
        weights: &shares,
    });
}
