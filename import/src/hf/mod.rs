//! Directories as the `transformers` library writes them: `config.json` and `model.safetensors`.
//!
//! BERT, ViT, the Audio Spectrogram Transformer and Llama, and what `sentence-transformers` puts behind a BERT. A key
//! that asks for something else is refused by its name.

mod ast;
mod bert;
mod families;
mod keys;
mod layers;
mod llama;
mod sentences;
mod vit;

pub use sentences::Sentences;

use crate::ImportError;
use crate::graph::Model;
use crate::weights::Tensors;
use keys::Keys;
use std::path::Path;

/// What a directory does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The most tokens of a text, if fewer than the model can take.
    pub length: Option<usize>,
    /// What `sentence-transformers` does with the tokens; read from the directory by [`read`].
    pub sentences: Option<Sentences>,
}

/// The float model of a directory.
///
/// # Errors
/// If a file cannot be read, a key of `config.json` asks for what heedful has not got, or a tensor is not what the
/// configuration says.
pub fn read(directory: &Path, options: &Options) -> Result<Model, ImportError> {
    let config = keys::text(&directory.join("config.json"))?;
    let weights = directory.join("model.safetensors");
    if !weights.exists() {
        let reason = "is not there; one file of weights is read, as save_pretrained writes it for small models".into();
        return Err(ImportError::File { path: weights, reason });
    }
    let mut options = options.clone();
    if options.sentences.is_none() {
        options.sentences = Sentences::find(directory)?;
    }
    parse(Tensors::read(&weights)?, &config, &options)
}

/// The float model of tensors and the text of a `config.json`.
///
/// # Errors
/// As [`read`].
pub fn parse(tensors: Tensors, config: &str, options: &Options) -> Result<Model, ImportError> {
    let keys = Keys::parse(config)?;
    let mut tensors = tensors;
    // What norms' tensors were called once.
    for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] {
        tensors.rename_ends(old, new);
    }
    keys.only("quantization_config", &[], "weights that are not quantised")?;
    let family: &str = keys.word("model_type")?;
    if options.sentences.is_some() && family != "bert" {
        return Err(ImportError::setting("modules.json", family, "sentence-transformers over a BERT"));
    }
    let model = match family {
        "bert" => bert::read(&mut tensors, &keys, options),
        "vit" => vit::read(&mut tensors, &keys),
        "audio-spectrogram-transformer" => ast::read(&mut tensors, &keys),
        "llama" | "mistral" => llama::read(&mut tensors, &keys, options),
        other => return Err(families::refuse(other)),
    }?;
    model.check()?;
    tensors.finish()?;
    Ok(model)
}
