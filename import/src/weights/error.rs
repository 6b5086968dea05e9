//! Why the tensors of a file are not what a model needs.

use std::path::PathBuf;

/// What is wrong with a file of weights, or a tensor in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The name of the file does not say what it holds.
    #[error("{}: the extension is {found:?}; weights are read from .safetensors, .pt and .pth", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// Its extension.
        found: String,
    },
    /// The file holds something else, or ends too early.
    #[error("not a file of {format}: {reason}")]
    Format {
        /// What was expected.
        format: &'static str,
        /// Why it is not.
        reason: String,
    },
    /// The program was built without what the file needs.
    #[error(
        "{}: PyTorch's own files are read with the feature `pickle`, which is off; save the state dict as .safetensors",
        path.display()
    )]
    NoPickle {
        /// The file.
        path: PathBuf,
    },
    /// There is no tensor of this name.
    #[error("tensor {name} is missing{}", near(nearest.as_deref()))]
    Missing {
        /// The name.
        name: String,
        /// One that it may have been meant to be.
        nearest: Option<String>,
    },
    /// Two places of the model are to have the same tensor.
    #[error("tensor {name} is asked for twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A tensor has another shape.
    #[error("tensor {name} has the shape {found:?}, expected {expected}")]
    Shape {
        /// The name.
        name: String,
        /// What it has to be; `?` stands for any length.
        expected: String,
        /// What it is.
        found: Vec<usize>,
    },
    /// A tensor is not of a floating-point type.
    #[error("tensor {name} is of type {found}, expected F32, F16, BF16 or F64")]
    Type {
        /// The name.
        name: String,
        /// Its type.
        found: String,
    },
    /// A number of a tensor is infinite or none, or beyond f32.
    #[error("tensor {name}: number {index} is {found}, expected finite numbers")]
    NotFinite {
        /// The name.
        name: String,
        /// Its index in the tensor.
        index: usize,
        /// What it is.
        found: String,
    },
    /// Tensors that no part of the model takes.
    #[error("not used: {}; name them in the configuration, or ignore them there", .0.join(", "))]
    Unused(Vec<String>),
}

fn near(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!("; near it is {name}"))
}
