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

/// A set: the case that fits, and those that do not.
fn check(fits: &str, wrong: &str) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc runs").stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(COMPILER) {
        let why = format_args!("the messages are those of {COMPILER}x, this is {}", version.trim());
        return skipped(Lack::Compiler, why);
    }
    let cases = trybuild::TestCases::new();
    cases.pass(fits);
    cases.compile_fail(wrong);
}

#[test]
fn shapes() {
    check("shapes_fit.rs", "shape_*.rs");
}

#[test]
fn files() {
    check("files_fit.rs", "file_*.rs");
}

#[test]
fn ranges() {
    check("ranges_fit.rs", "range_*.rs");
}

#[test]
fn caches() {
    check("caches_fit.rs", "cache_*.rs");
}

#[test]
fn events() {
    check("events_fit.rs", "events_[!f]*.rs");
}

#[test]
fn decoders() {
    check("decoders_fit.rs", "decoder_*.rs");
}

#[test]
fn streaming() {
    check("streaming_fit.rs", "streaming_[!f]*.rs");
}
