//! The float model of a command line.

use clap::Args;
use heedful_import::graph::Model;
use heedful_import::torch::{self, Config};
use heedful_import::weights::Tensors;
use heedful_import::{FrontEnd, ImportError, hf};
use heedful_lab::{Error, file};
use std::fs;
use std::path::{Path, PathBuf};

/// Weights, and what is said of them.
#[derive(Debug, Args)]
pub struct Float {
    /// The weights: .safetensors, .pt or .pth, or a folder of the transformers library.
    #[arg(long, value_name = "FILE")]
    against: PathBuf,
    /// The TOML that says what a state dict does not; weights of `heedful train` bring it.
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
            None if self.against.is_dir() => folder(&self.against, self.length),
            config => Ok(state_dict(&self.against, config.as_deref())?.0),
        }
    }
}

/// The tensors of a file.
pub fn tensors(weights: &Path) -> Result<Tensors, Error> {
    Tensors::read(weights).map_err(|error| Error::import(weights)(error.into()))
}

/// The model of a state dict and its front end, by the TOML of a file or that which the weights bring.
pub fn state_dict(weights: &Path, config: Option<&Path>) -> Result<(Model, Option<FrontEnd>), Error> {
    let (named, config_of) = match config {
        Some(config) => {
            let text = fs::read_to_string(config).map_err(Error::io(config))?;
            (config, Some(Config::parse(&text).map_err(Error::import(config))?))
        }
        None => (weights, torch::embedded(&file::read(weights)?).map_err(Error::import(weights))?),
    };
    let config_of = config_of.ok_or_else(|| Error::content(weights, "a state dict needs its TOML: --config"))?;
    // What a setting of the TOML cannot be is found beside the tensors.
    let place = |error: ImportError| match error {
        ImportError::Setting { .. } => Error::import(named)(error),
        _ => Error::import(weights)(error),
    };
    let model = torch::read(tensors(weights)?, &config_of).map_err(place)?;
    let front_end = config_of.front_end(&model).map_err(place)?;
    Ok((model, front_end))
}

/// The model of a folder.
pub fn folder(path: &Path, length: Option<usize>) -> Result<Model, Error> {
    let options = hf::Options { length, ..hf::Options::default() };
    hf::read(path, &options).map_err(Error::import(path))
}
