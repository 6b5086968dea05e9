//! Language models of any shape.

use crate::Error;
use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::attention::{MAX_POSITIONS, RewindError, Ring, StepView};
use crate::decoder::{DecoderBlockView, DecoderStateView, DecoderView};
use crate::format::{DecoderConfig, File, Softmax};
use crate::kernels::{Active, Kernels};
use crate::observe::{Observer, Unobserved};
use crate::pattern::Mask;
use crate::tokenizer::Tokenizer;
use std::vec;
use std::vec::Vec;

/// A language model's `.heed` file in memory, found right in all its parts.
#[derive(Clone, Debug)]
pub struct Decoder {
    words: Vec<u32>,
    config: DecoderConfig,
    bytes: usize,
}

impl Decoder {
    /// Reads and checks the bytes of a `.heed` file, at any alignment.
    ///
    /// # Errors
    /// If any part of the file is wrong; see [`Error`].
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let file = File::open(&words)?;
        let config = file.decoder_config()?;
        file.decoder(&config, &[])?;
        for layer in 0..config.layers {
            file.decoder_block(&config, layer)?;
        }
        file.tokenizer(&config)?;
        Ok(Self { config, bytes: bytes.len(), words })
    }

    fn file(&self) -> File<'_> {
        File::reopen(&self.words)
    }

    /// The model's shape.
    #[must_use]
    pub const fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Size of the file.
    #[must_use]
    pub const fn flash(&self) -> usize {
        self.bytes
    }

    /// The tokenizer, if the file has one.
    #[must_use]
    pub fn tokenizer(&self) -> Option<Tokenizer<'_>> {
        self.file().tokenizer(&self.config).expect("checked when it was loaded")
    }

    /// A text to be, which remembers its last `context` tokens: at least one, at most 65,536 and what can be addressed.
    #[must_use]
    pub fn session(&self, context: usize) -> Session<'_> {
        let file = self.file();
        let blocks = (0..self.config.layers)
            .map(|layer| file.decoder_block(&self.config, layer).expect("checked when it was loaded"))
            .collect();
        let c = self.config;
        // At most 2^25.
        let per_slot = c.layers * c.key_heads * c.head_dim;
        let most = (isize::MAX as usize / per_slot).clamp(1, MAX_POSITIONS);
        let slots = context.clamp(1, most);
        let cache = per_slot * slots;
        Session {
            config: c,
            view: file.decoder(&c, &[]).expect("checked when it was loaded"),
            blocks,
            ring: Ring::new(slots, 0),
            slots,
            keys: vec![0; cache],
            values: vec![0; cache],
            residual: vec![0; c.width],
            normed: vec![0; c.width],
            logits: vec![0; c.tokens],
        }
    }
}

/// A text in the making: a model and its key-value cache.
#[derive(Clone, Debug)]
pub struct Session<'m> {
    config: DecoderConfig,
    /// All but its blocks.
    view: DecoderView<'m>,
    blocks: Vec<DecoderBlockView<'m>>,
    ring: Ring,
    slots: usize,
    keys: Vec<i8>,
    values: Vec<i8>,
    residual: Vec<i16>,
    normed: Vec<i8>,
    logits: Vec<i16>,
}

impl Session<'_> {
    /// Takes in one more token, and gives the logits of the next one. Tokens outside the vocabulary count as no token:
    /// zeros.
    pub fn step(&mut self, token: usize) -> &[i16] {
        self.push(token);
        self.view.logits::<Active>(&self.residual, &mut self.normed, &mut self.logits);
        &self.logits
    }

    /// Takes in one more token, whose successor is known: its logits are not computed.
    pub fn push(&mut self, token: usize) {
        match self.config.softmax {
            Softmax::Wide => self.push_observed::<Wide, _>(token, &mut Unobserved),
            Softmax::Narrow => self.push_observed::<Narrow, _>(token, &mut Unobserved),
        }
    }

    /// [`Session::push`] with the softmax weights of one's choice, showing the rows of these to `observer`.
    pub fn push_observed<W: Weight, O: Observer<W>>(&mut self, token: usize, observer: &mut O) {
        self.push_on::<Active, W, O>(token, observer);
    }

    /// [`Session::push_observed`] with the kernels of one's choice.
    #[doc(hidden)]
    pub fn push_on<K: Kernels, W: Weight, O: Observer<W>>(&mut self, token: usize, observer: &mut O) {
        let c = self.config;
        let inner = c.heads * c.head_dim;
        let decoder = DecoderView { blocks: &self.blocks, ..self.view };
        let mut state = DecoderStateView {
            residual: &mut self.residual,
            normed: &mut self.normed,
            step: StepView {
                query: &mut vec![0; inner],
                key: &mut vec![0; c.key_heads * c.head_dim],
                scores: &mut vec![0; K::QUERIES * self.slots],
                weights: &mut vec![W::ZERO; K::WEIGHT_ROWS * self.slots],
                outputs: &mut vec![0; inner],
            },
            gate: &mut vec![0; c.hidden],
            up: &mut vec![0; c.hidden],
            keys: &mut self.keys,
            values: &mut self.values,
        };
        decoder.push::<K, W, _, O>(token, &mut self.ring, &Mask::None, &mut state, observer);
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
