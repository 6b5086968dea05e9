//! What the command line asks for.

use lexopt::Arg::{Long, Short, Value};
use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
Listens for words or sounds, and prints a line for each: when, what, how sure.

Usage: listen [--csv] [--model FILE.heed] FILE... | --stdin | --live

  FILE...            recordings: WAV of any kind, FLAC, Ogg Vorbis or MP3
  --stdin            raw samples from standard input: 16 bits, little-endian, mono, at
                     the model's rate (8000 a second, of the model without --model)
  --live             the default microphone; the program needs
                     --features heedful-microphone/live, and on Linux libasound2-dev
  --model FILE.heed  another model than models/digits_nothing.heed
  --csv              start_s,end_s,label,score and nothing else; of one recording
  --help             this text

    arecord -f S16_LE -r 8000 -c 1 -t raw | \\
        cargo run --release --example listen -- --stdin

Events are printed as they are heard. In a terminal a line shows the level of the
sound, decibels below full scale. A file that cannot be heard is reported on stderr
and makes the exit code 1.
";

/// Where the sound comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    Files(Vec<PathBuf>),
    Stdin,
    Live,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    pub source: Source,
    pub csv: bool,
    pub model: Option<PathBuf>,
}

/// Reads the arguments after the program's name; `None` if they ask for help.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Args>, lexopt::Error> {
    let (mut files, mut stdin, mut live, mut csv, mut model) = (vec![], false, false, false, None);
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Long("csv") => csv = true,
            Long("stdin") => stdin = true,
            Long("live") => live = true,
            Long("model") => model = Some(parser.value()?.into()),
            Value(file) => files.push(file.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    let source = match (files.len(), stdin, live) {
        (0, true, false) => Source::Stdin,
        (0, false, true) => Source::Live,
        (0, false, false) => return Err("nothing to listen to: give recordings, --stdin or --live".into()),
        (2.., false, false) if csv => return Err("--csv takes one recording: its rows do not say which".into()),
        (_, false, false) => Source::Files(files),
        _ => return Err("give recordings, --stdin or --live, and only one of these".into()),
    };
    Ok(Some(Args { source, csv, model }))
}
