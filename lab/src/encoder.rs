//! The encoder in burn, for training and as a reference.

use crate::features::SCALE;
use crate::ranges::Ranges;
use crate::training::largest;
use crate::weights::{Array, Scales, Weights, log_temperature, parameters};
use crate::{Error, fake_quant, fuse};
use burn::module::{Module, Param, ParamId};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::activation::{gelu_approximate, softmax};
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;

/// How a forward pass treats activations and weights.
#[derive(Debug)]
pub enum Pass<'a> {
    /// As they are.
    Float,
    /// As they are, and notes their magnitudes.
    Observe(&'a mut Ranges),
    /// As they are, and notes what the attention of each block reads.
    Inputs(&'a mut [Vec<f32>]),
    /// Rounded to int8.
    Quantised(&'a Scales),
}

impl Pass<'_> {
    /// An activation that is int8 on the target.
    fn int8<const D: usize>(&mut self, block: Option<usize>, name: &str, x: Tensor<D>) -> Tensor<D> {
        let site = || block.map_or_else(|| name.to_owned(), |b| format!("blocks.{b}.{name}"));
        match self {
            Pass::Float => x,
            Pass::Observe(ranges) => {
                ranges.observe(&site(), &x);
                x
            }
            Pass::Inputs(seen) => {
                if let Some(seen) = block.filter(|_| name == "norm1").and_then(|b| seen.get_mut(b)) {
                    seen.extend(x.to_data().iter::<f32>());
                }
                x
            }
            // Every site of a model has been calibrated; 1 stands for one that has not.
            Pass::Quantised(scales) => fake_quant::activation(x, scales.get(&site()).copied().unwrap_or(1.0)),
        }
    }

    /// An activation that is int16 on the target: fine enough to train as a float.
    fn int16<const D: usize>(&mut self, name: &str, x: &Tensor<D>) {
        if let Pass::Observe(ranges) = self {
            ranges.observe(name, x);
        }
    }

    /// A linear layer; its bias is 32 bits wide on the target, hence untouched.
    fn linear<const D: usize>(&self, layer: &Linear, x: Tensor<D>) -> Tensor<D> {
        let weight = layer.weight.val();
        let weight = match self {
            Pass::Quantised(_) => fake_quant::weight(weight),
            _ => weight,
        };
        linear(x, weight, layer.bias.as_ref().map(Param::val))
    }
}

/// Pre-norm encoder with mean pooling and a classifier.
#[derive(Module, Debug)]
pub struct Encoder {
    embed: Linear,
    positions: Param<Tensor<2>>,
    blocks: Vec<Block>,
    norm: LayerNorm,
    classifier: Linear,
}

/// Attention and feed-forward, each around the residual stream.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
    heads: usize,
    /// Logarithm of each head's temperature.
    temperature: Option<Param<Tensor<1>>>,
}

impl Encoder {
    /// Puts the weights into modules on `device`. Parameters are numbered in the order
    /// of [`parameters`], so that an optimiser's state fits any copy of the model.
    ///
    /// # Errors
    /// If a tensor is absent.
    pub fn new(weights: &Weights, device: &Device) -> Result<Self, Error> {
        let numbers: BTreeMap<String, u64> =
            parameters(&weights.config).into_iter().zip(1..).map(|((name, _), n)| (name, n)).collect();
        let load = Load { weights, numbers, device };
        let block = |b: usize| {
            let linear = |name: &str| load.linear(&format!("blocks.{b}.{name}"));
            Ok(Block {
                norm1: load.norm(&format!("blocks.{b}.norm1"))?,
                query: linear("attention.query")?,
                key: linear("attention.key")?,
                value: linear("attention.value")?,
                output: linear("attention.output")?,
                norm2: load.norm(&format!("blocks.{b}.norm2"))?,
                up: linear("feed_forward.up")?,
                down: linear("feed_forward.down")?,
                heads: weights.config.heads,
                temperature: match weights.config.temperature {
                    true => Some(load.param(&log_temperature(b), |t| t)?),
                    false => None,
                },
            })
        };
        Ok(Self {
            embed: load.linear("embed")?,
            positions: load.param("positions", |t: Tensor<2>| t)?,
            blocks: (0..weights.config.layers).map(block).collect::<Result<_, Error>>()?,
            norm: load.norm("norm")?,
            classifier: load.linear("classifier")?,
        })
    }

    /// The parameters as they are now, by name.
    #[must_use]
    pub fn tensors(&self) -> BTreeMap<String, Array> {
        let mut save = Save::default();
        save.linear("embed", &self.embed);
        save.tensor("positions", self.positions.val());
        for (b, block) in self.blocks.iter().enumerate() {
            let name = |part: &str| format!("blocks.{b}.{part}");
            save.norm(&name("norm1"), &block.norm1);
            save.linear(&name("attention.query"), &block.query);
            save.linear(&name("attention.key"), &block.key);
            save.linear(&name("attention.value"), &block.value);
            if let Some(temperature) = &block.temperature {
                save.tensor(&log_temperature(b), temperature.val());
            }
            save.linear(&name("attention.output"), &block.output);
            save.norm(&name("norm2"), &block.norm2);
            save.linear(&name("feed_forward.up"), &block.up);
            save.linear(&name("feed_forward.down"), &block.down);
        }
        save.norm("norm", &self.norm);
        save.linear("classifier", &self.classifier);
        save.tensors
    }

    /// Positions per inference.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.positions.val().dims()[0]
    }

    /// Logits `[batch, classes]` of features `[batch, tokens, inputs]` in octaves.
    pub fn forward(&self, features: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<2> {
        let mut x = pass.linear(&self.embed, features) + self.positions.val().unsqueeze::<3>();
        pass.int16("residual", &x);
        for (b, block) in self.blocks.iter().enumerate() {
            x = block.forward(b, x, pass);
        }
        let x = pass.int8(None, "norm", self.norm.forward(x));
        let [batch, _, width] = x.dims();
        let pooled = pass.int8(None, "pooled", x.mean_dim(1).reshape([batch, width]));
        let logits = pass.linear(&self.classifier, pooled);
        pass.int16("logits", &logits);
        logits
    }
}

impl Block {
    fn forward(&self, block: usize, x: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<3> {
        let b = Some(block);
        let y = pass.int8(b, "norm1", self.norm1.forward(x.clone()));
        let query = pass.linear(&self.query, y.clone());
        let query = self.split(pass.int8(b, "query", query));
        if let Pass::Observe(ranges) = pass
            && let Some(folded) = self.folded(query.clone())
        {
            ranges.observe(&format!("blocks.{block}.{}", fuse::SITE), &folded);
        }
        let key = pass.linear(&self.key, y.clone());
        let key = self.split(pass.int8(b, "key", key));
        let value = pass.linear(&self.value, y);
        let value = self.split(pass.int8(b, "value", value));

        let [batch, heads, tokens, head_width] = query.dims();
        let mut scores = query.matmul(key.transpose()).div_scalar((head_width as f32).sqrt());
        if let Some(temperature) = &self.temperature {
            scores = scores * temperature.val().neg().exp().reshape([1, heads, 1, 1]);
        }
        let attended = softmax(scores, 3).matmul(value).swap_dims(1, 2).reshape([batch, tokens, heads * head_width]);
        let attended = pass.int8(b, "heads", attended);
        let x = x + pass.linear(&self.output, attended);
        pass.int16("residual", &x);

        let y = pass.int8(b, "norm2", self.norm2.forward(x.clone()));
        let y = pass.linear(&self.up, y);
        let y = pass.int8(b, "hidden", y);
        let y = pass.int8(b, "gelu", gelu_approximate(y));
        let x = x + pass.linear(&self.down, y);
        pass.int16("residual", &x);
        x
    }

    /// Queries `[batch, heads, tokens, head width]` to those of folded weights, `[batch, heads, tokens, width]`, where
    /// these can stand in their place.
    fn folded(&self, query: Tensor<4>) -> Option<Tensor<4>> {
        let key = self.key.weight.val();
        let [width, all] = key.dims();
        let head_width = all / self.heads;
        (width <= head_width).then(|| query.matmul(key.transpose().reshape([1, self.heads, head_width, width])))
    }

    /// `[batch, tokens, heads * width]` to `[batch, heads, tokens, width]`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, tokens, all] = x.dims();
        x.reshape([batch, tokens, self.heads, all / self.heads]).swap_dims(1, 2)
    }
}

/// Features of some recordings as a tensor `[batch, tokens, inputs]` in octaves.
#[must_use]
pub fn batch(features: &[Vec<i8>], tokens: usize, device: &Device) -> Tensor<3> {
    let inputs = features.first().map_or(0, |f| f.len() / tokens);
    let octaves: Vec<f32> = features.iter().flatten().map(|&f| f32::from(f) * SCALE).collect();
    Tensor::from_data(TensorData::new(octaves, [features.len(), tokens, inputs]), device)
}

/// Index of the largest logit of each row.
#[must_use]
pub fn classes(logits: &Tensor<2>) -> Vec<usize> {
    let [_, classes] = logits.dims();
    let values: Vec<f32> = logits.to_data().iter::<f32>().collect();
    values.chunks_exact(classes).map(largest).collect()
}

struct Load<'a> {
    weights: &'a Weights,
    numbers: BTreeMap<String, u64>,
    device: &'a Device,
}

impl Load<'_> {
    fn param<const D: usize>(
        &self,
        name: &str,
        layout: impl FnOnce(Tensor<D>) -> Tensor<D>,
    ) -> Result<Param<Tensor<D>>, Error> {
        let array = self.weights.get(name)?;
        let data = TensorData::new(array.data.clone(), array.shape.clone());
        let mut tensor = layout(Tensor::from_data(data, self.device)).detach();
        if self.device.is_autodiff() {
            tensor = tensor.require_grad();
        }
        let number = self.numbers.get(name).copied().unwrap_or_default();
        Ok(Param::initialized(ParamId::from(number), tensor))
    }

    fn linear(&self, name: &str) -> Result<Linear, Error> {
        Ok(Linear {
            // burn keeps [in, out].
            weight: self.param(&format!("{name}.weight"), Tensor::<2>::transpose)?,
            bias: Some(self.param(&format!("{name}.bias"), |t| t)?),
        })
    }

    fn norm(&self, name: &str) -> Result<LayerNorm, Error> {
        let config = &self.weights.config;
        let neutral = LayerNormConfig::new(config.width).with_epsilon(f64::from(config.epsilon));
        let mut norm = neutral.init(self.device);
        norm.gamma = self.param(&format!("{name}.weight"), |t| t)?;
        norm.beta = Some(self.param(&format!("{name}.bias"), |t| t)?);
        Ok(norm)
    }
}

#[derive(Default)]
struct Save {
    tensors: BTreeMap<String, Array>,
}

impl Save {
    fn tensor<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        let array = Array { shape: tensor.dims().to_vec(), data: tensor.into_data().iter::<f32>().collect() };
        self.tensors.insert(name.to_owned(), array);
    }

    fn linear(&mut self, name: &str, layer: &Linear) {
        self.tensor(&format!("{name}.weight"), layer.weight.val().transpose());
        if let Some(bias) = &layer.bias {
            self.tensor(&format!("{name}.bias"), bias.val());
        }
    }

    fn norm(&mut self, name: &str, layer: &LayerNorm) {
        self.tensor(&format!("{name}.weight"), layer.gamma.val());
        if let Some(beta) = &layer.beta {
            self.tensor(&format!("{name}.bias"), beta.val());
        }
    }
}
