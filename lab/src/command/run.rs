//! `heedful run`

use super::second::Second;
use clap::Args;
use heedful::dynamic::Model;
use heedful_import::arrays::Array;
use heedful_import::samples::HeedInputs;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Run a .heed model on arrays: real numbers, sound or tokens in, real numbers out.
#[derive(Debug, Args)]
pub struct Run {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// Inputs `[N, …]`: features in the units of the float model, images with channels first or last, samples of sound,
    /// or tokens.
    #[arg(long, value_name = "FILE.npy")]
    input: PathBuf,
    #[command(flatten)]
    second: Second,
    /// The outputs, `[N, outputs]`, float32; `[N, rows, outputs]` of a model that gives several rows.
    #[arg(short, long, value_name = "FILE.npy")]
    out: PathBuf,
}

impl Run {
    /// Runs it.
    pub fn run(self) -> Result<(), Error> {
        let model = Model::load(&file::read(&self.model)?).map_err(|e| Error::content(&self.model, e))?;
        let array = Array::read(&self.input).map_err(Error::import(&self.input))?;
        let shape = model.shape();
        let inputs = HeedInputs::new(shape, "input", &array, self.second.read()?.as_ref());
        let inputs = inputs.map_err(Error::import(&self.input))?;
        let outputs = inputs.run(&model);
        let values = outputs.first().map_or(0, Vec::len);
        let rows = values / shape.outputs.max(1);
        let axes = if shape.rows > 1 { vec![outputs.len(), rows, shape.outputs] } else { vec![outputs.len(), values] };
        let bytes = Array::bytes(&axes, &outputs.concat()).map_err(Error::io(&self.out))?;
        file::write_atomically(&self.out, &bytes)?;
        say!("{}: {axes:?}, float32", self.out.display());
        Ok(())
    }
}
