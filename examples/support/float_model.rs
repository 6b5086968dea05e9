//! A float model out of a safetensors file, run in plain f32 with an exact softmax: what
//! the int8 engine is judged against. Shares no code with it.

use safetensors::tensor::{Dtype, SafeTensors};
use std::collections::HashMap;
use std::fmt;

/// Why a file is not a float model.
#[derive(Debug)]
pub enum FloatModelError {
    /// Not a safetensors file, or damaged.
    File(safetensors::SafeTensorError),
    /// The description of the model is absent or not what it should be.
    Description(String),
    /// A tensor is absent or of another type or shape.
    Tensor(String),
}

impl fmt::Display for FloatModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(e) => write!(f, "not a safetensors file: {e}"),
            Self::Description(what) => write!(f, "model description: {what}"),
            Self::Tensor(name) => write!(f, "tensor {name}: absent, not f32, or of a shape that does not fit"),
        }
    }
}

impl std::error::Error for FloatModelError {}

/// `y = W·x + b`, `W` row-major `[outputs][inputs]`.
struct Linear {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let dot = |row: &[f32]| -> f32 { row.iter().zip(x).map(|(w, x)| w * x).sum() };
        self.weight.chunks_exact(x.len()).zip(&self.bias).map(|(row, b)| dot(row) + b).collect()
    }
}

/// Layer normalisation over one row.
struct Norm {
    gain: Vec<f32>,
    offset: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn apply(&self, x: &[f32]) -> Vec<f32> {
        let n = x.len() as f32;
        let mean = x.iter().sum::<f32>() / n;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n;
        let inverse = 1.0 / (variance + self.epsilon).sqrt();
        let parameters = self.gain.iter().zip(&self.offset);
        x.iter().zip(parameters).map(|(x, (g, o))| (x - mean) * inverse * g + o).collect()
    }
}

struct Block {
    /// What each head's scores are divided by, beside the root of its dimension.
    temperatures: Vec<f32>,
    norm1: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm2: Norm,
    up: Linear,
    down: Linear,
}

/// A pre-norm encoder with mean pooling and a classifier.
pub struct FloatModel {
    embed: Linear,
    positions: Vec<f32>,
    blocks: Vec<Block>,
    norm: Norm,
    classifier: Linear,
    /// Real value of one step of the int8 features.
    scale: f32,
    tokens: usize,
    heads: usize,
}

impl FloatModel {
    /// Reads the bytes of a safetensors file written by `heedful train`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FloatModelError> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(FloatModelError::File)?;
        let file = SafeTensors::deserialize(bytes).map_err(FloatModelError::File)?;
        let mut tensors = Tensors { tensors: HashMap::new(), epsilon: 0.0 };
        for (name, view) in file.iter().filter(|(_, view)| view.dtype() == Dtype::F32) {
            let (numbers, _) = view.data().as_chunks();
            tensors.tensors.insert(name, numbers.iter().map(|&b| f32::from_le_bytes(b)).collect());
        }
        let missing = |what: &str| FloatModelError::Description(format!("no {what}"));
        let text = header.metadata().as_ref().and_then(|m| m.get("heedful")).ok_or_else(|| missing("text"))?;
        let text: serde_json::Value =
            serde_json::from_str(text).map_err(|e| FloatModelError::Description(e.to_string()))?;
        let config = &text["config"];
        // Of numbers within these bounds no product overflows.
        let number =
            |name: &str| config[name].as_u64().filter(|n| (1..=1 << 20).contains(n)).ok_or_else(|| missing(name));
        tensors.epsilon = config["epsilon"].as_f64().ok_or_else(|| missing("epsilon"))? as f32;
        let (tokens, layers) = (number("tokens")? as usize, number("layers")? as usize);
        let (heads, width) = (number("heads")? as usize, number("width")? as usize);
        let (dim, hidden) = (number("head_width")? as usize, number("hidden")? as usize);
        let bands = config["audio"]["bands"].as_u64().filter(|n| (1..=1 << 20).contains(n));
        let bands = bands.ok_or_else(|| missing("bands"))? as usize;
        let inputs = number("frames_per_token")? as usize * bands;
        let classes = config["labels"].as_array().map_or(0, Vec::len);

        let block = |b: usize| {
            let linear = |name: &str, to, from| tensors.linear(&format!("blocks.{b}.{name}"), to, from);
            Ok(Block {
                // A model has them or not.
                temperatures: match config["temperature"].as_bool() {
                    Some(true) => {
                        let logarithms = tensors.get(&format!("blocks.{b}.attention.log_temperature"), heads)?;
                        logarithms.iter().map(|t| t.exp()).collect()
                    }
                    _ => vec![1.0; heads],
                },
                norm1: tensors.norm(&format!("blocks.{b}.norm1"), width)?,
                query: linear("attention.query", heads * dim, width)?,
                key: linear("attention.key", heads * dim, width)?,
                value: linear("attention.value", heads * dim, width)?,
                output: linear("attention.output", width, heads * dim)?,
                norm2: tensors.norm(&format!("blocks.{b}.norm2"), width)?,
                up: linear("feed_forward.up", hidden, width)?,
                down: linear("feed_forward.down", width, hidden)?,
            })
        };
        Ok(Self {
            embed: tensors.linear("embed", width, inputs)?,
            positions: tensors.get("positions", tokens * width)?,
            blocks: (0..layers).map(block).collect::<Result<_, _>>()?,
            norm: tensors.norm("norm", width)?,
            classifier: tensors.linear("classifier", classes, width)?,
            scale: tensors.get("scales.features", 1)?.iter().sum(),
            tokens,
            heads,
        })
    }

    /// Logits, one per class, of int8 features `[tokens][inputs]`.
    #[must_use]
    pub fn logits(&self, features: &[i8]) -> Vec<f32> {
        let tokens = features.chunks_exact(features.len() / self.tokens);
        let positions = self.positions.chunks_exact(self.positions.len() / self.tokens);
        let embed = |token: &[i8]| {
            let x: Vec<f32> = token.iter().map(|&q| f32::from(q) * self.scale).collect();
            self.embed.apply(&x)
        };
        let mut stream: Vec<Vec<f32>> = tokens.zip(positions).map(|(t, p)| sum(&embed(t), p)).collect();
        for block in &self.blocks {
            let normed: Vec<_> = stream.iter().map(|x| block.norm1.apply(x)).collect();
            let heard = self.attend(block, &normed);
            for (x, heard) in stream.iter_mut().zip(&heard) {
                *x = sum(x, &block.output.apply(heard));
                let mut hidden = block.up.apply(&block.norm2.apply(x));
                hidden.iter_mut().for_each(|h| *h = gelu(*h));
                *x = sum(x, &block.down.apply(&hidden));
            }
        }
        let mut pooled = vec![0.0; self.norm.gain.len()];
        for x in &stream {
            pooled = sum(&pooled, &self.norm.apply(x));
        }
        pooled.iter_mut().for_each(|p| *p /= self.tokens as f32);
        self.classifier.apply(&pooled)
    }

    /// All heads' outputs side by side, per position.
    fn attend(&self, block: &Block, x: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let project = |layer: &Linear| -> Vec<Vec<f32>> { x.iter().map(|x| layer.apply(x)).collect() };
        let (queries, keys, values) = (project(&block.query), project(&block.key), project(&block.value));
        let width = block.query.bias.len();
        let dim = width / self.heads;
        queries
            .iter()
            .map(|query| {
                let mut out = vec![0.0; width];
                for (first, temperature) in (0..width).step_by(dim).zip(&block.temperatures) {
                    let head = first..first + dim;
                    let score = |key: &Vec<f32>| -> f32 {
                        let dot: f32 = query[head.clone()].iter().zip(&key[head.clone()]).map(|(q, k)| q * k).sum();
                        dot / (dim as f32).sqrt() / temperature
                    };
                    let scores: Vec<f32> = keys.iter().map(score).collect();
                    let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let weights: Vec<f32> = scores.iter().map(|s| (s - max).exp()).collect();
                    let total: f32 = weights.iter().sum();
                    for (weight, value) in weights.iter().zip(&values) {
                        for (o, v) in out[head.clone()].iter_mut().zip(&value[head.clone()]) {
                            *o += weight / total * v;
                        }
                    }
                }
                out
            })
            .collect()
    }
}

fn sum(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// GELU in the form with tanh.
fn gelu(x: f32) -> f32 {
    let inner = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
    0.5 * x * (1.0 + inner.tanh())
}

struct Tensors<'a> {
    tensors: HashMap<&'a str, Vec<f32>>,
    epsilon: f32,
}

impl Tensors<'_> {
    fn get(&self, name: &str, count: usize) -> Result<Vec<f32>, FloatModelError> {
        let found = self.tensors.get(name).filter(|t| t.len() == count && count > 0);
        found.cloned().ok_or_else(|| FloatModelError::Tensor(name.to_owned()))
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, FloatModelError> {
        Ok(Linear {
            weight: self.get(&format!("{name}.weight"), outputs * inputs)?,
            bias: self.get(&format!("{name}.bias"), outputs)?,
        })
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm, FloatModelError> {
        Ok(Norm {
            gain: self.get(&format!("{name}.weight"), width)?,
            offset: self.get(&format!("{name}.bias"), width)?,
            epsilon: self.epsilon,
        })
    }
}
