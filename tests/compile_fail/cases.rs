//! Shapes and files that do not fit are compile errors that say what is wrong.
//!
//! Each set has a case that compiles and runs: without one, trybuild would only check the others, and the assertions in
//! constants fire only where code is generated. The messages are those of one compiler; `TRYBUILD=overwrite`
//! writes them anew.

#![cfg(test)]

#[path = "../support/skip.rs"]
mod skip;

use skip::{Lack, skipped};
use std::process::Command;

/// The compiler whose messages lie beside the cases.
const COMPILER: &str = "rustc 1.95.";

fn cases() -> Option<trybuild::TestCases> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs").stdout;
    let version = String::from_utf8_lossy(&version);
    if version.starts_with(COMPILER) {
        return Some(trybuild::TestCases::new());
    }
    skipped(Lack::Compiler, format_args!("the messages are those of {COMPILER}x, this is {}", version.trim()));
    None
}

#[test]
fn shapes() {
    let Some(cases) = cases() else { return };
    cases.pass("shapes_fit.rs");
    cases.compile_fail("shape_*.rs");
}

#[test]
fn files() {
    let Some(cases) = cases() else { return };
    cases.pass("files_fit.rs");
    cases.compile_fail("file_*.rs");
}

#[test]
fn ranges() {
    let Some(cases) = cases() else { return };
    cases.pass("ranges_fit.rs");
    cases.compile_fail("range_*.rs");
}

#[test]
fn caches() {
    let Some(cases) = cases() else { return };
    cases.pass("caches_fit.rs");
    cases.compile_fail("cache_*.rs");
}

#[test]
fn events() {
    let Some(cases) = cases() else { return };
    cases.pass("events_fit.rs");
    cases.compile_fail("events_[!f]*.rs");
}

#[test]
fn decoders() {
    let Some(cases) = cases() else { return };
    cases.pass("decoders_fit.rs");
    cases.compile_fail("decoder_*.rs");
}

#[test]
fn streaming() {
    let Some(cases) = cases() else { return };
    cases.pass("streaming_fit.rs");
    cases.compile_fail("streaming_[!f]*.rs");
}
