//! `heedful train-digits`

use super::progress::styled;
use clap::Args;
use heedful_lab::settings::Settings;
use heedful_lab::train::{Observer, Report, Run};
use heedful_lab::{Config, Error, Preset, checkpoint, data};
use indicatif::ProgressBar;
use std::path::PathBuf;
use std::{fs, io};

/// Train an encoder of spoken digits, that `convert` and `prune` take.
#[derive(Debug, Args)]
pub struct TrainDigits {
    /// Folder of recordings named {digit}_{speaker}_{index}.wav.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Shape of the model.
    #[arg(long, value_enum, default_value = "digits")]
    preset: Preset,
    /// Passes over the training recordings [default: as for the shipped model].
    #[arg(long)]
    epochs: Option<usize>,
    /// Origin of all random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Give each head a temperature, found in training.
    #[arg(long)]
    temperature: bool,
    /// Keep the projections to queries, keys and values to this rank, so that `convert --data` finds them to be of it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rank: Option<u16>,
    /// The weights file to write; the checkpoint lies beside it.
    #[arg(long, value_name = "FILE.safetensors", default_value = "digits.safetensors")]
    out: PathBuf,
    /// Continue from the checkpoint of an interrupted run.
    #[arg(long)]
    resume: bool,
}

impl TrainDigits {
    /// Trains and writes the weights.
    pub fn run(self) -> Result<(), Error> {
        let config = Config { temperature: self.temperature, ..self.preset.config() };
        let epochs = self.epochs.unwrap_or_else(|| self.preset.epochs());
        let rank = self.rank.map(usize::from);
        let settings = Settings { epochs, seed: self.seed, rank, ..Settings::default() };
        let checkpoint = checkpoint::path_for(&self.out);
        let clips = data::digits(&self.data, config.audio.sample_rate)?;
        let run = if self.resume { Run::resume(&config, settings, &checkpoint)? } else { Run::new(&config, settings)? };
        say!("{} recordings train, {} validate", clips.train.len(), clips.validation.len());
        let steps = run.steps_per_epoch(clips.train.len());
        let mut progress = Progress::new(steps * epochs, steps * run.epochs_done(), epochs);
        let Some(weights) = run.finish(&clips, &checkpoint, &mut progress)? else { return Ok(()) };
        weights.save(&self.out)?;
        progress.bar.finish_and_clear();
        match fs::remove_file(&checkpoint) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(&checkpoint)(e)),
            _ => {}
        }
        say!("{}: {} parameters, the weights of epoch {epochs}", self.out.display(), weights.count());
        Ok(())
    }
}

/// A bar in a terminal, a line per epoch anywhere.
struct Progress {
    bar: ProgressBar,
    epochs: usize,
    loss: f32,
    accuracy: String,
}

impl Progress {
    fn new(steps: usize, done: usize, epochs: usize) -> Self {
        let bar = styled("{bar:30} {pos}/{len} steps, {eta} left, {msg}").with_position(done as u64);
        bar.set_length(steps as u64);
        Self { bar, epochs, loss: f32::NAN, accuracy: "validation after the first epoch".to_owned() }
    }
}

impl Observer for Progress {
    fn step(&mut self, loss: f32) {
        self.loss = if self.loss.is_nan() { loss } else { 0.95 * self.loss + 0.05 * loss };
        self.bar.set_message(format!("loss {:.3}, {}", self.loss, self.accuracy));
        self.bar.inc(1);
    }

    fn epoch(&mut self, report: Report) -> bool {
        let Report { epoch, loss, accuracy, quantised } = report;
        let form = if quantised { "int8" } else { "float" };
        self.accuracy = accuracy.map_or("no validation".to_owned(), |a| format!("validation {a:.4} ({form})"));
        let line = format!("epoch {epoch:>3}/{}: loss {loss:.4}, {}", self.epochs, self.accuracy);
        if self.bar.is_hidden() {
            say!("{line}");
        } else {
            self.bar.println(line);
        }
        true
    }
}
