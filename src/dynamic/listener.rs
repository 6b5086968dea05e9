//! A listener with a model of any shape.

use super::{Detector, Ear, Model};
use crate::error::Error;
use crate::events::Event;
use crate::format::write::EventsModel;
use std::vec::Vec;

/// [`events::Listener`](crate::events::Listener) of a model that is loaded at run time: the same cadence, gate and
/// detector, and the same events to the sample.
///
/// ```
/// use heedful::dynamic::{Listener, Model};
///
/// let model = Model::load(include_bytes!("../../models/digits_nothing.heed"))?;
/// let mut ear = Listener::new(&model)?;
/// for samples in [0; 20_000].chunks(256) {
///     for event in ear.push(samples) {
///         println!("{} from {} to {} ms", model.labels()[event.class], event.start_ms(), event.end_ms());
///     }
/// }
/// assert_eq!(ear.heard(), 20_000);
/// # Ok::<(), heedful::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Listener<'m> {
    ear: Ear<'m>,
    detector: Detector,
    inferences: u64,
}

impl<'m> Listener<'m> {
    /// A listener that has heard nothing, and goes by what the file says of events, or else by the defaults
    /// ([`Model::events`]).
    ///
    /// # Errors
    /// If the model cannot listen: see [`Ear::new`].
    pub fn new(model: &'m Model) -> Result<Self, Error> {
        Self::with_settings(model, model.events())
    }

    /// The same with other settings.
    ///
    /// # Errors
    /// If the model cannot listen, or a setting is out of its bounds: see [`Ear::new`].
    pub fn with_settings(model: &'m Model, settings: EventsModel) -> Result<Self, Error> {
        let detector = Detector::new(settings.clone(), model.shape().input.millihertz)?;
        Ok(Self { ear: Ear::new(model, settings)?, detector, inferences: 0 })
    }

    /// Takes samples of sound, or the values of raw readings, `[readings][values]`, in chunks of any size; gives the
    /// events that end in them, without labels.
    pub fn push(&mut self, values: &[i16]) -> Vec<Event> {
        let mut events = Vec::new();
        for &value in values {
            if let Some(due) = self.ear.hear(value) {
                self.inferences += u64::from(due.is_open());
                events.extend(self.detector.step(self.ear.posteriors(&due), due.position));
            }
        }
        events
    }

    /// Says that so many samples or readings were lost before the next one: see [`Ear::skip`].
    pub fn skip(&mut self, lost: u64) {
        self.ear.skip(lost);
    }

    /// Samples or readings since the start, those that were lost among them: the clock of the events.
    #[must_use]
    pub const fn heard(&self) -> u64 {
        self.ear.heard()
    }

    /// Samples or readings that were lost: those that [`Listener::skip`] was told.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.ear.lost()
    }

    /// Inferences since the start.
    #[must_use]
    pub const fn inferences(&self) -> u64 {
        self.inferences
    }
}
