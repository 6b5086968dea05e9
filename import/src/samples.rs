//! Inputs of a float model out of an array, and the same inputs for its integers.

use crate::ImportError;
use crate::arrays::Array;
use crate::graph::{Input, Model, Sample};
use heedful::dynamic;

/// Inputs of a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Series or images, in the order of the float model.
    Values(Vec<Vec<f32>>),
    /// Texts.
    Tokens(Vec<Vec<u32>>),
}

impl Samples {
    /// Those in an array `[N, …]`.
    ///
    /// # Errors
    /// If they are of another size, or tokens are no whole numbers of the vocabulary.
    pub fn new(model: &Model, what: &str, array: &Array) -> Result<Self, ImportError> {
        let Input::Tokens { vocabulary, length } = model.input else {
            let parts = array.parts(what, model.input.len())?;
            return Ok(Self::Values(parts.map(|part| part.iter().map(|&x| x as f32).collect()).collect()));
        };
        let each = array.shape.get(1).copied().unwrap_or(0).clamp(1, length);
        let token = |&x: &f64| {
            let fits = x >= 0.0 && x < vocabulary as f64 && x.fract() == 0.0;
            let expected = || format!("tokens from 0 to {}", vocabulary - 1);
            if fits { Ok(x as u32) } else { Err(ImportError::setting(what, x, expected())) }
        };
        let texts = array.parts(what, each)?.map(|part| part.iter().map(token).collect::<Result<Vec<_>, _>>());
        Ok(Self::Tokens(texts.collect::<Result<_, _>>()?))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Tokens(tokens) => tokens.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them, for the float model.
    #[must_use]
    pub fn sample(&self, index: usize) -> Sample<'_> {
        match self {
            Self::Values(values) => Sample::Values(&values[index]),
            Self::Tokens(tokens) => Sample::Tokens { tokens: &tokens[index], types: &[] },
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Sample<'_>> {
        (0..self.len()).map(|index| self.sample(index))
    }

    /// The outputs of the integer model for one of them, in real values.
    #[must_use]
    pub fn integers(&self, index: usize, model: &Model, heed: &dynamic::Model) -> Vec<f32> {
        match self {
            Self::Values(values) => heed.infer_real(&channels_last(&model.input, &values[index])),
            Self::Tokens(tokens) => {
                // A vocabulary has at most 65,536 tokens.
                let tokens: Vec<u16> = tokens[index].iter().map(|&token| token as u16).collect();
                heed.real(heed.infer_tokens(&tokens).logits())
            }
        }
    }
}

/// An image `[channels][height][width]` as `[height][width][channels]`; a series as it is.
fn channels_last(input: &Input, values: &[f32]) -> Vec<f32> {
    let Input::Image { channels, height, width } = *input else { return values.to_vec() };
    let area = height * width;
    (0..area * channels).map(|i| values[i % channels * area + i / channels]).collect()
}
