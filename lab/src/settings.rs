//! What a training run is started with; travels in the checkpoint and in the metadata of the weights file.

use serde::{Deserialize, Serialize};

/// What the user of `heedful train` can choose.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Passes over the training recordings.
    pub epochs: usize,
    /// Origin of all random choices.
    pub seed: u64,
    /// Recordings per batch.
    pub batch: usize,
    /// Largest learning rate.
    pub rate: f64,
    /// The rank that the projections to queries, keys and values are brought back to after each epoch
    /// ([`crate::low_rank`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { epochs: 150, seed: 1, batch: 64, rate: 2e-3, rank: None }
    }
}
