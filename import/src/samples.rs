//! Inputs of a float model out of an array, and the same inputs for its integers.

use crate::ImportError;
use crate::arrays::Array;
use crate::graph::{Input, Memory, Model, Sample, Stem};
use heedful::dynamic;
use heedful::dynamic::{Heard, Trace};
use heedful::format::{InputKind, InputShape, Shape};

/// What a second input is called in messages.
const SECOND: &str = "second input";
const NO_SECOND: &str = "none: the model looks at no memory and takes no tokens";

/// Inputs of a model, and second ones beside them: none, or one for each.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// Series or images, in the order of the float model.
    Values {
        /// The inputs.
        values: Vec<Vec<f32>>,
        /// What attention looks at.
        memory: Vec<Vec<f32>>,
    },
    /// Texts.
    Tokens {
        /// The inputs.
        tokens: Vec<Vec<u32>>,
        /// Types of the tokens.
        types: Vec<Vec<u32>>,
    },
}

impl Samples {
    /// Those in an array `[N, …]`; second ones, `[N, …]` too, where the model looks at a memory or tells types of
    /// tokens.
    ///
    /// # Errors
    /// If they are of another size, tokens or types are no whole numbers of as many as there are, or a memory is
    /// missing.
    pub fn new(model: &Model, what: &str, array: &Array, second: Option<&Array>) -> Result<Self, ImportError> {
        let real = |part: &[f64]| part.iter().map(|&x| x as f32).collect();
        let samples = match (model.input, &model.stem) {
            (Input::Tokens { vocabulary, length }, Stem::Embedding { types, .. }) => {
                let kinds = types.as_ref().map_or(1, |types| types.rows);
                let types = second.map(|array| texts(SECOND, array, kinds, length)).transpose()?.unwrap_or_default();
                Self::Tokens { tokens: texts(what, array, vocabulary, length)?, types }
            }
            _ => {
                let values = array.parts(what, model.input.len())?.map(real).collect();
                let memory = match (model.memory, second) {
                    (Some(Memory { steps, channels }), Some(array)) => {
                        array.parts(SECOND, steps * channels)?.map(real).collect()
                    }
                    (Some(Memory { steps, channels }), None) => {
                        return Err(ImportError::setting(SECOND, "missing", format!("[N, {steps}, {channels}]")));
                    }
                    (None, Some(_)) => return Err(ImportError::setting(SECOND, "there", NO_SECOND)),
                    (None, None) => vec![],
                };
                Self::Values { values, memory }
            }
        };
        match samples.seconds() {
            0 => Ok(samples),
            found if found == samples.len() => Ok(samples),
            found => Err(ImportError::setting(SECOND, format!("{found} of them"), format!("{}", samples.len()))),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Values { values, .. } => values.len(),
            Self::Tokens { tokens, .. } => tokens.len(),
        }
    }

    fn seconds(&self) -> usize {
        match self {
            Self::Values { memory, .. } => memory.len(),
            Self::Tokens { types, .. } => types.len(),
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
            Self::Values { values, memory } => match memory.get(index) {
                Some(memory) => Sample::WithMemory { values: &values[index], memory },
                None => Sample::Values(&values[index]),
            },
            Self::Tokens { tokens, types } => Sample::Tokens { tokens: &tokens[index], types: nth(types, index) },
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
            Self::Values { values, memory } => {
                heed.infer_real_with(&channels_last(&model.input, &values[index]), nth(memory, index))
            }
            Self::Tokens { tokens, types } => {
                let (tokens, types) = (narrow(&tokens[index]), narrow_types(nth(types, index)));
                heed.real(heed.infer_input(heedful::Input::Tokens(&tokens, &types), &[]).logits())
            }
        }
    }

    /// Shows the integer model's residual stream for one of them.
    pub fn trace(&self, index: usize, model: &Model, heed: &dynamic::Model, see: impl FnMut(Trace<'_>)) {
        match self {
            Self::Values { values, memory } => {
                heed.trace_real(&channels_last(&model.input, &values[index]), nth(memory, index), see);
            }
            Self::Tokens { tokens, types } => {
                heed.trace_tokens(&narrow(&tokens[index]), &narrow_types(nth(types, index)), see);
            }
        }
    }

    /// Every second one, from the first or the second on.
    #[must_use]
    pub fn half(&self, first: usize) -> Self {
        fn of<T: Clone>(all: &[T], first: usize) -> Vec<T> {
            all.iter().skip(first).step_by(2).cloned().collect()
        }
        match self {
            Self::Values { values, memory } => Self::Values { values: of(values, first), memory: of(memory, first) },
            Self::Tokens { tokens, types } => Self::Tokens { tokens: of(tokens, first), types: of(types, first) },
        }
    }
}

/// A second input; nothing where there are none.
fn nth<T>(all: &[Vec<T>], index: usize) -> &[T] {
    all.get(index).map_or(&[], Vec::as_slice)
}

/// Types of tokens as integer models take them: there are at most 256.
fn narrow_types(types: &[u32]) -> Vec<u8> {
    types.iter().map(|&of| of as u8).collect()
}

/// Tokens as integer models take them: a vocabulary has at most 65,536.
fn narrow(tokens: &[u32]) -> Vec<u16> {
    tokens.iter().map(|&token| token as u16).collect()
}

/// Inputs of a `.heed` file, which needs no float model.
#[derive(Clone, Debug, PartialEq)]
pub enum HeedInputs {
    /// Numbers, in the file's order, and what attention looks at: nothing, or one for each.
    Values(Vec<Vec<f32>>, Vec<Vec<f32>>),
    /// Sound, at the file's sample rate.
    Sound(Vec<Vec<i16>>),
    /// Texts, and the types of their tokens: nothing, or those of each.
    Tokens(Vec<Vec<u16>>, Vec<Vec<u8>>),
}

impl HeedInputs {
    /// Those in an array `[N, …]`. Images may have their channels first, as in PyTorch, or last; sound is of integers
    /// of 16 bits, or of real numbers from -1 to 1, or features `[N, frames, values]` of it.
    ///
    /// # Errors
    /// If they are of another size, tokens are no whole numbers of the vocabulary, or a memory is missing.
    pub fn new(shape: &Shape, what: &str, array: &Array, second: Option<&Array>) -> Result<Self, ImportError> {
        let InputShape { steps, columns, channels, .. } = shape.input;
        let input = &shape.input;
        match input.kind {
            InputKind::Features => {
                let planes = Input::Image { channels, height: steps, width: columns };
                let first = array.shape.get(1..) == Some(&[channels, steps, columns])
                    && array.shape.get(1..) != Some(&[steps, columns, channels]);
                let real = |part: &[f64]| {
                    let values: Vec<f32> = part.iter().map(|&x| x as f32).collect();
                    if first { channels_last(&planes, &values) } else { values }
                };
                let values: Vec<_> = array.parts(what, steps * columns * channels)?.map(real).collect();
                Ok(Self::Values(values, memories(shape, second, array)?))
            }
            // Features of frames, where there is an axis for them.
            InputKind::Audio if array.shape.get(1..) == Some(&[steps, columns * channels]) => {
                let real = |part: &[f64]| part.iter().map(|&x| x as f32).collect();
                Ok(Self::Values(array.parts(what, steps * columns * channels)?.map(real).collect(), vec![]))
            }
            InputKind::Audio => {
                let full = if array.integers { 1.0 } else { 32_768.0 };
                // The cast saturates.
                let sound = |part: &[f64]| part.iter().map(|&x| (x * full).round() as i16).collect();
                let each = array.shape.get(1).copied().unwrap_or(0);
                Ok(Self::Sound(array.parts(what, each)?.map(sound).collect()))
            }
            InputKind::Tokens => {
                let tokens = texts(what, array, channels, steps)?.iter().map(|text| narrow(text)).collect();
                let types = second.map(|array| texts(SECOND, array, 256, steps)).transpose()?.unwrap_or_default();
                let types = types.iter().map(|types| narrow_types(types)).collect();
                Ok(Self::Tokens(tokens, types))
            }
        }
    }

    /// The model's outputs for each of them, in real values.
    #[must_use]
    pub fn run(&self, heed: &dynamic::Model) -> Vec<Vec<f32>> {
        match self {
            Self::Values(values, memory) => {
                let run = |(index, values): (usize, &Vec<f32>)| heed.infer_real_with(values, nth(memory, index));
                values.iter().enumerate().map(run).collect()
            }
            Self::Tokens(texts, types) => {
                let run = |(index, tokens): (usize, &Vec<u16>)| {
                    heed.real(heed.infer_input(heedful::Input::Tokens(tokens, nth(types, index)), &[]).logits())
                };
                texts.iter().enumerate().map(run).collect()
            }
            Self::Sound(sounds) => {
                let heard = |sound: &Vec<i16>| {
                    let heard = heed.hear(sound);
                    let input = heard.as_ref().map_or(heedful::Input::Features(&[]), Heard::input);
                    heed.real(heed.infer_input(input, &[]).logits())
                };
                sounds.iter().map(heard).collect()
            }
        }
    }
}

/// Second inputs `[N][steps][channels]` of a `.heed` file; none where it looks at no memory.
fn memories(shape: &Shape, second: Option<&Array>, first: &Array) -> Result<Vec<Vec<f32>>, ImportError> {
    let Some(memory) = shape.memory else {
        let unwanted = |_| Err(ImportError::setting(SECOND, "there", NO_SECOND));
        return second.map_or(Ok(vec![]), unwanted);
    };
    let expected = format!("[{}, {}, {}]", first.shape[0], memory.steps, memory.channels);
    let array = second.ok_or_else(|| ImportError::setting(SECOND, "missing", expected.clone()))?;
    if array.shape.first() != first.shape.first() {
        return Err(ImportError::setting(SECOND, format!("{:?}", array.shape), expected));
    }
    let real = |part: &[f64]| part.iter().map(|&x| x as f32).collect();
    Ok(array.parts(SECOND, memory.steps * memory.channels)?.map(real).collect())
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
#[must_use]
pub fn channels_last(input: &Input, values: &[f32]) -> Vec<f32> {
    let Input::Image { channels, height, width } = *input else { return values.to_vec() };
    let area = height * width;
    (0..area * channels).map(|i| values[i % channels * area + i / channels]).collect()
}
