//! The five public data sets, where they are.

use super::skip::{Lack, skipped};
use super::{check, counts, groups, noticed, notices, read};
use heedful_lab::dataset::{Content, Dataset};
use std::path::{Path, PathBuf};

/// Reads one of the folders beside the repository; none if it is not there.
fn public(name: &str, toml: &str) -> Option<Dataset> {
    let root = std::env::var_os("HEEDFUL_DATASETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    if !root.join(name).is_dir() {
        let root = root.display();
        skipped(Lack::Data, format_args!("no {name} in {root}; HEEDFUL_DATASETS names another folder"));
        return None;
    }
    match read(&root, toml, 1) {
        Ok(dataset) => {
            println!("{}", dataset.report);
            check(&dataset);
            Some(dataset)
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn spoken_digits() {
    const TOML: &str = r#"
        [data]
        folder = "fsdd"
        name = "{label}_{speaker}_{take}"
        validate = { take = ["5", "6", "7", "8", "9"] }
        leave_out = { take = ["0", "1", "2", "3", "4"] }
        [input]
        kind = "audio"
        rate = 8000
        seconds = 1.0
    "#;
    let Some(dataset) = public("fsdd", TOML) else { return };
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    assert_eq!(dataset.labels, digits);
    assert!(counts(&dataset).iter().all(|&(_, train, validation)| (train, validation) == (240, 30)));
    assert_eq!(dataset.groups.len(), 2700);
    assert!(matches!(dataset.content(&dataset.items[0]).unwrap(), Content::Sound(samples) if samples.len() > 1000));
    noticed(&dataset, "`leave_out.take`: nothing has 0, 1, 2, 3, 4");

    // By speakers: one of six.
    let speakers = TOML.replace("validate = ", "group = \"speaker\"\n#").replace("leave_out = ", "#");
    let dataset = public("fsdd", &speakers).unwrap();
    assert!(counts(&dataset).iter().all(|&(_, train, validation)| (train, validation) == (225, 45)));
    assert_eq!((dataset.groups.len(), groups(&dataset, &dataset.split.validation).len()), (6, 1));
    let error = read(&shared(), &TOML.replace("validate", "group = \"speaker\"\nvalidate"), 1).unwrap_err().to_string();
    assert!(error.starts_with("speaker `george` stands on both sides: "), "{error}");
}

fn shared() -> PathBuf {
    std::env::var_os("HEEDFUL_DATASETS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from)
}

#[test]
fn sounds_of_the_environment() {
    const TOML: &str = r#"
        [data]
        folder = "esc10"
        name = "{label}/{fold:1}{}"
        group = "fold"
        validate = { fold = "4" }
        [input]
        kind = "audio"
        rate = 16000
        seconds = 2
        stride = 1
    "#;
    let Some(dataset) = public("esc10", TOML) else { return };
    assert_eq!(dataset.labels.len(), 10);
    for line in &dataset.report.lines {
        assert_eq!((line.train.recordings, line.validation.recordings), (24, 8), "{}", line.label);
        assert_eq!((line.train.groups, line.validation.groups), (3, 1));
        assert!(line.validation.windows > 16, "{}", line.label);
    }
    assert_eq!(groups(&dataset, &dataset.split.validation), ["4"]);
    assert!(matches!(dataset.content(&dataset.items[0]).unwrap(), Content::Sound(samples) if samples.len() == 32_000));
    noticed(&dataset, "1 files of other kinds are not read, such as");
    noticed(&dataset, "44100 a second brought to 16000");
}

#[test]
fn heart_beats() {
    const TOML: &str = r#"
        [data]
        folder = "ecg"
        name = "{record}"
        group = "record"
        validate = { record = ["106", "123"] }
        rename = { "0" = "normal", "1" = "pvc" }
        [input]
        kind = "series"
        columns = ["voltage"]
        rate = 360
        steps = 256
        marks = "{record}_beats.csv"
    "#;
    let Some(dataset) = public("ecg", TOML) else { return };
    // All beats of the eight records: 520 + 3 premature ones of 106 and 123.
    assert_eq!(counts(&dataset), [("normal", 12_039, 3_022), ("pvc", 893, 523)]);
    assert_eq!(dataset.groups, ["100", "102", "104", "106", "108", "114", "123", "200"]);
    assert_eq!(groups(&dataset, &dataset.split.validation), ["106", "123"]);
    assert_eq!((dataset.rate, dataset.channels, dataset.recordings.len()), (Some(360.0), 1, 8));
    // The first beat of record 100 is at sample 77, nearer to its start than half a window.
    let item = &dataset.items[0];
    assert_eq!(item.span.unwrap().start, 77 - 128);
    let Content::Series { values, channels: 1 } = dataset.content(item).unwrap() else { panic!() };
    assert!(values.len() == 256 && values[..51].iter().all(|value| *value == values[51]));
    assert_eq!((dataset.report.all.train.recordings, dataset.report.all.validation.recordings), (6, 2));
    noticed(&dataset, "pvc: 1416 examples, normal has 15061");
}

#[test]
fn gestures() {
    const TOML: &str = r#"
        [data]
        folder = "gesture"
        name = "{label}/{}_{person}"
        group = "person"
        validate = { person = "hyw" }
        nothing = "gesture/negative"
        [input]
        kind = "series"
        columns = ["x", "y", "z"]
        rate = 25
        take = "take"
        steps = 64
        stride = 32
    "#;
    let Some(dataset) = public("gesture", TOML) else { return };
    assert_eq!(dataset.labels, ["ring", "slope", "wing", "nothing"]);
    let recordings: Vec<_> =
        dataset.report.lines.iter().map(|line| (line.train.recordings, line.validation.recordings)).collect();
    assert_eq!(recordings[..3], [(21, 40), (22, 40), (20, 40)]);
    // Four of one take, and two of 35 and 10.
    assert_eq!(recordings[3].0 + recordings[3].1, 49);
    assert!(dataset.report.lines[3].validation.groups > 0 && dataset.report.lines[3].train.groups > 0);
    assert_eq!(dataset.groups.len(), 2 + 6);
    assert_eq!(dataset.channels, 3);
    // Their values are thousandths of g, those of the gestures are g.
    noticed(&dataset, "nothing: values ");
    noticed(&dataset, "times as large as those of the others; are units the same?");
}

/// Files `digits/LABEL/N.png` of 8x8 pixels.
#[test]
fn written_digits() {
    const TOML: &str = r#"
        [data]
        folder = "digits"
        [input]
        kind = "image"
        height = 8
        width = 8
    "#;
    let Some(dataset) = public("digits", TOML) else { return };
    assert_eq!(dataset.labels.len(), 10);
    assert_eq!(dataset.items.len(), 1797);
    for (label, train, validation) in counts(&dataset) {
        let share = validation as f64 / (train + validation) as f64;
        assert!((share - 0.2).abs() < 0.01, "{label}: {share}");
    }
    assert!(matches!(dataset.content(&dataset.items[0]).unwrap(), Content::Image(values) if values.len() == 64));
    assert!(notices(&dataset).iter().all(|notice| notice.contains("hold the same")), "{:?}", notices(&dataset));
}
