//! The example `spoken_digits`, run as a user runs it.

#[path = "../examples/spoken_digits/args.rs"]
mod args;
#[path = "../examples/spoken_digits/clips.rs"]
mod clips;
#[path = "support/disturbance.rs"]
mod disturbance;
#[path = "support/example.rs"]
mod example;
#[path = "../recordings/tests/support/file.rs"]
mod file;
#[path = "support/skip.rs"]
mod skip;

use args::{Args, Source};
use disturbance::{DISTURBANCES, disturbed};
use file::{FLOAT, Wav};
use skip::{Lack, skipped};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

const CLIPS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/clips");

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| example::program("spoken_digits"));

fn run<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    Command::new(&*PROGRAM).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn clip(name: &str) -> PathBuf {
    Path::new(CLIPS).join(name)
}

/// Right and all of the last line, which has to be `accuracy 0.967 (58/60)` in form.
fn accuracy(stdout: &str) -> (usize, usize) {
    let line = stdout.lines().next_back().unwrap();
    score(line.strip_prefix("accuracy ").unwrap_or_else(|| panic!("last line: {line}")))
}

fn score(figures: &str) -> (usize, usize) {
    let (rate, counts) = figures.split_once(" (").unwrap();
    let (right, all) = counts.strip_suffix(')').unwrap().split_once('/').unwrap();
    let (right, all) = (right.parse().unwrap(), all.parse().unwrap());
    assert_eq!(rate, format!("{:.3}", right as f64 / all as f64));
    (right, all)
}

#[test]
fn the_clips_are_recognised() {
    let output = run([] as [&str; 0]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(output.stderr.is_empty());
    for digit in 0..10 {
        for speaker in ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"] {
            let name = format!("{digit}_{speaker}_5.wav ");
            assert_eq!(stdout.lines().filter(|line| line.starts_with(&name)).count(), 1, "{name}");
        }
    }
    let (right, all) = accuracy(stdout);
    assert_eq!(stdout.matches("WRONG").count(), all - right);
    assert_eq!(all, 60);
    assert!(right >= 58, "{right} of 60");
    let size = fs::metadata(concat!(env!("CARGO_MANIFEST_DIR"), "/models/digits.heed")).unwrap().len();
    assert!(stdout.contains(&format!("\nflash    {size} bytes")));
    for what in ["\nRAM      ", "\nMACs     ", &format!("\nbackend  {}\n", heedful::backend())] {
        assert!(stdout.contains(what), "{what}");
    }
}

/// What is far away, or spoken into a microphone with little gain.
#[test]
fn quiet_clips_are_recognised() {
    for (gain, at_least) in [(0.03, 58), (0.003, 33)] {
        let folder = folder(&format!("quiet {gain}"));
        for path in heedful_recordings::list(Path::new(CLIPS)).unwrap().recordings {
            let loud = heedful_recordings::read(&path, 8000).unwrap().samples;
            let quiet: Vec<i16> = loud.iter().map(|&sample| (f64::from(sample) * gain).round() as i16).collect();
            heedful_recordings::write_wav(&folder.join(path.file_name().unwrap()), &quiet, 8000).unwrap();
        }
        let output = run([OsStr::new("--dir"), folder.as_os_str()]);
        let (right, all) = accuracy(text(&output.stdout));
        println!("gain {gain}: {right} of {all}");
        assert!(right >= at_least && all == 60, "gain {gain}: {right} of {all}");
    }
}

#[test]
fn clips_are_recognised_behind_louder_disturbances() {
    for (what, disturbance) in DISTURBANCES {
        let folder = folder(what);
        for path in heedful_recordings::list(Path::new(CLIPS)).unwrap().recordings {
            let clip = heedful_recordings::read(&path, 8000).unwrap().samples;
            let sound = disturbed(&clip, disturbance);
            heedful_recordings::write_wav(&folder.join(path.file_name().unwrap()), &sound, 8000).unwrap();
        }
        let output = run([OsStr::new("--dir"), folder.as_os_str()]);
        let (right, all) = accuracy(text(&output.stdout));
        println!("{what}: {right} of {all}");
        assert!(right >= 58 && all == 60, "{what}: {right} of {all}");
        let said = text(&output.stderr);
        assert_eq!(said.matches(": 3.0 seconds long, judged from ").count(), 60, "{said}");
        assert_eq!(said.matches("; the example listen hears all of it").count(), 60, "{said}");
    }
}

#[test]
fn the_float_model_and_the_small_one_hear_them_too() {
    for file in ["digits", "digits_small"] {
        let model = format!("{}/models/{file}.heed", env!("CARGO_MANIFEST_DIR"));
        let output = run(["--float", "--model", &model]);
        let stdout = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let float = stdout.lines().rev().nth(1).unwrap();
        let (float, all) = score(float.strip_prefix("float accuracy ").unwrap());
        let (right, _) = accuracy(stdout);
        assert_eq!(all, 60);
        assert!(float >= 57 && right >= 57, "{file}: float {float}, int8 {right}");
    }
}

#[test]
fn broken_files_of_a_folder_are_named_and_the_others_judged() {
    let folder = folder("broken");
    let good = fs::read(clip("3_theo_5.wav")).unwrap();
    fs::write(folder.join("3_theo_5.wav"), &good).unwrap();
    fs::write(folder.join("7_ann_1.WAV"), fs::read(clip("7_theo_5.wav")).unwrap()).unwrap();
    fs::write(folder.join("1_ann_1.wav"), "").unwrap();
    fs::write(folder.join("2_ann_1.wav"), &good[..good.len() / 2]).unwrap();
    fs::write(folder.join("4_ann_1.wav"), "no sound at all, but some words instead").unwrap();
    let mut silent = good.clone();
    silent[44..].fill(0);
    fs::write(folder.join("5_ann_1.wav"), silent).unwrap();
    fs::write(folder.join("six.wav"), &good).unwrap();
    fs::write(folder.join("six.txt"), "six").unwrap();
    fs::write(folder.join("notes.md"), "# Not a recording").unwrap();

    let output = run([Path::new("--dir"), &folder]);
    assert_eq!(output.status.code(), Some(1));
    let stdout = text(&output.stdout);
    assert_eq!(accuracy(stdout).1, 3);
    assert!(stdout.contains("3_theo_5.wav") && stdout.contains("7_ann_1.WAV"));
    let errors: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(errors.len(), 6, "{errors:#?}");
    for (name, kind, reason) in [
        ("1_ann_1.wav", "error: ", "empty"),
        ("2_ann_1.wav", "warning: ", "truncated"),
        ("4_ann_1.wav", "error: ", "not a recording"),
        ("5_ann_1.wav", "error: ", "silent"),
        ("six.wav", "error: ", "not named"),
        ("six.txt", "error: ", "not named"),
    ] {
        let line = errors.iter().find(|line| line.contains(name)).unwrap();
        assert!(line.starts_with(kind) && line.contains(reason), "{line}");
    }
}

#[test]
fn any_files_are_judged_whatever_their_format() {
    let folder = folder("any");
    // Twice the rate by repetition, in stereo, in float: still a seven.
    let samples = file::samples(clip("7_theo_5.wav").to_str().unwrap());
    let twice: Vec<i16> = samples.iter().flat_map(|s| [*s; 4]).collect();
    let data = file::data(&twice, |s| (f32::from(s) / 32768.0).to_le_bytes());
    let seven = folder.join("some seven.wav");
    fs::write(&seven, Wav { channels: 2, rate: 16_000, ..Wav::new(FLOAT, 32, data) }.bytes()).unwrap();

    let output = run([Path::new("--wav"), &seven, &folder.join("missing.wav")]);
    assert_eq!(output.status.code(), Some(1));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(stdout.contains("some seven.wav  7 "), "{stdout}");
    assert!(!stdout.contains("accuracy"), "no name tells a digit");
    assert!(stderr.lines().count() == 1 && stderr.contains("missing.wav: no such file"), "{stderr}");

    let output = run([Path::new("--wav"), &seven, &clip("3_theo_5.wav")]);
    assert!(output.status.success());
    assert_eq!(accuracy(text(&output.stdout)), (1, 1));
}

/// What files that users of other tools had trouble with have to be heard as, and whether something is to be said of
/// them. The table of `../shared/data/cases/README.md`.
const CASES: [(&str, &str, &str); 29] = [
    ("02", "7", ""),
    ("03", "7", "low bits"),
    ("04", "7", ""),
    ("05", "7", ""),
    ("09", "7", ""),
    ("10", "7", ""),
    ("12", "7", ""),
    ("13", "7", ""),
    ("14", "7", ""),
    ("15", "7", ""),
    ("20", "7", ""),
    ("21", "7", ""),
    ("25", "7", ""),
    ("30", "7", ""),
    ("31", "7", ""),
    ("32", "7", ""),
    ("33", "7", ""),
    ("35", "7", ""),
    ("36", "7", "truncated"),
    ("37", "7", ""),
    ("40", "7", ""),
    ("41", "7", ""),
    ("42", "7", ""),
    ("50", "7", "16-bit integers"),
    ("51", "7", "cancel"),
    ("70", "4", "10.0 seconds long, judged from 4.1 to 5.1"),
    ("71", "3", "cancel"),
    ("80", "3", "1.7 seconds long, judged from"),
    ("81", "3", "1.4 seconds long, judged from"),
];

#[test]
fn files_that_trouble_other_readers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cases");
    let Ok(listing) = heedful_recordings::list(&folder) else {
        return skipped(Lack::Data, format_args!("no recordings in {}", folder.display()));
    };
    for (number, digit, warning) in CASES {
        let start = format!("{number}_");
        let named = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&start);
        let path = listing.recordings.iter().find(named).unwrap_or_else(|| panic!("no file {number}"));
        let output = run([Path::new("--wav"), path]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{number}: {stderr}");
        let line = stdout.lines().find(|line| line.starts_with(&start)).unwrap();
        assert_eq!(line.split_whitespace().nth(1), Some(digit), "{line}");
        let said = stderr.lines().count() == 1 && stderr.starts_with("warning: ") && stderr.contains(warning);
        assert!(if warning.is_empty() { stderr.is_empty() } else { said }, "{number}: {stderr}");
    }
}

#[test]
fn heads_are_drawn_alike_by_the_compiled_and_the_loaded_model() {
    let clip = clip("3_theo_5.wav");
    let compiled = run([Path::new("--heads"), Path::new("--wav"), &clip]);
    let stdout = text(&compiled.stdout);
    let drawn: Vec<&str> = stdout.lines().filter(|line| line.starts_with("  head ")).collect();
    assert_eq!(drawn.len(), 9);
    assert!(drawn.iter().all(|line| line.contains('█')));
    assert!(stdout.lines().any(|line| line.starts_with("  seconds ") && line.ends_with("1.0")));

    // The same model in another file, so that it is loaded: what follows its end is not part of it.
    let mut bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/digits.heed")).unwrap();
    bytes.extend([0; 4]);
    let model = folder("loaded").join("other.heed");
    fs::write(&model, bytes).unwrap();
    let loaded = run([Path::new("--model"), &model, Path::new("--heads"), Path::new("--wav"), &clip]);
    assert!(loaded.status.success(), "{}", text(&loaded.stderr));
    let before_the_costs = |output: &Output| text(&output.stdout).split("\nmodel ").next().map(str::to_owned);
    assert_eq!(before_the_costs(&compiled), before_the_costs(&loaded));
    assert!(text(&loaded.stdout).contains("RAM      not known"));
}

#[test]
fn what_cannot_start_says_why_in_one_line() {
    let folder = folder("start");
    let (bad, empty) = (folder.join("bad.heed"), folder.join("empty"));
    fs::write(&bad, "HEED, but not a model").unwrap();
    fs::create_dir(&empty).unwrap();
    let (bad, empty) = (bad.to_str().unwrap(), empty.to_str().unwrap());
    let cases: [(&[&str], i32, &str); 8] = [
        (&["--dir", "no/such/folder"], 1, "no/such/folder"),
        (&["--dir", "no/such\nfolder"], 1, "no/such\u{fffd}folder"),
        (&["--dir", empty], 1, "empty"),
        (&["--model", "no_such.heed"], 1, "no_such.heed"),
        (&["--model", bad], 1, "bad.heed"),
        (&["--float", "--model", bad], 1, "bad.heed"),
        (&["--loud"], 2, "--loud"),
        (&["--wav"], 2, "--wav"),
    ];
    for (args, code, name) in cases {
        let output = run(args);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.lines().count() == 1 && stderr.contains(name), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_stops_is_no_fault() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = Command::new(&*PROGRAM);
    let output =
        program.arg("--heads").stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn help_tells_every_option() {
    let output = run(["--help"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), args::HELP);
    for option in ["--dir", "--wav", "--heads", "--float", "--model", "--help"] {
        assert!(text(&output.stdout).contains(option));
    }
}

#[test]
fn arguments() {
    let parse = |args: &[&str]| args::parse(args.iter().map(Into::into));
    let files = |names: &[&str]| Source::Files(names.iter().map(PathBuf::from).collect());
    let parsed = parse(&["--wav", "a.wav", "b.wav", "--heads", "--wav", "c.wav", "--float"]).unwrap().unwrap();
    assert_eq!(parsed, Args { source: files(&["a.wav", "b.wav", "c.wav"]), heads: true, float: true, model: None });
    for wrong in [&["--dir", "a", "--wav", "b"][..], &["--wav", "b", "--dir", "a"], &["a.wav"], &["--heads=yes"]] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn names_of_clips() {
    let files = clips::of_folder(CLIPS.as_ref()).unwrap();
    assert_eq!(files.len(), 60);
    assert!(files.is_sorted() && files.iter().all(|file| clips::label(file).is_some()));
    for (name, digit) in [("3_theo_5.wav", Some("3")), ("0_a b_12.WAV", Some("0")), ("a/7_x_0.mp3", Some("7"))] {
        assert_eq!(clips::label(name.as_ref()).as_deref(), digit, "{name}");
    }
    for name in ["3_theo_5", "3_theo_5.txt", "33_theo_5.wav", "3_theo.wav", "3__5.wav", "x_theo_5.wav", "3_theo_x.wav"]
    {
        assert_eq!(clips::label(name.as_ref()), None, "{name}");
    }
}
