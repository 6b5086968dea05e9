//! `heedful new`

use clap::{Args, ValueEnum};
use heedful_lab::project::template;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Write a commented TOML to train from.
#[derive(Debug, Args)]
pub struct New {
    /// What the model is given.
    #[arg(value_enum)]
    kind: Kind,
    /// The file to write, with or without `.toml`.
    #[arg(value_name = "FILE")]
    project: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Recordings of sound.
    Audio,
    /// Readings of sensors over time.
    Series,
    /// Images.
    Image,
}

impl New {
    /// Writes the file; one that is there stays.
    pub fn run(self) -> Result<(), Error> {
        let text = match self.kind {
            Kind::Audio => template::AUDIO,
            Kind::Series => template::SERIES,
            Kind::Image => template::IMAGE,
        };
        let is_toml = self.project.extension().is_some_and(|extension| extension == "toml");
        let path = if is_toml { self.project } else { PathBuf::from(format!("{}.toml", self.project.display())) };
        if path.exists() {
            return Err(Error::content(&path, "is there already; choose another name"));
        }
        file::write_atomically(&path, text.as_bytes())?;
        say!("{}: say in [data] where your recordings are, then: heedful train {0}", path.display());
        Ok(())
    }
}
