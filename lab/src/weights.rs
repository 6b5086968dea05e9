//! A float model with its activation scales, as a safetensors file.
//!
//! Names follow PyTorch's habits (`blocks.0.attention.query.weight`), matrices are
//! row-major `[out, in]`, all f32. Scales are tensors of one value named
//! `scales.<site>` (see [`crate::calibrate`]). The metadata entry `heedful` holds the
//! [`Config`] and a note on the training as JSON, so that the file stands alone.

use crate::augment::draw;
use crate::{Config, Error, file};
use rand::RngExt;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Numbers and their shape, row-major.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    /// Length along each axis.
    pub shape: Vec<usize>,
    /// The numbers.
    pub data: Vec<f32>,
}

/// The scale of the int8 activations at each site: the real value of 1.
pub type Scales = BTreeMap<String, f32>;

/// A float model.
#[derive(Clone, PartialEq, Debug)]
pub struct Weights {
    /// Shapes and front end.
    pub config: Config,
    /// Parameters by name.
    pub tensors: BTreeMap<String, Array>,
    /// Activation scales by site; empty before calibration.
    pub scales: Scales,
    /// How the model was trained, for the reader of the file.
    pub training: serde_json::Value,
}

/// What the metadata entry holds.
#[derive(Serialize, Deserialize)]
struct Metadata {
    config: Config,
    training: serde_json::Value,
}

/// Key of the metadata entry.
const KEY: &str = "heedful";
/// Prefix of the tensors that hold scales.
const SCALES: &str = "scales.";

/// Name of the natural logarithms of a block's temperatures, one per head.
#[must_use]
pub fn log_temperature(block: usize) -> String {
    format!("blocks.{block}.attention.log_temperature")
}

/// Name and shape of every parameter, in the order of the data flow.
#[must_use]
pub fn parameters(config: &Config) -> Vec<(String, Vec<usize>)> {
    let (width, heads) = (config.width, config.heads * config.head_width);
    let mut list = Vec::new();
    let linear = |list: &mut Vec<_>, name: &str, outputs: usize, inputs: usize| {
        list.push((format!("{name}.weight"), vec![outputs, inputs]));
        list.push((format!("{name}.bias"), vec![outputs]));
    };
    let norm = |list: &mut Vec<_>, name: &str| {
        list.push((format!("{name}.weight"), vec![width]));
        list.push((format!("{name}.bias"), vec![width]));
    };
    linear(&mut list, "embed", width, config.inputs());
    list.push(("positions".to_owned(), vec![config.tokens, width]));
    for b in 0..config.layers {
        norm(&mut list, &format!("blocks.{b}.norm1"));
        for part in ["query", "key", "value"] {
            linear(&mut list, &format!("blocks.{b}.attention.{part}"), heads, width);
        }
        if config.temperature {
            list.push((log_temperature(b), vec![config.heads]));
        }
        linear(&mut list, &format!("blocks.{b}.attention.output"), width, heads);
        norm(&mut list, &format!("blocks.{b}.norm2"));
        linear(&mut list, &format!("blocks.{b}.feed_forward.up"), config.hidden, width);
        linear(&mut list, &format!("blocks.{b}.feed_forward.down"), width, config.hidden);
    }
    norm(&mut list, "norm");
    linear(&mut list, "classifier", config.labels.len(), width);
    list
}

impl Weights {
    /// Random parameters to start from: matrices and their biases uniform in
    /// ±1/sqrt(inputs), positions in ±0.1, norms and temperatures neutral.
    #[must_use]
    pub fn initial(config: &Config, seed: u64) -> Self {
        let mut draw = draw(seed, u64::MAX, 0);
        let mut bound = 0.0;
        let tensors = parameters(config)
            .into_iter()
            .map(|(name, shape)| {
                let count = shape.iter().product();
                let data = if name.ends_with("log_temperature") {
                    vec![0.0; count]
                } else if name.contains("norm") {
                    vec![if name.ends_with("weight") { 1.0 } else { 0.0 }; count]
                } else {
                    // A bias follows its matrix and shares its bound.
                    match (name.as_str(), shape.as_slice()) {
                        ("positions", _) => bound = 0.1,
                        (_, [_, inputs]) => bound = 1.0 / (*inputs as f32).sqrt(),
                        _ => {}
                    }
                    (0..count).map(|_| draw.random_range(-bound..bound)).collect()
                };
                (name, Array { shape, data })
            })
            .collect();
        Self { config: config.clone(), tensors, scales: Scales::new(), training: serde_json::Value::Null }
    }

    /// The numbers of one parameter.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn get(&self, name: &str) -> Result<&Array, Error> {
        self.tensors.get(name).ok_or_else(|| Error::Tensor { name: name.to_owned(), reason: "absent".to_owned() })
    }

    /// The temperature of each head of a block: what its scores are divided by. 1 where training found none.
    ///
    /// # Errors
    /// If the model has temperatures and the tensor is absent.
    pub fn temperatures(&self, block: usize) -> Result<Vec<f64>, Error> {
        if !self.config.temperature {
            return Ok(vec![1.0; self.config.heads]);
        }
        Ok(self.get(&log_temperature(block))?.data.iter().map(|&t| f64::from(t).exp()).collect())
    }

    /// The number of parameters.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tensors.values().map(|t| t.data.len()).sum()
    }

    /// The file's bytes; the same model gives the same bytes. `extra` are byte
    /// tensors stored beside the parameters.
    ///
    /// # Errors
    /// If a name occurs twice or a shape does not fit its data.
    pub fn to_bytes(&self, extra: &[(&str, &[u8])]) -> Result<Vec<u8>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::Training(format!("cannot write the weights: {e}"));
        let little_endian = |data: &[f32]| data.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let scales = self.scales.iter().map(|(site, s)| (format!("{SCALES}{site}"), vec![1], little_endian(&[*s])));
        let parameters = self.tensors.iter().map(|(n, t)| (n.clone(), t.shape.clone(), little_endian(&t.data)));
        let floats: Vec<_> = parameters.chain(scales).collect();
        let mut views = Vec::new();
        for (name, shape, bytes) in &floats {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| failed(&e))?;
            views.push((name.as_str(), view));
        }
        for (name, bytes) in extra {
            let view = TensorView::new(Dtype::U8, vec![bytes.len()], bytes).map_err(|e| failed(&e))?;
            views.push((name, view));
        }
        let metadata = Metadata { config: self.config.clone(), training: self.training.clone() };
        let metadata = serde_json::to_string(&metadata).map_err(|e| failed(&e))?;
        safetensors::serialize(views, Some(HashMap::from([(KEY.to_owned(), metadata)]))).map_err(|e| failed(&e))
    }

    /// Reads a file's bytes; also returns its byte tensors by name. `path` is only
    /// named in errors.
    ///
    /// # Errors
    /// If the file is not a safetensors file, or not one of a model like this.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<(Self, HashMap<String, Vec<u8>>), Error> {
        let damaged = |e: &dyn std::fmt::Display| Error::content(path, format!("not a safetensors file: {e}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(&e))?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damaged(&e))?;
        let Some(metadata) = header.metadata().as_ref().and_then(|m| m.get(KEY)) else {
            return Err(Error::content(path, "no model description; was it written by `heedful train`?"));
        };
        let Metadata { config, training } =
            serde_json::from_str(metadata).map_err(|e| Error::content(path, format!("model description: {e}")))?;
        config.check().map_err(|e| Error::content(path, format!("model description: {e}")))?;
        let mut weights = Self { config, tensors: BTreeMap::new(), scales: Scales::new(), training };
        let mut extra = HashMap::new();
        for (name, view) in file.iter() {
            if view.dtype() == Dtype::U8 {
                extra.insert(name.to_owned(), view.data().to_vec());
                continue;
            }
            if view.dtype() != Dtype::F32 {
                return Err(Error::content(path, format!("tensor {name}: {:?}, expected F32", view.dtype())));
            }
            let data: Vec<f32> = view.data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
            if !data.iter().all(|x| x.is_finite()) {
                return Err(Error::content(path, format!("tensor {name}: not all numbers are finite")));
            }
            match name.strip_prefix(SCALES) {
                Some(site) => _ = weights.scales.insert(site.to_owned(), data.first().copied().unwrap_or(0.0)),
                None => {
                    let array = Array { shape: view.shape().to_vec(), data };
                    weights.tensors.insert(name.to_owned(), array);
                }
            }
        }
        for (name, shape) in parameters(&weights.config) {
            let found = &weights.get(&name).map_err(|e| Error::content(path, e))?.shape;
            if *found != shape {
                return Err(Error::content(path, format!("tensor {name}: shape {found:?}, expected {shape:?}")));
            }
        }
        Ok((weights, extra))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Ok(Self::from_bytes(&file::read(path)?, path)?.0)
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// Names the file if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        file::write_atomically(path, &self.to_bytes(&[])?)
    }
}
