//! What the command line asks for.

use lexopt::Arg::{Long, Short, Value};
use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
Hears spoken digits with the int8 model that firmware runs.

Usage: spoken_digits [--dir PATH | --wav FILE...] [--heads] [--float] [--model FILE]

Without --dir and --wav it judges the clips of examples/clips.

  --dir PATH     judge the files {digit}_{speaker}_{index}.wav (.flac, ...) of a folder
  --wav FILE...  judge any recordings: WAV of any kind, FLAC, Ogg Vorbis or MP3
  --heads        draw where in time each attention head looks: its share of attention,
                 averaged over all positions that ask (bars: square root), and the peak
  --float        run the float model beside the int8 one
  --model FILE   another .heed file than models/digits.heed
  --help         this text

The last line is the accuracy over the clips whose names say the digit. A file
that cannot be heard is reported on stderr and makes the exit code 1; a warning
there says what had to be guessed or is missing.
";

/// Where the sounds come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source {
    /// The clips of the repository.
    Clips,
    /// A folder of named clips.
    Folder(PathBuf),
    /// Any files.
    Files(Vec<PathBuf>),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Args {
    pub source: Source,
    pub heads: bool,
    pub float: bool,
    pub model: Option<PathBuf>,
}

/// Reads the arguments after the program's name; `None` if they ask for help.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Args>, lexopt::Error> {
    let mut parsed = Args { source: Source::Clips, heads: false, float: false, model: None };
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Long("heads") => parsed.heads = true,
            Long("float") => parsed.float = true,
            Long("model") => parsed.model = Some(parser.value()?.into()),
            Long("dir") if parsed.source == Source::Clips => {
                parsed.source = Source::Folder(parser.value()?.into());
            }
            Long("wav") if !matches!(parsed.source, Source::Folder(_)) => {
                let more = parser.values()?.map(PathBuf::from);
                match &mut parsed.source {
                    Source::Files(files) => files.extend(more),
                    source => *source = Source::Files(more.collect()),
                }
            }
            Long("dir" | "wav") => return Err("--dir stands once, and not beside --wav".into()),
            // So that `--wav a.wav --heads b.wav` hears both.
            Value(file) if matches!(parsed.source, Source::Files(_)) => {
                if let Source::Files(files) = &mut parsed.source {
                    files.push(file.into());
                }
            }
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(parsed))
}
