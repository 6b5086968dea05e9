//! A detector of any number of classes.

use crate::Error;
use crate::events::{Common, Core, Event, Track};
use crate::format::write::EventsModel;
use fixed::types::U1F15;
use std::vec;
use std::vec::Vec;

/// [`events::Detector`](crate::events::Detector) of any number of classes: the same code, with its state in a vector.
///
/// ```
/// use heedful::dynamic::Detector;
/// use heedful::fixed::types::U1F15;
/// use heedful::format::write::EventsModel;
///
/// let events = EventsModel::of(include_bytes!("../../models/digits.heed"))?;
/// let mut detector = Detector::new(events, 8_000_000)?;
/// for (inference, word) in [0.0, 1.0, 1.0, 1.0, 0.0, 0.0].into_iter().enumerate() {
///     for event in detector.step([U1F15::ZERO, U1F15::from_num(word)], 2000 * inference as u64) {
///         println!("class {} from {} to {}", event.class, event.start, event.end);
///     }
/// }
/// # Ok::<(), heedful::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Detector {
    settings: EventsModel,
    millihertz: u64,
    tracks: Vec<Track>,
    core: Core,
}

impl Detector {
    /// A detector that has seen nothing, of samples or readings at so many in a thousand seconds.
    ///
    /// # Errors
    /// [`Error::Scale`] for the first number out of its bounds.
    pub fn new(settings: EventsModel, millihertz: u64) -> Result<Self, Error> {
        settings.check()?;
        let tracks = vec![Track::NEW; settings.classes.len()];
        Ok(Self { settings, millihertz, tracks, core: Core::NEW })
    }

    /// What it goes by.
    #[must_use]
    pub const fn settings(&self) -> &EventsModel {
        &self.settings
    }

    /// Takes the probabilities of one inference, and gives all events that end there, without labels: see
    /// [`events::Detector::step`](crate::events::Detector::step).
    pub fn step(&mut self, posteriors: impl IntoIterator<Item = U1F15>, position: u64) -> Vec<Event> {
        let Self { settings, millihertz, tracks, core } = self;
        let EventsModel { smoothing, separation, ref classes, .. } = *settings;
        let common = Common { smoothing, separation, classes };
        core.step(tracks, &common, posteriors, position);
        core::iter::from_fn(|| core.next(tracks, &common)).map(|found| found.event("", *millihertz)).collect()
    }
}
