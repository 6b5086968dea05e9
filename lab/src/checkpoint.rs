//! The state of an unfinished run: one safetensors file, replaced after every epoch.
//!
//! It holds the parameters, the optimiser's moments (burn's own record, as a byte
//! tensor) and, in the metadata, the settings and the epochs done. Random choices need
//! no state: each epoch derives its own from the seed.

use crate::settings::Settings;
use crate::weights::Weights;
use crate::{Error, file};
use burn::optim::ModuleOptimizer;
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the byte tensor.
const OPTIMIZER: &str = "optimizer";

/// Where a run stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// What the run was started with.
    pub settings: Settings,
    /// Complete epochs.
    pub epochs_done: usize,
}

/// Where the checkpoint of a run lies: beside the file that it will write.
#[must_use]
pub fn path_for(out: &Path) -> PathBuf {
    out.with_extension("checkpoint")
}

/// Writes a checkpoint, whole or not at all.
///
/// # Errors
/// Names the file if it cannot be written.
pub fn save(path: &Path, weights: &Weights, optimizer: &ModuleOptimizer, progress: &Progress) -> Result<(), Error> {
    let moments = optimizer.into_bytes().map_err(|e| Error::content(path, e))?;
    let training = serde_json::to_value(progress).map_err(|e| Error::content(path, e))?;
    let weights = Weights { training, ..weights.clone() };
    file::write_atomically(path, &weights.to_bytes(&[(OPTIMIZER, &moments)])?)
}

/// Reads a checkpoint; `optimizer` is a fresh one of the same kind.
///
/// # Errors
/// Names the file if it is absent, damaged or of another run.
pub fn load(
    path: &Path,
    settings: &Settings,
    optimizer: ModuleOptimizer,
) -> Result<(Weights, ModuleOptimizer, usize), Error> {
    let (weights, mut extra) = Weights::from_bytes(&file::read(path)?, path)?;
    let progress: Progress = serde_json::from_value(weights.training.clone())
        .map_err(|e| Error::content(path, format!("not a checkpoint: {e}")))?;
    if progress.settings != *settings {
        let reason = format!("belongs to a run with other settings ({:?})", progress.settings);
        return Err(Error::content(path, reason));
    }
    let Some(moments) = extra.remove(OPTIMIZER) else {
        return Err(Error::content(path, "no optimiser state"));
    };
    let optimizer = optimizer.from_bytes(Bytes::from_bytes_vec(moments)).map_err(|e| Error::content(path, e))?;
    Ok((weights, optimizer, progress.epochs_done))
}
