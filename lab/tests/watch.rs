//! `heedful watch`: streams of frames as firmware sends them, whole and damaged.

use heedful::audio::excerpt;
use heedful::watch::{FrameReader, Frames, Received};
use heedful::{Narrow, Observer, Row};
use heedful_lab::watch::{Fit, WatchError};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

heedful::model!(Digits = "../../models/digits.heed");

const DIGITS: &str = "models/digits.heed";
const CLIPS: [&str; 2] = ["examples/clips/7_theo_5.wav", "examples/clips/3_jackson_5.wav"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn heedful(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heedful"));
    command.current_dir(root()).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that stops reading is no fault of the test.
    _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn printed(arguments: &[&str], input: &[u8]) -> String {
    let output = heedful(arguments, input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(arguments: &[&str], input: &[u8]) -> String {
    let output = heedful(arguments, input);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// What firmware sends for these clips: lines of a log, and frames. Each piece is one of either.
fn stream() -> Vec<Vec<u8>> {
    let pieces = std::cell::RefCell::new(vec![b"boot\r\n".to_vec()]);
    let mut model = Digits::new();
    let mut frames = Frames::of::<Digits>(|bytes: &[u8]| pieces.borrow_mut().push(bytes.to_vec()));
    for clip in CLIPS {
        pieces.borrow_mut().push(format!("\x1b[32mINFO\x1b[0m clip {clip}\r\n").into_bytes());
        let samples = heedful_recordings::read(&root().join(clip), 8000).unwrap().samples;
        model.reset();
        excerpt(&samples, Digits::SAMPLES).for_each(|sample| _ = model.push(sample));
        frames.inference(|rows| model.infer_heard(rows));
    }
    pieces.into_inner()
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// All forms of the report, and its figures beside those of the same recordings.
#[test]
fn measures_as_inspect_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (recorded, page, svg, csv) = (at("rows.bin"), at("deep/report.html"), at("svg"), at("csv"));
    let (watched, inspected) = (at("watched.json"), at("inspected.json"));
    fs::write(&recorded, stream().concat()).unwrap();
    let forms = ["-o", &page, "--svg", &svg, "--csv", &csv, "--json", &watched, "--text"];
    let text = printed(&[&["watch", "--model", DIGITS, &recorded], &forms[..]].concat(), &[]);
    printed(&["inspect", DIGITS, "--clips", CLIPS[0], CLIPS[1], "--json", &inspected], &[]);
    let (found, expected) = (json(&watched), json(&inspected));

    assert_eq!(found["mean_maps"], expected["mean_maps"]);
    assert_eq!(found["mean_maps"].as_object().unwrap().len(), 9);
    for same in ["patterns", "divergence", "model", "recordings", "flash", "macs"] {
        assert_eq!(found[same], expected[same], "{same}");
    }
    let (rows, others) = (found["heads"].as_array().unwrap(), expected["heads"].as_array().unwrap());
    assert_eq!((rows.len(), others.len()), (9, 9));
    for (row, other) in rows.iter().zip(others) {
        for (name, value) in row.as_object().unwrap().iter().filter(|(name, _)| *name != "name") {
            assert_eq!(value, &other[name], "{name}");
        }
        for measure in ["entropy, relative", "confidence", "distance", "position R²", "effective rank", "on the first"]
        {
            assert!(row[measure].is_number(), "{measure}: {row}");
        }
        for left_out in ["lost alone, loss", "adds, of its layer", "on onsets", "Shapley, loss", "sensitivity"] {
            assert!(row.get(left_out).is_none(), "{left_out}");
        }
    }
    for left_out in ["pruning", "probes", "flow", "quantisation", "misjudged", "states", "classes"] {
        assert!(found.get(left_out).is_none(), "{left_out}");
    }
    let notes = found["notes"].to_string();
    assert!(notes.contains("from maps alone") && notes.contains("450 rows, 0 lost, 0 damaged"), "{notes}");

    let lines: Vec<&str> = text.lines().take(6).collect();
    let clips = CLIPS.map(|clip| format!("INFO clip {clip}"));
    assert_eq!((lines[0], lines[1], lines[3]), ("boot", clips[0].as_str(), clips[1].as_str()));
    assert!(lines[2].starts_with("inference 1: 7 0.9") && lines[2].ends_with(", 225 rows"), "{text}");
    assert!(lines[4].starts_with("inference 2: 3 0.9"), "{text}");
    assert_eq!(lines[5], "2 inferences, 450 rows, 0 lost, 0 damaged pieces");
    assert!(text.contains("digits.heed: 9 heads, 2 recordings\n") && !text.contains("lost alone"), "{text}");

    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("from maps alone") && page.contains("id=\"head-2.1\"") && page.contains("inference-2: 3"));
    for left_out in ["id=\"importance\"", "id=\"flow\"", "id=\"errors\"", "loss without it", "adds, of its layer"] {
        assert!(!page.contains(left_out), "{left_out}");
    }
    let names = |folder: &str| {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.into_iter().map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(&csv), ["divergence.csv", "heads.csv", "patterns.csv"]);
    let pictures =
        ["heads-divergence.svg", "heads-map.svg", "heads-patterns.svg", "inference-1.svg", "inference-2.svg"];
    assert_eq!(names(&svg), pictures);
}

/// From standard input, with rows lost and damaged: they are counted, and the inference is left out of the report.
#[test]
fn losses() {
    let folder = tempfile::tempdir().unwrap();
    let json_file = folder.path().join("all.json").display().to_string();
    let mut pieces = stream();
    // Two log lines and a start stand before the first row.
    pieces[40][20] ^= 4;
    pieces.remove(60);
    pieces.remove(100);
    let stream = pieces.concat();
    let text = printed(&["watch", "-"], &stream);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[2].starts_with("inference 1: class 7 0.9") && lines[2].ends_with("222 rows, not whole"), "{text}");
    assert!(lines[4].ends_with(", 225 rows"), "{text}");
    assert_eq!(lines[5..], ["2 inferences, 447 rows, 3 lost, 1 damaged pieces"]);
    printed(&["watch", "-", "--model", DIGITS, "--json", &json_file], &stream);
    let found = json(&json_file);
    assert_eq!(found["recordings"], 1);
    assert!(found["notes"].to_string().contains("1 inferences did not come whole"), "{}", found["notes"]);
    assert!(found["notes"].to_string().contains("3 lost, 1 damaged"), "{}", found["notes"]);

    // Cut in the first inference: nothing is left to report, and nothing is written.
    let page = folder.path().join("report.html");
    let cut = pieces[..90].concat();
    let reason = complaint(&["watch", "-", "--model", DIGITS, "-o", page.to_str().unwrap()], &cut[..cut.len() - 7]);
    assert!(reason.contains("no inference came whole") && reason.contains("1 began, 2 rows were lost"), "{reason}");
    assert!(!page.exists());
}

#[test]
fn bad_input() {
    let whole = stream().concat();
    for input in [&b""[..], b"a log\nwithout frames\n", &[7; 3000]] {
        let reason = complaint(&["watch", "-"], input);
        assert!(reason.contains("no frames came"), "{reason}");
    }
    assert!(complaint(&["watch", "nowhere.bin"], &[]).contains("nowhere.bin: "));
    assert!(complaint(&["watch", "-", "--text"], &whole).contains("--model"));
    assert!(complaint(&["watch", "-", "--heads", "2.1"], &whole).contains("--model"));
    assert!(complaint(&["watch", "-", "--model", DIGITS, "--heads", "3.0"], &whole).contains("no head 3.0"));
    assert!(complaint(&["watch", "-", "--model", "README.md"], &whole).contains("README.md: not a .heed file"));
    // Another file of the same shape, and one of another shape.
    for other in ["models/digits_nothing.heed", "models/gesture.heed"] {
        let reason = complaint(&["watch", "-", "--model", other], &whole);
        assert!(reason.contains("the rows come from another model file: its checksum is 0x"), "{reason}");
    }
    // Rows that no model has.
    let row = framed(&[0x12, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 127, 1, 9]);
    let reason = complaint(&["watch", "-"], &row);
    assert!(reason.contains("has key 9223372036854775807; there are 65536 positions"), "{reason}");
    // A frame of version 2.
    let mut later = whole.clone();
    later.extend(framed(&[0x21, 0, 0, 0]));
    let reason = complaint(&["watch", "-"], &later);
    assert!(reason.contains("frames of version 2; this program reads version 1"), "{reason}");
}

/// A frame of any content, from the text of docs/watch.md alone.
fn framed(content: &[u8]) -> Vec<u8> {
    let mut sum = u32::MAX;
    for &byte in content {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    let plain = [content, &(!sum).to_le_bytes()].concat();
    let mut encoded = vec![0];
    for block in plain.split(|&byte| byte == 0) {
        encoded.push(block.len() as u8 + 1);
        encoded.extend(block);
    }
    encoded.push(0);
    encoded
}

/// What takes the bytes of frames.
type Sink<'a> = &'a mut dyn FnMut(&[u8]);

/// What is not of a model is refused, by what does not fit.
#[test]
fn rows_that_do_not_fit() {
    let bytes = fs::read(root().join(DIGITS)).unwrap();
    let model = heedful::dynamic::Model::load(&bytes).unwrap();
    let fit = Fit::new(&model, &bytes);
    let verdict = |send: &dyn Fn(Sink)| {
        let (mut sent, mut verdict, mut reader) = (vec![], Ok(()), FrameReader::new());
        send(&mut |bytes: &[u8]| sent.extend_from_slice(bytes));
        reader.push(&sent, &mut |received: Received<'_>| verdict = fit.check(&received));
        assert_eq!(reader.counts().frames, 1);
        verdict
    };
    fn row<W: heedful::Weight>(place: [usize; 5], weights: &[W]) -> impl Fn(Sink) {
        move |sink| {
            let [layer, head, query, first, dilation] = place;
            Frames::new(sink).row(Row { layer, head, query, first, dilation, weights });
        }
    }
    let wide = [heedful::Wide::MAX; 3];
    let position = |what, found| Err(WatchError::Position { layer: 2, head: 2, what, found, positions: 25 });
    for (place, expected) in [
        ([2, 2, 24, 22, 1], Ok(())),
        ([3, 0, 0, 0, 1], Err(WatchError::Layer { found: 3, layers: 3 })),
        ([2, 3, 0, 0, 1], Err(WatchError::Head { layer: 2, found: 3, heads: 3 })),
        ([2, 2, 25, 0, 1], position("query", 25)),
        ([2, 2, 24, 22, 2], position("key", 26)),
        ([2, 2, 24, 0, usize::MAX], position("key", usize::MAX)),
    ] {
        assert_eq!(verdict(&row(place, &wide)), expected, "{place:?}");
    }
    let narrow = verdict(&row([0; 5], &[Narrow::from_bits(255)]));
    assert_eq!(narrow, Err(WatchError::Weights { expected: 32767, found: 255 }));
    let start = |frames: &mut Frames<Sink>| frames.start();
    assert_eq!(verdict(&|sink| start(&mut Frames::of::<Digits>(sink))), Ok(()));
    assert_eq!(verdict(&|sink| start(&mut Frames::new(sink))), Ok(()));

    heedful::model!(Other = "../../models/digits_nothing.heed");
    let expected = u32::from_le_bytes(bytes[12..16].try_into().unwrap());
    let found = verdict(&|sink| start(&mut Frames::of::<Other>(sink)));
    assert!(matches!(found, Err(WatchError::OtherFile { expected: own, .. }) if own == expected), "{found:?}");
    let mut other = Other::new();
    let outcome = other.infer();
    let found = verdict(&|sink| Frames::new(sink).end(&outcome));
    assert_eq!(found, Err(WatchError::Outputs { expected: 10, found: 11 }));
}
