//! `heedful`: train, convert and evaluate models.

#![deny(clippy::print_stdout, clippy::print_stderr)] // They panic where nobody reads.

mod command;

use clap::Parser;
use command::say;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match command::Command::parse().run() {
        Ok(()) => match say::fault() {
            None => ExitCode::SUCCESS,
            Some(fault) => complain(&format!("standard output: {fault}")),
        },
        Err(error) => complain(&error.to_string()),
    }
}

/// A line on standard error, if anyone reads it.
fn complain(reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {reason}");
    ExitCode::FAILURE
}
