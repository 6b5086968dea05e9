//! `heedful convert`

use burn::tensor::Device;
use clap::Args;
use heedful::dynamic::Model;
use heedful::format::Softmax;
use heedful_lab::calibrate::calibrate;
use heedful_lab::encoder::Encoder;
use heedful_lab::features::Extractor;
use heedful_lab::fuse::Fuse;
use heedful_lab::low_rank::Rank;
use heedful_lab::narrow::{self, Measured, Narrow};
use heedful_lab::weights::Weights;
use heedful_lab::{Error, convert, data, file};
use std::path::PathBuf;

/// Turn a trained model into integers and write the .heed file.
#[derive(Debug, Args)]
pub struct Convert {
    /// The weights file that `heedful train` wrote.
    #[arg(value_name = "FILE.safetensors")]
    weights: PathBuf,
    /// Calibrate the scales anew on the training recordings of this folder, instead of taking those
    /// that the model was trained with.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Fold query and key weights into one matrix per head: where it pays (heads wider than the model), never or
    /// always.
    #[arg(long, value_enum, default_value = "auto")]
    fuse: Fuse,
    /// Make the projections to queries, keys and values products of two matrices: of the rank N, never, or auto: of the
    /// lowest rank that keeps what they compute to 1 %, where it saves bytes and instructions. Takes --data.
    #[arg(long, value_name = "auto|never|N", default_value_t)]
    rank: Rank,
    /// Softmax weights of 8 bits instead of 15: where they cost nothing on the recordings of --data (auto; without
    /// --data nowhere), never or always.
    #[arg(long, value_enum, default_value = "auto")]
    narrow: Narrow,
    /// The file to write [default: the weights file with the extension heed].
    #[arg(short, long, value_name = "FILE.heed")]
    out: Option<PathBuf>,
}

impl Convert {
    /// Converts and writes the file.
    pub fn run(self) -> Result<(), Error> {
        let mut weights = Weights::load(&self.weights)?;
        let mut features = Vec::new();
        if let Some(folder) = &self.data {
            let clips = data::digits(folder, weights.config.audio.sample_rate)?.train;
            let extractor = Extractor::new(&weights.config)?;
            features = clips.iter().map(|c| extractor.plain(&c.samples)).collect();
            let device = Device::flex();
            weights.scales = calibrate(&Encoder::new(&weights, &device)?, &features, &device);
        }
        let mut model = convert::convert_on(&weights, self.fuse, &features, self.rank)?;
        let measured = narrow::choose(&mut model, &weights, &features, self.narrow)?;
        let out = self.out.unwrap_or_else(|| self.weights.with_extension("heed"));
        let bytes = model.to_bytes().map_err(|e| Error::content(&out, e))?;
        file::write_atomically(&out, &bytes)?;
        let macs = Model::load(&bytes).map_err(|e| Error::content(&out, e))?.macs();
        for (i, rank) in model.blocks.iter().enumerate().filter_map(|(i, block)| Some((i, block.rank()?))) {
            say!("block {i}: queries, keys and values of rank {rank}");
        }
        tell(model.config.softmax, measured);
        say!("{}: {} bytes, {macs} multiply-accumulates per inference", out.display(), bytes.len());
        Ok(())
    }
}

/// What the softmax weights are, and why.
fn tell(softmax: Softmax, measured: Option<Measured>) {
    match (softmax, measured) {
        (Softmax::Narrow, Some(measured)) if measured.holds() => say!("narrow softmax weights: {measured}"),
        (Softmax::Narrow, Some(measured)) => {
            data::warn(format_args!("narrow softmax weights cost accuracy: {measured}"))
        }
        (Softmax::Narrow, None) => {
            data::warn("what narrow softmax weights cost was not measured; measure it with --data");
        }
        (Softmax::Wide, Some(measured)) => say!("wide softmax weights, for narrow ones would cost: {measured}"),
        (Softmax::Wide, None) => {}
    }
}
