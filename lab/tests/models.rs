//! Models of PyTorch and transformers through the commands: import, run, verify, info, upgrade.

mod fixtures;

use fixtures::{Desk, SOME, decibels, number, project, stored, torch, weights};
use std::fs;

/// Class equal to float, and signal to noise, as `verify` prints them.
fn verified(text: &str) -> (f64, f64) {
    (number(text, "signal to noise"), number(text, "same best output"))
}

#[test]
fn state_dicts_from_weights_to_outputs() {
    for name in ["post_relu", "pre_gelu_class", "no_bias", "separate_qkv", "twelve_heads"] {
        let desk = Desk::new();
        desk.inputs_of(name);
        let [weights, toml] = weights(name);
        let arguments =
            ["import", "torch", &weights, "--config", &toml, "--calibrate", "calibrate.npy", "-o", "m.heed"];
        let log = desk.works(&arguments);
        let bytes = fs::metadata(desk.path("m.heed")).unwrap().len();
        assert!(log.starts_with(&format!("m.heed: {bytes} bytes, scales from 64 inputs\n")), "{log}");
        let log = desk.works(&["run", "m.heed", "--input", "some.npy", "-o", "y.npy"]);
        let (shape, logits) = stored(name, "logits");
        assert_eq!(log, format!("y.npy: {:?}, float32\n", [SOME, shape[1]]));
        let found = desk.array("y.npy");
        assert_eq!(found.shape, [SOME, shape[1]]);
        let quality = decibels(&found.values, &logits[..SOME * shape[1]]);
        let log = desk.works(&["verify", "m.heed", "--against", &weights, "--config", &toml, "--input", "inputs.npy"]);
        let (signal, same) = verified(&log);
        println!("{name}: {quality:.1} dB to PyTorch's logits, {signal} dB, {same} %");
        assert!(quality >= 30.0 && signal >= 32.0 && same >= 99.0, "{name}: {quality} {log}");
    }
}

#[test]
fn folders_from_weights_to_outputs() {
    // The Llamas are judged by what follows the last token.
    for (name, least) in [("bert", 32.0), ("vit", 32.0), ("ast", 32.0), ("llama_tied", 20.0), ("llama_untied", 20.0)] {
        let desk = Desk::new();
        desk.inputs_of(name);
        let folder = torch().join(name).to_str().unwrap().to_owned();
        desk.works(&["import", "hf", &folder, "--calibrate", "calibrate.npy", "-o", "m.heed"]);
        let log = desk.works(&["verify", "m.heed", "--against", &folder, "--input", "inputs.npy"]);
        let (signal, same) = verified(&log);
        println!("{name}: {signal} dB, {same} %");
        assert!(signal >= least && same >= 97.0, "{name}: {log}");
        desk.works(&["run", "m.heed", "--input", "some.npy", "-o", "y.npy"]);
        let outputs = stored(name, "logits").0[1];
        let rows = if name.starts_with("llama") { vec![SOME, 30, outputs] } else { vec![SOME, outputs] };
        assert_eq!(desk.array("y.npy").shape, rows);
    }
}

#[test]
fn files_of_pytorch_give_the_same_model() {
    let desk = Desk::new();
    desk.inputs_of("post_relu");
    let [weights, toml] = weights("post_relu");
    let pickled = torch().join("post_relu.pt").to_str().unwrap().to_owned();
    for (from, to) in [(&weights, "a.heed"), (&pickled, "b.heed")] {
        desk.works(&["import", "torch", from, "--config", &toml, "--calibrate", "calibrate.npy", "-o", to]);
    }
    assert_eq!(fs::read(desk.path("a.heed")).unwrap(), fs::read(desk.path("b.heed")).unwrap());
}

#[test]
fn inspection_leads_to_a_model() {
    let desk = Desk::new();
    desk.inputs_of("post_relu");
    let [weights, _] = weights("post_relu");
    let text = desk.works(&["import", "torch", "--inspect", &weights]);
    assert!(text.starts_with("# classifier.bias") && text.contains("# heads =          # open: one of 1, 2, 3, 4"));
    assert_eq!(desk.works(&["import", "torch", "--inspect", &weights, "-o", "m.toml"]), "");
    assert_eq!(fs::read_to_string(desk.path("m.toml")).unwrap(), text);
    let answers = [
        ("# heads =          #", "heads = 4 #"),
        ("# norm_first =     #", "norm_first = false #"),
        ("# activation =     #", "activation = \"relu\" #"),
        ("# pool =           #", "pool = \"mean\" #"),
        ("# output =         #", "output = \"classes\" #"),
    ];
    let answered = answers.iter().fold(text, |text, (open, answer)| text.replace(open, answer));
    desk.write("m.toml", answered);
    desk.works(&["import", "torch", &weights, "--config", "m.toml", "--calibrate", "calibrate.npy", "-o", "m.heed"]);
    let log = desk.works(&["verify", "m.heed", "--against", &weights, "--config", "m.toml", "--input", "inputs.npy"]);
    assert!(verified(&log).0 >= 32.0, "{log}");
}

#[test]
fn inputs_of_several_kinds() {
    let desk = Desk::new();
    desk.inputs_of("vit");
    let folder = torch().join("vit").to_str().unwrap().to_owned();
    desk.works(&["import", "hf", &folder, "--calibrate", "calibrate.npy", "-o", "m.heed"]);
    let (values, last) = (stored("vit", "inputs").1, |at: usize| [at / 48, at / 3 % 16, at % 3]);
    let area = 16 * 16;
    let turned: Vec<f32> = (0..SOME * 3 * area)
        .map(|at| {
            let (image, [row, column, channel]) = (at / (3 * area), last(at % (3 * area)));
            values[image * 3 * area + channel * area + row * 16 + column]
        })
        .collect();
    desk.write_array("turned.npy", &[SOME, 16, 16, 3], &turned);
    desk.works(&["run", "m.heed", "--input", "some.npy", "-o", "y.npy"]);
    desk.works(&["run", "m.heed", "--input", "turned.npy", "-o", "z.npy"]);
    assert_eq!(desk.array("y.npy"), desk.array("z.npy"));
}

#[test]
fn what_is_in_a_model() {
    let desk = Desk::new();
    desk.inputs_of("no_bias");
    let [weights, toml] = weights("no_bias");
    desk.works(&["import", "torch", &weights, "--config", &toml, "--calibrate", "calibrate.npy", "-o", "m.heed"]);
    let text = desk.works(&["info", "m.heed"]);
    for line in
        ["features ", "positions ", "stem ", "norm ", "attention ", "feed-forward layers", "pooling ", "output "]
    {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}: {text}");
    }
    assert!(text.contains("width 36, 3 heads of 12") && text.contains("Cortex-M4, M7, M33 with DSP"), "{text}");
    assert!(!text.contains("unknown"), "{text}");
    let bytes = fs::metadata(desk.path("m.heed")).unwrap().len() as usize;
    let flash = text.lines().find(|line| line.starts_with("flash")).unwrap().replace(',', "");
    assert_eq!(number(&flash, "flash") as usize, bytes);
}

#[test]
fn an_old_file_becomes_a_new_one() {
    let desk = Desk::new();
    let old = project("models/digits.heed");
    let sound: Vec<f32> = (0..2 * 8000).map(|t| 0.2 * (0.3 * t as f32 + 1e-5 * (t * t) as f32).sin()).collect();
    desk.write_array("sound.npy", &[2, 8000], &sound);
    let log = desk.works(&["upgrade", &old, "-o", "new.heed"]);
    assert!(log.starts_with("new.heed: version 1 to 2, "), "{log}");
    desk.works(&["run", &old, "--input", "sound.npy", "-o", "a.npy"]);
    desk.works(&["run", "new.heed", "--input", "sound.npy", "-o", "b.npy"]);
    let outputs = desk.array("a.npy");
    assert_eq!((&outputs.shape[..], &outputs), (&[2, 10][..], &desk.array("b.npy")));
    assert!(outputs.values.iter().any(|&x| x != outputs.values[0]));
    assert_eq!(desk.fails(&["upgrade", "new.heed", "-o", "again.heed"]), "new.heed: the file is of version 2 already");
}

#[test]
fn budgets_are_kept() {
    let desk = Desk::new();
    desk.inputs_of("post_relu");
    let [weights, toml] = weights("post_relu");
    let import = |more: &[&str]| {
        let first = ["import", "torch", &weights, "--config", &toml, "--calibrate", "calibrate.npy", "-o", "m.heed"];
        [&first[..], more].concat().iter().map(|&x| x.to_owned()).collect::<Vec<_>>()
    };
    let fails = |more: &[&str]| desk.fails(&import(more).iter().map(String::as_str).collect::<Vec<_>>());
    let error = fails(&["--flash", "10000"]);
    let found = number(&error, "m.heed:") as usize;
    let over = found - 10_000;
    let expected = format!("m.heed: {found} bytes of flash, {over} more than --flash allows; nothing was written");
    assert_eq!(error, expected);
    let error = fails(&["--ram", "1K"]);
    assert!(error.contains(" bytes of ram on ") && error.contains("more than --ram allows"), "{error}");
    let smaller = fails(&["--ram", "1K", "--target", "cortex-m0"]);
    assert!(smaller.contains("on cortex-m0") && number(&smaller, "m.heed:") < number(&error, "m.heed:"), "{smaller}");
    let output = desk.run(&["import", "hf", ".", "--calibrate", "x.npy", "--ram", "12 KB"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no number of bytes, such as 65536, 64K or 1M"));
    let output = desk.run(&["import", "hf", ".", "--calibrate", "x.npy", "--target", "z80"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("none of cortex-m0, cortex-m3"));
    let fits: Vec<String> = import(&["--flash", "64K", "--ram", "64K"]);
    desk.works(&fits.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn reports_name_the_worst_and_what_helps() {
    let desk = Desk::new();
    desk.inputs_of("pre_gelu_class");
    let [weights, toml] = weights("pre_gelu_class");
    let (shape, values) = stored("pre_gelu_class", "calibrate");
    desk.write_array("calibrate.npy", &[16, shape[1], shape[2]], &values[..16 * shape[1] * shape[2]]);
    let coarse = ["--input-bits", "8", "--softmax-bits", "8", "--activation-bits", "8"];
    let import = ["import", "torch", &weights, "--config", &toml, "--calibrate", "calibrate.npy", "-o", "m.heed"];
    let text = desk.works(&[&import[..], &coarse, &["--report"]].concat());
    for line in ["stem and positions", "attention of block 0", "feed-forward layers of block 2", "outputs", "worst: "] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}: {text}");
    }
    assert!(text.contains("what to do:\n  ") && text.contains("\n  more calibration data: "), "{text}");
    let before = number(&text, "against float:");
    let text = desk.works(&[&import[..], &coarse, &["--auto"]].concat());
    let after = number(&text, "against float:");
    println!("{text}");
    assert!(text.starts_with("taken: ") && after >= before + 0.2, "{before} {text}");
    let log = desk.works(&["verify", "m.heed", "--against", &weights, "--config", &toml, "--input", "inputs.npy"]);
    assert!(verified(&log).0 >= before, "{log}");
}
