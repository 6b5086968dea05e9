//! What all importers of float models can be told.

use super::report;
use crate::command::second::Second;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use heedful::format::Softmax;
use heedful_import::FrontEnd;
use heedful_import::arrays::Array;
use heedful_import::compare::Comparison;
use heedful_import::convert::{Clipping, Settings};
use heedful_import::graph::Model;
use heedful_import::report::{Bench, Converted, ReportError};
use heedful_import::samples::Samples;
use heedful_lab::budget::{Budget, Bytes};
use heedful_lab::target::Core;
use heedful_lab::{Error, file};
use std::path::{Path, PathBuf};

/// How integers are chosen, and where they go.
#[derive(Debug, Args)]
pub struct Options {
    /// The file to write [default: the weights, or the folder, with the extension heed].
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    second: Second,
    /// How the ranges of activations are chosen.
    #[arg(long, value_enum, default_value_t = Clip::Range)]
    clip: Clip,
    /// Bits of the features that go in.
    #[arg(long, value_name = "BITS", default_value = "15", value_parser = PossibleValuesParser::new(["8", "15"]))]
    input_bits: String,
    /// Bits of the softmax weights.
    #[arg(long, value_name = "BITS", default_value = "15", value_parser = PossibleValuesParser::new(["8", "15"]))]
    softmax_bits: String,
    /// Bits of what goes into the activations of the feed-forward layers.
    #[arg(long, value_name = "BITS", default_value = "16", value_parser = PossibleValuesParser::new(["8", "16"]))]
    activation_bits: String,
    /// Say how far each layer is from float, which is the worst, and what helps.
    #[arg(long)]
    report: bool,
    /// Try what may help, and keep what does.
    #[arg(long)]
    auto: bool,
    /// The most bytes that the file may have, such as 65536 or 64K.
    #[arg(long, value_name = "BYTES")]
    flash: Option<Bytes>,
    /// The most bytes of working memory that the model may need, such as 24K.
    #[arg(long, value_name = "BYTES")]
    ram: Option<Bytes>,
    /// The core on which [default: each that heedful has kernels for].
    #[arg(long, value_name = "CORE", value_parser = |name: &str| name.parse::<&'static Core>())]
    target: Option<&'static Core>,
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
    fn settings(&self) -> Settings {
        let clipping = match self.clip {
            Clip::Range => Clipping::Range,
            Clip::Percentile => Clipping::Percentile(0.9999),
            Clip::LeastSquares => Clipping::LeastSquares,
        };
        let softmax = if self.softmax_bits == "15" { Softmax::Wide } else { Softmax::Narrow };
        let (fine_input, fine_activations) = (self.input_bits == "15", self.activation_bits == "16");
        Settings { clipping, fine_input, input_unit: None, fine_activations, softmax }
    }

    fn budget(&self) -> Budget {
        let bytes = |bytes: Option<Bytes>| bytes.map(|bytes| bytes.0);
        Budget { flash: bytes(self.flash), ram: bytes(self.ram), core: self.target }
    }

    /// Converts a model whose weights are at `from`, writes the file, and says how near it is to float.
    pub fn write(self, model: &Model, front_end: Option<FrontEnd>, from: &Path, calibrate: &Path) -> Result<(), Error> {
        let array = Array::read(calibrate).map_err(Error::import(calibrate))?;
        let samples = Samples::new(model, "calibration", &array, self.second.read()?.as_ref());
        let samples = samples.map_err(Error::import(calibrate))?;
        if matches!(samples, Samples::Values { .. }) && array.values.iter().all(|&x| x == 0.0) {
            return Err(Error::content(calibrate, "all values are 0, expected inputs such as the model will see"));
        }
        let bench = Bench::new(model, &samples).map_err(|e| Error::content(calibrate, e))?;
        let bench = bench.hearing(front_end);
        let of_model = |error: ReportError| Error::content(from, error);
        let mut best = bench.convert(self.settings()).map_err(of_model)?;
        let budget = self.budget();
        if self.auto {
            while let Some(better) = better(&bench, &best, &budget).map_err(of_model)? {
                best = better;
            }
        }
        let out = self.out.unwrap_or_else(|| from.with_extension("heed"));
        if let Some(over) = budget.over(&best.heed) {
            return Err(Error::content(&out, format!("{over}; nothing was written")));
        }
        if self.report {
            report::print(&bench, &best, samples.len()).map_err(of_model)?;
        }
        file::write_atomically(&out, &best.bytes)?;
        let Comparison { inputs, decibels, same, .. } = best.seen;
        say!("{}: {} bytes, scales from {inputs} inputs", out.display(), best.bytes.len());
        say!("on these, against float: {decibels:.1} dB, the same best output in {:.1} %", 100.0 * same);
        Ok(())
    }
}

/// The change of the settings that helps most within the budget, if one does; says which.
fn better(bench: &Bench<'_>, now: &Converted, budget: &Budget) -> Result<Option<Converted>, ReportError> {
    for (what, trial) in bench.trials(now.settings)? {
        if let Some(gain) = trial.gain_over(now).filter(|_| budget.over(&trial.heed).is_none()) {
            say!("taken: {what}: {gain:+.1} dB");
            return Ok(Some(trial));
        }
    }
    Ok(None)
}
