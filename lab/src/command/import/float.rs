//! The float model of a command line.

use clap::Args;
use heedful_import::graph::Model;
use heedful_import::torch::{self, Config};
use heedful_import::weights::Tensors;
use heedful_import::{ImportError, hf};
use heedful_lab::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Weights, and what is said of them.
#[derive(Debug, Args)]
pub struct Float {
    /// The weights: .safetensors, .pt or .pth, or a folder of the transformers library.
    #[arg(long, value_name = "FILE")]
    against: PathBuf,
    /// The TOML that says what a state dict does not.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
}

impl Float {
    /// Reads it.
    pub fn read(&self) -> Result<Model, Error> {
        match &self.config {
            Some(config) => state_dict(&self.against, config),
            None => folder(&self.against, None),
        }
    }
}

/// The model of a state dict.
pub fn state_dict(weights: &Path, config: &Path) -> Result<Model, Error> {
    let text = fs::read_to_string(config).map_err(Error::io(config))?;
    let config = Config::parse(&text).map_err(|error| Error::content(config, error))?;
    Tensors::read(weights)
        .map_err(ImportError::from)
        .and_then(|tensors| torch::read(tensors, &config))
        .map_err(|error| Error::content(weights, error))
}

/// The model of a folder.
pub fn folder(path: &Path, length: Option<usize>) -> Result<Model, Error> {
    let options = hf::Options { length, ..hf::Options::default() };
    hf::read(path, &options).map_err(|error| Error::content(path, error))
}
