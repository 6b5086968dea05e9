//! The state of an unfinished run: one safetensors file, replaced after every epoch.
//!
//! It is a file of weights ([`crate::network::file`]) that holds beside them the optimiser's moments (burn's own
//! record), the best weights so far if they are asked for, and in its note the settings and the epochs done. Random
//! choices need no state: each epoch derives its own from the seed.

use super::{Record, Settings};
use crate::network::file::Contents;
use crate::{Error, file};
use burn::optim::ModuleOptimizer;
use burn::tensor::Bytes;
use heedful_import::graph::Unfolded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names of what is beside the weights.
const OPTIMIZER: &str = "optimizer";
const BEST: &str = "best";

/// Where a run stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    pub settings: Settings,
    /// The epoch that comes next, from 0.
    pub next: usize,
    /// Of the epochs done.
    pub records: Vec<Record>,
    /// Whether it ended before its last epoch.
    pub stopped: bool,
}

/// All of it.
pub(super) struct State {
    pub model: Unfolded,
    pub best: Option<Unfolded>,
    pub optimizer: ModuleOptimizer,
    pub progress: Progress,
}

/// Where the checkpoint of a run lies: beside the file that it will write.
#[must_use]
pub fn path_for(out: &Path) -> PathBuf {
    out.with_extension("checkpoint")
}

/// Writes a checkpoint, whole or not at all.
pub(super) fn save(path: &Path, state: &State) -> Result<(), Error> {
    let moments = state.optimizer.into_bytes().map_err(|e| Error::content(path, e))?;
    let mut extra = BTreeMap::from([(OPTIMIZER.to_owned(), moments.to_vec())]);
    if let Some(best) = &state.best {
        let best = Contents { model: best.clone(), training: serde_json::Value::Null, extra: BTreeMap::new() };
        extra.insert(BEST.to_owned(), best.to_bytes()?);
    }
    let training = serde_json::to_value(&state.progress).map_err(|e| Error::content(path, e))?;
    Contents { model: state.model.clone(), training, extra }.save(path)
}

/// Reads a checkpoint; `optimizer` is a fresh one of the same kind.
pub(super) fn load(path: &Path, settings: &Settings, optimizer: ModuleOptimizer) -> Result<State, Error> {
    let Contents { model, training, mut extra } = Contents::from_bytes(&file::read(path)?, path)?;
    let progress: Progress =
        serde_json::from_value(training).map_err(|e| Error::content(path, format!("not a checkpoint: {e}")))?;
    // As they come back: JSON may cost a number its last bit.
    let again = serde_json::to_string(settings).and_then(|text| serde_json::from_str::<Settings>(&text));
    if again.map_err(|e| Error::content(path, e))? != progress.settings {
        let reason = format!("belongs to a run with other settings ({:?})", progress.settings);
        return Err(Error::content(path, reason));
    }
    let Some(moments) = extra.remove(OPTIMIZER) else {
        return Err(Error::content(path, "no optimiser state"));
    };
    let optimizer = optimizer.from_bytes(Bytes::from_bytes_vec(moments)).map_err(|e| Error::content(path, e))?;
    let best = match extra.remove(BEST) {
        Some(bytes) => Some(Contents::from_bytes(&bytes, path)?.model),
        None => None,
    };
    Ok(State { model, best, optimizer, progress })
}
