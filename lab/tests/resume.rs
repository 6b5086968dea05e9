//! An interrupted and resumed run ends with the same bytes as an uninterrupted one.

mod common;

use common::{config, settings, tones};
use heedful_lab::settings::Settings;
use heedful_lab::train::{Observer, Report, Run};
use heedful_lab::{Config, Error, checkpoint, weights::Weights};
use std::fs;

/// Interrupts after some epochs.
struct Until(usize);

impl Observer for Until {
    fn epoch(&mut self, report: Report) -> bool {
        report.epoch < self.0
    }
}

const NEVER: Until = Until(usize::MAX);

#[test]
fn resumed_equals_uninterrupted() {
    resumed(&config(), &settings());
    // With temperatures, and weights kept to a rank.
    resumed(&Config { temperature: true, ..config() }, &Settings { rank: Some(3), ..settings() });
}

fn resumed(config: &Config, settings: &Settings) {
    let folder = tempfile::tempdir().unwrap();
    let (data, settings) = (tones(), || settings.clone());
    let whole = folder.path().join("whole.checkpoint");
    let expected = Run::new(config, settings()).unwrap().finish(&data, &whole, &mut { NEVER }).unwrap().unwrap();

    // Interrupted twice: while values are float, and when they take int8 steps (epochs 5 and 6).
    let path = folder.path().join("cut.checkpoint");
    assert!(Run::new(config, settings()).unwrap().finish(&data, &path, &mut Until(2)).unwrap().is_none());
    let run = Run::resume(config, settings(), &path).unwrap();
    assert_eq!(run.epochs_done(), 2);
    assert!(run.finish(&data, &path, &mut Until(5)).unwrap().is_none());
    let run = Run::resume(config, settings(), &path).unwrap();
    let resumed = run.finish(&data, &path, &mut { NEVER }).unwrap().unwrap();
    assert!(resumed.to_bytes(&[]).unwrap() == expected.to_bytes(&[]).unwrap(), "the runs differ");
}

#[test]
fn learns_and_survives_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(), tones());
    let settings = Settings { epochs: 30, ..settings() };
    let path = folder.path().join("tones.checkpoint");
    let weights = Run::new(&config, settings).unwrap().finish(&data, &path, &mut { NEVER }).unwrap().unwrap();
    assert_eq!(weights.training["validation_accuracy"], 1.0);

    let file = folder.path().join("tones.safetensors");
    weights.save(&file).unwrap();
    assert_eq!(Weights::load(&file).unwrap(), weights);
}

#[test]
fn refuses_checkpoints_of_other_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(), tones());
    let path = folder.path().join("run.checkpoint");
    let reason = |result: Result<Run<'_>, Error>| result.err().unwrap().to_string();
    assert!(reason(Run::resume(&config, settings(), &path)).contains("run.checkpoint: No such file"));

    Run::new(&config, settings()).unwrap().finish(&data, &path, &mut Until(1)).unwrap();
    let other = Settings { seed: 4, ..settings() };
    assert!(reason(Run::resume(&config, other, &path)).contains("other settings"));
    let mut wider = config.clone();
    wider.hidden += 4;
    assert!(reason(Run::resume(&wider, settings(), &path)).contains("another shape"));
    let warmer = Config { temperature: true, ..config.clone() };
    assert!(reason(Run::resume(&warmer, settings(), &path)).contains("another shape"));

    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(reason(Run::resume(&config, settings(), &path)).contains("not a safetensors file"));
}

#[test]
fn checkpoint_lies_beside_the_result() {
    let path = checkpoint::path_for("models/digits.safetensors".as_ref());
    assert_eq!(path.to_str(), Some("models/digits.checkpoint"));
}
