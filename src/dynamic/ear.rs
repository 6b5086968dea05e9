//! What a listener hears, up to where inferences are due.

use super::stream::Stream;
use super::{Heard, Model, Streaming};
use crate::error::{Allowed, Error};
use crate::events::Pace;
use crate::format::write::EventsModel;
use crate::format::{InputKind, OutputKind};
use crate::outcome::Outcome;
use crate::parts::Input;
use fixed::types::U1F15;
use std::boxed::Box;
use std::vec::Vec;

/// The first half of a [`Listener`](super::Listener): samples in, and out the windows that an inference is due for,
/// so that inferences can be run elsewhere, or on several threads at once. A model that can take a token at a time
/// ([`Streaming`]) does so here, and its outcomes come with what is due.
#[derive(Clone, Debug)]
pub struct Ear<'m> {
    model: &'m Model,
    settings: EventsModel,
    pace: Pace,
    /// Samples or readings under the model's window.
    window: u64,
    taken: Taken<'m>,
    tokens: Option<Tokens<'m>>,
}

/// A model that takes a token at a time.
#[derive(Clone, Debug)]
struct Tokens<'m> {
    stream: Streaming<'m>,
    /// Frames or readings of the token to come.
    steps: usize,
}

impl Tokens<'_> {
    /// A frame or reading later; whether that completes a token.
    fn end_step(&mut self) -> bool {
        self.steps = (self.steps + 1) % self.stream.steps().max(1);
        self.steps == 0
    }

    /// Whether what the next token gives can be told: it is of as much as the model was made for.
    fn can_tell(&self, positions: usize) -> bool {
        self.stream.seen() + 1 >= positions as u64
    }
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
    /// What came out already.
    Told(Vec<U1F15>),
}

impl Content {
    /// As an input of the model; none of what was told.
    fn input(&self) -> Option<Input<'_>> {
        match self {
            Self::Heard(heard) => Some(heard.input()),
            Self::Readings(values) => Some(Input::Readings(values)),
            Self::Told(_) => None,
        }
    }
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
        let tokens = model.streaming().ok().map(|stream| Tokens { stream, steps: 0 });
        // Frames or readings to keep.
        let kept = tokens.as_ref().map_or(shape.input.steps, |tokens| tokens.stream.steps());
        let (window, taken) = match (model.frontend(), shape.input.kind) {
            (Some(frontend), _) => {
                let window = frontend.params.samples(shape.input.steps);
                (window, Taken::Sound(Box::new(Stream::new(frontend, kept))))
            }
            (None, InputKind::Features) if !model.file().readings().is_empty() => {
                let each = shape.input.columns * shape.input.channels;
                (shape.input.steps, Taken::Readings { values: Vec::new(), each, all: kept * each })
            }
            (None, InputKind::Tokens) => return Err(kind(INPUT, "a model of tokens")),
            (None, _) => return Err(kind(INPUT, "a model of features that does not say what raw readings are")),
        };
        Ok(Self { model, settings, pace: Pace::NEW, window: window as u64, taken, tokens })
    }

    /// Takes samples of sound, or the values of raw readings, `[readings][values]`, in chunks of any size; gives the
    /// windows that an inference is due for.
    pub fn push(&mut self, values: &[i16]) -> Vec<Due> {
        values.iter().filter_map(|&value| self.hear(value)).collect()
    }

    /// Takes one sample, or one value of a reading.
    pub(super) fn hear(&mut self, value: i16) -> Option<Due> {
        let Self { model, settings, pace, window, taken, tokens } = self;
        let (gate, is_full) = match taken {
            Taken::Sound(stream) => {
                pace.hear(value, settings.gate.is_some());
                if !stream.push(value) {
                    return None;
                }
                (settings.gate.as_ref(), stream.is_full())
            }
            Taken::Readings { values, each, all } => {
                values.push(value);
                // The last reading may be unfinished: there is room for it behind the window.
                if !values.len().is_multiple_of(*each) {
                    return None;
                }
                values.drain(..values.len().saturating_sub(*all));
                pace.tick();
                (None, values.len() == *all)
            }
        };
        let is_token = tokens.as_mut().is_some_and(Tokens::end_step);
        let can_tell = match tokens {
            Some(tokens) => is_token && tokens.can_tell(model.shape().positions),
            None => is_full,
        };
        let due = pace.end_frame(settings.cadence, gate, can_tell);
        let content = (is_token || due == Some(true)).then(|| match taken {
            Taken::Sound(stream) => Content::Heard(stream.heard()),
            Taken::Readings { values, .. } => Content::Readings(values.clone()),
        });
        let content = match (content, tokens) {
            (Some(content), Some(tokens)) => {
                let outcome = content.input().map(|input| tokens.stream.step(input));
                // The caches needed the token, whether or not anybody waits for what comes out.
                let outcome = outcome.filter(|_| due == Some(true));
                outcome.map(|outcome| Content::Told(posteriors(model, &outcome)))
            }
            (content, _) => content,
        };
        due.map(|_| Due { position: pace.middle(*window), content })
    }

    /// Says that so many samples or readings were lost before the next one: the clock goes on. After as many as the
    /// window has, the model waits until it is full again. Of a reading that was begun, the values are lost, too.
    pub fn skip(&mut self, lost: u64) {
        self.pace.skip(lost);
        if let Some(tokens) = self.tokens.as_mut().filter(|_| lost >= self.window) {
            tokens.stream.reset();
            tokens.steps = 0;
        }
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
        match &due.content {
            Some(Content::Told(posteriors)) => posteriors.clone(),
            Some(content) => {
                let outcome = content.input().map(|input| self.model.infer_input(input, &[]));
                outcome.map_or(Vec::new(), |outcome| posteriors(self.model, &outcome))
            }
            None => Vec::new(),
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

fn posteriors(model: &Model, outcome: &Outcome<Vec<i16>>) -> Vec<U1F15> {
    match model.shape().kind {
        OutputKind::Labels => outcome.label_probabilities().collect(),
        _ => outcome.probabilities().collect(),
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
