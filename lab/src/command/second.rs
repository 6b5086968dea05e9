//! Second inputs of a command line.

use clap::Args;
use heedful_import::arrays::Array;
use heedful_lab::Error;
use std::path::PathBuf;

/// Where models have one.
#[derive(Debug, Args)]
pub struct Second {
    /// Second inputs, one for each: what attention looks at, `[N, rows, channels]`, or the types of the tokens.
    #[arg(long, value_name = "FILE.npy")]
    second: Option<PathBuf>,
}

impl Second {
    /// Reads them.
    pub fn read(&self) -> Result<Option<Array>, Error> {
        self.second.as_ref().map(|path| Array::read(path).map_err(Error::import(path))).transpose()
    }
}
