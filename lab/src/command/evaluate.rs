//! `heedful evaluate`

use clap::Args;
use heedful::dynamic::Model;
use heedful_lab::data::VALIDATION;
use heedful_lab::evaluate::{Confusion, float, integer_without};
use heedful_lab::head_index::HeadIndex;
use heedful_lab::prune;
use heedful_lab::weights::Weights;
use heedful_lab::{Error, data, file};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Judge a .heed model, and the float model beside it, on recordings.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// Folder of recordings named {digit}_{speaker}_{index}.wav.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The float model [default: FILE.safetensors, if there is one].
    #[arg(long, value_name = "FILE.safetensors")]
    float: Option<PathBuf>,
    /// Which recordings of each digit and speaker to judge [default: those that validate, 5-9].
    #[arg(long, value_name = "FIRST-LAST", value_parser = indices)]
    indices: Option<RangeInclusive<u32>>,
    /// Switch off heads, such as 1:2,2:0; blocks and heads count from 0.
    #[arg(long, value_name = "BLOCK:HEAD,…", value_delimiter = ',')]
    without: Vec<HeadIndex>,
}

/// Parses the numbers of recordings.
pub fn indices(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("expected two numbers in order, such as 5-9".to_owned()),
    }
}

impl Evaluate {
    /// Prints accuracies and the confusion matrix of the int8 model.
    pub fn run(self) -> Result<(), Error> {
        let model = Model::load(&file::read(&self.model)?).map_err(|e| Error::content(&self.model, e))?;
        let rate = model.frontend().map(|f| f.params.sample_rate);
        let rate = rate.ok_or_else(|| Error::content(&self.model, "no audio front end"))?;
        let beside = self.model.with_extension("safetensors");
        let weights = match self.float {
            Some(path) => Some(Weights::load(&path)?),
            None if beside.exists() => Some(Weights::load(&beside)?),
            None => None,
        };
        let wanted = self.indices.unwrap_or(VALIDATION);
        let clips = data::recordings(&self.data, rate, |index| wanted.contains(&index))?;

        let int8 = integer_without(&model, &clips, &self.without)?;
        println!("rows: said, columns: heard (int8)\n{int8}\n");
        // Heads of another float model, such as that of a pruned model, are others.
        let alike = |weights: &Weights| vec![weights.config.heads; weights.config.layers] == model.heads();
        if let Some(mut weights) = weights.filter(|weights| self.without.is_empty() || alike(weights)) {
            prune::switch_off(&mut weights, &self.without)?;
            line("float", &float(&weights, &clips)?);
        }
        line("int8", &int8);
        Ok(())
    }
}

fn line(form: &str, confusion: &Confusion) {
    println!("{form:<5} accuracy {:.4} ({}/{})", confusion.accuracy(), confusion.right(), confusion.total());
}
