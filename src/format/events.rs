//! What a file says of events.

use super::part::EVENTS;
use super::reader::{Reader, between, exactly, tri};
use super::shape::{InputKind, Shape};
use super::{File, OLD_MAJOR};
use crate::Error;
use crate::events::{ClassSettings, GateSettings, ListenerSettings, Settings};
use fixed::types::U1F15;

/// Words for each class.
const CLASS: usize = 5;
/// Labels of classes that are no events where the file does not say what is.
const SILENT: [&str; 6] = ["nothing", "silence", "unknown", "_nothing_", "_silence_", "_unknown_"];

/// The section, its numbers in their bounds.
#[derive(Clone, Copy)]
pub(super) struct EventsSection<'a> {
    pub cadence: u32,
    pub smoothing: u32,
    pub separation: u32,
    pub gate: Option<GateSettings>,
    pub classes: &'a [[u32; CLASS]],
}

impl<'a> Reader<'a> {
    /// Of a model with so many outputs, that hears or does not.
    pub(super) const fn events(&mut self, outputs: usize, hears: bool) -> Result<EventsSection<'a>, Error> {
        let (cadence, smoothing, separation) = (tri!(self.word()), tri!(self.word()), tri!(self.word()));
        let has_gate = tri!(self.count());
        tri!(between("gate of a model", has_gate, 0, hears as usize));
        let gate = GateSettings {
            above: tri!(self.word()),
            rise: tri!(self.word()),
            least: tri!(self.word()),
            hangover: tri!(self.word()),
        };
        tri!(exactly("classes of the events", tri!(self.count()), outputs));
        let (classes, _) = tri!(self.take(outputs.saturating_mul(CLASS))).as_chunks::<CLASS>();
        let section =
            EventsSection { cadence, smoothing, separation, gate: if has_gate == 1 { Some(gate) } else { None }, classes };
        tri!(section.listener::<0>().check());
        let mut class = 0;
        while class < outputs {
            tri!(tri!(section.class(class)).check());
            class += 1;
        }
        Ok(section)
    }
}

impl EventsSection<'_> {
    /// The settings of a class.
    const fn class(&self, class: usize) -> Result<ClassSettings, Error> {
        let [thresholds, shortest, longest, hold_off, silent] = self.classes[class];
        tri!(between("silent class of the events", silent as usize, 0, 1));
        let (enter, leave) = (U1F15::from_bits(thresholds as u16), U1F15::from_bits((thresholds >> 16) as u16));
        Ok(ClassSettings { enter, leave, shortest, longest, hold_off, is_silent: silent == 1 })
    }

    /// What is not of a class.
    const fn listener<const CLASSES: usize>(&self) -> ListenerSettings<CLASSES> {
        let Self { cadence, smoothing, separation, gate, .. } = *self;
        let classes = [ClassSettings::SILENT; CLASSES];
        ListenerSettings { cadence, gate, detector: Settings { millihertz: 0, smoothing, separation, classes } }
    }
}

impl<'a> File<'a> {
    const fn events_section(&self, shape: &Shape) -> Result<Option<EventsSection<'a>>, Error> {
        if self.major() == OLD_MAJOR {
            return Ok(None);
        }
        match tri!(self.find(EVENTS)) {
            Some(mut words) => {
                Ok(Some(tri!(words.events(shape.outputs, matches!(shape.input.kind, InputKind::Audio)))))
            }
            None => Ok(None),
        }
    }

    /// Whether what the file says of events is in its bounds, for a model of this shape.
    pub(crate) const fn check_events(&self, shape: &Shape) -> Result<(), Error> {
        match self.events_section(shape) {
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// How events are made of the outputs of the file's model: what its section `evnt` says, or else defaults.
    ///
    /// The defaults: an inference every twentieth of the window, thresholds and durations of
    /// [`ClassSettings::of_window`], a smoothing of 1, a separation of a tenth of the window between classes (0 between
    /// labels), and, of a model that hears, the gate of [`GateSettings::of_window`]. Classes of the names "nothing",
    /// "silence" and "unknown", with or without `_` around them, are silent.
    ///
    /// # Errors
    /// If the model has another number of outputs, or a number is out of its bounds.
    pub const fn events<const CLASSES: usize>(&self, shape: &Shape) -> Result<ListenerSettings<CLASSES>, Error> {
        tri!(exactly("outputs of the model", CLASSES, shape.outputs));
        let mut settings = match tri!(self.events_section(shape)) {
            Some(section) => {
                let mut settings = section.listener::<CLASSES>();
                let mut class = 0;
                while class < CLASSES {
                    settings.detector.classes[class] = tri!(section.class(class));
                    class += 1;
                }
                settings
            }
            None => tri!(self.default_events(shape)),
        };
        settings.detector.millihertz = shape.input.millihertz;
        Ok(settings)
    }

    const fn default_events<const CLASSES: usize>(&self, shape: &Shape) -> Result<ListenerSettings<CLASSES>, Error> {
        #[cfg(feature = "audio")]
        let (window, gate) = match tri!(self.frontend_of_any()) {
            Some(frontend) => {
                let params = frontend.params;
                let window = params.samples(shape.input.steps) as u32;
                (window, Some(GateSettings::of_window(window, params.hop, params.sample_rate)))
            }
            None => (shape.input.steps as u32, None),
        };
        #[cfg(not(feature = "audio"))]
        let (window, gate) = (shape.input.steps as u32, None);
        let cadence = shape.input.steps as u32 / 20;
        let is_labelled = matches!(shape.kind, super::shape::OutputKind::Labels);
        let mut classes = [ClassSettings::of_window(window); CLASSES];
        let mut class = 0;
        while class < CLASSES {
            classes[class].is_silent = is_silent(tri!(self.label_of(class)));
            class += 1;
        }
        let separation = if is_labelled { 0 } else { window / 10 };
        let detector = Settings { millihertz: 0, smoothing: 1, separation, classes };
        Ok(ListenerSettings { cadence: if cadence == 0 { 1 } else { cadence }, gate, detector })
    }
}

const fn is_silent(label: &str) -> bool {
    let mut i = 0;
    while i < SILENT.len() {
        if super::shape::is(label, SILENT[i]) {
            return true;
        }
        i += 1;
    }
    false
}
