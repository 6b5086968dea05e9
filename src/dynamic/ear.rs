//! What a listener hears, up to where inferences are due.

use super::stream::Stream;
use super::{Heard, Model};
use crate::error::{Allowed, Error};
use crate::events::Pace;
use crate::format::write::EventsModel;
use crate::format::{InputKind, OutputKind};
use crate::parts::Input;
use fixed::types::U1F15;
use std::boxed::Box;
use std::vec::Vec;

/// The first half of a [`Listener`](super::Listener): samples in, and out the windows that an inference is due for,
/// so that inferences can be run elsewhere, or on several threads at once.
#[derive(Clone, Debug)]
pub struct Ear<'m> {
    model: &'m Model,
    settings: EventsModel,
    pace: Pace,
    /// Samples or readings under the model's window.
    window: u64,
    taken: Taken<'m>,
}

/// What takes the input.
#[derive(Clone, Debug)]
enum Taken<'m> {
    /// Samples of sound.
    Sound(Box<Stream<'m>>),
    /// Values of the last readings, oldest first; values of a reading, and of all under the window.
    Readings { values: Vec<i16>, each: usize, all: usize },
}

/// A window that an inference is due for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    /// Its middle, in samples or readings since the stream's start.
    pub position: u64,
    content: Option<Content>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Content {
    Heard(Heard),
    Readings(Vec<i16>),
}

impl Due {
    /// Whether the gate was open; where it was not, nothing is there, and no inference is run.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.content.is_some()
    }
}

impl<'m> Ear<'m> {
    /// One that has heard nothing, and goes by a cadence and a gate.
    ///
    /// # Errors
    /// [`Error::Kind`] of a model that takes neither sound nor raw readings, or whose outputs are no classes or labels;
    /// [`Error::Shape`] if it gives more than one row of them, or there are not as many classes in the settings;
    /// [`Error::Scale`] for the first setting out of its bounds.
    pub fn new(model: &'m Model, settings: EventsModel) -> Result<Self, Error> {
        let shape = model.shape();
        match shape.kind {
            OutputKind::Classes | OutputKind::Labels => {}
            OutputKind::Values => return Err(kind("classes or labels", "a model of values")),
            OutputKind::Embedding => return Err(kind("classes or labels", "a model of an embedding")),
            OutputKind::NextToken => return Err(kind("classes or labels", "a model of the next token")),
        }
        exactly("rows of outputs of a listener's model", 1, shape.rows)?;
        exactly("classes of the events", shape.outputs, settings.classes.len())?;
        settings.check()?;
        let (window, taken) = match (model.frontend(), shape.input.kind) {
            (Some(frontend), _) => {
                let window = frontend.params.samples(shape.input.steps);
                (window, Taken::Sound(Box::new(Stream::new(frontend, shape.input.steps))))
            }
            (None, InputKind::Features) if !model.file().readings().is_empty() => {
                let each = shape.input.columns * shape.input.channels;
                (shape.input.steps, Taken::Readings { values: Vec::new(), each, all: shape.input.steps * each })
            }
            (None, InputKind::Tokens) => return Err(kind(INPUT, "a model of tokens")),
            (None, _) => return Err(kind(INPUT, "a model of features that does not say what raw readings are")),
        };
        Ok(Self { model, settings, pace: Pace::NEW, window: window as u64, taken })
    }

    /// Takes samples of sound, or the values of raw readings, `[readings][values]`, in chunks of any size; gives the
    /// windows that an inference is due for.
    pub fn push(&mut self, values: &[i16]) -> Vec<Due> {
        values.iter().filter_map(|&value| self.hear(value)).collect()
    }

    /// Takes one sample, or one value of a reading.
    pub(super) fn hear(&mut self, value: i16) -> Option<Due> {
        let Self { settings, pace, taken, .. } = self;
        let is_open = match taken {
            Taken::Sound(stream) => {
                pace.hear(value, settings.gate.is_some());
                if !stream.push(value) {
                    return None;
                }
                pace.end_frame(settings.cadence, settings.gate.as_ref(), stream.is_full())?
            }
            Taken::Readings { values, each, all } => {
                values.push(value);
                // The last reading may be unfinished: there is room for it behind the window.
                if !values.len().is_multiple_of(*each) {
                    return None;
                }
                values.drain(..values.len().saturating_sub(*all));
                pace.tick();
                pace.end_frame(settings.cadence, None, values.len() == *all)?
            }
        };
        let content = match taken {
            _ if !is_open => None,
            Taken::Sound(stream) => Some(Content::Heard(stream.heard())),
            Taken::Readings { values, .. } => Some(Content::Readings(values.clone())),
        };
        Some(Due { position: self.pace.middle(self.window), content })
    }

    /// Says that so many samples or readings were lost before the next one: the clock goes on. After as many as the
    /// window has, the model waits until it is full again. Of a reading that was begun, the values are lost, too.
    pub fn skip(&mut self, lost: u64) {
        self.pace.skip(lost);
        match &mut self.taken {
            Taken::Sound(stream) if lost >= self.window => stream.reset(),
            Taken::Readings { values, .. } if lost >= self.window => values.clear(),
            Taken::Readings { values, each, .. } => values.truncate(values.len() - values.len() % *each),
            Taken::Sound(..) => {}
        }
    }

    /// The probability of each output, by an inference over a window; none where the gate was closed.
    #[must_use]
    pub fn posteriors(&self, due: &Due) -> Vec<U1F15> {
        let input = match &due.content {
            Some(Content::Heard(heard)) => heard.input(),
            Some(Content::Readings(values)) => Input::Readings(values),
            None => return Vec::new(),
        };
        let outcome = self.model.infer_input(input, &[]);
        match self.model.shape().kind {
            OutputKind::Labels => outcome.label_probabilities().collect(),
            _ => outcome.probabilities().collect(),
        }
    }

    /// Samples or readings under the model's window.
    #[must_use]
    pub const fn window(&self) -> u64 {
        self.window
    }

    /// Samples or readings since the start, those that were lost among them.
    #[must_use]
    pub const fn heard(&self) -> u64 {
        self.pace.heard()
    }

    /// Samples or readings that were lost: those that [`Ear::skip`] was told.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.pace.lost()
    }
}

/// What a listener takes.
const INPUT: &str = "a model of sound or raw readings";

const fn kind(expected: &'static str, found: &'static str) -> Error {
    Error::Kind { expected, found }
}

const fn exactly(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what, allowed: Allowed::Exactly(expected), found }) }
}
