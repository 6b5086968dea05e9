//! Hears spoken digits in real recordings, with the int8 model that firmware runs.
//!
//! `cargo run --release --example spoken_digits -- --help`

mod args;
mod clips;
#[path = "../support/float_model.rs"]
mod float_model;
mod heads;
mod judge;
#[path = "../support/output.rs"]
mod output;
mod report;

use args::{Args, Source};
use heads::Heads;
use heedful_recordings::Warning;
use judge::{Judge, MODEL};
use output::{code, complain, one_line, say};
use report::{Line, Score, Table};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The clips of the repository.
const CLIPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clips");

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => return code(io::stdout().write_all(args::HELP.as_bytes()).map(|()| true)),
        Err(error) => {
            complain(&format!("{error}; --help tells the usage"));
            return ExitCode::from(2);
        }
    };
    match open(&args) {
        Ok(session) => code(session.run(&mut io::stdout().lock())),
        Err(reason) => {
            complain(&reason);
            ExitCode::FAILURE
        }
    }
}

/// What is to be done, with all models loaded.
struct Session {
    judge: Judge,
    float: Option<float_model::FloatModel>,
    heads: bool,
    files: Vec<PathBuf>,
    table: Table,
    /// Whether every file has to say its digit.
    named: bool,
}

fn open(args: &Args) -> Result<Session, String> {
    let judge = match &args.model {
        None => Judge::digits().map_err(|e| format!("{MODEL}: {e}")),
        Some(path) => std::fs::read(path)
            .map_err(|e| e.to_string())
            .and_then(|bytes| Judge::load(&bytes))
            .map_err(|reason| format!("{}: {reason}", path.display())),
    }?;
    let model = args.model.as_deref().unwrap_or(Path::new(MODEL));
    let float = args.float.then(|| judge::float_beside(model)).transpose()?;
    let folder = |folder: &Path| {
        let files = clips::of_folder(folder).map_err(|e| e.to_string())?;
        if files.is_empty() { Err(format!("{}: no clips in this folder", folder.display())) } else { Ok(files) }
    };
    let (files, named) = match &args.source {
        Source::Clips => (folder(Path::new(CLIPS))?, true),
        Source::Folder(path) => (folder(path)?, true),
        Source::Files(files) => (files.clone(), false),
    };
    let width = files.iter().map(|file| name(file).chars().count()).max().unwrap_or(0);
    let table = Table { width, float: float.is_some() };
    Ok(Session { judge, float, heads: args.heads, files, table, named })
}

/// A file's name without its folder.
fn name(path: &Path) -> String {
    one_line(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// The samples of a file; says what is wrong with it.
fn hear(path: &Path, rate: u32) -> Option<Vec<i16>> {
    let recording = match heedful_recordings::read(path, rate) {
        Ok(recording) => recording,
        Err(error) => {
            complain(&error.to_string());
            return None;
        }
    };
    let silent = recording.warnings.contains(&Warning::Silent);
    for warning in &recording.warnings {
        // In silence there is no digit to be heard.
        let what = if *warning == Warning::Silent { "error" } else { "warning" };
        say(what, &format!("{}: {warning}", path.display()));
    }
    (!silent).then_some(recording.samples)
}

impl Session {
    /// Judges all files; whether all could be heard.
    fn run(mut self, out: &mut impl Write) -> io::Result<bool> {
        let (mut score, mut float_score) = (Score::default(), Score::default());
        let mut all_heard = true;
        self.table.header(out)?;
        for path in std::mem::take(&mut self.files) {
            let spoken = clips::label(&path);
            if self.named && spoken.is_none() {
                complain(&format!("{}: not named {{digit}}_{{speaker}}_{{index}}.wav", path.display()));
                all_heard = false;
                continue;
            }
            let Some(sound) = hear(&path, self.judge.frontend().params.sample_rate) else {
                all_heard = false;
                continue;
            };
            if let Some(range) = self.judge.stretch(&sound) {
                say("warning", &format!("{}: {range}; the example listen hears all of it", path.display()));
            }
            let (right, float_right) = self.judge(out, &path, &sound, spoken.as_deref())?;
            if spoken.is_some() {
                score.count(right);
                float_score.count(float_right);
            }
        }
        if !self.heads {
            writeln!(out)?;
        }
        report::costs(out, &self.judge)?;
        if score.all > 0 {
            if self.float.is_some() {
                writeln!(out, "float {float_score}")?;
            }
            writeln!(out, "{score}")?;
        }
        Ok(all_heard)
    }

    /// Judges and prints one sound; whether the int8 and the float model heard what was `spoken`.
    fn judge(
        &mut self,
        out: &mut impl Write,
        path: &Path,
        sound: &[i16],
        spoken: Option<&str>,
    ) -> io::Result<(bool, bool)> {
        let config = *self.judge.model().shape();
        let mut heads = self.heads.then(|| Heads::new(config.layers, config.heads, config.positions));
        let verdict = self.judge.hear(sound, heads.as_mut());
        let float = self.float.as_ref().map(|float| {
            let logits = float.logits(&self.judge.features(sound));
            self.judge.name(judge::likeliest(&logits))
        });
        let (heard, runner_up) = (self.judge.name(verdict.best.0), self.judge.name(verdict.runner_up.0));
        let line = Line {
            file: &name(path),
            heard: (&heard, verdict.best.1),
            runner_up: (&runner_up, verdict.runner_up.1),
            float: float.as_deref(),
            spoken,
        };
        self.table.line(out, &line)?;
        if let Some(heads) = heads {
            heads.draw(out, &self.judge.loudness(sound), self.judge.seconds())?;
            writeln!(out)?;
        }
        Ok((spoken == Some(&heard), spoken.is_some() && spoken == float.as_deref()))
    }
}
