//! `heedful stream`

use clap::Args;
use heedful::dynamic::Model;
use heedful::events::MAX_SMOOTHING;
use heedful_lab::stream::{Score, curve, score, scores, thresholds, truth};
use heedful_lab::{Error, data, file};
use std::path::PathBuf;

/// Listen to a long recording, and say how many events are right.
#[derive(Debug, Args)]
pub struct Stream {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// The recording: WAV, FLAC, Ogg or MP3.
    #[arg(long, value_name = "FILE")]
    wav: PathBuf,
    /// What is in it, `start_s,end_s,label`; without it, each event is a false alarm.
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Print each event, `start_s,end_s,label,score`.
    #[arg(long)]
    events: bool,
    /// Frames from an inference to the next [default: as the file says].
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..))]
    cadence: Option<u32>,
    /// How slowly probabilities are followed: each inference moves them by 2^-N of the way [default: as the file says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_SMOOTHING)))]
    smoothing: Option<u32>,
    /// Threshold of all classes, 0 to 1 [default: as the file says].
    #[arg(long, value_name = "PROBABILITY", conflicts_with = "threshold_for", value_parser = probability)]
    threshold: Option<f32>,
    /// Draw misses against false alarms by the threshold.
    #[arg(long, value_name = "FILE.svg")]
    curve: Option<PathBuf>,
    /// Choose thresholds for at most so many false alarms, such as 1/h, and write them into the model, with the cadence
    /// and the smoothing.
    #[arg(long, value_name = "N/h", value_parser = per_hour)]
    threshold_for: Option<f64>,
}

/// Parses a rate.
fn per_hour(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/h").and_then(|number| number.parse::<f64>().ok());
    number.filter(|x| *x >= 0.0 && x.is_finite()).ok_or_else(|| "expected a number an hour, such as 0.5/h".to_owned())
}

/// Parses a threshold.
fn probability(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|x| *x > 0.0 && *x <= 1.0);
    number.ok_or_else(|| "expected a number above 0, 1 at most".to_owned())
}

impl Stream {
    /// Prints it.
    pub fn run(self) -> Result<(), Error> {
        let bytes = file::read(&self.model)?;
        let wrong = |error: heedful::Error| Error::content(&self.model, error);
        let model = Model::load(&bytes).map_err(wrong)?;
        let mut settings = model.events();
        let rate = model.frontend().map(|frontend| frontend.params.sample_rate);
        let rate = rate.ok_or_else(|| Error::content(&self.model, "no audio front end"))?;
        settings.cadence = self.cadence.unwrap_or(settings.cadence);
        settings.smoothing = self.smoothing.unwrap_or(settings.smoothing);
        if let Some(threshold) = self.threshold {
            settings = thresholds::with(&settings, None, threshold);
        }
        let samples = data::read(&self.wav, rate)?;
        let said = self.truth.as_ref().map_or(Ok(vec![]), |path| truth::read(path))?;
        let heard = scores(&model, &samples, &settings)?;
        if let Some(rate) = self.threshold_for {
            settings = thresholds::choose(&heard, model.labels(), &settings, &said, rate)?;
        }
        let events = heard.events(&settings)?;
        if self.events {
            say!("start_s,end_s,label,score");
            for event in &events {
                let seconds = |at: u64| at as f64 / f64::from(rate);
                let label = &model.labels()[event.class];
                say!("{:.3},{:.3},{label},{:.3}", seconds(event.start), seconds(event.end), event.score);
            }
        } else {
            print(&score(&heard, model.labels(), &events, &said));
        }
        if let Some(path) = &self.curve {
            let points = thresholds::curve(&heard, model.labels(), &settings, &said)?;
            let svg = curve::svg(&points).map_err(|error| Error::content(path, error))?;
            file::write_atomically(path, svg.as_bytes())?;
        }
        if self.threshold_for.is_some() {
            file::write_atomically(&self.model, &settings.write(&bytes).map_err(wrong)?)?;
            for (label, class) in model.labels().iter().zip(&settings.classes) {
                let what = if class.is_silent { "silent".to_owned() } else { format!("from {:.3}", class.enter) };
                say!("{label}: {what}");
            }
        }
        Ok(())
    }
}

fn print(score: &Score) {
    let Score { spoken, heard, once, false_alarms, hours, .. } = score;
    say!("recall {:.4} ({heard} of {spoken}), one event each: {once}", score.recall());
    say!("false alarms {false_alarms} in {hours:.2} hours, {:.2} an hour", score.per_hour());
    say!("delay {:.2} s from the end of a word to its event, in the median", score.median_delay());
}
