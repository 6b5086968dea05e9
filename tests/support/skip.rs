//! What cannot be tested here says so, where it is seen: `skipped: why`, on standard error itself, since the test
//! runner hides what a test that passes prints.
//!
//! `HEEDFUL_SKIPS` names what may be lacking (such as `cpu,data`); a skip for want of anything else then fails. Without
//! it, all may be skipped. `HEEDFUL_SKIPPED` names a file that the lines are added to.
#![allow(dead_code)]

use std::fmt::Display;
use std::io::Write;

/// What is lacking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lack {
    /// Instructions of the CPU.
    Cpu,
    /// Data that is not part of the repository.
    Data,
    /// Another backend than the one to compare with.
    Backend,
    /// The compiler whose messages are known.
    Compiler,
    /// A program or a system: an emulator, an interpreter, a nightly toolchain.
    Tool,
}

impl Lack {
    /// The name in `HEEDFUL_SKIPS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Data => "data",
            Self::Backend => "backend",
            Self::Compiler => "compiler",
            Self::Tool => "tool",
        }
    }
}

/// For a test, which then returns; fails it if the skip is not allowed.
#[track_caller]
pub fn skipped(lack: Lack, why: impl Display) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    if let Err(error) = skip(lack, format_args!("{why} ({test})")) {
        panic!("{error}");
    }
}

/// Says what is skipped; an error if that is not allowed.
pub fn skip(lack: Lack, why: impl Display) -> Result<(), String> {
    let line = format!("skipped: {why}\n");
    // Whole lines: tests run at the same time.
    std::io::stderr().write_all(line.as_bytes()).map_err(|error| error.to_string())?;
    if let Some(path) = std::env::var_os("HEEDFUL_SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|error| format!("HEEDFUL_SKIPPED: {error}"))?;
    }
    match std::env::var("HEEDFUL_SKIPS") {
        Ok(allowed) if !allowed.split(',').any(|name| name.trim() == lack.name()) => {
            Err(format!("skipped for want of: {}; HEEDFUL_SKIPS allows: {allowed}", lack.name()))
        }
        _ => Ok(()),
    }
}
