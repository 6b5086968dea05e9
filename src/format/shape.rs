//! The shape of a model.

use crate::arithmetic::softmax::Steepness;
use crate::parts::{Input, MemoryShape, Uses};
use crate::plan::Needs;
use crate::{Allowed, Error};

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

/// What a model takes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InputShape {
    /// Of what kind.
    pub kind: InputKind,
    /// Steps of a series, rows of an image, frames of sound, tokens at most.
    pub steps: usize,
    /// Columns of an image; else 1.
    pub columns: usize,
    /// Values of each: channels, mel bands; of tokens, the size of the vocabulary.
    pub channels: usize,
    /// Samples of sound or readings of sensors in a thousand seconds; 0 where that is not known.
    pub millihertz: u64,
    /// Whether values have 15 bits, not 8.
    pub fine: bool,
}

impl InputShape {
    /// Samples of sound or readings of sensors per second, rounded down; 0 where that is not known.
    #[must_use]
    pub const fn sample_rate(&self) -> usize {
        (self.millihertz / 1000) as usize
    }
}

/// A kind of input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputKind {
    /// Numbers: sensor readings, an image, features of sound that another program makes.
    Features,
    /// Sound, with the front end that makes features of it.
    Audio,
    /// Tokens.
    Tokens,
}

/// What a model's outputs mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputKind {
    /// Logits of classes, one of which is true: softmax.
    Classes,
    /// Logits of labels, each of which is true or not: sigmoid.
    Labels,
    /// Numbers.
    Values,
    /// A vector that is near those of like inputs.
    Embedding,
    /// Logits of the next token.
    NextToken,
}

/// The shape of a model: what goes in, what comes out, and what lies between.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Shape {
    /// What goes in.
    pub input: InputShape,
    /// The second input that attention looks at, if there is one.
    pub memory: Option<MemoryShape>,
    /// Positions that attend to each other, class tokens among them.
    pub positions: usize,
    /// Class tokens.
    pub class_tokens: usize,
    /// Input values of a position that is not one of those.
    pub inputs: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Heads of a layer, at most.
    pub heads: usize,
    /// Dimension of a head, at most.
    pub head_dim: usize,
    /// Hidden values of feed-forward layers, at most.
    pub hidden: usize,
    /// Parts of the chain.
    pub parts: usize,
    /// Attention parts among them.
    pub layers: usize,
    /// Softmax weights.
    pub softmax: Softmax,
    /// Rows that come out.
    pub rows: usize,
    /// Values of each.
    pub outputs: usize,
    /// What they mean.
    pub kind: OutputKind,
    /// Octaves of probability per unit of a logit.
    pub logit: Steepness,
    /// The real value of a unit of an output.
    pub step: f32,
    /// Multiply-accumulates of an inference over all positions; `usize::MAX` where they are more.
    pub macs: usize,
    pub(crate) uses: Uses,
    pub(crate) needs: Needs,
    pub(crate) tables: [usize; 6],
    /// Parts up to the last attention.
    pub(crate) attended: usize,
    /// Of a model that takes a token of its input at a time: steps of a token, positions of its cache, and how many of
    /// these keep the first tokens.
    pub(crate) cache: CacheShape,
}

/// What a model that takes a token of its input at a time remembers; zeros of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CacheShape {
    /// Steps of the input, or frames, that make a token.
    pub steps: usize,
    /// Positions of the cache.
    pub slots: usize,
    /// Those of them that keep their tokens for good.
    pub sinks: usize,
}

impl CacheShape {
    pub(crate) const NONE: Self = Self { steps: 0, slots: 0, sinks: 0 };
}

impl Shape {
    /// Rows and values of a row in which features are handed over: a row for each position where patches follow one
    /// another, else one for each step.
    #[must_use]
    pub const fn features(&self) -> [usize; 2] {
        let InputShape { steps, columns, channels, .. } = self.input;
        if let InputKind::Tokens = self.input.kind {
            [0, 0]
        } else if self.cache.steps > 0 {
            [1, self.inputs]
        } else if self.uses.has(Uses::PATCHES.and(Uses::CONVOLUTIONS)) {
            [steps, columns * channels]
        } else {
            [self.positions - self.class_tokens, self.inputs]
        }
    }

    /// Positions that an input takes: of tokens, as many as there are.
    pub(crate) fn positions_of(&self, input: &Input<'_>) -> usize {
        let Self { positions, class_tokens, .. } = *self;
        input.tokens().map_or(positions, |count| count.saturating_add(class_tokens).min(positions))
    }

    /// Values that come out: rows times the values of each.
    #[must_use]
    pub const fn values(&self) -> usize {
        self.rows.saturating_mul(self.outputs)
    }

    /// Classes told apart; 0 where the outputs are something else.
    #[must_use]
    pub const fn classes(&self) -> usize {
        if let OutputKind::Classes = self.kind { self.outputs } else { 0 }
    }

    /// Which these are.
    pub(crate) const NAMES: &str = "positions, inputs, width, heads, head_dim, hidden, layers, classes, outputs, rows, \
        steps, columns, channels, sample_rate";

    /// The number of this name, that programs can pin; `None` if there is none.
    #[doc(hidden)]
    #[must_use]
    pub const fn named(&self, name: &str) -> Option<usize> {
        let numbers = [
            ("positions", self.positions),
            ("inputs", self.inputs),
            ("width", self.width),
            ("heads", self.heads),
            ("head_dim", self.head_dim),
            ("hidden", self.hidden),
            ("layers", self.layers),
            ("classes", self.classes()),
            ("outputs", self.outputs),
            ("rows", self.rows),
            ("steps", self.input.steps),
            ("columns", self.input.columns),
            ("channels", self.input.channels),
            ("sample_rate", self.input.sample_rate()),
        ];
        let mut i = 0;
        while i < numbers.len() {
            if is(numbers[i].0, name) {
                return Some(numbers[i].1);
            }
            i += 1;
        }
        None
    }
}

/// Whether two texts are one.
pub(super) const fn is(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    a.len() == b.len()
}
