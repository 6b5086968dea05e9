//! Crates of other people: a build script that makes the model, and a Cargo.toml without a feature that is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs cargo in a crate of these files, outside of the workspace.
fn cargo(name: &str, files: &[(&str, &[u8])], command: &[&str]) -> Output {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder: PathBuf = tmp.join("stranger").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src")).unwrap();
    for (path, content) in files {
        fs::write(folder.join(path), content).unwrap();
    }
    // The versions that are here already, so that no network is needed.
    let lock = Path::new(ROOT).join("Cargo.lock");
    if lock.exists() {
        fs::copy(lock, folder.join("Cargo.lock")).unwrap();
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(command).arg("--offline").arg("--target-dir").arg(tmp.join("stranger-target")).current_dir(&folder);
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").output().unwrap()
}

fn manifest(name: &str, features: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [dependencies]\nheedful = {{ path = {ROOT:?}{features} }}\n\n[workspace]\n"
    )
}

#[track_caller]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a build script wrote becomes part of the program.
#[test]
fn a_build_script_makes_the_models() {
    let (ears, writer) = ("models/digits_small.heed", "tests/models/narrow_decoder.heed");
    let build = format!(
        r#"
use std::{{env, fs, path::Path}};

fn main() {{
    let out = env::var("OUT_DIR").unwrap();
    for (from, to) in [({ears:?}, "ears.heed"), ({writer:?}, "writer.heed")] {{
        let from = Path::new({ROOT:?}).join(from);
        println!("cargo::rerun-if-changed={{}}", from.display());
        fs::write(Path::new(&out).join(to), fs::read(from).unwrap()).unwrap();
    }}
}}
"#
    );
    let main = r#"
heedful::model!(pub Ears = concat!(env!("OUT_DIR"), "/ears.heed"), classes = 10);
heedful::language_model!(pub Writer = concat!(env!("OUT_DIR"), "/writer.heed"), context = 8);
heedful::model!(Beside = concat!(env!("CARGO_MANIFEST_DIR"), "/beside.heed"));

fn main() {
    let mut ears = Ears::new();
    let frames = (0..Ears::SAMPLES).filter(|&i| ears.push(if i % 20 < 10 { 3000 } else { -3000 })).count();
    ears.infer();
    let mut beside = Box::new(Beside::new());
    beside.infer_features(&[[0; 6]; 7]);
    println!("{} {} {frames} {}", Ears::FLASH, Ears::LABELS.concat(), Writer::new().step(1).len());
}
"#;
    let beside = fs::read(Path::new(ROOT).join("tests/models/wide.heed")).unwrap();
    let manifest = manifest("built", ", features = [\"audio\"]");
    let files: [(_, &[u8]); 4] = [
        ("Cargo.toml", manifest.as_bytes()),
        ("build.rs", build.as_bytes()),
        ("src/main.rs", main.as_bytes()),
        ("beside.heed", &beside),
    ];
    let output = cargo("built", &files, &["run", "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let size = fs::metadata(Path::new(ROOT).join(ears)).unwrap().len();
    let tokens = heedful::dynamic::Decoder::load(&fs::read(Path::new(ROOT).join(writer)).unwrap()).unwrap();
    assert_eq!(text(&output.stdout), format!("{size} 0123456789 100 {}\n", tokens.shape().outputs));
}

/// Who forgot the feature `audio` is told so.
#[test]
fn a_model_without_the_feature_audio() {
    let main = format!(
        r#"
heedful::model!(Ears = "{ROOT}/models/digits_small.heed");

fn main() {{
    Ears::new().push(0);
    Ears::new().infer_features(&[[0; 96]; 25]);
}}
"#
    );
    let manifest = manifest("deaf", "");
    let files: [(_, &[u8]); 2] = [("Cargo.toml", manifest.as_bytes()), ("src/main.rs", main.as_bytes())];
    let output = cargo("deaf", &files, &["check"]);
    let errors = text(&output.stderr);
    assert!(!output.status.success());
    for said in [
        "this model cannot hear: heedful is built without its feature `audio`",
        r#"in Cargo.toml: heedful = { version = "0.1", features = ["audio"] }"#,
        "src/main.rs:5",
    ] {
        assert!(errors.contains(said), "{said:?} is not in\n{errors}");
    }
    // And about nothing else.
    assert_eq!(errors.matches("error[").count(), 1, "{errors}");
}
