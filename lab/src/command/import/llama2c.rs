//! `heedful import llama2c`

use clap::Args;
use heedful_import::calibrate::{excerpts, own_texts};
use heedful_import::quantise::quantise;
use heedful_import::{Checkpoint, Tokenizer};
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// The checkpoint, its tokenizer and texts.
#[derive(Debug, Args)]
pub struct Llama2c {
    /// The checkpoint.
    #[arg(value_name = "FILE.bin")]
    checkpoint: PathBuf,
    /// Its tokenizer.
    #[arg(long, value_name = "FILE.bin")]
    tokenizer: PathBuf,
    /// Texts to calibrate the scales on, besides those that the model writes itself.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    text: Vec<PathBuf>,
    /// Texts of 255 tokens that the model writes itself to calibrate on.
    #[arg(long, value_name = "N", default_value_t = TEXTS)]
    texts: u16,
    /// Origin of the random choices in them.
    #[arg(long, value_name = "N", default_value_t = 2)]
    seed: u64,
    /// The file to write [default: the checkpoint with the extension heed].
    #[arg(short, long, value_name = "FILE.heed")]
    out: Option<PathBuf>,
}

/// Enough for all tokens and most of what the model can say.
const TEXTS: u16 = 48;

impl Llama2c {
    /// Converts and writes the file.
    pub fn run(self) -> Result<(), Error> {
        let refuse = Error::content;
        let checkpoint = Checkpoint::parse(&file::read(&self.checkpoint)?).map_err(|e| refuse(&self.checkpoint, e))?;
        let tokenizer = Tokenizer::parse(&file::read(&self.tokenizer)?).map_err(|e| refuse(&self.tokenizer, e))?;
        tokenizer.check(checkpoint.shape.vocabulary).map_err(|e| refuse(&self.tokenizer, e))?;
        let mut texts = own_texts(&checkpoint, self.texts.into(), self.seed);
        for path in &self.text {
            texts.extend(excerpts(&tokenizer.encode(&file::read(path)?)));
        }
        let model = quantise(&checkpoint, &tokenizer, &texts).map_err(|e| refuse(&self.checkpoint, e))?;
        let out = self.out.unwrap_or_else(|| self.checkpoint.with_extension("heed"));
        let bytes = model.to_bytes().map_err(|e| Error::content(&out, e))?;
        file::write_atomically(&out, &bytes)?;
        let tokens: usize = texts.iter().map(Vec::len).sum();
        say!("{}: {} bytes, scales from {} texts of {tokens} tokens", out.display(), bytes.len(), texts.len());
        Ok(())
    }
}
