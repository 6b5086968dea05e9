//! A skip is seen in the log of a passing run, and fails where it is not allowed.

#[path = "support/skip.rs"]
mod skip;

use skip::{Lack, skipped};
use std::path::Path;
use std::process::{Command, Output};

/// Run by the other tests, in a process of its own.
#[test]
fn one_that_is_skipped() {
    if std::env::var_os("HEEDFUL_SKIP_FOR_ONCE").is_some() {
        skipped(Lack::Cpu, "no such instruction");
    }
}

/// The test above, with this value of `HEEDFUL_SKIPS`.
fn run(allowed: Option<&str>, file: &Path) -> Output {
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "one_that_is_skipped", "--test-threads=2"])
        .env("HEEDFUL_SKIP_FOR_ONCE", "1")
        .env("HEEDFUL_SKIPPED", file);
    test.env_remove("RUST_TEST_NOCAPTURE").env_remove("RUST_TEST_THREADS");
    match allowed {
        Some(allowed) => test.env("HEEDFUL_SKIPS", allowed),
        None => test.env_remove("HEEDFUL_SKIPS"),
    };
    test.output().unwrap()
}

#[test]
fn a_skip_is_seen() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped.txt");
    let _ = std::fs::remove_file(&file);
    let line = "skipped: no such instruction (one_that_is_skipped)\n";
    for allowed in [None, Some("cpu"), Some("data, cpu")] {
        let output = run(allowed, &file);
        assert!(output.status.success(), "{allowed:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(line));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), line.repeat(3));
}

#[test]
fn a_skip_that_is_not_allowed_fails() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("not_allowed.txt");
    for allowed in ["", "data", "data,tool", "cp"] {
        let output = run(Some(allowed), &file);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(!output.status.success(), "{allowed}");
        assert!(text.contains("skipped: no such instruction"), "{text}");
        assert!(text.contains(&format!("skipped for want of: cpu; HEEDFUL_SKIPS allows: {allowed}")), "{text}");
    }
}
