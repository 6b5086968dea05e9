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
    Of { model: "pvc", project: "pvc", minutes: 60, near: Some("0.15"), alone: &[], ..GESTURE },
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
        let part = lab.part(of)?;
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
    }
}
