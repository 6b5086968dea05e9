//! Bars in a terminal, lines anywhere else.

use heedful_lab::training::{Observer, Record};
use indicatif::{ProgressBar, ProgressStyle};

/// Files that are read before training.
pub struct Reading(ProgressBar);

impl Reading {
    /// A bar that is not there yet.
    pub fn new() -> Self {
        Self(styled("{bar:30} {pos}/{len} files"))
    }

    /// So many are read.
    pub fn files(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A run: steps of an epoch as a bar, and a line for each epoch.
pub struct Bar {
    bar: ProgressBar,
    epochs: usize,
    /// The loss of late.
    loss: f32,
}

impl Bar {
    /// Of so many epochs.
    pub fn new(epochs: usize) -> Self {
        Self { bar: styled("{bar:30} {pos}/{len} steps, {eta} left in this epoch, {msg}"), epochs, loss: f32::NAN }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Bar {
    fn step(&mut self, step: usize, steps: usize, loss: f32) {
        self.loss = if self.loss.is_nan() { loss } else { 0.95 * self.loss + 0.05 * loss };
        if step == 1 {
            self.bar.reset_eta();
        }
        self.bar.set_length(steps as u64);
        self.bar.set_position(step as u64);
        self.bar.set_message(format!("loss {:.3}", self.loss));
    }

    fn epoch(&mut self, record: &Record) -> bool {
        let share = |accuracy: Option<f32>| accuracy.map_or("-".to_owned(), |accuracy| format!("{accuracy:.4}"));
        let validation = record.validation_loss.map_or("-".to_owned(), |loss| format!("{loss:.4}"));
        let line = format!(
            "epoch {:>3}/{}: loss {:.4}, accuracy {}; validation loss {validation}, accuracy {}{}",
            record.epoch,
            self.epochs,
            record.loss,
            share(record.accuracy),
            share(record.validation_accuracy),
            if record.rounded { " (rounded)" } else { "" },
        );
        if self.bar.is_hidden() {
            say!("{line}")
        } else {
            self.bar.println(line)
        }
        true
    }
}

/// A bar of no length yet.
pub fn styled(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::no_length();
    // Templates are constants; the default bar stands in should one not parse.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
