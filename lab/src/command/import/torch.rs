//! `heedful import torch`

use super::float::{state_dict, tensors};
use super::options::Options;
use clap::Args;
use heedful_import::torch::inspect;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Weights and their TOML; or only what is in the weights.
#[derive(Debug, Args)]
pub struct Torch {
    /// The weights: .safetensors, .pt or .pth.
    #[arg(value_name = "FILE")]
    weights: PathBuf,
    /// List the tensors and write a TOML to complete, to -o or the screen, and no more.
    #[arg(long, conflicts_with_all = ["config", "calibrate"])]
    inspect: bool,
    /// What the weights do not say; weights of `heedful train` bring it.
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Inputs to choose scales by, `[N, …]`, as the float model takes them.
    #[arg(long, value_name = "FILE.npy", required_unless_present = "inspect")]
    calibrate: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

impl Torch {
    /// Converts and writes the file.
    pub fn run(self) -> Result<(), Error> {
        if let Some(calibrate) = self.calibrate {
            let (model, front_end) = state_dict(&self.weights, self.config.as_deref())?;
            return self.options.write(&model, front_end, &self.weights, &calibrate);
        }
        let text = inspect(&tensors(&self.weights)?);
        match self.options.out {
            Some(out) => file::write_atomically(&out, text.as_bytes()),
            None => {
                say!("{}", text.trim_end());
                Ok(())
            }
        }
    }
}
