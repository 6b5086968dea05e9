//! Host side: what a file says of events, read and written.

use super::part::EVENTS;
use super::write::Writer;
use super::{File, MAJOR, MINOR, Shape, words_of};
use crate::Error;
use crate::events::{ClassSettings, GateSettings, ListenerSettings, Settings};
use std::vec;
use std::vec::Vec;

/// How events are made of a model's outputs: the section `evnt` of its file.
///
/// ```
/// use heedful::format::write::EventsModel;
///
/// let file = include_bytes!("../../tests/models/chain_sound.heed");
/// let mut events = EventsModel::of(file)?; // the defaults, for this file says nothing of events
/// events.cadence = 3;
/// let file = events.write(file)?;
/// assert_eq!(EventsModel::of(&file)?, events);
/// # Ok::<(), heedful::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventsModel {
    /// Frames of the front end, or readings of sensors, from an inference to the next.
    pub cadence: u32,
    /// See [`Settings::smoothing`].
    pub smoothing: u32,
    /// See [`Settings::separation`].
    pub separation: u32,
    /// When sound is loud enough for inferences; `None` where each is run.
    pub gate: Option<GateSettings>,
    /// One for each output.
    pub classes: Vec<ClassSettings>,
}

impl EventsModel {
    /// What the bytes of a file say, at any alignment; or the defaults, where it says nothing ([`File::events`]).
    ///
    /// # Errors
    /// If anything is wrong with the file.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        let words = words_of(bytes);
        let file = File::open(&words)?;
        Self::of_file(&file, &file.shape_of_any()?)
    }

    /// [`EventsModel::of`] of a file that is open, for a model of this shape.
    pub(crate) fn of_file(file: &File<'_>, shape: &Shape) -> Result<Self, Error> {
        let said = file.all_events(shape)?;
        let ListenerSettings { cadence, gate, detector } = said.listener;
        let Settings { smoothing, separation, .. } = detector;
        let classes = (0..shape.outputs).map(|class| said.class(file, class)).collect::<Result<_, _>>()?;
        Ok(Self { cadence, smoothing, separation, gate, classes })
    }

    /// Whether all numbers are in their bounds.
    ///
    /// # Errors
    /// [`Error::Scale`] for the first that is not.
    pub fn check(&self) -> Result<(), Error> {
        let Self { cadence, smoothing, separation, gate, .. } = *self;
        let detector = Settings { millihertz: 0, smoothing, separation, classes: [] };
        ListenerSettings { cadence, gate, detector }.check()?;
        self.classes.iter().try_for_each(ClassSettings::check)
    }

    /// The bytes of a file with this in the place of what it said of events.
    ///
    /// # Errors
    /// If a number is out of its bounds, if there are not as many classes as outputs, or if anything is wrong with the
    /// file; [`Error::Version`] of a file of version 1, which has no place for it.
    pub fn write(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let words = words_of(bytes);
        let file = File::open(&words)?;
        if file.major() != MAJOR {
            return Err(Error::Version { found: file.major(), supported: MAJOR });
        }
        let (mut written, mut sections) = (Writer::new(), file.sections_in_order(false));
        while let Some((tag, content)) = sections.next()? {
            if tag != EVENTS.word {
                written.section_of(tag, content.words.to_vec());
            }
        }
        written.section(EVENTS, self.words());
        let bytes = written.finish_as(MAJOR, MINOR);
        // Whatever a reader would refuse is refused here.
        let words = words_of(&bytes);
        let file = File::open(&words)?;
        file.check_events(&file.shape()?)?;
        Ok(bytes)
    }

    fn words(&self) -> Vec<u32> {
        let mut words = vec![self.cadence, self.smoothing, self.separation, u32::from(self.gate.is_some())];
        words.extend(self.gate.map_or([0; 4], |gate| [gate.above, gate.rise, gate.least, gate.hangover]));
        words.push(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        for class in &self.classes {
            let [enter, leave] = [class.enter, class.leave].map(|threshold| u32::from(threshold.to_bits()));
            words.push(enter | leave << 16);
            words.extend([class.shortest, class.longest, class.hold_off, u32::from(class.is_silent)]);
        }
        words
    }
}
