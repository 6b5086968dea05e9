//! Language models of any shape.

use super::words;
use crate::Error;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::attention::{MAX_POSITIONS, RewindError, Ring};
use crate::format::{File, Shape, Softmax};
use crate::kernels::{Active, Kernels};
use crate::language::{memory_of, outputs, run};
use crate::observe::{Observer, Unobserved};
use crate::parts::StepPlan;
use crate::tokenizer::Tokenizer;
use std::vec;
use std::vec::Vec;

/// A language model's `.heed` file in memory, found right in all its parts.
#[derive(Clone, Debug)]
pub struct Decoder {
    words: Vec<u32>,
    shape: Shape,
    bytes: usize,
}

impl Decoder {
    /// Reads and checks the bytes of a `.heed` file of either version, at any alignment.
    ///
    /// # Errors
    /// If any part of the file is wrong; see [`Error`].
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let words = words(bytes);
        let file = File::open(&words)?;
        let shape = file.language_shape()?;
        file.tokenizer(shape.outputs)?;
        Ok(Self { shape, bytes: bytes.len(), words })
    }

    fn file(&self) -> File<'_> {
        File::reopen(&self.words)
    }

    /// The model's shape; its multiply-accumulates are those of the layers for one token, its logits included, without
    /// attention's own, which are two for each head, dimension of a head and position looked at.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Size of the file.
    #[must_use]
    pub const fn flash(&self) -> usize {
        self.bytes
    }

    /// Bytes of working memory with a cache of so many positions; `usize::MAX` where they are more.
    #[must_use]
    pub fn memory(&self, context: usize) -> usize {
        memory_of::<Active>(&self.shape, context).saturating_mul(4)
    }

    /// The tokenizer, if the file has one.
    #[must_use]
    pub fn tokenizer(&self) -> Option<Tokenizer<'_>> {
        self.file().tokenizer(self.shape.outputs).expect("checked when it was loaded")
    }

    /// A text to be, which remembers its last `context` tokens: at least one, at most 65,536 and what can be addressed.
    #[must_use]
    pub fn session(&self, context: usize) -> Session<'_> {
        let mut slots = context.clamp(1, MAX_POSITIONS);
        while slots > 1 && self.memory(slots) > isize::MAX as usize {
            slots /= 2;
        }
        let memory = vec![0; memory_of::<Active>(&self.shape, slots)];
        Session { file: self.file(), shape: self.shape, ring: Ring::new(slots, 0), memory }
    }
}

/// A text in the making: a model with its working memory and key-value cache.
#[derive(Clone, Debug)]
pub struct Session<'m> {
    file: File<'m>,
    shape: Shape,
    ring: Ring,
    memory: Vec<u32>,
}

impl Session<'_> {
    /// Takes in one more token, and gives the logits of the next one. Tokens outside the vocabulary count as no token:
    /// zeros.
    pub fn step(&mut self, token: usize) -> &[i16] {
        self.run(token, self.shape.parts);
        outputs(&self.shape, self.ring.slots(), &self.memory)
    }

    /// Takes in one more token, whose successor is known: its logits are not computed.
    pub fn push(&mut self, token: usize) {
        self.run(token, self.shape.attended);
    }

    fn run(&mut self, token: usize, parts: usize) {
        match self.shape.softmax {
            Softmax::Wide => self.run_on::<Active, Wide, _>(token, parts, &mut Unobserved),
            Softmax::Narrow => self.run_on::<Active, Narrow, _>(token, parts, &mut Unobserved),
        }
    }

    /// [`Session::push`] with the softmax weights of one's choice, showing the rows of these to `observer`.
    pub fn push_observed<W: Weight, O: Observer<W>>(&mut self, token: usize, observer: &mut O) {
        self.push_on::<Active, W, O>(token, observer);
    }

    /// [`Session::push_observed`] with the kernels of one's choice.
    #[doc(hidden)]
    pub fn push_on<K: Kernels, W: Weight, O: Observer<W>>(&mut self, token: usize, observer: &mut O) {
        self.run_on::<K, W, O>(token, self.shape.attended, observer);
    }

    fn run_on<K: Kernels, W: Weight, O: Observer<W>>(&mut self, token: usize, parts: usize, observer: &mut O) {
        let Self { file, shape, ring, memory } = self;
        // Other kernels and weights than its own may need more; the cache is the same.
        let words = StepPlan::of::<K, W>(&shape.needs, ring.slots()).words();
        if memory.len() < words {
            memory.resize(words, 0);
        }
        run::<K, W, O>(file, shape, memory, ring.push(), token, parts, observer);
    }

    /// Tokens taken in so far.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Begins anew.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }

    /// Goes back to the time when `length` tokens had been taken in.
    ///
    /// # Errors
    /// If these are more than there were, or if the cache has forgotten what would be looked at again; see
    /// [`RewindError`].
    pub const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        self.ring.rewind(length)
    }
}
