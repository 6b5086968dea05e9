//! The programs of the examples, for tests that run them as a user does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program of an example. `cargo test` builds the examples with the tests, but `cargo test --test NAME` does not:
/// one that is absent, or older than this test, may be out of date.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let built = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    if built(&program) < built(&test) {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--example", name]).current_dir(env!("CARGO_MANIFEST_DIR"));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success());
    }
    program
}
