//! `heedful prune`

use super::evaluate::indices;
use clap::Args;
use heedful::dynamic::Model;
use heedful::format::write::EncoderModel;
use heedful_lab::data::VALIDATION;
use heedful_lab::evaluate::{Example, examples};
use heedful_lab::head_index::HeadIndex;
use heedful_lab::prune::{self, Score};
use heedful_lab::{Error, data, file};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Remove heads from a .heed model for good.
#[derive(Debug, Args)]
pub struct Prune {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// The heads to remove, such as 1.2,2.0; blocks and heads count from 0.
    #[arg(long, value_name = "BLOCK.HEAD,…", value_delimiter = ',', required_unless_present = "keep")]
    heads: Vec<HeadIndex>,
    /// Remove heads one after the other until so many are left: each time the one whose loss does least to the
    /// recordings of --data.
    #[arg(long, value_name = "N", requires = "data", conflicts_with = "heads")]
    keep: Option<usize>,
    /// Folder of recordings named {digit}_{speaker}_{index}.wav.
    #[arg(long, value_name = "DIR", requires = "keep")]
    data: Option<PathBuf>,
    /// Which recordings of each digit and speaker to choose by [default: those that train, from 10 on].
    #[arg(long, value_name = "FIRST-LAST", value_parser = indices, requires = "data")]
    indices: Option<RangeInclusive<u32>>,
    /// The file to write.
    #[arg(short, long, value_name = "FILE.heed")]
    out: PathBuf,
}

impl Prune {
    /// Removes the heads, writes the file and prints what was saved.
    pub fn run(self) -> Result<(), Error> {
        let damaged = |e| Error::content(&self.model, e);
        let bytes = file::read(&self.model)?;
        let (parameters, model) = (EncoderModel::load(&bytes).map_err(damaged)?, Model::load(&bytes).map_err(damaged)?);
        let heads = match (self.keep, &self.data) {
            (Some(keep), Some(data)) => choose(&model, keep, &self.examples(&model, data)?)?,
            _ => self.heads,
        };
        let pruned = prune::remove(&parameters, &heads)?.to_bytes().map_err(|e| Error::content(&self.out, e))?;
        let macs = Model::load(&pruned).map_err(|e| Error::content(&self.out, e))?.macs();
        file::write_atomically(&self.out, &pruned)?;
        say!(
            "{}: {} bytes, {} saved; {macs} multiply-accumulates per inference, {} saved",
            self.out.display(),
            pruned.len(),
            bytes.len() - pruned.len(),
            model.macs() - macs
        );
        Ok(())
    }

    fn examples(&self, model: &Model, data: &std::path::Path) -> Result<Vec<Example>, Error> {
        let rate = model.frontend().map(|f| f.params.sample_rate);
        let rate = rate.ok_or_else(|| Error::content(&self.model, "no audio front end"))?;
        let wanted = |index| match &self.indices {
            Some(indices) => indices.contains(&index),
            None => index > *VALIDATION.end(),
        };
        let examples = examples(model, &data::recordings(data, rate, wanted)?)?;
        match examples.iter().find(|example| example.class >= model.shape().classes()) {
            Some(Example { class, .. }) => {
                let classes = model.shape().classes();
                Err(Error::Training(format!("a recording of class {class}, but the model has {classes}")))
            }
            None => Ok(examples),
        }
    }
}

/// Chooses the heads to remove, and says what each costs.
fn choose(model: &Model, keep: usize, examples: &[Example]) -> Result<Vec<HeadIndex>, Error> {
    let line = |what: String, Score { right, margin }| {
        let (total, accuracy) = (examples.len(), right as f64 / examples.len() as f64);
        say!("{what:<12} accuracy {accuracy:.4} ({right}/{total}), margin {margin:.2} octaves");
    };
    line("all heads".to_owned(), Score::of(model, examples, &[]));
    prune::choose(model, examples, keep, |head, score| line(format!("without {head}"), score))
}
