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

/// All of them, or, in a build without optimisation, one.
fn speakers() -> impl Iterator<Item = &'static str> {
    SPEAKERS.into_iter().take(if cfg!(debug_assertions) { 1 } else { SPEAKERS.len() })
}

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
    for speaker in speakers() {
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
        // From a recorder they are the same.
        assert_eq!(piped(&["--csv", "--stdin"], &bytes(&samples)).stdout, output.stdout);
    }
}

/// A word behind a click, a knock, the settling of a microphone, or a step: one event, of the word.
#[test]
fn louder_disturbances_do_not_win() {
    for (what, disturbance) in DISTURBANCES {
        let (mut right, mut all) = (0, 0);
        for digit in (0..10).step_by(if cfg!(debug_assertions) { 3 } else { 1 }) {
            for speaker in speakers() {
                all += 1;
                let output = piped(&["--stdin", "--csv"], &bytes(&disturbed(&clip(digit, speaker), disturbance)));
                let heard: Vec<String> = rows(&output).into_iter().map(|(.., label, _)| label).collect();
                right += usize::from(heard == [digit.to_string()]);
            }
        }
        println!("{what}: {right} of {all}");
        assert!(right * 60 >= all * 57, "{what}: {right} of {all}");
    }
}

/// What is not 16 bits, mono and at the model's rate, is turned into it; several recordings are named.
#[test]
fn recordings_of_any_kind() {
    let (samples, _) = ten_words("jackson");
    let plain = path("plain.wav");
    heedful_recordings::write_wav(&plain, &samples, 8000).unwrap();
    // Each sample twice: the rate doubles.
    let twice: Vec<i16> = samples.iter().flat_map(|&sample| [sample; 2]).collect();
    let fast = path("fast.wav");
    heedful_recordings::write_wav(&fast, &twice, 16_000).unwrap();
    let output = run([&plain, &fast]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 22, "{lines:#?}");
    assert!(lines[0].ends_with("plain.wav") && lines[11].ends_with("fast.wav"), "{lines:#?}");
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
    for (digit, word) in words[1..11].iter().chain(&words[12..]).enumerate() {
        let &[start, "s", "to", end, "s", label, score] = word.as_slice() else { panic!("{word:?}") };
        let [start, end, score] = [start, end, score].map(|number| number.parse::<f64>().unwrap());
        assert!(start < end && score <= 1.0 && label == (digit % 10).to_string(), "{word:?}");
    }
    for fixture in ["seven.flac", "seven.mp3", "seven.ogg"] {
        let rows = rows(&run([OsStr::new("--csv"), root("recordings/tests/fixtures").join(fixture).as_os_str()]));
        assert!(rows.iter().map(|(.., label, _)| label.as_str()).eq(["7"]), "{fixture}: {rows:?}");
    }
}

/// The files of `../shared/data/cases` that say more than one thing.
#[test]
fn files_that_troubled_others() {
    let folder = root("../shared/data/cases");
    let Ok(listing) = heedful_recordings::list(&folder) else {
        return skipped(Lack::Data, format_args!("no recordings in {}", folder.display()));
    };
    for (number, expected) in [("70_", "0123456789"), ("80_", "3"), ("81_", "3"), ("33_", "7"), ("50_", "7")] {
        let named = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(number);
        let file = listing.recordings.iter().find(named).unwrap_or_else(|| panic!("no file {number}"));
        let rows = rows(&run([OsStr::new("--csv"), file.as_os_str()]));
        assert_eq!(rows.into_iter().map(|(.., label, _)| label).collect::<String>(), expected, "{number}");
    }
}

/// An event is printed while the recorder goes on.
#[test]
fn events_come_at_once() {
    let mut program = Command::new(&*PROGRAM);
    program.args(["--stdin", "--csv"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = program.spawn().unwrap();
    let (mut input, mut lines) =
        (program.stdin.take().unwrap(), BufReader::new(program.stdout.take().unwrap()).lines());
    let mut sound = bytes(&clip(7, "theo"));
    sound.resize(sound.len() + 16_000, 0);
    // Bytes, not samples, at a time.
    sound.chunks(333).for_each(|chunk| input.write_all(chunk).unwrap());
    assert_eq!(lines.next().unwrap().unwrap(), "start_s,end_s,label,score");
    let event = lines.next().unwrap().unwrap();
    assert!(event.contains(",7,"), "{event}");
    drop(input);
    assert!(lines.next().is_none() && program.wait().unwrap().success());
}

#[test]
fn bad_input_on_standard_input() {
    let empty = piped(&["--stdin"], &[]);
    assert_eq!(empty.status.code(), Some(1));
    assert_eq!(text(&empty.stderr), "error: standard input: it is empty, expected samples of 16 bits\n");
    let byte = piped(&["--stdin"], &[1]);
    assert_eq!((byte.status.code(), text(&byte.stderr).lines().count()), (Some(1), 2));
    let (mut bytes, whole) = (bytes(&clip(3, "theo")), bytes(&clip(3, "theo")));
    bytes.push(17);
    let odd = piped(&["--stdin", "--csv"], &bytes);
    assert!(odd.status.success());
    assert_eq!(odd.stdout, piped(&["--stdin", "--csv"], &whole).stdout);
    assert_eq!(text(&odd.stderr).matches("warning: standard input: its last sample has one byte").count(), 1);
    // Nothing but full scale.
    let loud: Vec<u8> = (0..40_000).flat_map(|n| [i16::MIN, i16::MAX][n / 30 % 2].to_le_bytes()).collect();
    assert!(piped(&["--stdin"], &loud).status.success());
}

/// Files that cannot be heard are named, and the others heard.
#[test]
fn broken_files() {
    let good = root("examples/clips/3_theo_5.wav");
    let whole = fs::read(&good).unwrap();
    let (cut, empty, other, missing) = (path("cut.wav"), path("empty.wav"), path("other.wav"), path("missing.wav"));
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    fs::write(&empty, "").unwrap();
    fs::write(&other, "no sound at all, but some words instead").unwrap();
    let output = run([&empty, &missing, &cut, &good, &other]);
    assert_eq!(output.status.code(), Some(1));
    let said: Vec<&str> = text(&output.stderr).lines().collect();
    let expected =
        [("error: ", "empty.wav"), ("error: ", "missing.wav"), ("warning: ", "truncated"), ("error: ", "other.wav")];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (line, (kind, what)) in said.iter().zip(expected) {
        assert!(line.starts_with(kind) && line.contains(what), "{line}");
    }
    let after = text(&output.stdout).split("3_theo_5.wav\n").nth(1).unwrap();
    assert!(after.lines().next().unwrap().contains(" s  3 "), "{after}");
}

/// Models that cannot listen, and one that can, of other sounds at another rate.
#[test]
fn other_models() {
    let old = root("models/digits.heed");
    let output = run([
        OsStr::new("--csv"),
        "--model".as_ref(),
        old.as_os_str(),
        root("examples/clips/3_theo_5.wav").as_os_str(),
    ]);
    assert!(rows(&output).iter().any(|(.., label, _)| label == "3"), "{}", text(&output.stdout));
    let mut words = fs::read(root("models/digits_nothing.heed")).unwrap();
    words[40_000] ^= 1;
    let damaged = path("damaged.heed");
    fs::write(&damaged, words).unwrap();
    for (model, reason) in [
        (root("models/gesture.heed"), "no audio front end"),
        (root("tests/models/chain_tokens.heed"), "no audio front end"),
        (root("tests/models/events_damaged.heed"), "threshold to enter an event"),
        (root("no_such.heed"), "no_such.heed: "),
        (damaged, "checksum"),
    ] {
        let output = run(["--model".as_ref(), model.as_os_str(), root("examples/clips/3_theo_5.wav").as_os_str()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && said.contains(reason) && said.lines().count() == 1, "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_reader_that_stops_is_no_fault() {
    for csv in [&["--csv"][..], &[]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut program = Command::new(&*PROGRAM);
        program.args(csv).arg(root("examples/clips/3_theo_5.wav")).stdout(writer).stderr(Stdio::piped());
        let output = program.spawn().unwrap().wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    }
}

#[test]
fn arguments() {
    let parse = |args: &[&str]| args::parse(args.iter().map(Into::into));
    let files = |names: &[&str]| Source::Files(names.iter().map(PathBuf::from).collect());
    let parsed = parse(&["a.wav", "--model", "m.heed", "b.wav"]).unwrap().unwrap();
    assert_eq!(parsed, Args { source: files(&["a.wav", "b.wav"]), csv: false, model: Some("m.heed".into()) });
    assert_eq!(parse(&["--csv", "--stdin"]).unwrap().unwrap().source, Source::Stdin);
    assert_eq!(parse(&["--live"]).unwrap().unwrap().source, Source::Live);
    let wrong: [&[&str]; 7] = [
        &[],
        &["--csv"],
        &["--csv", "a", "b"],
        &["--stdin", "a"],
        &["--stdin", "--live"],
        &["--loud", "a"],
        &["--model"],
    ];
    for wrong in wrong {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
    let output = run(["--help"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), args::HELP);
    // Built without a microphone, as a rule, or where there is none.
    if let Err(error) = heedful_microphone::Microphone::open(8000) {
        assert!(error.to_string().contains("microphone"), "{error}");
    }
}

/// Samples whose bytes come one at a time, and interrupted.
#[test]
fn samples_that_come_in_bytes() {
    struct Bytes(Vec<u8>, bool);
    impl std::io::Read for Bytes {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            Ok(self.0.pop().map_or(0, |byte| {
                to[0] = byte;
                1
            }))
        }
    }
    let mut samples = pcm::Samples::of(Bytes(vec![9, 0x80, 0x00, 0xFF, 0xFE, 0x00, 0x01], false));
    let mut all = vec![];
    while let Some(new) = samples.next().unwrap() {
        all.extend_from_slice(new);
    }
    assert_eq!(all, [1, -2, i16::MIN]);
    assert!(samples.is_odd());
}

#[test]
fn what_is_printed() {
    let mut out = vec![];
    let mut printer = Printer::new(&mut out, true, true).unwrap();
    printer.level(&[1000]).unwrap();
    printer.event(&Line { start: 0.5, end: 1.0625, label: "yes, \"no\"", score: 0.75 }).unwrap();
    printer.clear().unwrap();
    assert_eq!(text(&out), "start_s,end_s,label,score\n0.500,1.062,\"yes, \"\"no\"\"\",0.750\n");
    let mut out = vec![];
    let mut printer = Printer::new(&mut out, false, true).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(120));
    printer.level(&[0, 16_384, -100]).unwrap();
    // Too soon.
    printer.level(&[1]).unwrap();
    printer.name("a.wav").unwrap();
    printer.event(&Line { start: 0.5, end: 1.0, label: "yes", score: 0.75 }).unwrap();
    let drawn = format!("\r{}···   -6 dB", "█".repeat(27));
    assert!(text(&out).starts_with(&drawn), "{:?}", text(&out));
    assert!(
        text(&out).contains("\ra.wav\n") && text(&out).ends_with("\r    0.50 s to     1.00 s  yes           0.750\n"),
        "{:?}",
        text(&out)
    );
    assert_eq!((printer::decibels(&[0]), printer::decibels(&[i16::MIN])), (-99.0, 0.0));
}
