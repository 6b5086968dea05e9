//! State dicts as PyTorch writes them.

use super::{Tensor, Tensors, WeightsError};
use candle_core::pickle::PthTensors;
use candle_core::{DType, Tensor as Read};
use std::path::Path;

/// Where training programs put the state dict in a file that holds more.
const KEYS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// Reads a `.pt` or `.pth` file: a state dict, or a dict that holds one.
pub(super) fn read(path: &Path) -> Result<Tensors, WeightsError> {
    let failed = |error: candle_core::Error| WeightsError::File { path: path.to_owned(), reason: reason(&error) };
    let mut file = PthTensors::new(path, None).map_err(failed)?;
    for key in KEYS {
        if !file.tensor_infos().is_empty() {
            break;
        }
        // A file without the key is no failure: the next one may be there.
        if let Ok(inner) = PthTensors::new(path, Some(key)) {
            file = inner;
        }
    }
    let mut names: Vec<&String> = file.tensor_infos().keys().collect();
    names.sort();
    if names.is_empty() {
        let reason = "it holds no state dict; save model.state_dict(), not the model".to_string();
        return Err(WeightsError::File { path: path.to_owned(), reason });
    }
    let mut tensors = std::collections::BTreeMap::new();
    for name in names {
        let tensor = file.get(name).map_err(failed)?;
        let Some(tensor) = tensor else { continue };
        tensors.insert(name.clone(), convert(&tensor).map_err(failed)?);
    }
    Ok(Tensors::new(tensors))
}

/// The message alone; candle adds a trace.
fn reason(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

fn convert(tensor: &Read) -> candle_core::Result<Tensor> {
    let float = matches!(tensor.dtype(), DType::F32 | DType::F16 | DType::BF16 | DType::F64);
    let values = float.then(|| tensor.flatten_all()?.to_dtype(DType::F32)?.to_vec1()).transpose()?;
    Ok(Tensor { shape: tensor.dims().to_vec(), dtype: tensor.dtype().as_str().to_uppercase(), values })
}
