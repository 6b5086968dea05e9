//! Files of weights.

use super::{Tensor, Tensors, WeightsError};
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

impl Tensors {
    /// Reads a `.safetensors`, `.pt` or `.pth` file.
    ///
    /// # Errors
    /// If it cannot be read, or is of another kind.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match &*extension {
            "safetensors" => {
                let failed =
                    |error: std::io::Error| WeightsError::File { path: path.to_owned(), reason: error.to_string() };
                let bytes = std::fs::read(path).map_err(failed)?;
                Self::safetensors(&bytes)
                    .map_err(|error| WeightsError::File { path: path.to_owned(), reason: error.to_string() })
            }
            #[cfg(feature = "pickle")]
            "pt" | "pth" => super::pickle::read(path),
            #[cfg(not(feature = "pickle"))]
            "pt" | "pth" => Err(WeightsError::NoPickle { path: path.to_owned() }),
            _ => Err(WeightsError::Extension { path: path.to_owned(), found: extension }),
        }
    }

    /// The tensors of a `.safetensors` file.
    ///
    /// # Errors
    /// If the bytes are no such file.
    pub fn safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let refuse = |reason: safetensors::SafeTensorError| WeightsError::Format {
            format: "safetensors",
            reason: reason.to_string(),
        };
        let file = SafeTensors::deserialize(bytes).map_err(refuse)?;
        let tensor = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
            let values = floats(view.dtype(), view.data());
            (name.to_string(), Tensor { shape: view.shape().to_vec(), dtype: format!("{:?}", view.dtype()), values })
        };
        Ok(Self::new(file.iter().map(tensor).collect()))
    }
}

/// Numbers of a floating-point type; of others, none.
fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|x| f16::from_le_bytes(*x).to_f32()).collect(),
        Dtype::BF16 => bytes.as_chunks::<2>().0.iter().map(|x| bf16::from_le_bytes(*x).to_f32()).collect(),
        Dtype::F64 => bytes.as_chunks::<8>().0.iter().map(|x| f64::from_le_bytes(*x) as f32).collect(),
        _ => return None,
    })
}
