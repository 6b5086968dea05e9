//! One sound from its start to its end: samples in, lines out.

use crate::printer::{Line, Printer};
use heedful::dynamic::{Listener, Model};
use heedful::events::Event;
use std::io::{self, Write};

/// A listener on one sound.
///
/// An event lies at the middle of the model's window. So that words at either end of the sound are in the middle of
/// one, half a window of silence stands before it, and a window behind.
#[derive(Clone)]
pub struct Session<'m> {
    model: &'m Model,
    ear: Listener<'m>,
    /// Samples of a window, and of the sound so far.
    window: usize,
    heard: u64,
}

impl<'m> Session<'m> {
    /// With a model that has an audio front end.
    pub fn new(model: &'m Model) -> Result<Self, String> {
        let frontend = model.frontend().ok_or("the model has no audio front end")?;
        let mut ear = Listener::new(model).map_err(|error| error.to_string())?;
        let window = frontend.params.samples(model.shape().input.steps);
        ear.push(&vec![0; window / 2]);
        Ok(Self { model, ear, window, heard: 0 })
    }

    /// Samples of a second.
    pub fn rate(&self) -> u32 {
        (self.model.shape().input.millihertz / 1000) as u32
    }

    /// Hears samples, a twentieth of a second at a time, and prints the events that end in them.
    pub fn hear(&mut self, samples: &[i16], printer: &mut Printer<impl Write>) -> io::Result<()> {
        for samples in samples.chunks((self.rate() / 20).max(1) as usize) {
            self.heard += samples.len() as u64;
            for event in self.ear.push(samples) {
                self.print(&event, printer)?;
            }
            printer.level(samples)?;
        }
        Ok(())
    }

    /// Says that samples were lost.
    pub fn skip(&mut self, lost: u64) {
        self.heard += lost;
        self.ear.skip(lost);
    }

    /// The sound is over: prints what is still to come of it.
    pub fn end(mut self, printer: &mut Printer<impl Write>) -> io::Result<()> {
        for event in self.ear.push(&vec![0; 2 * self.window]) {
            self.print(&event, printer)?;
        }
        printer.clear()
    }

    fn print(&self, event: &Event, printer: &mut Printer<impl Write>) -> io::Result<()> {
        let before = self.window as u64 / 2;
        let seconds = |at: u64| at.saturating_sub(before).min(self.heard) as f64 / f64::from(self.rate().max(1));
        let name = event.class.to_string();
        let label = self.model.labels().get(event.class).filter(|label| !label.is_empty()).unwrap_or(&name);
        let (start, end, score) = (seconds(event.start), seconds(event.end), event.score.to_num());
        printer.event(&Line { start, end, label, score })
    }
}
