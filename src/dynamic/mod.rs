//! Models of any shape, on the host: the same code as the compiled-in [`Model`](crate::Model), with
//! its working memory in vectors.

mod decoder;

pub use decoder::{Decoder, Session};

use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::attention::{OutputLayout, ScratchView};
use crate::audio::Frontend;
use crate::encoder::{BlockView, StateView};
use crate::format::{Config, File, Softmax};
use crate::kernels::{Active, Kernels};
use crate::observe::{Observer, Row, Unobserved};
use crate::outcome::Outcome;
use crate::pattern::AttentionPattern;
use crate::pattern::Mask;
use crate::{Allowed, Error};
use core::ops::Range;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

/// A `.heed` file in memory, found right in all its parts.
#[derive(Clone, Debug)]
pub struct Model {
    words: Vec<u32>,
    config: Config,
    labels: Vec<String>,
    heads: Vec<usize>,
    bytes: usize,
}

impl Model {
    /// Reads and checks the bytes of a `.heed` file, at any alignment.
    ///
    /// # Errors
    /// If any part of the file is wrong; see [`Error`].
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let file = File::open(&words)?;
        let config = file.config()?;
        // Of the working memory, only the heads' outputs can be too large for an address, and not on all hosts.
        let most = isize::MAX as usize / (config.heads * config.head_dim);
        if config.positions > most {
            return Err(Error::Shape {
                what: "positions",
                allowed: Allowed::Between(1, most),
                found: config.positions,
            });
        }
        file.encoder(&config, &[])?;
        let heads = |layer| file.block(&config, layer).map(|block| block.attention.heads());
        let heads = (0..config.layers).map(heads).collect::<Result<_, _>>()?;
        file.frontend(&config)?;
        let labels =
            (0..config.classes).map(|class| file.label(class).map(str::to_string)).collect::<Result<_, _>>()?;
        Ok(Self { config, labels, heads, bytes: bytes.len(), words })
    }

    fn file(&self) -> File<'_> {
        File::reopen(&self.words)
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Names of the classes; empty where the file gives none.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Heads of each block: as many as the shape says, or fewer.
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
        self.file().macs(&self.config).expect("checked when it was loaded")
    }

    /// The audio front end, if the model has one.
    #[must_use]
    pub fn frontend(&self) -> Option<Frontend<'_>> {
        self.file().frontend(&self.config).expect("checked when it was loaded")
    }

    /// Classifies features `[positions][inputs]`; missing ones count as 0.
    #[must_use]
    pub fn infer(&self, features: &[i8]) -> Outcome<Vec<i16>> {
        match self.config.softmax {
            Softmax::Wide => self.run::<Active, Wide, _>(features, &mut Unobserved),
            Softmax::Narrow => self.run::<Active, Narrow, _>(features, &mut Unobserved),
        }
    }

    /// [`Model::infer`] with some heads switched off, named by block and head, both counted from 0: they contribute
    /// exactly 0.
    #[must_use]
    pub fn infer_without(&self, features: &[i8], heads: &[(usize, usize)]) -> Outcome<Vec<i16>> {
        let pattern = |layer| Off { layer, heads };
        match self.config.softmax {
            Softmax::Wide => self.run_under::<Active, Wide, _, _>(features, pattern, &mut Unobserved),
            Softmax::Narrow => self.run_under::<Active, Narrow, _, _>(features, pattern, &mut Unobserved),
        }
    }

    /// [`Model::infer`], showing each row of softmax weights to `observer`, as shares that add up
    /// to 1.
    #[must_use]
    pub fn infer_observed(&self, features: &[i8], mut observer: impl FnMut(Row<'_, f32>)) -> Outcome<Vec<i16>> {
        match self.config.softmax {
            Softmax::Wide => {
                self.run::<Active, Wide, _>(features, &mut |row: Row<'_, Wide>| shares(row, &mut observer))
            }
            Softmax::Narrow => {
                self.run::<Active, Narrow, _>(features, &mut |row: Row<'_, Narrow>| shares(row, &mut observer))
            }
        }
    }

    fn run<K: Kernels, W: Weight, O: Observer<W>>(&self, features: &[i8], observer: &mut O) -> Outcome<Vec<i16>> {
        self.run_under::<K, W, _, O>(features, |_| Mask::None, observer)
    }

    fn run_under<K: Kernels, W: Weight, R: AttentionPattern, O: Observer<W>>(
        &self,
        features: &[i8],
        pattern: impl Fn(usize) -> R,
        observer: &mut O,
    ) -> Outcome<Vec<i16>> {
        let Config { positions, inputs, width, heads, head_dim, hidden, classes, .. } = self.config;
        let file = self.file();
        let blocks: Vec<BlockView<'_>> = (0..self.config.layers)
            .map(|layer| file.block(&self.config, layer).expect("checked when it was loaded"))
            .collect();
        let encoder = file.encoder(&self.config, &blocks).expect("checked when it was loaded");
        let reduced = file.reduced(&self.config).expect("checked when it was loaded");

        let mut logits = vec![0; classes];
        let mut state = StateView {
            residual: &mut vec![0; positions * width],
            normed: &mut vec![0; positions * width],
            reduced: &mut vec![0; positions * reduced],
            attention: ScratchView {
                query: &mut vec![0; positions * head_dim],
                key: &mut vec![0; positions * head_dim],
                value: &mut vec![0; positions * head_dim],
                scores: &mut vec![0; K::QUERIES * positions],
                weights: &mut vec![W::ZERO; K::WEIGHT_ROWS * positions],
                outputs: &mut vec![0; positions * heads * head_dim],
                layout: OutputLayout::Joined,
            },
            input: &mut vec![0; K::ROWS * inputs],
            hidden: &mut vec![0; K::ROWS * hidden],
            pooled: &mut vec![0; width],
            logits: &mut logits,
        };
        let fill = |position: usize, input: &mut [i8]| {
            let row = features.get(position * inputs..).unwrap_or(&[]);
            for (i, to) in input.iter_mut().enumerate() {
                *to = row.get(i).copied().unwrap_or(0);
            }
        };
        encoder.forward::<K, W, R, O, true>(fill, &mut state, pattern, observer);
        Outcome::new(logits, self.config.logit)
    }
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
    let shares: Vec<f32> = row.weights.iter().map(|w| (f64::from(w.to_int()) / sum as f64) as f32).collect();
    observer(Row {
        layer: row.layer,
        head: row.head,
        query: row.query,
        first: row.first,
        dilation: row.dilation,
        weights: &shares,
    });
}
