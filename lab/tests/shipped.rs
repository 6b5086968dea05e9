//! The shipped models of a TOML: what their cards say, on the recordings that validate.

#[path = "../../tests/support/skip.rs"]
mod skip;

use heedful::dynamic::Model;
use heedful_import::arrays::Array;
use heedful_lab::project::{Judged, Project, Task};
use heedful_lab::stream::{Spoken, by_label, rate_of, scores};
use skip::{Lack, skipped};
use std::fs;
use std::path::{Path, PathBuf};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

fn data() -> PathBuf {
    std::env::var_os("HEEDFUL_DATASETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from)
}

/// The file of a model fits its budget, and its float and int8 accuracies are what its card says. None if its
/// recordings are not there.
fn judged(name: &str) -> Option<Judged> {
    let mut project = Project::load(&models().join(format!("{name}.toml"))).unwrap();
    let heed = Model::load(&fs::read(models().join(format!("{name}.heed"))).unwrap()).unwrap();
    assert_eq!(project.budget.over(&heed).unwrap(), None, "{name}");
    project.root = data();
    let folder = project.root.join(project.data.folder.as_ref().unwrap());
    let nothing = project.data.nothing.iter().map(|folder| project.root.join(folder));
    if let Some(missing) = std::iter::once(folder).chain(nothing).find(|folder| !folder.is_dir()) {
        skipped(Lack::Data, format_args!("no {}; HEEDFUL_DATASETS names another folder", missing.display()));
        return None;
    }
    let task = Task::new(project, None).unwrap();
    let float = heedful_lab::network::file::model(&models().join(format!("{name}.safetensors"))).unwrap();
    let (int8, float) = (task.judge(&heed).unwrap(), task.judge_float(&float).unwrap());
    let card = fs::read_to_string(models().join(format!("{name}.md"))).unwrap();
    for (form, judged) in [("int8", &int8), ("float", &float)] {
        let confusion = &judged.confusion;
        let figure = format!("{:.4} ({} of {})", confusion.accuracy(), confusion.right(), confusion.total());
        assert!(card.contains(&format!("| accuracy, {form} | {figure} |")), "{name}, {form}: {figure}");
    }
    assert!((int8.confusion.accuracy() - float.confusion.accuracy()).abs() <= 0.005, "{name}: float and int8");
    Some(int8)
}

#[test]
fn premature_beats() {
    let Some(judged) = judged("pvc") else { return };
    assert!(judged.confusion.f1(1) >= 0.97, "{}", judged.confusion);
}

/// Heartbeats of ten minutes of a patient that `beats` was not trained on, found as they come.
#[test]
fn heartbeats_of_a_record() {
    const NORMAL: usize = 0;
    const PREMATURE: usize = 1;
    let (series, marks) = (data().join("ecg/106.npy"), data().join("ecg/106_beats.csv"));
    let (Ok(series), Ok(marks)) = (Array::read(&series), fs::read_to_string(&marks)) else {
        skipped(Lack::Data, format_args!("no {}; HEEDFUL_DATASETS names another folder", series.display()));
        return;
    };
    let model = Model::load(&fs::read(models().join("beats.heed")).unwrap()).unwrap();
    let (rate, labels) = (rate_of(&model), model.labels());
    let readings: Vec<i16> = series.values.iter().take((600.0 * rate) as usize).map(|&x| x as i16).collect();
    let end = readings.len() as f64 / rate - 2.0;
    let beat = |line: &str| {
        let (sample, premature) = line.split_once(',').unwrap();
        let at = sample.parse::<f64>().unwrap() / rate;
        let label = labels[if premature == "1" { PREMATURE } else { NORMAL }].clone();
        Spoken { start: at, end: at, label }
    };
    let beats: Vec<Spoken> = marks.lines().skip(1).map(beat).filter(|beat| beat.end < end).collect();
    let mut heard = scores(&model, &readings, &model.events()).unwrap();
    heard.near = 0.15;
    let events = heard.events(&model.events()).unwrap();
    let (each, any) = by_label(&heard, labels, &events, &beats);
    assert!(any.spoken > 600 && any.recall() >= 0.99 && any.precision() >= 0.99, "{any:?}");
    let premature = &each.iter().find(|(label, _)| *label == labels[PREMATURE]).unwrap().1;
    assert!(premature.spoken > 50 && premature.recall() >= 0.97 && premature.precision() >= 0.97, "{premature:?}");
}

#[test]
fn gestures() {
    let Some(judged) = judged("gesture") else { return };
    assert!(judged.confusion.accuracy() >= 0.98, "{}", judged.confusion);
}

/// `models/digits.py` gathers the recordings.
#[test]
fn digits_and_nothing() {
    let Some(judged) = judged("digits_nothing") else { return };
    assert!(judged.confusion.accuracy() >= 0.99, "{}", judged.confusion);
}

#[test]
fn sounds() {
    let Some(judged) = judged("sounds") else { return };
    assert!(judged.confusion.accuracy() >= 0.93, "{}", judged.confusion);
}

/// `models/digits_vision.py` writes the images.
#[test]
fn written_digits() {
    let Some(judged) = judged("digits_vision") else { return };
    assert!(judged.confusion.accuracy() >= 0.97, "{}", judged.confusion);
}
