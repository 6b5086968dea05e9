//! Standard output, whose reader may have read enough (`| head`): what it does not take is dropped, and the work goes
//! on. What else goes wrong there is told at the end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// The first fault that was not a reader's end.
static FAULT: OnceLock<io::Error> = OnceLock::new();

/// Prints a line.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::command::say::line(format_args!($($text)*))
    };
}

/// Prints a line; [`say!`] makes it.
pub fn line(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The first one counts.
        let _ = FAULT.set(error);
    }
}

/// What went wrong with standard output, if something did.
pub fn fault() -> Option<&'static io::Error> {
    FAULT.get()
}
