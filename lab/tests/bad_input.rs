//! What the commands say of bad input: one line that names the file and the reason, and no file is written.

mod fixtures;

use fixtures::{Desk, stored, torch, weights};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::fs;

/// A tensor of f32: name, shape, numbers.
type Tensor = (String, Vec<usize>, Vec<f32>);

/// A model's weights, as they are to be changed.
fn tensors(model: &str) -> Vec<Tensor> {
    let bytes = fs::read(&weights(model)[0]).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let number = |x: &[u8; 4]| f32::from_le_bytes(*x);
    file.iter()
        .map(|(name, view)| {
            (name.to_owned(), view.shape().to_vec(), view.data().as_chunks().0.iter().map(number).collect())
        })
        .collect()
}

fn file(tensors: &[Tensor]) -> Vec<u8> {
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, values)| values.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape, _), data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    serialize(views, None).unwrap()
}

/// A desk with the model `post_relu` as `m.safetensors` and `m.toml`, and its inputs.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.inputs_of("post_relu");
    let [weights, toml] = weights("post_relu");
    desk.write("m.safetensors", fs::read(weights).unwrap());
    desk.write("m.toml", fs::read(toml).unwrap());
    desk
}

const IMPORT: [&str; 7] = ["import", "torch", "m.safetensors", "--config", "m.toml", "--calibrate", "calibrate.npy"];

/// What is said of the model with another tensor.
fn with_tensor(name: &str, change: impl Fn(&mut Tensor)) -> String {
    let desk = desk();
    let mut tensors = tensors("post_relu");
    tensors.iter_mut().filter(|(found, ..)| found == name).for_each(change);
    desk.write("m.safetensors", file(&tensors));
    desk.fails(&IMPORT)
}

/// What is said of the model with another line of its TOML.
fn with_line(old: &str, new: &str) -> String {
    let desk = desk();
    let text = fs::read_to_string(desk.path("m.toml")).unwrap();
    assert!(text.contains(old), "{old}");
    desk.write("m.toml", text.replace(old, new));
    desk.fails(&IMPORT)
}

const UP: &str = "encoder.layers.1.linear1.weight";

#[test]
fn tensors_are_named() {
    let error = with_tensor("encoder.layers.1.linear2.weight", |(_, shape, values)| {
        *shape = vec![24, 40];
        values.truncate(24 * 40);
    });
    assert_eq!(
        error,
        "m.safetensors: tensor encoder.layers.1.linear2.weight has the shape [24, 40], expected [24, 48]"
    );
    let error = with_tensor(UP, |(name, ..)| *name = name.replace("linear1", "linear_1"));
    assert_eq!(
        error,
        format!("m.safetensors: tensor {UP} is missing; near it is {}", UP.replace("linear1", "linear_1"))
    );
    let error = with_tensor(UP, |(_, _, values)| values[7] = f32::INFINITY);
    assert_eq!(error, format!("m.safetensors: tensor {UP}: number 7 is inf, expected finite numbers"));
    let error = with_tensor(UP, |(_, _, values)| values.fill(0.0));
    assert!(error.contains("block 1") && error.contains("all weights are 0"), "{error}");
    let desk = desk();
    let mut tensors = tensors("post_relu");
    tensors.push(("decoder.bias".into(), vec![3], vec![1.0; 3]));
    desk.write("m.safetensors", file(&tensors));
    let error = desk.fails(&IMPORT);
    assert!(error.starts_with("m.safetensors: not used: decoder.bias [3]; "), "{error}");
}

#[test]
fn settings_are_named() {
    assert_eq!(with_line("heads = 4", "heads = 5"), "m.toml: `heads` is 5, expected a divisor of the width 24");
    let error = with_line("heads = 4", "hedas = 4");
    assert!(error.starts_with("m.toml: line 3: unknown key `hedas`, did you mean `heads`?; known: "), "{error}");
    let error = with_line("\"relu\"", "\"rleu\"");
    assert!(error.contains("unknown word `rleu`, did you mean `relu`?"), "{error}");
    let error = with_line("heads = 4", "heads = \"four\"");
    assert!(error.starts_with("m.toml: line 3: ") && error.contains("expected usize"), "{error}");
    // A scale that no integer can be: of scores a billion times as steep.
    let error = with_line("heads = 4", "heads = 4\ntemperature = [1e-12]");
    assert!(error.starts_with("m.safetensors: head 0 of block 0: "), "{error}");
    let error = with_line("steps = 32", "steps = 33");
    assert!(error.contains("positions") && error.contains("33"), "{error}");
}

#[test]
fn architectures_that_there_are_not() {
    let desk = desk();
    let others: Vec<Tensor> =
        tensors("post_relu").into_iter().filter(|(name, ..)| !name.contains("encoder.layers")).collect();
    desk.write("m.safetensors", file(&others));
    let error = desk.fails(&IMPORT);
    assert!(error.contains("layers"), "{error}");
    let lstm = ("rnn.weight_ih_l0".to_owned(), vec![4], vec![1.0; 4]);
    desk.write("m.safetensors", file(&[others, vec![lstm]].concat()));
    let error = desk.fails(&IMPORT);
    let nearest = "the nearest that it has: a causal nn.TransformerEncoder";
    assert!(error.contains("a recurrent network") && error.ends_with(nearest), "{error}");
    fs::create_dir(desk.path("hf")).unwrap();
    desk.write("hf/model.safetensors", file(&tensors("post_relu")));
    desk.write("hf/config.json", "{\"model_type\": \"mamba\"}");
    let import = ["import", "hf", "hf", "--calibrate", "calibrate.npy"];
    let error = desk.fails(&import);
    assert_eq!(
        error,
        "hf: `model_type` mamba, a state-space model: heedful has not got this; the nearest that it has: llama"
    );
    let config = fs::read_to_string(torch().join("bert/config.json")).unwrap();
    desk.write("hf/config.json", config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0"));
    assert_eq!(desk.fails(&import), "hf: `num_hidden_layers` is 0, expected a whole number above 0");
    fs::remove_file(desk.path("hf/model.safetensors")).unwrap();
    let error = desk.fails(&import);
    assert!(error.starts_with("hf/model.safetensors: is not there"), "{error}");
}

/// The bytes of an array with another header.
fn array(kind: &str, fortran: &str, shape: &str, data: usize) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let header = format!("{header:117}\n");
    [b"\x93NUMPY\x01\x00", &118u16.to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn arrays_that_do_not_fit() {
    let desk = desk();
    let (shape, values) = stored("post_relu", "calibrate");
    let refused = |bytes: Vec<u8>| {
        desk.write("calibrate.npy", bytes);
        desk.fails(&IMPORT)
    };
    let bytes = |shape: &[usize], values: &[f32]| heedful_import::arrays::Array::bytes(shape, values).unwrap();
    let expected = "[N, …] of 128 values each, N at least 1";
    let other =
        |shape: &str| format!("calibrate.npy: `calibration` is an array of the shape {shape}, expected {expected}");
    assert_eq!(refused(bytes(&[64, 16, 4], &values[..4096])), other("[64, 16, 4]"));
    assert_eq!(refused(bytes(&[0, 32, 4], &[])), other("[0, 32, 4]"));
    assert_eq!(refused(bytes(&[], &[1.0])), other("[]"));
    let mut odd = values.clone();
    odd[500] = f32::NAN;
    assert_eq!(refused(bytes(&shape, &odd)), "calibrate.npy: value 500 is NaN, expected finite numbers");
    odd[500] = f32::NEG_INFINITY;
    assert_eq!(refused(bytes(&shape, &odd)), "calibrate.npy: value 500 is -inf, expected finite numbers");
    let error = refused(array("|O", "False", "(2, 32, 4)", 400));
    assert!(error.starts_with("calibrate.npy: its values are of the type '|O', expected numbers: f4"), "{error}");
    let error = refused(array("<f4", "True", "(2, 32, 4)", 1024));
    assert!(error.starts_with("calibrate.npy: its numbers are in Fortran order, expected C order"), "{error}");
    let error = refused(b"1.0, 2.0".to_vec());
    assert!(error.starts_with("calibrate.npy: not a .npy file: "), "{error}");
    let error = refused(bytes(&[1, 32, 4], &[0.0; 128]));
    assert_eq!(error, "calibrate.npy: all values are 0, expected inputs such as the model will see");
}

#[test]
fn tokens_that_there_are_not() {
    let desk = Desk::new();
    let folder = torch().join("bert").to_str().unwrap().to_owned();
    let import = ["import", "hf", &folder, "--calibrate", "x.npy", "-o", "m.heed"];
    desk.write_array("x.npy", &[1, 25], &[1.0; 25]);
    assert_eq!(desk.fails(&import), "x.npy: `calibration` is of 25 tokens, expected texts of 1 to 24 tokens");
    for (token, shown) in [(-1.0, "-1"), (1e6, "1000000"), (0.5, "0.5")] {
        desk.write_array("x.npy", &[1, 2], &[1.0, token]);
        let error = desk.fails(&import);
        assert!(error.starts_with(&format!("x.npy: `calibration` is {shown}, expected tokens from 0 to ")), "{error}");
    }
    desk.inputs_of("bert");
    desk.works(&["import", "hf", &folder, "--calibrate", "calibrate.npy", "-o", "m.heed"]);
    desk.write_array("x.npy", &[1, 2], &[1.0, 70_000.0]);
    let error = desk.fails(&["run", "m.heed", "--input", "x.npy", "-o", "y.npy"]);
    assert!(error.starts_with("x.npy: `input` is 70000, expected tokens from 0 to "), "{error}");
}

#[test]
fn cut_files() {
    let desk = desk();
    desk.works(&[&IMPORT[..], &["-o", "m.heed"]].concat());
    let pickled = fs::read(torch().join("post_relu.pt")).unwrap();
    desk.write("m.pt", pickled);
    let whole: Vec<(&str, Vec<u8>)> = ["m.safetensors", "m.pt", "calibrate.npy", "m.heed"]
        .map(|name| (name, fs::read(desk.path(name)).unwrap()))
        .into_iter()
        .collect();
    for (name, bytes) in &whole {
        let at = |share: usize| bytes.len() * share / 8;
        for length in [0, 1, 9, 60, at(1), at(4), at(7), bytes.len() - 1] {
            desk.write(name, &bytes[..length]);
            let error = match *name {
                "m.heed" => desk.fails(&["run", "m.heed", "--input", "calibrate.npy", "-o", "y.npy"]),
                "m.pt" => desk.fails(&[
                    "import",
                    "torch",
                    "m.pt",
                    "--config",
                    "m.toml",
                    "--calibrate",
                    "calibrate.npy",
                    "-o",
                    "z.heed",
                ]),
                _ => desk.fails(&[&IMPORT[..], &["-o", "z.heed"]].concat()),
            };
            assert!(error.starts_with(&format!("{name}: ")), "{length}: {error}");
        }
        desk.write(name, bytes);
    }
    // A damaged file, and one of a later version.
    let mut bytes = whole[3].1.clone();
    bytes[5000] ^= 1;
    desk.write("m.heed", &bytes);
    let error = desk.fails(&["info", "m.heed"]);
    assert!(error.contains("checksum"), "{error}");
    assert!(!desk.path("z.heed").exists() && !desk.path("y.npy").exists());
}

#[test]
fn models_that_do_not_belong_together() {
    let desk = desk();
    desk.works(&[&IMPORT[..], &["-o", "m.heed"]].concat());
    let [other, toml] = weights("no_bias");
    let (shape, values) = stored("no_bias", "inputs");
    desk.write_array("other.npy", &shape, &values);
    let error = desk.fails(&["verify", "m.heed", "--against", &other, "--config", &toml, "--input", "other.npy"]);
    assert_eq!(error, "m.heed: `outputs of the .heed file` is 5, expected 8");
    let error = desk.fails(&["verify", "m.heed", "--against", "m.safetensors", "--input", "inputs.npy"]);
    assert_eq!(error, "m.safetensors: a state dict needs its TOML: --config");
    let error = desk.fails(&["run", "m.heed", "--input", "other.npy", "-o", "y.npy"]);
    assert!(error.starts_with("other.npy: `input` is an array of the shape [200, 24, 16]"), "{error}");
    let error = desk.fails(&["import", "torch", "m.heed", "--config", "m.toml", "--calibrate", "calibrate.npy"]);
    assert!(error.starts_with("m.heed: the extension is \"heed\"; weights are read from .safetensors"), "{error}");
}
