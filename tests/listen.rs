//! The example `listen`, run as a user runs it.

#[path = "../examples/listen/args.rs"]
mod args;
#[path = "support/disturbance.rs"]
mod disturbance;
#[path = "support/example.rs"]
mod example;
#[path = "../examples/listen/pcm.rs"]
mod pcm;
#[path = "../examples/listen/printer.rs"]
mod printer;
#[path = "support/skip.rs"]
mod skip;

use args::{Args, Source};
use disturbance::{DISTURBANCES, disturbed};
use printer::{Line, Printer};
use skip::{Lack, skipped};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| example::program("listen"));

const SPEAKERS: [&str; 6] = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"];

fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    Command::new(&*PROGRAM).args(args).output().unwrap()
}

/// Runs it with bytes on standard input.
fn piped(args: &[&str], bytes: &[u8]) -> Output {
    let mut program = Command::new(&*PROGRAM);
    program.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    // It may have ended already.
    let _ = program.stdin.take().unwrap().write_all(bytes);
    program.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A file of this name.
fn path(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("listen");
    fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn clip(digit: usize, speaker: &str) -> Vec<i16> {
    heedful_recordings::read(&root(&format!("examples/clips/{digit}_{speaker}_5.wav")), 8000).unwrap().samples
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Ten words of one speaker with faint noise between, and where each begins and ends, in seconds.
fn ten_words(speaker: &str) -> (Vec<i16>, Vec<(f64, f64)>) {
    let noise = |from: usize, count: usize| (from..from + count).map(|n| (n * n * 7919 % 25) as i16 - 12);
    let (mut samples, mut places) = (vec![], vec![]);
    for digit in 0..10 {
        samples.extend(noise(samples.len(), if digit == 0 { 0 } else { 4000 + 400 * digit }));
        let start = samples.len();
        samples.extend(clip(digit, speaker));
        places.push((start as f64 / 8000.0, samples.len() as f64 / 8000.0));
    }
    (samples, places)
}

/// Rows of CSV behind the header: start, end, label, score.
fn rows(output: &Output) -> Vec<(f64, f64, String, f64)> {
    let mut lines = text(&output.stdout).lines();
    assert_eq!(lines.next(), Some("start_s,end_s,label,score"));
    let number = |field: Option<&str>| field.unwrap().parse::<f64>().unwrap();
    let row = |line: &str| {
        let mut fields = line.split(',');
        let (start, end) = (number(fields.next()), number(fields.next()));
        let label = fields.next().unwrap().to_owned();
        let score = number(fields.next());
        assert_eq!(fields.next(), None);
        (start, end, label, score)
    };
    lines.map(row).collect()
}

#[test]
fn ten_words_are_ten_events() {
    for speaker in SPEAKERS {
        let (samples, places) = ten_words(speaker);
        let file = path(&format!("{speaker}.wav"));
        heedful_recordings::write_wav(&file, &samples, 8000).unwrap();
        let output = run([OsStr::new("--csv"), file.as_os_str()]);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
        let rows = rows(&output);
        let heard: Vec<&str> = rows.iter().map(|(.., label, _)| label.as_str()).collect();
        assert_eq!(heard, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "{speaker}");
        for ((start, end, _, score), (from, to)) in rows.iter().zip(places) {
            assert!(start < end && *start < to && *end > from, "{speaker}: {start} to {end}, said {from} to {to}");
            assert!((0.4..=1.0).contains(score));
        }
        // From a recorder, in the text and without a terminal, they are the same.
        let piped = piped(&["--stdin"], &bytes(&samples));
        assert!(piped.status.success() && piped.stderr.is_empty(), "{}", text(&piped.stderr));
        let line = |(start, end, label, score): &(f64, f64, String, f64)| {
            format!("{start:8.2} s to {end:8.2} s  {label:<12}  {score:.3}")
        };
        let lines: Vec<String> = text(&piped.stdout).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 10);
        for (found, row) in lines.iter().zip(&rows) {
            let expected = line(row);
            let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(fields(found)[5..], fields(&expected)[5..], "{found}");
        }
    }
}

/// A word behind a click, a knock, the settling of a microphone, or a step: one event, of the word.
#[test]
fn louder_disturbances_do_not_win() {
    for (what, disturbance) in DISTURBANCES {
        let mut right = 0;
        for digit in 0..10 {
            for speaker in SPEAKERS {
                let output = piped(&["--stdin", "--csv"], &bytes(&disturbed(&clip(digit, speaker), disturbance)));
                let heard: Vec<String> = rows(&output).into_iter().map(|(.., label, _)| label).collect();
                right += usize::from(heard == [digit.to_string()]);
            }
        }
        println!("{what}: {right} of 60");
        assert!(right >= 57, "{what}: {right} of 60");
    }
}
