//! What programs say, and to whom.

use std::io::{self, Write};
use std::process::ExitCode;

/// Success if all went well. A reader that has read enough (`| head`) is no fault.
pub fn code(outcome: io::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            complain(&format!("standard output: {e}"));
            ExitCode::FAILURE
        }
    }
}

/// One line on stderr, if anyone reads it.
pub fn complain(reason: &str) {
    say("error", reason);
}

/// The same of another kind, such as a warning.
pub fn say(what: &str, text: &str) {
    let _ = writeln!(io::stderr(), "{what}: {}", one_line(text));
}

/// A file's name may hold anything, a line's end or a terminal's commands too.
pub fn one_line(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
