//! `heedful verify`

use super::import::Float;
use super::second::Second;
use clap::Args;
use heedful::dynamic::Model;
use heedful_import::arrays::Array;
use heedful_import::compare::compare;
use heedful_import::samples::Samples;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Compare a .heed model with the float model that it was made of.
#[derive(Debug, Args)]
pub struct Verify {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    #[command(flatten)]
    float: Float,
    /// Inputs `[N, …]`, as the float model takes them.
    #[arg(long, value_name = "FILE.npy")]
    input: PathBuf,
    #[command(flatten)]
    second: Second,
}

impl Verify {
    /// Compares.
    pub fn run(self) -> Result<(), Error> {
        let refuse = Error::content;
        let heed = Model::load(&file::read(&self.model)?).map_err(|e| refuse(&self.model, e))?;
        let float = self.float.read()?;
        let array = Array::read(&self.input).map_err(Error::import(&self.input))?;
        let samples = Samples::new(&float, "input", &array, self.second.read()?.as_ref());
        let samples = samples.map_err(Error::import(&self.input))?;
        let seen = compare(&float, &heed, &samples).map_err(Error::import(&self.model))?;
        say!("inputs            {}", seen.inputs);
        say!("signal to noise   {:.1} dB", seen.decibels);
        say!("same best output  {:.1} %", 100.0 * seen.same);
        say!("cosine            {:.4}", seen.cosine);
        say!("largest error     {:.4}", seen.largest);
        Ok(())
    }
}
