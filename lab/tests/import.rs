//! `heedful import` from end to end, and its errors: one line that names the file and the reason.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn import(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_heedful"));
    program.current_dir(folder).args(["import", "llama2c"]).args(arguments).output().unwrap()
}

/// A checkpoint of one layer, width 8, two heads and 259 tokens, with weights that are no wave's alone.
fn checkpoint() -> Vec<u8> {
    let header: [i32; 7] = [8, 12, 1, 2, 1, 259, 16];
    let weights = 259 * 8 + 8 + 64 + 32 + 32 + 64 + 8 + 3 * 96 + 8;
    let values = (0..weights).map(|i| 0.1 + 0.6 * (12.9898 * i as f32).sin());
    // Two pairs, of frequencies 1 and 1/100.
    let angles = (0..32).map(|at| (at / 2) as f32 * [1.0, 0.01][at % 2]);
    let values = values.chain(angles.clone().map(f32::cos)).chain(angles.map(f32::sin));
    header.iter().flat_map(|value| value.to_le_bytes()).chain(values.flat_map(f32::to_le_bytes)).collect()
}

/// A tokenizer of nothing but single bytes.
fn tokenizer() -> Vec<u8> {
    let special = ["<unk>", "<s>", "</s>"].map(str::to_owned);
    let tokens = special.into_iter().chain((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let records = tokens
        .flat_map(|token| [&0f32.to_le_bytes()[..], &(token.len() as i32).to_le_bytes(), token.as_bytes()].concat());
    6i32.to_le_bytes().into_iter().chain(records).collect()
}

#[test]
fn a_checkpoint_becomes_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("m.bin"), checkpoint()).unwrap();
    fs::write(path("t.bin"), tokenizer()).unwrap();
    fs::write(path("a.txt"), "Once upon a time, there was a text.").unwrap();
    let worked = |arguments: &[&str]| {
        let output = import(folder.path(), &[&["m.bin", "--tokenizer", "t.bin"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let log = worked(&["--texts", "2"]);
    let bytes = fs::read(path("m.heed")).unwrap();
    assert!(log.starts_with(&format!("m.heed: {} bytes, scales from 2 texts of ", bytes.len())), "{log}");
    let decoder = heedful::dynamic::Decoder::load(&bytes).unwrap();
    assert_eq!(decoder.tokenizer().unwrap().count(), 259);
    worked(&["--texts", "2", "-o", "again.heed"]);
    assert_eq!(fs::read(path("again.heed")).unwrap(), bytes);
    worked(&["--texts", "2", "--seed", "9", "-o", "other.heed"]);
    assert_ne!(fs::read(path("other.heed")).unwrap(), bytes);
    // 35 bytes and the space before them, after the token that begins a text; twice.
    let log = worked(&["--texts", "0", "--text", "a.txt", "a.txt", "-o", "text.heed"]);
    assert!(log.ends_with("scales from 2 texts of 74 tokens\n"), "{log}");
}

#[test]
fn errors_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("m.bin"), checkpoint()).unwrap();
    fs::write(path("t.bin"), tokenizer()).unwrap();
    fs::write(path("cut.bin"), &checkpoint()[..500]).unwrap();
    fs::write(path("empty.bin"), "").unwrap();
    let altered = |at: usize, bytes: [u8; 4]| {
        let mut whole = checkpoint();
        let at = if at == 0 { whole.len() - 4 } else { at };
        whole[at..at + 4].copy_from_slice(&bytes);
        whole
    };
    fs::write(path("tables.bin"), altered(0, 0.9f32.to_le_bytes())).unwrap();
    fs::write(path("nan.bin"), altered(0, f32::NAN.to_le_bytes())).unwrap();
    fs::write(path("untied.bin"), altered(20, (-259i32).to_le_bytes())).unwrap();
    let piece = [&0f32.to_le_bytes()[..], &1i32.to_le_bytes(), b"a"].concat();
    fs::write(path("more.bin"), [tokenizer(), piece].concat()).unwrap();
    for (arguments, reason) in [
        (&["no.bin", "--tokenizer", "t.bin"][..], "no.bin: No such file"),
        (&["empty.bin", "--tokenizer", "t.bin"], "empty.bin: the file is empty"),
        (&["cut.bin", "--tokenizer", "t.bin"], "cut.bin: truncated: 500 bytes"),
        (
            &["tables.bin", "--tokenizer", "t.bin"],
            "tables.bin: the tables of RoPE are no rotation: pair 1 at position 15 ",
        ),
        (&["nan.bin", "--tokenizer", "t.bin"], "nan.bin: weight 31 of the sines of RoPE is not finite"),
        (
            &["untied.bin", "--tokenizer", "t.bin"],
            "untied.bin: the output layer does not share the embedding's weights",
        ),
        (&["t.bin", "--tokenizer", "t.bin"], "t.bin: not a llama2.c checkpoint"),
        (&["m.bin", "--tokenizer", "m.bin"], "m.bin: "),
        (&["m.bin", "--tokenizer", "more.bin"], "more.bin: the tokenizer has 260 tokens, the checkpoint 259"),
        (&["m.bin", "--tokenizer", "t.bin", "--texts", "0"], "m.bin: the text for calibration is empty"),
        (&["m.bin", "--tokenizer", "t.bin", "--text", "no.txt"], "no.txt: No such file"),
    ] {
        let output = import(folder.path(), arguments);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && complaint.lines().count() == 1, "{complaint}");
        assert!(complaint.starts_with(&format!("error: {reason}")), "{complaint}");
        assert!(!path("m.heed").exists());
    }
}
