//! The models that the arguments name.

use crate::args::Args;
use heedful::dynamic::Decoder;
use heedful_import::calibrate::own_texts;
use heedful_import::quantise::quantise;
use heedful_import::{Checkpoint, Tokenizer};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Texts of the model's own that its scales are found on.
const TEXTS: usize = 48;
/// Their seed.
const SEED: u64 = 2;

/// What there is to run.
pub struct Models {
    pub tokenizer: Tokenizer,
    pub float: Option<Checkpoint>,
    /// Absent if only the float model is asked for.
    pub integer: Option<Decoder>,
}

impl Models {
    /// Reads all files; the reason of a failure names the file.
    pub fn open(args: &Args) -> Result<Self, String> {
        let float = file(&args.checkpoint, Checkpoint::parse)?;
        let given = file(&args.tokenizer, Tokenizer::parse)?;
        let loaded = file(&args.model, Decoder::load)?;
        let (tokenizer, path) = match (given, &loaded) {
            (Some((given, path)), _) => (given, path),
            (None, Some((decoder, path))) => {
                let own = decoder.tokenizer().ok_or("no tokenizer in it; give --tokenizer").map_err(about(path))?;
                (Tokenizer::from_heed(&own).map_err(about(path))?, *path)
            }
            _ => return Err("no tokenizer".to_owned()),
        };
        let vocabularies = [
            float.as_ref().map(|(float, _)| float.shape.vocabulary),
            loaded.as_ref().map(|(decoder, _)| decoder.shape().outputs),
        ];
        for vocabulary in vocabularies.into_iter().flatten() {
            tokenizer.check(vocabulary).map_err(about(path))?;
        }
        let integer = match (loaded, &float) {
            (Some((decoder, _)), _) => Some(decoder),
            (None, Some((float, path))) if !args.float || args.perplexity.is_some() => {
                Some(convert(float, &tokenizer).map_err(about(path))?)
            }
            _ => None,
        };
        Ok(Self { tokenizer, float: float.map(|(float, _)| float), integer })
    }
}

fn convert(float: &Checkpoint, tokenizer: &Tokenizer) -> Result<Decoder, heedful_import::Error> {
    let model = quantise(float, tokenizer, &own_texts(float, TEXTS, SEED))?;
    Ok(Decoder::load(&model.to_bytes()?)?)
}

/// What is in a file, if one is given, with its path.
fn file<T, E: Display>(
    path: &Option<PathBuf>,
    parse: impl Fn(&[u8]) -> Result<T, E>,
) -> Result<Option<(T, &PathBuf)>, String> {
    let Some(path) = path else { return Ok(None) };
    let bytes = std::fs::read(path).map_err(about(path))?;
    Ok(Some((parse(&bytes).map_err(about(path))?, path)))
}

/// A reason, after the name of the file.
pub fn about<E: Display>(path: &Path) -> impl Fn(E) -> String + use<'_, E> {
    move |reason| format!("{}: {reason}", path.display())
}
