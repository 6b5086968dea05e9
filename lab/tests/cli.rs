//! The commands from end to end, and their errors: one line that names the file and the reason.

use std::f32::consts::TAU;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn heedful(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_heedful")).current_dir(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a command that worked printed.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that failed complained of.
fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    let complaint = text(&output.stderr);
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

/// A tone per digit, seven recordings each to train and one to validate.
fn record(folder: &Path) {
    for digit in 0..10 {
        for index in 9..16 + u32::from(digit < 4) {
            let path = folder.join(format!("{digit}_tone_{index}.wav"));
            let turn = TAU * (200.0 + 300.0 * digit as f32) / 8000.0;
            let samples: Vec<i16> = (0..2000).map(|t| (9000.0 * (turn * t as f32).sin()) as i16).collect();
            heedful_recordings::write_wav(&path, &samples, 8000).unwrap();
        }
    }
}

#[test]
fn train_convert_evaluate() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tones")).unwrap();
    record(&folder.path().join("tones"));
    let run = |arguments: &[&str]| heedful(folder.path(), arguments);

    let train =
        ["train-digits", "--preset", "digits-small", "--data", "tones", "--epochs", "2", "--out", "m.safetensors"];
    let log = printed(&run(&train));
    assert!(log.starts_with("64 recordings train, 10 validate\nepoch   1/2: loss "), "{log}");
    assert!(log.ends_with("m.safetensors: 11010 parameters, the weights of epoch 2\n"), "{log}");
    assert!(!folder.path().join("m.checkpoint").exists());
    let again = complaint(&run(&[&train[..], &["--resume"]].concat()));
    assert!(again.starts_with("error: m.checkpoint: No such file"), "{again}");

    let log = printed(&run(&["convert", "m.safetensors"]));
    assert!(log.starts_with("m.heed: ") && log.ends_with(" multiply-accumulates per inference\n"), "{log}");
    printed(&run(&["convert", "m.safetensors", "--data", "tones", "-o", "calibrated.heed"]));

    let log = printed(&run(&["evaluate", "m.heed", "--data", "tones"]));
    assert!(log.contains("\nfloat accuracy 0.") && log.contains("\nint8  accuracy 0."), "{log}");
    let log = printed(&run(&["evaluate", "calibrated.heed", "--data", "tones", "--indices", "10-12"]));
    assert!(log.ends_with("/30)\n") && !log.contains("float"), "{log}");

    // A head switched off, and removed.
    let int8 = |log: &str| log.lines().find(|line| line.starts_with("int8")).map(str::to_owned);
    let off = printed(&run(&["evaluate", "m.heed", "--data", "tones", "--without", "1.0,0.1"]));
    let log = printed(&run(&["prune", "m.heed", "--heads", "1.0,0.1", "-o", "pruned.heed"]));
    assert!(log.starts_with("pruned.heed: ") && log.ends_with(" saved\n"), "{log}");
    let log = printed(&run(&["evaluate", "pruned.heed", "--data", "tones"]));
    assert_eq!((int8(&log), log.contains("float"), off.contains("float")), (int8(&off), false, true));
    let log = printed(&run(&["prune", "m.heed", "--keep", "1", "--data", "tones", "-o", "one.heed"]));
    assert!(log.starts_with("all heads    accuracy 0.") && log.matches("\nwithout ").count() == 3, "{log}");
    let error = complaint(&run(&["prune", "pruned.heed", "--heads", "1:1", "-o", "none.heed"]));
    assert_eq!(error, "error: there is no head 1.1; blocks and heads count from 0\n");
    assert!(!folder.path().join("none.heed").exists());
    let error = complaint(&run(&["convert", "m.safetensors", "--fuse", "always"]));
    assert!(error.starts_with("error: query and key weights cannot be fused: heads of 12"), "{error}");

    // Narrow softmax weights: asked for without recordings to measure on, and with them.
    let output = run(&["convert", "m.safetensors", "--narrow", "always", "-o", "narrow.heed"]);
    printed(&output);
    let unmeasured = "warning: what narrow softmax weights cost was not measured; measure it with --data\n";
    assert_eq!(text(&output.stderr), unmeasured);
    let output = run(&["convert", "m.safetensors", "--data", "tones", "--narrow", "always", "-o", "measured.heed"]);
    let said = printed(&output) + &text(&output.stderr);
    assert!(said.contains("narrow softmax weights") && said.contains(" of 64 recordings, "), "{said}");

    // Weights of low rank: demanded, and found where training kept to it.
    let error = complaint(&run(&["convert", "m.safetensors", "--rank", "8"]));
    assert_eq!(error, "error: projections of rank 8 need recordings; calibrate with --data\n");
    let rank_4 = "block 0: queries, keys and values of rank 4\nblock 1: queries, keys and values of rank 4\n";
    let log = printed(&run(&["convert", "m.safetensors", "--data", "tones", "--rank", "4", "-o", "low.heed"]));
    assert!(log.starts_with(rank_4) && log.contains("\nlow.heed: "), "{log}");
    printed(&run(&["prune", "low.heed", "--heads", "1.0,0.1", "-o", "pruned.heed"]));
    let train = [&train[..train.len() - 1], &["warm.safetensors", "--rank", "4", "--temperature"]].concat();
    assert!(printed(&run(&train)).ends_with("warm.safetensors: 11014 parameters, the weights of epoch 2\n"));
    let log = printed(&run(&["convert", "warm.safetensors", "--data", "tones"]));
    assert!(log.starts_with(rank_4) && log.contains("\nwarm.heed: "), "{log}");
    let log = printed(&run(&["evaluate", "warm.heed", "--data", "tones"]));
    assert!(log.contains("\nfloat accuracy 0.") && log.contains("\nint8  accuracy 0."), "{log}");
}

#[test]
fn errors_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| complaint(&heedful(folder.path(), arguments));
    fs::write(folder.path().join("bad.safetensors"), b"not one").unwrap();
    fs::write(folder.path().join("bad.heed"), b"not one either").unwrap();
    fs::write(folder.path().join("empty.heed"), b"").unwrap();

    assert!(run(&["train-digits", "--data", "absent"]).starts_with("error: absent: no such file"));
    assert!(run(&["train-digits", "--data", "."]).starts_with("error: .: no recordings named"));
    assert!(run(&["convert", "absent.safetensors"]).starts_with("error: absent.safetensors: No such file"));
    assert!(run(&["convert", "bad.safetensors"]).starts_with("error: bad.safetensors: not a safetensors file"));
    assert!(run(&["evaluate", "bad.heed", "--data", "."]).starts_with("error: bad.heed: "));
    assert_eq!(run(&["evaluate", "empty.heed", "--data", "."]), "error: empty.heed: the file is empty\n");
}

/// `heedful … | head`: nobody complains, and the work is done; a full disk is an error.
#[test]
fn a_reader_that_stops_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models/wide.heed");
    let copy = folder.path().join("copy.heed");
    let to = |out: Stdio, arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_heedful"));
        program.arg(arguments[0]).arg(&model).args(&arguments[1..]).stdout(out).stderr(Stdio::piped());
        program.spawn().unwrap().wait_with_output().unwrap()
    };
    for arguments in [&["info"][..], &["upgrade", "-o", copy.to_str().unwrap()], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = to(writer.into(), arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {}", text(&output.stderr));
    }
    assert!(copy.exists());
    if let Ok(full) = fs::File::options().write(true).open("/dev/full") {
        let complaint = complaint(&to(full.into(), &["info"]));
        assert!(complaint.starts_with("error: standard output: "), "{complaint}");
    }
}
