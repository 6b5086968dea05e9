//! `heedful import`

mod float;
mod hf;
mod llama2c;
mod options;
mod report;
mod torch;

pub use float::Float;

use clap::{Args, Subcommand};
use heedful_lab::Error;

/// Turn a published model into integers and write the .heed file.
#[derive(Debug, Args)]
pub struct Import {
    #[command(subcommand)]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Format {
    /// A state dict of PyTorch, with a TOML that says what it does not.
    Torch(torch::Torch),
    /// A folder that the transformers library wrote: BERT, ViT, Audio Spectrogram Transformer, Llama.
    Hf(hf::Hf),
    /// A language model of llama2.c (version 0 of its format).
    Llama2c(llama2c::Llama2c),
}

impl Import {
    /// Converts and writes the file.
    pub fn run(self) -> Result<(), Error> {
        match self.format {
            Format::Torch(command) => command.run(),
            Format::Hf(command) => command.run(),
            Format::Llama2c(command) => command.run(),
        }
    }
}
