//! Files of weights: what is read, and what is refused by name.

use heedful_import::weights::{Tensors, Wanted, WeightsError};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

/// The bytes of a file of these tensors.
fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let view = |(name, dtype, shape, data): &(&str, Dtype, &[usize], Vec<u8>)| {
        (name.to_string(), TensorView::new(*dtype, shape.to_vec(), &data.clone().leak()[..]).unwrap())
    };
    serialize(tensors.iter().map(view).collect::<Vec<_>>(), None).unwrap()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn read(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Tensors {
    Tensors::safetensors(&file(tensors)).unwrap()
}

#[test]
fn floating_point_types_become_f32() {
    let mut tensors = read(&[
        ("f32", Dtype::F32, &[2], floats(&[1.5, -2.0])),
        ("f16", Dtype::F16, &[2], vec![0x00, 0x3e, 0x00, 0xc0]),
        ("bf16", Dtype::BF16, &[2], vec![0xc0, 0x3f, 0x00, 0xc0]),
        ("f64", Dtype::F64, &[2], [1.5f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect()),
    ]);
    for name in ["f32", "f16", "bf16", "f64"] {
        assert_eq!(tensors.vector(name, 2).unwrap(), [1.5, -2.0], "{name}");
    }
    tensors.finish().unwrap();
}

#[test]
fn a_wrapper_is_taken_off_all_names() {
    let tensors = read(&[
        ("module._orig_mod.a", Dtype::F32, &[1], floats(&[1.0])),
        ("module._orig_mod.b", Dtype::F32, &[1], floats(&[1.0])),
    ]);
    assert!(tensors.has("a") && tensors.has("b"));
}

#[test]
fn what_is_wrong_is_named() {
    let mut tensors = read(&[
        ("norm.weight", Dtype::F32, &[2], floats(&[1.0, f32::NAN])),
        ("norm.bias", Dtype::F32, &[2, 1], floats(&[1.0, 2.0])),
        ("steps", Dtype::I64, &[1], vec![0; 8]),
        ("big", Dtype::F64, &[1], 1e300f64.to_le_bytes().to_vec()),
        ("bert.embeddings.position_ids", Dtype::I64, &[1], vec![0; 8]),
        ("left", Dtype::F32, &[0], vec![]),
    ]);
    let text = |result: Result<Vec<f32>, WeightsError>| result.unwrap_err().to_string();
    assert_eq!(text(tensors.vector("norm.wieght", 2)), "tensor norm.wieght is missing; near it is norm.weight");
    assert_eq!(text(tensors.vector("qqq", 2)), "tensor qqq is missing");
    assert_eq!(text(tensors.vector("norm.weight", 2)), "tensor norm.weight: number 1 is NaN, expected finite numbers");
    assert_eq!(text(tensors.vector("big", 1)), "tensor big: number 0 is inf, expected finite numbers");
    assert_eq!(text(tensors.vector("norm.bias", 2)), "tensor norm.bias has the shape [2, 1], expected [2]");
    assert_eq!(text(tensors.vector("left", Wanted::Any)), "tensor left has the shape [0], expected [?]");
    assert_eq!(text(tensors.vector("steps", 1)), "tensor steps is of type I64, expected F32, F16, BF16 or F64");
    let (shape, _) = tensors.take("norm.bias", &[2.into(), Wanted::Any]).unwrap();
    assert_eq!(shape, [2, 1]);
    assert_eq!(
        tensors.take("norm.bias", &[2.into(), Wanted::Any]).unwrap_err(),
        WeightsError::Twice { name: "norm.bias".into() }
    );
    tensors.ignore("norm.*");
    let unused = ["big [1]", "left [0]", "steps [1]"].map(String::from).to_vec();
    assert_eq!(tensors.finish(), Err(WeightsError::Unused(unused)));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = file(&[("a", Dtype::F32, &[3], floats(&[1.0, 2.0, 3.0]))]);
    for length in 0..whole.len() {
        let error = Tensors::safetensors(&whole[..length]).unwrap_err();
        assert!(matches!(error, WeightsError::Format { format: "safetensors", .. }), "{length}: {error}");
    }
}

#[test]
fn other_files_are_refused() {
    let path = std::path::Path::new("model.onnx");
    let error = Tensors::read(path).unwrap_err().to_string();
    assert_eq!(error, "model.onnx: the extension is \"onnx\"; weights are read from .safetensors, .pt and .pth");
    assert!(matches!(Tensors::read(std::path::Path::new("none.safetensors")), Err(WeightsError::File { .. })));
    #[cfg(not(feature = "pickle"))]
    assert!(matches!(Tensors::read(std::path::Path::new("none.pt")), Err(WeightsError::NoPickle { .. })));
}
