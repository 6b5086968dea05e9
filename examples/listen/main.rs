//! Listens to recordings, a recorder or a microphone, with the loop that firmware runs: front end, cadence, gate,
//! model, detector.
//!
//! `cargo run --release --example listen -- --help`

mod args;
#[path = "../support/output.rs"]
mod output;
mod pcm;
mod printer;
mod session;

use args::{Args, Source};
use heedful::dynamic::Model;
use heedful_microphone::Microphone;
use output::{code, complain, one_line, say};
use pcm::Samples;
use printer::Printer;
use session::Session;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const MODEL: &[u8] = include_bytes!("../../models/digits_nothing.heed");

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => return code(io::stdout().write_all(args::HELP.as_bytes()).map(|()| true)),
        Err(error) => {
            complain(&format!("{error}; --help tells the usage"));
            return ExitCode::from(2);
        }
    };
    let failed = |reason: String| {
        match &args.model {
            Some(path) => complain(&format!("{}: {reason}", path.display())),
            None => complain(&reason),
        }
        ExitCode::FAILURE
    };
    let model = match open(args.model.as_deref()) {
        Ok(model) => model,
        Err(reason) => return failed(reason),
    };
    match Session::new(&model) {
        Ok(session) => code(run(&args, session)),
        Err(reason) => failed(reason),
    }
}

/// The model of a file, or the one that the program contains.
fn open(path: Option<&Path>) -> Result<Model, String> {
    let bytes = path.map(std::fs::read).transpose().map_err(|error| error.to_string())?;
    Model::load(bytes.as_deref().unwrap_or(MODEL)).map_err(|error| error.to_string())
}

/// Listens to all there is; whether all could be heard.
fn run(args: &Args, session: Session<'_>) -> io::Result<bool> {
    let out = io::stdout().lock();
    let is_terminal = out.is_terminal();
    let mut printer = Printer::new(out, args.csv, is_terminal)?;
    match &args.source {
        Source::Files(files) => hear_files(files, &session, &mut printer),
        Source::Stdin => hear_stdin(session, &mut printer),
        Source::Live => hear_microphone(session, &mut printer),
    }
}

/// Each file is a sound of its own: `fresh` has heard nothing.
fn hear_files(files: &[PathBuf], fresh: &Session<'_>, printer: &mut Printer<impl Write>) -> io::Result<bool> {
    let mut all_heard = true;
    for path in files {
        let mut session = fresh.clone();
        if files.len() > 1 {
            printer.name(&one_line(&path.display().to_string()))?;
        }
        let recording = match heedful_recordings::read(path, session.rate()) {
            Ok(recording) => recording,
            Err(error) => {
                complain(&error.to_string());
                all_heard = false;
                continue;
            }
        };
        for warning in &recording.warnings {
            say("warning", &format!("{}: {warning}", path.display()));
        }
        session.hear(&recording.samples, printer)?;
        session.end(printer)?;
    }
    Ok(all_heard)
}

fn hear_stdin(mut session: Session<'_>, printer: &mut Printer<impl Write>) -> io::Result<bool> {
    let input = io::stdin().lock();
    if input.is_terminal() {
        complain("--stdin: standard input is a terminal; pipe raw samples into it");
        return Ok(false);
    }
    let (mut samples, mut count) = (Samples::of(input), 0);
    loop {
        match samples.next() {
            Ok(Some(new)) => {
                count += new.len();
                session.hear(new, printer)?;
            }
            Ok(None) => break,
            Err(error) => {
                complain(&format!("standard input: {error}"));
                return Ok(false);
            }
        }
    }
    session.end(printer)?;
    if samples.is_odd() {
        say("warning", "standard input: its last sample has one byte, expected two; it is left out");
    }
    if count == 0 {
        complain("standard input: it is empty, expected samples of 16 bits");
    }
    Ok(count > 0)
}

fn hear_microphone(mut session: Session<'_>, printer: &mut Printer<impl Write>) -> io::Result<bool> {
    let mut microphone = match Microphone::open(session.rate()) {
        Ok(microphone) => microphone,
        Err(error) => {
            complain(&error.to_string());
            return Ok(false);
        }
    };
    loop {
        match microphone.listen() {
            Ok(chunk) => {
                if chunk.lost > 0 {
                    say("warning", &format!("{} samples were lost", chunk.lost));
                    session.skip(chunk.lost);
                }
                session.hear(&chunk.samples, printer)?;
            }
            Err(error) => {
                complain(&error.to_string());
                session.end(printer)?;
                return Ok(false);
            }
        }
    }
}
