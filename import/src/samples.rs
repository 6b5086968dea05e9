//! Inputs of a float model out of an array, and the same inputs for its integers.

use crate::ImportError;
use crate::arrays::Array;
use crate::graph::{Input, Model, Sample};
use heedful::dynamic;
use heedful::dynamic::Trace;
use heedful::format::{InputKind, InputShape};

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
        Ok(Self::Tokens(texts(what, array, vocabulary, length)?))
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
            Self::Tokens(tokens) => heed.real(heed.infer_tokens(&narrow(&tokens[index])).logits()),
        }
    }

    /// Shows the integer model's residual stream for one of them.
    pub fn trace(&self, index: usize, model: &Model, heed: &dynamic::Model, see: impl FnMut(Trace<'_>)) {
        match self {
            Self::Values(values) => heed.trace_real(&channels_last(&model.input, &values[index]), see),
            Self::Tokens(tokens) => heed.trace_tokens(&narrow(&tokens[index]), see),
        }
    }

    /// Every second one, from the first or the second on.
    #[must_use]
    pub fn half(&self, first: usize) -> Self {
        match self {
            Self::Values(values) => Self::Values(values.iter().skip(first).step_by(2).cloned().collect()),
            Self::Tokens(tokens) => Self::Tokens(tokens.iter().skip(first).step_by(2).cloned().collect()),
        }
    }
}

/// Tokens as integer models take them: a vocabulary has at most 65,536.
fn narrow(tokens: &[u32]) -> Vec<u16> {
    tokens.iter().map(|&token| token as u16).collect()
}

/// Inputs of a `.heed` file, which needs no float model.
#[derive(Clone, Debug, PartialEq)]
pub enum HeedInputs {
    /// Numbers, in the file's order.
    Values(Vec<Vec<f32>>),
    /// Sound, at the file's sample rate.
    Sound(Vec<Vec<i16>>),
    /// Texts.
    Tokens(Vec<Vec<u16>>),
}

impl HeedInputs {
    /// Those in an array `[N, …]`. Images may have their channels first, as in PyTorch, or last; sound is of integers of
    /// 16 bits, or of real numbers from -1 to 1.
    ///
    /// # Errors
    /// If they are of another size, or tokens are no whole numbers of the vocabulary.
    pub fn new(input: &InputShape, what: &str, array: &Array) -> Result<Self, ImportError> {
        let InputShape { steps, columns, channels, .. } = *input;
        match input.kind {
            InputKind::Features => {
                let planes = Input::Image { channels, height: steps, width: columns };
                let first = array.shape.get(1..) == Some(&[channels, steps, columns])
                    && array.shape.get(1..) != Some(&[steps, columns, channels]);
                let real = |part: &[f64]| {
                    let values: Vec<f32> = part.iter().map(|&x| x as f32).collect();
                    if first { channels_last(&planes, &values) } else { values }
                };
                Ok(Self::Values(array.parts(what, steps * columns * channels)?.map(real).collect()))
            }
            InputKind::Audio => {
                let full = if array.integers { 1.0 } else { 32_768.0 };
                // The cast saturates.
                let sound = |part: &[f64]| part.iter().map(|&x| (x * full).round() as i16).collect();
                let each = array.shape.get(1).copied().unwrap_or(0);
                Ok(Self::Sound(array.parts(what, each)?.map(sound).collect()))
            }
            InputKind::Tokens => {
                let texts = texts(what, array, channels, steps)?;
                Ok(Self::Tokens(texts.iter().map(|text| narrow(text)).collect()))
            }
        }
    }

    /// The model's outputs for each of them, in real values.
    #[must_use]
    pub fn run(&self, heed: &dynamic::Model) -> Vec<Vec<f32>> {
        match self {
            Self::Values(values) => values.iter().map(|values| heed.infer_real(values)).collect(),
            Self::Tokens(texts) => texts.iter().map(|tokens| heed.real(heed.infer_tokens(tokens).logits())).collect(),
            Self::Sound(sounds) => {
                sounds.iter().map(|sound| heed.real(heed.infer(&heard(heed, sound)).logits())).collect()
            }
        }
    }
}

/// The features of a sound, by the file's own front end; none if it has none.
fn heard(heed: &dynamic::Model, sound: &[i16]) -> Vec<i8> {
    let Some(frontend) = heed.frontend() else { return Vec::new() };
    let input = &heed.shape().input;
    let mut features = vec![0; input.steps * input.channels];
    heedful::audio::features(&frontend, sound, input.steps, &mut features);
    features
}

/// Texts of an array `[N][length]`.
fn texts(what: &str, array: &Array, vocabulary: usize, length: usize) -> Result<Vec<Vec<u32>>, ImportError> {
    let each = array.shape.get(1).copied().unwrap_or(0);
    if each > length {
        let found = format!("of {each} tokens");
        return Err(ImportError::setting(what, found, format!("texts of 1 to {length} tokens")));
    }
    let token = |&x: &f64| {
        let fits = x >= 0.0 && x < vocabulary as f64 && x.fract() == 0.0;
        let expected = || format!("tokens from 0 to {}", vocabulary - 1);
        if fits { Ok(x as u32) } else { Err(ImportError::setting(what, x, expected())) }
    };
    array.parts(what, each)?.map(|part| part.iter().map(token).collect()).collect()
}

/// An image `[channels][height][width]` as `[height][width][channels]`; a series as it is.
fn channels_last(input: &Input, values: &[f32]) -> Vec<f32> {
    let Input::Image { channels, height, width } = *input else { return values.to_vec() };
    let area = height * width;
    (0..area * channels).map(|i| values[i % channels * area + i / channels]).collect()
}
