//! `heedful upgrade`

use clap::Args;
use heedful::dynamic::Model;
use heedful::format::write::{ChainModel, EncoderModel};
use heedful::format::{MAJOR, OLD_MAJOR};
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Write a .heed file of version 1 of the format anew, in the version of today: the same outputs.
#[derive(Debug, Args)]
pub struct Upgrade {
    /// The file.
    #[arg(value_name = "FILE.heed")]
    old: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.heed")]
    out: PathBuf,
}

impl Upgrade {
    /// Writes it.
    pub fn run(self) -> Result<(), Error> {
        let of_old = |error: heedful::Error| Error::content(&self.old, error);
        let bytes = file::read(&self.old)?;
        let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        if heedful::format::File::open(&words).map_err(of_old)?.major() == MAJOR {
            return Err(Error::content(&self.old, format!("the file is of version {MAJOR} already")));
        }
        let chain = ChainModel::from(EncoderModel::load(&bytes).map_err(of_old)?);
        let upgraded = chain.to_bytes().map_err(of_old)?;
        Model::load(&upgraded).map_err(of_old)?;
        file::write_atomically(&self.out, &upgraded)?;
        let (out, found) = (self.out.display(), upgraded.len());
        say!("{out}: version {OLD_MAJOR} to {MAJOR}, {} bytes to {found}", bytes.len());
        Ok(())
    }
}
