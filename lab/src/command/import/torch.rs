//! `heedful import torch`

use super::float::state_dict;
use super::options::Options;
use clap::Args;
use heedful_import::torch::inspect;
use heedful_import::weights::Tensors;
use heedful_lab::Error;
use std::path::PathBuf;

/// Weights and their TOML; or only what is in the weights.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Torch {
    /// The weights: .safetensors, .pt or .pth.
    #[arg(value_name = "FILE")]
    weights: PathBuf,
    /// Lists the tensors and writes a TOML to complete, and no more.
    #[arg(long)]
    inspect: bool,
    /// What the weights do not say.
    #[arg(long, value_name = "FILE.toml", required_unless_present = "inspect")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Option<Options>,
}

impl Torch {
    /// Converts and writes the file.
    pub fn run(self) -> Result<(), Error> {
        match (self.inspect, self.config, self.options) {
            (false, Some(config), Some(options)) => options.write(&state_dict(&self.weights, &config)?, &self.weights),
            _ => {
                let tensors = Tensors::read(&self.weights).map_err(|error| Error::content(&self.weights, error))?;
                print!("{}", inspect(&tensors));
                Ok(())
            }
        }
    }
}
