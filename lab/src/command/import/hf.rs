//! `heedful import hf`

use super::float::folder;
use super::options::Options;
use clap::Args;
use heedful_lab::Error;
use std::path::PathBuf;

/// A folder with config.json and model.safetensors.
#[derive(Debug, Args)]
pub struct Hf {
    /// The folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Inputs to choose scales by, `[N, …]`, as the float model takes them: pixels, features or tokens.
    #[arg(long, value_name = "FILE.npy")]
    calibrate: PathBuf,
    /// The most tokens of a text, if fewer than the model can take.
    #[arg(long, value_name = "TOKENS")]
    length: Option<usize>,
    #[command(flatten)]
    options: Options,
}

impl Hf {
    /// Converts and writes the file.
    pub fn run(self) -> Result<(), Error> {
        let model = folder(&self.folder, self.length)?;
        self.options.write(&model, None, &self.folder, &self.calibrate)
    }
}
