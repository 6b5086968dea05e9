//! `heedful run`

use clap::Args;
use heedful::dynamic::Model;
use heedful::format::InputKind;
use heedful_import::arrays::Array;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Run a .heed model on arrays: real numbers or tokens in, real numbers out.
#[derive(Debug, Args)]
pub struct Run {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// Inputs `[N, …]`: features `[steps][columns][channels]`, or tokens.
    #[arg(long, value_name = "FILE.npy")]
    input: PathBuf,
    /// The outputs, `[N, outputs]`.
    #[arg(short, long, value_name = "FILE.npy")]
    out: PathBuf,
}

impl Run {
    /// Runs it.
    pub fn run(self) -> Result<(), Error> {
        let refuse = Error::content;
        let model = Model::load(&file::read(&self.model)?).map_err(|e| refuse(&self.model, e))?;
        let array = Array::read(&self.input).map_err(|e| refuse(&self.input, e))?;
        let input = &model.shape().input;
        let tokens = input.kind == InputKind::Tokens;
        let each = match array.shape.get(1) {
            Some(&length) if tokens => length.clamp(1, input.steps),
            _ => input.steps * input.columns * input.channels,
        };
        let parts = array.parts("input", each).map_err(|e| refuse(&self.input, e))?;
        let outputs: Vec<Vec<f32>> = parts
            .map(|part| {
                if tokens {
                    let tokens: Vec<u16> = part.iter().map(|&token| token as u16).collect();
                    return model.real(model.infer_tokens(&tokens).logits());
                }
                model.infer_real(&part.iter().map(|&x| x as f32).collect::<Vec<_>>())
            })
            .collect();
        let shape = [outputs.len(), outputs.first().map_or(0, Vec::len)];
        let bytes = Array::bytes(&shape, &outputs.concat()).map_err(|e| refuse(&self.out, e))?;
        file::write_atomically(&self.out, &bytes)?;
        println!("{}: {} outputs of {} values", self.out.display(), shape[0], shape[1]);
        Ok(())
    }
}
