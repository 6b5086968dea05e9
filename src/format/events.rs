//! What a file says of events.

use super::part::EVENTS;
use super::reader::{Reader, between, exactly, tri};
use super::shape::{InputKind, OutputKind, Shape};
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
struct EventsSection<'a> {
    cadence: u32,
    smoothing: u32,
    separation: u32,
    gate: Option<GateSettings>,
    classes: &'a [[u32; CLASS]],
}

impl<'a> Reader<'a> {
    /// Of a model with so many outputs, that hears or does not.
    const fn events(&mut self, outputs: usize, hears: bool) -> Result<EventsSection<'a>, Error> {
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
        let section = EventsSection {
            cadence,
            smoothing,
            separation,
            gate: if has_gate == 1 { Some(gate) } else { None },
            classes,
        };
        tri!(section.listener().check());
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
    const fn listener(&self) -> ListenerSettings<0> {
        let Self { cadence, smoothing, separation, gate, .. } = *self;
        ListenerSettings { cadence, gate, detector: Settings { millihertz: 0, smoothing, separation, classes: [] } }
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
        let said = tri!(self.all_events(shape));
        let mut classes = [ClassSettings::SILENT; CLASSES];
        let mut class = 0;
        while class < CLASSES {
            classes[class] = tri!(said.class(self, class));
            class += 1;
        }
        let ListenerSettings { cadence, gate, detector } = said.listener;
        let Settings { millihertz, smoothing, separation, classes: [] } = detector;
        Ok(ListenerSettings { cadence, gate, detector: Settings { millihertz, smoothing, separation, classes } })
    }

    /// The same, whatever the number of classes.
    pub(super) const fn all_events(&self, shape: &Shape) -> Result<Said<'a>, Error> {
        let section = tri!(self.events_section(shape));
        let window = tri!(self.window(shape));
        let mut listener = match &section {
            Some(section) => section.listener(),
            None => tri!(self.default_events(shape, window)),
        };
        listener.detector.millihertz = shape.input.millihertz;
        Ok(Said { section, window, listener })
    }

    /// Samples of sound or readings of sensors under the model's window.
    const fn window(&self, shape: &Shape) -> Result<u32, Error> {
        #[cfg(feature = "audio")]
        if let Some(frontend) = tri!(self.frontend_of_any()) {
            return Ok(frontend.params.samples(shape.input.steps) as u32);
        }
        Ok(shape.input.steps as u32)
    }

    const fn default_events(&self, shape: &Shape, window: u32) -> Result<ListenerSettings<0>, Error> {
        #[cfg(feature = "audio")]
        let gate = match tri!(self.frontend_of_any()) {
            Some(frontend) => Some(GateSettings::of_window(window, frontend.params.hop, frontend.params.sample_rate)),
            None => None,
        };
        #[cfg(not(feature = "audio"))]
        let gate = None;
        let cadence = shape.input.steps as u32 / 20;
        let separation = if matches!(shape.kind, OutputKind::Labels) { 0 } else { window / 10 };
        let detector = Settings { millihertz: 0, smoothing: 1, separation, classes: [] };
        Ok(ListenerSettings { cadence: if cadence == 0 { 1 } else { cadence }, gate, detector })
    }
}

/// What a file says of events, or the defaults.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    section: Option<EventsSection<'a>>,
    window: u32,
    /// What is not of a class.
    pub(super) listener: ListenerSettings<0>,
}

impl Said<'_> {
    /// The settings of a class.
    pub(super) const fn class(&self, file: &File<'_>, class: usize) -> Result<ClassSettings, Error> {
        if let Some(section) = &self.section {
            return section.class(class);
        }
        let mut settings = ClassSettings::of_window(self.window);
        settings.is_silent = is_silent(tri!(file.label_of(class)));
        Ok(settings)
    }
}

/// Whether a class of this label is no event where a file does not say what is: "nothing", "silence" and "unknown",
/// with or without `_` around them.
#[must_use]
pub const fn is_silent(label: &str) -> bool {
    let mut i = 0;
    while i < SILENT.len() {
        if super::shape::is(label, SILENT[i]) {
            return true;
        }
        i += 1;
    }
    false
}
