//! `heedful stream`

use clap::Args;
use heedful::dynamic::Model;
use heedful::events::MAX_SMOOTHING;
use heedful::format::InputKind;
use heedful_import::arrays::Array;
use heedful_lab::stream::{Score, by_label, curve, rate_of, score, scores, thresholds, truth};
use heedful_lab::{Error, data, file};
use std::path::{Path, PathBuf};

/// Run a model over a long recording as firmware does, and say how many events are right.
#[derive(Debug, Args)]
pub struct Stream {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// The recording of sound: WAV, FLAC, Ogg or MP3.
    #[arg(long, value_name = "FILE", required_unless_present = "series")]
    wav: Option<PathBuf>,
    /// The recording of sensors: raw readings as their driver gives them, `[readings, channels]`.
    #[arg(long, value_name = "FILE.npy", conflicts_with = "wav")]
    series: Option<PathBuf>,
    /// What is in it, `start_s,end_s,label`; without it, each event is a false alarm.
    #[arg(long, value_name = "FILE.csv")]
    truth: Option<PathBuf>,
    /// Print each event, `start_s,end_s,label,score`.
    #[arg(long)]
    events: bool,
    /// Print recall and precision of each label, and of all as if they were one.
    #[arg(long, conflicts_with = "events")]
    labels: bool,
    /// Frames from an inference to the next [default: as the file says].
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..))]
    cadence: Option<u32>,
    /// How slowly probabilities are followed: each inference moves them by 2^-N of the way [default: as the file says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=i64::from(MAX_SMOOTHING)))]
    smoothing: Option<u32>,
    /// Threshold of all classes, 0 to 1 [default: as the file says].
    #[arg(long, value_name = "PROBABILITY", conflicts_with = "threshold_for", value_parser = probability)]
    threshold: Option<f32>,
    /// Seconds that an event may lie beside what it tells of [default: a quarter of the model's window].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    near: Option<f64>,
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

/// Parses a time.
fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x >= 0.0 && x.is_finite());
    number.ok_or_else(|| "expected seconds from 0 on".to_owned())
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
        settings.cadence = self.cadence.unwrap_or(settings.cadence);
        settings.smoothing = self.smoothing.unwrap_or(settings.smoothing);
        if let Some(threshold) = self.threshold {
            settings = thresholds::with(&settings, None, threshold);
        }
        let values = self.values(&model)?;
        let mut said = self.truth.as_ref().map_or(Ok(vec![]), |path| truth::read(path))?;
        // What is never an event is not missed either.
        let silent = |label: &String| {
            let class = model.labels().iter().position(|known| known == label);
            class.is_some_and(|class| settings.classes[class].is_silent)
        };
        said.retain(|spoken| !silent(&spoken.label));
        let mut heard = scores(&model, &values, &settings)?;
        heard.near = self.near.unwrap_or(heard.near);
        if let Some(rate) = self.threshold_for {
            settings = thresholds::choose(&heard, model.labels(), &settings, &said, rate)?;
        }
        let events = heard.events(&settings)?;
        if self.events {
            say!("start_s,end_s,label,score");
            for event in &events {
                let seconds = |at: u64| at as f64 / heard.rate.max(1e-9);
                let label = &model.labels()[event.class];
                say!("{:.3},{:.3},{label},{:.3}", seconds(event.start), seconds(event.end), event.score);
            }
        } else {
            print(&score(&heard, model.labels(), &events, &said));
            if self.labels {
                let (each, any) = by_label(&heard, model.labels(), &events, &said);
                print_labels(&each, &any);
            }
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

impl Stream {
    /// Samples, or the values of raw readings.
    fn values(&self, model: &Model) -> Result<Vec<i16>, Error> {
        let wrong = |reason: &str| Error::content(&self.model, reason);
        match (&self.wav, &self.series, model.frontend()) {
            (Some(path), _, Some(frontend)) => Ok(data::read(path, frontend.params.sample_rate)?),
            (None, Some(path), None) if rate_of(model) > 0.0 => readings(path, model),
            (Some(_), _, None) => Err(wrong("no audio front end, as `--wav` needs")),
            (None, _, Some(_)) => Err(wrong("a model of sound, expected one of sensors for `--series`")),
            (None, _, None) => Err(wrong("it does not say how many readings there are in a second")),
        }
    }
}

/// Raw readings of a file.
fn readings(path: &Path, model: &Model) -> Result<Vec<i16>, Error> {
    let input = model.shape().input;
    let expected = if input.kind == InputKind::Features { input.columns * input.channels } else { 0 };
    let array = Array::read(path).map_err(Error::import(path))?;
    let found = match array.shape[..] {
        [_] => 1,
        [_, channels] => channels,
        _ => 0,
    };
    if found != expected || expected == 0 {
        let reason = format!("an array of the shape {:?}, expected [readings, {expected}]", array.shape);
        return Err(Error::content(path, reason));
    }
    let raw = |(at, &value): (usize, &f64)| {
        let whole = (value.fract() == 0.0 && value.abs() <= 32768.0).then_some(value as i16);
        whole.ok_or_else(|| {
            let reason =
                format!("value {at} is {value}, expected whole numbers of 16 bits, as a sensor's driver gives");
            Error::content(path, reason)
        })
    };
    array.values.iter().enumerate().map(raw).collect()
}

fn print(score: &Score) {
    let Score { spoken, heard, once, events, false_alarms, hours, .. } = score;
    say!("recall {:.4} ({heard} of {spoken}), one event each: {once}", score.recall());
    say!("precision {:.4} ({} of {events} events)", score.precision(), events - false_alarms);
    say!("false alarms {false_alarms} in {hours:.2} hours, {:.2} an hour", score.per_hour());
    say!("delay {:.2} s from the end of what it tells of to its event, in the median", score.median_delay());
}

/// A row for each label, and one for all.
fn print_labels(each: &[(String, Score)], any: &Score) {
    const ANY: &str = "any label";
    let width = each.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0).max(ANY.len());
    say!("\n{:width$}  of them  heard  recall  events  right  precision", "label");
    for (label, score) in each.iter().map(|(label, score)| (label.as_str(), score)).chain([(ANY, any)]) {
        let Score { spoken, heard, events, false_alarms, .. } = score;
        let (recall, right, precision) = (score.recall(), events - false_alarms, score.precision());
        say!("{label:width$}  {spoken:>7}  {heard:>5}  {recall:.4}  {events:>6}  {right:>5}  {precision:>9.4}");
    }
}
