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
    /// The most tokens of a text, as it was imported with.
    #[arg(long, value_name = "TOKENS")]
    length: Option<usize>,
}

impl Float {
    /// Reads it.
    pub fn read(&self) -> Result<Model, Error> {
        match &self.config {
            Some(config) => state_dict(&self.against, config),
            None if self.against.is_dir() => folder(&self.against, self.length),
            None => Err(Error::content(&self.against, "a state dict needs its TOML: --config")),
        }
    }
}

/// The tensors of a file.
pub fn tensors(weights: &Path) -> Result<Tensors, Error> {
    Tensors::read(weights).map_err(|error| Error::import(weights)(error.into()))
}

/// The model of a state dict.
pub fn state_dict(weights: &Path, config: &Path) -> Result<Model, Error> {
    let text = fs::read_to_string(config).map_err(Error::io(config))?;
    let config_of = Config::parse(&text).map_err(Error::import(config))?;
    // What a setting of the TOML cannot be is found beside the tensors.
    let place = |error: ImportError| match error {
        ImportError::Setting { .. } => Error::import(config)(error),
        _ => Error::import(weights)(error),
    };
    torch::read(tensors(weights)?, &config_of).map_err(place)
}

/// The model of a folder.
pub fn folder(path: &Path, length: Option<usize>) -> Result<Model, Error> {
    let options = hf::Options { length, ..hf::Options::default() };
    hf::read(path, &options).map_err(Error::import(path))
}
