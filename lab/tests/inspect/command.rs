//! The command from end to end.

use heedful::dynamic::Decoder;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn heedful(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heedful")).current_dir(root()).args(arguments).output().unwrap()
}

fn complaint(arguments: &[&str]) -> String {
    let output = heedful(arguments);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

const DIGITS: &str = "models/digits.heed";

#[test]
fn all_forms() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (page, json, svg, csv) = (at("deep/report.html"), at("all.json"), at("svg"), at("csv"));
    let clips = ["examples/clips/7_theo_5.wav", "examples/clips/3_jackson_5.wav"];
    let asked = [&["inspect", DIGITS, "--clips"], &clips[..], &["--heads", "2.1,0.0", "--text", "-o", &page]].concat();
    let output = heedful(&[&asked[..], &["--json", &json, "--svg", &svg, "--csv", &csv]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("digits.heed: 9 heads, 2 recordings, accuracy 1.0000 (2/2)\n"), "{text}");
    assert!(text.contains("\n2.1 ") && text.contains("\n0.0 ") && !text.contains("\n1.0 "), "{text}");

    let page = fs::read_to_string(page).unwrap();
    assert!(page.len() < 3_000_000 && page.contains("7_theo_5.wav") && page.contains("id=\"head-2.1\""));
    assert!(!page.contains("id=\"head-1.0\""));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!(json["heads"][1]["head"], "2.1");
    assert_eq!(json["mean_maps"]["2.1"].as_array().unwrap().len(), 25);
    assert_eq!(json["pruning"].as_array().unwrap().len(), 10);
    let flow = json["flow"].as_array().unwrap();
    assert_eq!((flow.len(), &flow[26]["position"]), (50, &serde_json::json!(1.0)));
    assert!(flow.iter().all(|row| ["rollout", "occlusion", "value zeroing"].iter().all(|way| row[way].is_number())));
    assert!(page.contains("What the model depends on in 7_theo_5.wav: 7"));
    assert!(fs::read_to_string(Path::new(&svg).join("7_theo_5-flow.svg")).unwrap().contains(">value zeroing<"));
    let picture = fs::read_to_string(Path::new(&svg).join("7_theo_5.svg")).unwrap();
    assert!(
        picture.starts_with("<svg")
            && picture.contains(">2.1")
            && !picture.contains(">1.0<")
            && !picture.contains(">1.0:")
    );
    let mut table = csv::Reader::from_path(Path::new(&csv).join("heads.csv")).unwrap();
    assert_eq!(table.headers().unwrap().get(0), Some("head"));
    assert_eq!(table.records().count(), 2);
}

#[test]
fn bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().display().to_string();
    assert!(complaint(&["inspect", DIGITS, "--data", &empty]).contains("no recordings"));
    assert!(complaint(&["inspect", DIGITS, "--data", "examples/clips", "--heads", "3.0"]).contains("no head 3.0"));
    assert!(complaint(&["inspect", DIGITS, "--data", "nowhere"]).contains("nowhere"));
    assert!(complaint(&["inspect", DIGITS]).contains("--data"));
    let other = complaint(&["inspect", DIGITS, "--data", "examples/clips", "--clips", "8_nobody_5.wav"]);
    assert!(other.contains("8_nobody_5.wav: not among the recordings"), "{other}");
    let sensors = complaint(&["inspect", "models/gesture.heed", "--data", "examples/clips"]);
    assert!(sensors.contains("--project"), "{sensors}");
    assert!(complaint(&["inspect", "README.md", "--data", "examples/clips"]).starts_with("error: README.md: "));

    let none = folder.path().join("none.heed");
    let heads = "0.0,0.1,0.2,1.0,1.1,1.2,2.0,2.1,2.2";
    let pruned = heedful(&["prune", DIGITS, "--heads", heads, "-o", none.to_str().unwrap()]);
    assert!(pruned.status.success());
    let error = complaint(&["inspect", none.to_str().unwrap(), "--data", "examples/clips"]);
    assert!(error.contains("none.heed: no heads are left"), "{error}");
}

const TINY: &str = "tests/fixtures/tiny_decoder.heed";

#[test]
fn a_language_model() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (texts, page, json, csv) = (at("texts.txt"), at("report.html"), at("all.json"), at("csv"));
    fs::write(&texts, "The first text.\n\nAnd <b>another</b> one.\n").unwrap();
    let asked = ["inspect", TINY, "--data", &texts, "--heads", "0.1,1.3", "--text", "-o", &page];
    let output = heedful(&[&asked[..], &["--json", &json, "--csv", &csv]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("tiny_decoder.heed: 8 heads, 300 tokens, 2 texts, "), "{text}");
    assert!(text.contains("\n1.3 ") && !text.contains("\n1.2 ") && text.contains("induction: most in"), "{text}");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("id=\"head-1.3\"") && !page.contains("id=\"head-1.2\"") && !page.contains("<b>"));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    assert_eq!((json["texts"].as_u64(), &json["heads"][1]["head"]), (Some(2), &serde_json::json!("1.3")));
    for (name, rows) in [("heads", 2), ("repeated", 2), ("relations", 2 * 5)] {
        let mut table = csv::Reader::from_path(Path::new(&csv).join(format!("{name}.csv"))).unwrap();
        assert_eq!(table.records().count(), rows, "{name}");
    }
}

#[test]
fn bad_texts() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (empty, blank, long) = (at("empty.txt"), at("blank.txt"), at("long.txt"));
    fs::write(&empty, "").unwrap();
    fs::write(&blank, "\n \n").unwrap();
    fs::write(&long, "word ".repeat(300)).unwrap();
    let of = |texts: &str| complaint(&["inspect", TINY, "--data", texts]);
    assert!(of(&empty).contains("empty.txt: the file is empty"));
    assert!(of(&blank).contains("blank.txt: there is no text in it; a line is a text"));
    assert!(of(&long).contains("long.txt: line 1 has ") && of(&long).contains("from 2 to 256 are allowed"));
    assert!(of("nowhere.txt").contains("nowhere.txt"));
    assert!(complaint(&["inspect", TINY, "--clips", "a.wav"]).contains("a language model has no --clips"));
    assert!(complaint(&["inspect", TINY, "--svg", "pictures"]).contains("-o FILE.html"));
    assert!(complaint(&["inspect", TINY, "--heads", "2.0"]).contains("no head 2.0"));
    let numbers = complaint(&["inspect", "tests/models/narrow_decoder.heed"]);
    assert!(numbers.contains("narrow_decoder.heed: the model has no tokenizer"), "{numbers}");
}

/// What is wrong with a language model is said of it as one.
#[test]
fn a_damaged_language_model() {
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.heed");
    let mut bytes = fs::read(root().join(TINY)).unwrap();
    // Three heads, of which two share the same keys.
    bytes[32..36].copy_from_slice(&3u32.to_le_bytes());
    let Err(heedful::Error::Checksum { found, .. }) = Decoder::load(&bytes) else { panic!("the checksum is right") };
    bytes[12..16].copy_from_slice(&found.to_le_bytes());
    fs::write(&damaged, bytes).unwrap();
    let error = complaint(&["inspect", &damaged.display().to_string()]);
    assert!(error.contains("damaged.heed: wrong shape: heads that share key heads: 3"), "{error}");
}

/// What cannot be written is not there, nor is a part of it.
#[test]
fn nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    fs::create_dir(&page).unwrap();
    let (page, clip) = (page.display().to_string(), "examples/clips/7_theo_5.wav");
    let error = complaint(&["inspect", DIGITS, "--clips", clip, "-o", &page]);
    assert!(error.contains("report.html"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    // A full disk, where there is such a device.
    #[cfg(target_os = "linux")]
    {
        let small = complaint(&["inspect", DIGITS, "--clips", clip, "-o", "/proc/report.html"]);
        assert!(small.contains("/proc/report.html"), "{small}");
    }
}

/// A model beside itself without a head.
#[test]
fn compare() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (pruned, page, json) = (at("pruned.heed"), at("compare.html"), at("compare.json"));
    assert!(heedful(&["prune", DIGITS, "--heads", "0.1", "-o", &pruned]).status.success());
    let clips = ["--clips", "examples/clips/7_theo_5.wav", "examples/clips/3_jackson_5.wav"];
    let asked = [&["compare", DIGITS, &pruned, "--text", "-o", &page, "--json", &json], &clips[..]].concat();
    let output = heedful(&asked);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("both choose the same class on 2 of 2 recordings\n"), "{text}");
    assert!(text.contains("digits.heed") && text.contains("pruned.heed"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
    // Heads before the one that is gone look where they did; its place is taken by the next.
    let far = |a: usize, b: usize| json["divergence"][a][b].as_f64().unwrap();
    assert!(far(0, 0) < 1e-9 && far(2, 1) < 1e-9 && far(1, 1) > 0.01, "{}", json["divergence"]);
    assert_eq!(json["table of maps"][2]["most alike"].as_str().unwrap().split(' ').next(), Some("0.1"));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("digits.heed beside pruned.heed") && !page.contains("<script"));
    assert!(complaint(&["compare", DIGITS, "nowhere.heed", "--data", "examples/clips"]).contains("nowhere.heed"));
}
