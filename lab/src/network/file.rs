//! Weights of a float model as a safetensors file, under PyTorch's names.
//!
//! The metadata entry `heedful` is JSON: `import` is the TOML that `heedful import torch` asks for, so that the file
//! stands alone, and `training` a note on how the weights were found. BatchNorms and temperatures are beside the
//! weights, not folded into them: training can go on from the file.

use crate::{Error, file};
use heedful_import::graph::{Model, Unfolded};
use heedful_import::torch;
use heedful_import::weights::Tensors;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The metadata entry.
#[derive(Serialize, Deserialize)]
struct Metadata {
    /// The TOML.
    import: String,
    #[serde(default)]
    training: serde_json::Value,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// The model.
    pub model: Unfolded,
    /// How it was trained, for the reader of the file.
    pub training: serde_json::Value,
    /// Bytes stored beside the weights, by name.
    pub extra: BTreeMap<String, Vec<u8>>,
}

impl Contents {
    /// The file's bytes; the same contents give the same bytes.
    ///
    /// # Errors
    /// If the TOML cannot say what the model is.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::Training(format!("cannot write the weights: {e}"));
        let (config, tensors) = torch::write(&self.model).map_err(crate::network::NetworkError::from)?;
        let import = config.to_toml().map_err(crate::network::NetworkError::from)?;
        let bytes = |values: &Vec<f32>| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let floats =
            tensors.iter().filter_map(|(name, tensor)| Some((name, &tensor.shape, bytes(tensor.values.as_ref()?))));
        let floats: Vec<_> = floats.collect();
        let mut views = Vec::new();
        for (name, shape, bytes) in &floats {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(|e| failed(&e))?;
            views.push((name.as_str(), view));
        }
        for (name, bytes) in &self.extra {
            let view = TensorView::new(Dtype::U8, vec![bytes.len()], bytes).map_err(|e| failed(&e))?;
            views.push((name, view));
        }
        let metadata = Metadata { import, training: self.training.clone() };
        let metadata = serde_json::to_string(&metadata).map_err(|e| failed(&e))?;
        // More entries than one would come in any order.
        let metadata = HashMap::from([(torch::METADATA.to_owned(), metadata)]);
        safetensors::serialize(views, Some(metadata)).map_err(|e| failed(&e))
    }

    /// Reads a file's bytes; `path` is only named in errors.
    ///
    /// # Errors
    /// If the bytes are no safetensors file, or none that training has written.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let damaged = |e: &dyn std::fmt::Display| Error::content(path, format!("not a safetensors file: {e}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let Some(metadata) = header.metadata().as_ref().and_then(|m| m.get(torch::METADATA)) else {
            return Err(Error::content(path, "no model description; was it written by `heedful train`?"));
        };
        let Metadata { import, training } =
            serde_json::from_str(metadata).map_err(|e| Error::content(path, format!("model description: {e}")))?;
        let mut config = torch::Config::parse(&import).map_err(Error::import(path))?;
        let bytes_of = file.iter().filter(|(_, view)| view.dtype() == Dtype::U8);
        let extra: BTreeMap<_, _> = bytes_of.map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect();
        config.names.ignore.extend(extra.keys().cloned());
        let tensors = Tensors::safetensors(bytes).map_err(|e| Error::import(path)(e.into()))?;
        let model = torch::read_unfolded(tensors, &config).map_err(Error::import(path))?;
        Ok(Self { model, training, extra })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(&file::read(path)?, path)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// Names the file if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        file::write_atomically(path, &self.to_bytes()?)
    }
}

/// The float model of a file, with all folded into it.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn model(path: &Path) -> Result<Model, Error> {
    Ok(Contents::load(path)?.model.fold())
}
