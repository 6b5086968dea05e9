//! A model that comes at run time: out of a flash partition, or over the air.

use crate::arithmetic::softmax::{Narrow, Weight, Wide};
use crate::error::Error;
use crate::events::ListenerSettings;
use crate::format::{File, Read, Shape, Softmax};
use crate::kernels::{Active, Kernels};
use crate::observe::{Observer, Unobserved};
use crate::outcome::Outcome;
use crate::parts::{AllKinds, Attend, Given, Input, Run, Source, State, WholeSequence};
use crate::pattern::AttentionPattern;
use crate::plan::Plan;
use core::marker::PhantomData;

/// A model of any shape in a file that the program got at run time, with the working memory that the program gave it.
///
/// It runs the code of [`model!`](crate::model!), to the same bits. Where the file is known when the firmware is
/// compiled, `model!` needs less flash: it leaves out what the model does not use.
///
/// ```
/// use heedful::Model;
/// # let file = bytes(include_bytes!("../tests/models/chain_image.heed"));
/// # fn bytes(file: &[u8]) -> Vec<u32> {
/// #     file.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
/// # }
/// # let slot: &[u8] = heedful::bytemuck::cast_slice(&file);
/// let mut memory = [0; 4000]; // words: a static, as a rule
/// let mut model = Model::load(slot, &mut memory)?;
/// let best = model.infer(&[0; 25 * 128]).best();
/// println!("{}", model.label(best.class));
/// # Ok::<(), heedful::Error>(())
/// ```
#[derive(Debug)]
pub struct Model<'a> {
    file: File<'a>,
    shape: Shape,
    memory: &'a mut [u32],
}

impl<'a> Model<'a> {
    /// Checks a file, all its parts and how they fit together, and lays its working memory out.
    ///
    /// The bytes start on a word boundary, as those of a flash partition do. What was in the memory does not matter.
    ///
    /// # Errors
    /// What is wrong with the file; [`Error::Memory`], with the bytes that the model needs, if the memory is too small.
    pub fn load(bytes: &'a [u8], memory: &'a mut [u32]) -> Result<Self, Error> {
        let file = File::from_bytes(bytes)?;
        let shape = file.shape()?;
        file.check_events(&shape)?;
        for class in 0..file.labels() {
            file.label_of(class)?;
        }
        let (expected, found) = (memory_of::<Active>(&shape), memory.len());
        if found < expected {
            return Err(Error::Memory { expected: expected.saturating_mul(4), found: found.saturating_mul(4) });
        }
        Ok(Self { file, shape, memory })
    }

    /// Bytes of working memory that a file's model needs.
    ///
    /// # Errors
    /// If anything is wrong with the file.
    pub fn memory(bytes: &[u8]) -> Result<usize, Error> {
        Ok(memory_of::<Active>(&File::from_bytes(bytes)?.shape()?).saturating_mul(4))
    }

    /// What goes in and what comes out.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Name of a class; empty where the file gives none.
    #[must_use]
    pub fn label(&self, class: usize) -> &'a str {
        self.file.label_of(class).unwrap_or("")
    }

    /// How events are made of its outputs, for a [`Detector`](crate::events::Detector): what the file says, or else
    /// defaults; see [`File::events`].
    ///
    /// # Errors
    /// If the model has another number of outputs.
    pub const fn events<const CLASSES: usize>(&self) -> Result<ListenerSettings<CLASSES>, Error> {
        self.file.events(&self.shape)
    }

    /// One inference over features `[steps][columns][channels]`; missing ones count as 0. Where the model takes 15
    /// bits, these are the upper 8.
    #[inline]
    pub fn infer(&mut self, features: &[i8]) -> Outcome<&[i16]> {
        self.infer_input(Input::Features(features), &[])
    }

    /// [`Model::infer`] over features of 15 bits, -2^14 up to 2^14. Where the model takes 8, they are rounded.
    #[inline]
    pub fn infer_fine(&mut self, features: &[i16]) -> Outcome<&[i16]> {
        self.infer_input(Input::FineFeatures(features), &[])
    }

    /// [`Model::infer`] over raw readings of sensors, `[steps][channels]`, as their driver gives them. All count as 0
    /// where the file does not say what they are.
    #[inline]
    pub fn infer_readings(&mut self, readings: &[i16]) -> Outcome<&[i16]> {
        self.infer_input(Input::Readings(readings), &[])
    }

    /// One inference over tokens: as many as there are, and at most as many as the model has positions for. Unknown
    /// ones add nothing.
    #[inline]
    pub fn infer_tokens(&mut self, tokens: &[u16]) -> Outcome<&[i16]> {
        self.infer_input(Input::Tokens(tokens, &[]), &[])
    }

    /// One inference over an input of any kind, and a second one, `[steps][channels]` of 8 bits, for models with
    /// attention to a memory; what is missing at its end is not looked at.
    pub fn infer_input(&mut self, input: Input<'_>, second: &[i8]) -> Outcome<&[i16]> {
        let Self { file, shape, memory } = self;
        let source = &mut Given { input, readings: file.readings(), memory: second };
        let positions = shape.positions_of(&input);
        let (pattern, observer) = (|_| (), &mut Unobserved);
        let outputs = match shape.softmax {
            Softmax::Wide => run::<Active, Wide, _, _, _>(file, shape, memory, source, positions, pattern, observer),
            Softmax::Narrow => {
                run::<Active, Narrow, _, _, _>(file, shape, memory, source, positions, pattern, observer)
            }
        };
        Outcome::new(outputs, shape.logit)
    }
}

/// Runs all parts of a file whose shape this is; gives what comes out.
pub(crate) fn run<'m, K: Kernels, W: Weight, S: Source, R: AttentionPattern, O: Observer<W>>(
    file: &File<'_>,
    shape: &Shape,
    memory: &'m mut [u32],
    source: &mut S,
    positions: usize,
    pattern: impl Fn(usize) -> R,
    observer: &mut O,
) -> &'m [i16] {
    let attend = &mut WholeSequence;
    run_watched::<K, W, S, _, R, O>(file, shape, memory, source, positions, attend, pattern, observer, |_, _| ())
}

/// [`run`], with attention as `attend` has it, calling `see` after each part.
#[inline]
#[allow(clippy::too_many_arguments)] // Those of `run`, how it attends, and what is seen.
pub(crate) fn run_watched<'m, K: Kernels, W: Weight, S: Source, A: Attend<W>, R: AttentionPattern, O: Observer<W>>(
    file: &File<'_>,
    shape: &Shape,
    memory: &'m mut [u32],
    source: &mut S,
    positions: usize,
    attend: &mut A,
    pattern: impl Fn(usize) -> R,
    observer: &mut O,
    mut see: impl FnMut(&Read<'_>, &State<'_, W>),
) -> &'m [i16] {
    let plan = Plan::of::<K, W>(&shape.needs);
    let mut state = plan.lay_out::<W>(memory, positions);
    let kinds = PhantomData::<AllKinds>;
    let mut run = Run { source, attend, pattern: &pattern, observer, layer: 0, kinds };
    file.each_read(|read| {
        read.part().run::<K, W, _, _, _, _, _, _>(&mut state, &mut run);
        see(read, &state);
    });
    let count = shape.outputs * state.positions;
    let outputs = plan.outputs(memory);
    outputs.get(..count).unwrap_or(outputs)
}

/// Words of working memory with some kernels.
pub(crate) fn memory_of<K: Kernels>(shape: &Shape) -> usize {
    match shape.softmax {
        Softmax::Wide => Plan::of::<K, Wide>(&shape.needs).words(),
        Softmax::Narrow => Plan::of::<K, Narrow>(&shape.needs).words(),
    }
}
