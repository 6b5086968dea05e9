//! `cargo xtask events`: the models on streams of what validates, `heedful mix` and `heedful stream` for each row.

use crate::{markdown, root, toolchain};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A model, and what its streams are made of.
struct Of {
    model: &'static str,
    project: &'static str,
    /// Of sensors, not of sound.
    is_series: bool,
    /// Minutes of a stream of labels.
    minutes: u32,
    /// Seconds between a mark and its event, at most; none where a quarter of the window is.
    near: Option<&'static str>,
    /// What is behind labels; none where it is what validates of labels that are no events.
    behind: Option<&'static str>,
    /// What is listened to without labels.
    alone: &'static [Alone],
    /// Whole records with marks, which are streams as they are; nothing is mixed then.
    records: &'static [&'static str],
}

/// A background alone.
#[derive(Clone, Copy, PartialEq)]
enum Alone {
    /// What validates of labels that are no events.
    Nothing,
    /// ESC-10's fold 4.
    Sounds,
    /// English sentences without digits.
    Speech,
    Noise,
    Silence,
}

use Alone::{Noise, Nothing, Silence, Sounds, Speech};

const DIGITS: Of = Of {
    model: "digits_nothing",
    project: "digits_nothing",
    is_series: false,
    minutes: 15,
    near: None,
    behind: None,
    alone: &[Nothing, Sounds, Speech, Noise, Silence],
    records: &[],
};
const GESTURE: Of = Of {
    model: "gesture",
    project: "gesture",
    is_series: true,
    minutes: 10,
    alone: &[Nothing, Noise, Silence],
    ..DIGITS
};
const MODELS: &[Of] = &[
    DIGITS,
    Of { model: "digits_stream", ..DIGITS },
    Of {
        model: "commands",
        project: "commands_small",
        minutes: 10,
        alone: &[Sounds, Speech, Noise, Silence],
        ..DIGITS
    },
    Of { model: "sounds", project: "sounds", behind: Some("noise"), alone: &[Speech, Noise, Silence], ..DIGITS },
    GESTURE,
    Of { model: "beats", project: "beats", near: Some("0.15"), alone: &[], records: &["106", "123"], ..GESTURE },
];
/// Decibels of labels above what is behind them; none of those that are clean.
const RATIOS: [Option<u32>; 4] = [None, Some(20), Some(10), Some(0)];
/// Minutes of a background.
const ALONE: u32 = 60;

/// Measures all models, or the one of a file.
pub fn run(data: &Path, model: Option<&Path>, document: Option<&Path>) -> Result<()> {
    let data = fs::canonicalize(data).with_context(|| data.display().to_string())?;
    let built = toolchain::cargo().args(["build", "--release", "-p", "heedful-lab"]).current_dir(root()).status()?;
    ensure!(built.success(), "heedful could not be built");
    let lab = Lab::new(data)?;
    let wanted = model.and_then(Path::file_stem);
    let mut parts = vec![];
    for of in MODELS.iter().filter(|of| wanted.is_none_or(|wanted| wanted == of.model)) {
        let part = if of.records.is_empty() { lab.part(of)? } else { lab.records(of)? };
        println!("### {}\n\n{part}", of.model);
        parts.push((of.model.to_owned(), part));
        // What took an hour is not lost if the next one fails.
        if let Some(path) = document {
            let headings: Vec<String> = MODELS.iter().map(|of| of.model.to_owned()).collect();
            markdown::replace(path, "streams", |old| markdown::merged(old, &parts, &headings))?;
        }
    }
    let names: Vec<&str> = MODELS.iter().map(|of| of.model).collect();
    ensure!(!parts.is_empty(), "no such model: there are {}", names.join(", "));
    Ok(())
}

/// The program, and where streams are made.
struct Lab {
    heedful: PathBuf,
    data: PathBuf,
    /// Streams, and links to the sounds of one fold.
    folder: PathBuf,
}

/// What `heedful stream` printed.
#[derive(Debug, Default, PartialEq)]
struct Found {
    recall: f64,
    spoken: u32,
    heard: u32,
    once: u32,
    precision: f64,
    false_alarms: u32,
    per_hour: f64,
    delay: f64,
}

impl Lab {
    fn new(data: PathBuf) -> Result<Self> {
        let folder = root().join("target/streams");
        let fold = folder.join("fold4");
        fs::create_dir_all(&fold)?;
        for label in fs::read_dir(data.join("esc10")).context("the data have no esc10")? {
            for file in fs::read_dir(label?.path()).into_iter().flatten() {
                let path = file?.path();
                let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
                if name.starts_with('4') {
                    fs::copy(&path, fold.join(name))?;
                }
            }
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
        Ok(Self { heedful: target.join("release/heedful"), data, folder })
    }

    /// What the program prints.
    fn heedful(&self, arguments: &[&str]) -> Result<String> {
        let output = std::process::Command::new(&self.heedful).args(arguments).current_dir(root()).output()?;
        let said = || String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "heedful {}: {}", arguments.join(" "), said());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Makes a stream and listens to it.
    fn found(&self, of: &Of, minutes: u32, how: &[&str]) -> Result<Found> {
        let stream = self.folder.join(if of.is_series { "stream.npy" } else { "stream.wav" });
        let truth = stream.with_extension("csv");
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a path is not UTF-8");
        let (stream, truth, data) = (text(&stream)?, text(&truth)?, text(&self.data)?);
        let project = format!("models/{}.toml", of.project);
        let length = minutes.to_string();
        let mut mix = vec!["mix", &project, "--data", &data, "--minutes", &length, "-o", &stream];
        mix.extend(how);
        self.heedful(&mix)?;
        let model = format!("models/{}.heed", of.model);
        let source = if of.is_series { "--series" } else { "--wav" };
        let mut listen = vec!["stream", &model, source, &stream, "--truth", &truth];
        if let Some(near) = of.near {
            listen.extend(["--near", near]);
        }
        parse(&self.heedful(&listen)?)
    }

    /// The tables of a model.
    fn part(&self, of: &Of) -> Result<String> {
        let mut text = String::from(
            "| labels | of them | heard | one event each | right of the events | false alarms an hour | delay |\n\
             |---|---:|---:|---:|---:|---:|---:|\n",
        );
        for ratio in RATIOS {
            let (name, decibels) = match ratio {
                None => ("clean".to_owned(), String::new()),
                Some(ratio) => (format!("{ratio} dB above"), ratio.to_string()),
            };
            let mut how = if ratio.is_some() { vec!["--ratio", &decibels] } else { vec![] };
            if let Some(behind) = of.behind.filter(|_| ratio.is_some()) {
                how.extend(["--behind", behind]);
            }
            let Found { recall, spoken, heard, once, precision, per_hour, delay, .. } =
                self.found(of, of.minutes, &how)?;
            text += &format!("| {name} | {spoken} | {recall:.3} | {once} of {heard} | {precision:.3} ");
            text += &format!("| {per_hour:.0} | {delay:.1} s |\n");
        }
        if of.alone.is_empty() {
            return Ok(text);
        }
        text += "\n| without labels | false alarms an hour |\n|---|---:|\n";
        let fold = self.folder.join("fold4").to_string_lossy().into_owned();
        let speech = self.data.join("speech").to_string_lossy().into_owned();
        for alone in of.alone {
            let (name, behind): (&str, &[&str]) = match alone {
                Nothing => ("what validates of \"nothing\"", &[]),
                Sounds => ("everyday sounds (ESC-10, fold 4)", &["--behind", &fold]),
                Speech => ("English sentences without digits", &["--behind", &speech]),
                Noise => ("noise", &["--behind", "noise"]),
                Silence => ("silence", &["--behind", "silence"]),
            };
            let how = [&["--background"], behind].concat();
            let found = self.found(of, ALONE, &how)?;
            text += &format!("| {name} | {:.0} |\n", found.per_hour);
        }
        Ok(text)
    }

    /// The table of whole records, by label and of all labels as if they were one.
    fn records(&self, of: &Of) -> Result<String> {
        let mut text =
            String::from("| record | label | of them | sensitivity | precision |\n|---|---|---:|---:|---:|\n");
        let model = format!("models/{}.heed", of.model);
        for record in of.records {
            let [series, marks, truth] = [
                self.data.join(format!("ecg/{record}.npy")),
                self.data.join(format!("ecg/{record}_beats.csv")),
                self.folder.join("record.csv"),
            ];
            let marks = fs::read_to_string(&marks).with_context(|| marks.display().to_string())?;
            fs::write(&truth, of_marks(&marks)?)?;
            let (series, truth) = (series.to_string_lossy(), truth.to_string_lossy());
            let mut listen = vec!["stream", &model, "--series", &series, "--truth", &truth, "--labels"];
            if let Some(near) = of.near {
                listen.extend(["--near", near]);
            }
            for (label, [spoken, recall, precision]) in by_label(&self.heedful(&listen)?)? {
                text += &format!("| {record} | {label} | {spoken} | {recall} | {precision} |\n");
            }
        }
        Ok(text)
    }
}

/// The truth of a record of heartbeats, by its marks.
fn of_marks(marks: &str) -> Result<String> {
    const RATE: f64 = 360.0;
    let mut text = String::from("start_s,end_s,label\n");
    for line in marks.lines().skip(1) {
        let (sample, premature) = line.split_once(',').with_context(|| format!("{line:?}, expected sample,pvc"))?;
        let at = sample.trim().parse::<f64>()? / RATE;
        let label = if premature.trim() == "1" { "premature" } else { "normal" };
        text += &format!("{at:.4},{at:.4},{label}\n");
    }
    Ok(text)
}

/// Of what `heedful stream --labels` prints: each label with how many there are, recall and precision.
fn by_label(printed: &str) -> Result<Vec<(String, [String; 3])>> {
    let (_, table) = printed.split_once("\nlabel ").with_context(|| format!("no table in {printed}"))?;
    let row = |line: &str| {
        let mut columns: Vec<&str> = line.split_whitespace().collect();
        let at = columns.len().checked_sub(6).with_context(|| format!("{line:?} is no row"))?;
        let [spoken, _, recall, _, _, precision] = columns.split_off(at)[..] else { unreachable!("six columns") };
        anyhow::Ok((columns.join(" "), [spoken, recall, precision].map(str::to_owned)))
    };
    table.lines().skip(1).map(row).collect()
}

/// Reads what `heedful stream` prints.
fn parse(printed: &str) -> Result<Found> {
    let number = |start: &str, before: &str| -> Result<f64> {
        let rest = printed.split_once(start).with_context(|| format!("no {start:?} in {printed}"))?.1;
        let text = rest.split_once(before).map_or(rest, |(text, _)| text).trim();
        text.parse().with_context(|| format!("{text:?} is no number"))
    };
    let count = |start: &str, before: &str| number(start, before).map(|count| count as u32);
    let after = |start: &str| printed.split_once(start).map(|(_, rest)| rest).unwrap_or_default();
    let heard = after("recall ");
    let (of, rest) = heard.split_once('(').and_then(|(_, rest)| rest.split_once(" of ")).context("no counts")?;
    Ok(Found {
        recall: number("recall ", " (")?,
        heard: of.parse()?,
        spoken: rest.split_once(')').map_or(rest, |(spoken, _)| spoken).parse()?,
        once: count("one event each: ", "\n")?,
        precision: number("precision ", " (")?,
        false_alarms: count("false alarms ", " in")?,
        per_hour: number("hours, ", " an hour")?,
        delay: number("delay ", " s")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_printed() {
        let printed = "recall 0.9720 (452 of 465), one event each: 450\nprecision 0.9956 (452 of 454 events)\n\
                       false alarms 2 in 0.25 hours, 8.00 an hour\n\
                       delay 0.80 s from the end of what it tells of to its event, in the median\n";
        let expected = Found {
            recall: 0.972,
            spoken: 465,
            heard: 452,
            once: 450,
            precision: 0.9956,
            false_alarms: 2,
            per_hour: 8.0,
            delay: 0.8,
        };
        assert_eq!(parse(printed).unwrap(), expected);
        assert!(parse("recall x").is_err());
        let printed = "delay 0.80 s\n\nlabel      of them  heard  recall  events  right  precision\n\
                       a b            12     11  0.9167      11     11     1.0000\n";
        let expected = ("a b".to_owned(), ["12", "0.9167", "1.0000"].map(str::to_owned));
        assert_eq!(by_label(printed).unwrap(), [expected]);
        assert_eq!(
            of_marks("sample,pvc\n360,0\n540,1\n").unwrap(),
            "start_s,end_s,label\n1.0000,1.0000,normal\n\
                   1.5000,1.5000,premature\n"
        );
    }
}
