//! `heedful info`

use clap::Args;
use heedful::dynamic::Model;
use heedful_lab::target::CORES;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Say what is in a .heed model, and what it costs.
#[derive(Debug, Args)]
pub struct Info {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
}

impl Info {
    /// Prints it.
    pub fn run(self) -> Result<(), Error> {
        let model = Model::load(&file::read(&self.model)?).map_err(|e| Error::content(&self.model, e))?;
        parts(&model);
        channels(&model);
        let work = model.work();
        say!("\nflash                 {:>12} bytes", thousands(model.flash_bytes()));
        say!("multiply-accumulates  {:>12}", thousands(work.macs()));
        say!("\n{:<32}{:>14}{:>24}", "core", "RAM, bytes", "instructions, estimated");
        for core in &CORES {
            let (memory, instructions) = (thousands(core.memory(&model)), core.instructions(&work));
            say!("{:<32}{memory:>14}{:>24}", core.about, thousands(rounded(instructions)));
        }
        say!("{:<32}{:>14}", "this machine", thousands(model.memory()));
        say!("\nRAM is working memory; what hears sound comes on top. Instructions are estimated from those of the");
        say!("blocks in docs/performance.md: some 15 % off, on cores with vectors 50 %. Convolutions take more than");
        say!("estimated, up to six times; `cargo xtask count --model FILE` counts.");
        Ok(())
    }
}

/// What the file says of the channels of a series, of its rate and of the outputs.
fn channels(model: &Model) {
    let (names, millihertz) = (model.channel_names(), model.shape().input.millihertz);
    if !names.is_empty() {
        say!("\nchannels  {}", names.join(", "));
    }
    if millihertz > 0 {
        say!("rate      {} per second", millihertz as f64 / 1000.0);
    }
    if !model.labels().is_empty() {
        say!("outputs   {}", model.labels().join(", "));
    }
    if !model.unit().is_empty() {
        say!("unit      {}", model.unit());
    }
}

/// A line for each.
fn parts(model: &Model) {
    let parts = model.parts();
    let wide = parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
    let wider = parts.iter().map(|part| part.shape.len()).max().unwrap_or(0);
    say!("{:wide$}  {:wider$}  {:>10}  {:>14}", "part", "shape", "bytes", "MACs");
    for part in parts {
        let macs = if part.work.macs() > 0 { thousands(part.work.macs()) } else { String::new() };
        say!("{:wide$}  {:wider$}  {:>10}  {macs:>14}", part.name, part.shape, thousands(part.bytes));
    }
}

/// Two digits are all that an estimate has.
fn rounded(estimate: f64) -> usize {
    let unit = 10f64.powf((estimate.max(1.0).log10() - 1.0).floor().max(0.0));
    ((estimate / unit).round() * unit) as usize
}

/// A number with commas.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
