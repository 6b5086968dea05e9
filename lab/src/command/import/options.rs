//! What all importers of float models can be told.

use clap::{Args, ValueEnum};
use heedful::dynamic;
use heedful::format::Softmax;
use heedful_import::arrays::Array;
use heedful_import::compare::compare;
use heedful_import::convert::{Clipping, Ranges, Settings, convert};
use heedful_import::graph::Model;
use heedful_import::samples::Samples;
use heedful_lab::{Error, file};
use std::path::{Path, PathBuf};

/// How integers are chosen, and where they go.
#[derive(Debug, Args)]
pub struct Options {
    /// Inputs to choose scales by, `[N, …]`.
    #[arg(long, value_name = "FILE.npy")]
    calibrate: PathBuf,
    /// The file to write [default: the weights with the extension heed].
    #[arg(short, long, value_name = "FILE.heed")]
    out: Option<PathBuf>,
    /// How the ranges of activations are chosen.
    #[arg(long, value_enum, default_value_t = Clip::Range)]
    clip: Clip,
    /// Bits of the features that go in: 8 or 15.
    #[arg(long, value_name = "BITS", default_value_t = 15, value_parser = clap::value_parser!(u8).range(8..=15))]
    input_bits: u8,
    /// Bits of the softmax weights: 8 or 15.
    #[arg(long, value_name = "BITS", default_value_t = 15, value_parser = clap::value_parser!(u8).range(8..=15))]
    softmax_bits: u8,
    /// The most bytes that the file may have.
    #[arg(long, value_name = "BYTES")]
    flash: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Clip {
    /// All that was seen, and a tenth more.
    Range,
    /// All but one value of ten thousand.
    Percentile,
    /// What makes the least sum of squared errors.
    LeastSquares,
}

impl Options {
    /// Converts a model whose weights are at `from`, writes the file, and says how near it is to float.
    pub fn write(self, model: &Model, from: &Path) -> Result<(), Error> {
        let refuse = Error::content;
        let array = Array::read(&self.calibrate).map_err(|e| refuse(&self.calibrate, e))?;
        let samples = Samples::new(model, "calibration", &array).map_err(|e| refuse(&self.calibrate, e))?;
        let ranges = Ranges::observe(model, samples.iter()).map_err(|e| refuse(&self.calibrate, e))?;
        let clipping = match self.clip {
            Clip::Range => Clipping::Range,
            Clip::Percentile => Clipping::Percentile(0.9999),
            Clip::LeastSquares => Clipping::LeastSquares,
        };
        let softmax = if self.softmax_bits > 8 { Softmax::Wide } else { Softmax::Narrow };
        let settings = Settings { clipping, fine_input: self.input_bits > 8, softmax, ..Settings::default() };
        let chain = convert(model, &ranges, settings).map_err(|e| refuse(from, e))?;
        let out = self.out.unwrap_or_else(|| from.with_extension("heed"));
        let bytes = chain.to_bytes().map_err(|e| refuse(&out, e))?;
        if let Some(most) = self.flash.filter(|&most| bytes.len() > most) {
            let over = bytes.len() - most;
            return Err(refuse(&out, format!("{} bytes, {over} more than --flash allows; not written", bytes.len())));
        }
        let heed = dynamic::Model::load(&bytes).map_err(|e| refuse(&out, e))?;
        let seen = compare(model, &heed, &samples).map_err(|e| refuse(&self.calibrate, e))?;
        file::write_atomically(&out, &bytes)?;
        println!("{}: {} bytes, scales from {} inputs", out.display(), bytes.len(), seen.inputs);
        println!(
            "on these, against float: {:.1} dB, the same best output in {:.1} %",
            seen.decibels,
            100.0 * seen.same
        );
        Ok(())
    }
}
