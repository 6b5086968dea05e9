//! The state dict of a float model and its TOML: what [`read`](super::read) takes to the same model.

use super::config::{
    ActivationName, AlibiName, Both, Config, ConvolutionConfig, InputConfig, InputKind, ModelConfig, NormName,
    OutputName, PairingName, PoolName, PositionsName, StemConfig, TokensName, WindowConfig,
};
use super::names::{BlockNames, Head, Names};
use crate::ImportError;
use crate::graph::{
    Activation, AlibiRule, Attention, BatchNorm, Block, Convolution, Dense, Grid, HeadLayer, Input, Model, Norm,
    NormKind, Order, Output, Pool, Positions, RopeScaling, Stem, Unfolded, Window2, alibi_slopes, rope_frequencies,
};
use crate::weights::Tensor;
use heedful::{Pairing, Window};
use std::collections::BTreeMap;

/// The list of layers.
const LAYERS: &str = "encoder.layers";

/// The TOML and the tensors, under PyTorch's names where it has names.
///
/// # Errors
/// If a TOML cannot say what the model is: parts that differ from block to block, or inputs of tokens.
pub fn write(unfolded: &Unfolded) -> Result<(Config, BTreeMap<String, Tensor>), ImportError> {
    let model = &unfolded.model;
    let mut out = Out::default();
    let (input, stem, convolutions) = out.stem(unfolded)?;
    let names = out.names(unfolded);
    for (index, block) in model.blocks.iter().enumerate() {
        out.block(&format!("{LAYERS}.{index}."), block, unfolded.log_temperature(index));
    }
    let model = config_of(unfolded)?;
    Ok((Config { model, input, audio: None, memory: None, stem, convolutions, names }, out.tensors))
}

fn refuse(what: &str) -> ImportError {
    let nearest = "models of one kind of blocks, over a series or an image".to_string();
    ImportError::Architecture { found: format!("{what}, which the TOML of a state dict cannot say"), nearest }
}

/// What all are, if they are alike.
fn alike<T: PartialEq>(what: &str, mut all: impl Iterator<Item = T>) -> Result<T, ImportError> {
    let first = all.next().ok_or_else(|| refuse("a model without blocks"))?;
    if all.all(|other| other == first) { Ok(first) } else { Err(refuse(&format!("{what} that differ"))) }
}

fn config_of(unfolded: &Unfolded) -> Result<ModelConfig, ImportError> {
    let model = &unfolded.model;
    let blocks = || model.blocks.iter();
    let attention = || blocks().map(|block| &block.attention);
    let in_head =
        model.head.iter().filter_map(|layer| if let HeadLayer::Norm(norm) = layer { Some(norm) } else { None });
    let outside = model.embedding_norm.iter().chain(&model.final_norm).chain(in_head);
    let norms = blocks().flat_map(|block| [&block.first_norm, &block.second_norm]).chain(outside);
    let (kind, eps) = alike("norms", norms.map(|norm| (norm.kind, norm.epsilon)))?;
    let [heads, kv_heads, head_dim] = alike("heads", attention().map(|a| [a.heads, a.kv_heads, a.head_dim]))?;
    let gates = blocks().map(|block| block.feed_forward.gate.is_some());
    alike("gates", gates)?;
    if model.memory.is_some() || attention().any(|a| a.cross) {
        return Err(refuse("attention to a memory"));
    }
    let learned = unfolded.log_temperatures.iter().flatten().count();
    if learned != 0 && learned != model.blocks.len() {
        return Err(refuse("temperatures of some blocks"));
    }
    let windows = alike("windows", attention().map(|a| &a.windows))?;
    let (output, labels, unit, normalised) = match &model.output {
        Output::Classes(names) => (OutputName::Classes, names.clone(), String::new(), false),
        Output::Labels(names) => (OutputName::Labels, names.clone(), String::new(), false),
        Output::Values { names, unit } => (OutputName::Values, names.clone(), unit.clone(), false),
        Output::Embedding { normalised } => (OutputName::Embedding, vec![], String::new(), *normalised),
        Output::NextToken { .. } => return Err(refuse("a model of tokens")),
    };
    let (pool, pool_tokens) = match &model.pool {
        Pool::Mean => (PoolName::Mean, None),
        Pool::First(count) => (PoolName::First, Some(*count)),
        Pool::Last => (PoolName::Last, None),
        Pool::Max => (PoolName::Max, None),
        Pool::Weighted(_) => (PoolName::Weighted, None),
        Pool::Every => (PoolName::Every, None),
    };
    let mut config = ModelConfig {
        heads,
        kv_heads: Some(kv_heads),
        head_dim: Some(head_dim),
        norm_first: alike("orders of norms", blocks().map(|block| block.order))? == Order::PreNorm,
        activation: alike("activations", blocks().map(|block| block.feed_forward.activation))?.into(),
        norm: if kind == NormKind::Rms { NormName::Rms } else { NormName::Layer },
        eps,
        causal: alike("masks", attention().map(|a| a.causal))?,
        windows: windows.iter().map(window_of).collect(),
        temperature: temperature(alike("scales of heads", attention().map(|a| &a.scales))?, head_dim),
        positions: None,
        rope_base: 10_000.0,
        rope_pairing: PairingName::default(),
        alibi: None,
        relative_farthest: None,
        scale_embedding: false,
        pool,
        pool_tokens,
        output,
        labels,
        unit,
        normalised,
        batch_first: None,
        add_zero_attn: false,
    };
    positions(&mut config, &model.positions, unfolded.learned_positions)?;
    Ok(config)
}

fn positions(config: &mut ModelConfig, positions: &Positions, learned: bool) -> Result<(), ImportError> {
    config.positions = Some(match positions {
        Positions::None => PositionsName::None,
        Positions::Table(_) if learned => PositionsName::Learned,
        Positions::Table(_) => PositionsName::Sinusoidal,
        Positions::Relative { .. } => PositionsName::Relative,
        Positions::Alibi { slopes } => {
            let rules = [(AlibiName::Paper, AlibiRule::Paper), (AlibiName::Reference, AlibiRule::Reference)];
            let rule = rules.into_iter().find(|(_, rule)| alibi_slopes(config.heads, *rule) == *slopes);
            config.alibi = Some(rule.ok_or_else(|| refuse("slopes of no known rule"))?.0);
            PositionsName::Alibi
        }
        Positions::Rotary { pairing, frequencies } => {
            if *pairing == Pairing::Halves {
                config.rope_pairing = PairingName::Halves;
            }
            let pairs = frequencies.len();
            if let Some(second) = frequencies.get(1) {
                config.rope_base = second.powi(-(pairs as i32)).round();
            }
            let known = rope_frequencies(pairs, config.rope_base, RopeScaling::None) == *frequencies;
            if !known || config.head_dim != Some(2 * pairs) {
                return Err(refuse("rotary positions of no whole base, or of a part of a head"));
            }
            PositionsName::Rope
        }
    });
    Ok(())
}

/// What the scales are beside the root of the head's values; nothing where they are that.
fn temperature(scales: &[f32], head_dim: usize) -> Vec<f32> {
    let plain = Attention::plain_scales(scales.len(), head_dim);
    if plain == scales { vec![] } else { plain.iter().zip(scales).map(|(plain, scale)| plain / scale).collect() }
}

fn window_of(window: &Window) -> WindowConfig {
    let bound = |keys: usize| (keys != usize::MAX).then_some(keys);
    WindowConfig {
        back: bound(window.back),
        ahead: bound(window.ahead),
        dilation: Some(window.dilation),
        sinks: window.sinks,
    }
}

impl From<Activation> for ActivationName {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
            Activation::Silu => Self::Silu,
            Activation::Tanh => Self::Tanh,
            Activation::Identity => Self::Identity,
        }
    }
}

impl From<Grid> for Both {
    fn from(grid: Grid) -> Self {
        Self::Two([grid.rows, grid.columns])
    }
}

/// The tensors so far.
#[derive(Default)]
struct Out {
    tensors: BTreeMap<String, Tensor>,
}

impl Out {
    fn put(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let tensor = Tensor { shape: shape.to_vec(), dtype: "F32".to_string(), values: Some(values.to_vec()) };
        self.tensors.insert(name.to_string(), tensor);
    }

    /// A layer, whose weights have this shape.
    fn layer(&mut self, name: &str, shape: &[usize], dense: &Dense) {
        self.put(&format!("{name}.weight"), shape, &dense.weight.values);
        if let Some(bias) = &dense.bias {
            self.put(&format!("{name}.bias"), &[bias.len()], bias);
        }
    }

    fn dense(&mut self, name: &str, dense: &Dense) {
        self.layer(name, &[dense.outputs(), dense.inputs()], dense);
    }

    fn norm(&mut self, name: &str, norm: &Norm) {
        self.put(&format!("{name}.weight"), &[norm.gain.len()], &norm.gain);
        if let Some(bias) = &norm.bias {
            self.put(&format!("{name}.bias"), &[bias.len()], bias);
        }
    }

    fn batch_norm(&mut self, name: &str, norm: &BatchNorm) {
        let BatchNorm { gain, offset, mean, variance, .. } = norm;
        for (part, values) in [("weight", gain), ("bias", offset), ("running_mean", mean), ("running_var", variance)] {
            self.put(&format!("{name}.{part}"), &[values.len()], values);
        }
    }

    fn block(&mut self, start: &str, block: &Block, log_temperature: Option<&[f32]>) {
        let full = |name: &str| format!("{start}{name}");
        let (a, f) = (&block.attention, &block.feed_forward);
        self.norm(&full("norm1"), &block.first_norm);
        self.norm(&full("norm2"), &block.second_norm);
        self.in_proj(&full("self_attn."), [&a.query, &a.key, &a.value]);
        let layers = [
            ("self_attn.out_proj", Some(&a.out)),
            ("linear1", Some(&f.up)),
            ("linear2", Some(&f.down)),
            ("gate", f.gate.as_ref()),
        ];
        for (name, layer) in layers.into_iter().filter_map(|(name, layer)| Some((name, layer?))) {
            self.dense(&full(name), layer);
        }
        if let Some(values) = log_temperature {
            self.put(&full("self_attn.log_temperature"), &[values.len()], values);
        }
    }

    /// Queries, keys and values: in one, as PyTorch has them, where all have a bias or none has.
    fn in_proj(&mut self, start: &str, layers: [&Dense; 3]) {
        let biased = layers.iter().filter(|layer| layer.bias.is_some()).count();
        if biased != 0 && biased != 3 {
            return ["q_proj", "k_proj", "v_proj"].iter().zip(layers).for_each(|(name, layer)| {
                self.dense(&format!("{start}{name}"), layer);
            });
        }
        let rows: Vec<f32> = layers.iter().flat_map(|layer| layer.weight.values.iter().copied()).collect();
        let biases: Vec<f32> = layers.iter().flat_map(|layer| layer.bias.iter().flatten().copied()).collect();
        let width = layers[0].inputs();
        self.put(&format!("{start}in_proj_weight"), &[rows.len() / width, width], &rows);
        if biased == 3 {
            self.put(&format!("{start}in_proj_bias"), &[biases.len()], &biases);
        }
    }

    /// Puts what is beside the layers, and names it.
    fn names(&mut self, unfolded: &Unfolded) -> Names {
        let model = &unfolded.model;
        let mut names = Names { layers: Some(LAYERS.to_string()), ..Names::default() };
        if !matches!(model.stem, Stem::Convolutions { dense: None, .. }) {
            names.embedding = Some("embedding".into());
        }
        let gated = model.blocks.iter().any(|block| block.feed_forward.gate.is_some());
        let warm = unfolded.log_temperatures.iter().any(Option::is_some);
        if gated || warm {
            names.block = Some(BlockNames {
                gate: gated.then(|| "gate".into()),
                log_temperature: warm.then(|| "self_attn.log_temperature".into()),
                ..BlockNames::default()
            });
        }
        let tables = [
            (&mut names.class_token, "class_token", model.class_tokens.as_ref()),
            (
                &mut names.positions,
                "positions",
                match &model.positions {
                    Positions::Table(table) | Positions::Relative { table } => Some(table),
                    _ => None,
                },
            ),
        ];
        for (at, name, table) in tables {
            if let Some(table) = table {
                self.put(name, &[table.rows, table.columns], &table.values);
                *at = Some(name.to_string());
            }
        }
        let norms = [
            (&mut names.embedding_norm, "embedding_norm", &model.embedding_norm),
            (&mut names.final_norm, "encoder.norm", &model.final_norm),
        ];
        for (at, name, norm) in norms {
            if let Some(norm) = norm {
                self.norm(name, norm);
                *at = Some(name.to_string());
            }
        }
        if let Pool::Weighted(score) = &model.pool {
            self.dense("pool", score);
            names.pool = Some("pool".into());
        }
        let layers = model.head.iter().enumerate().map(|(index, layer)| {
            let name = format!("head.{index}");
            match layer {
                HeadLayer::Norm(norm) => self.norm(&name, norm),
                HeadLayer::Dense(dense) => self.dense(&name, dense),
                HeadLayer::Activation(activation) => return activation.name().to_string(),
            }
            name
        });
        names.head = Head::Several(layers.collect());
        names
    }

    /// Input and stem.
    fn stem(&mut self, unfolded: &Unfolded) -> Result<(InputConfig, StemConfig, Vec<ConvolutionConfig>), ImportError> {
        let model = &unfolded.model;
        let input = input(model)?;
        let channels = input.channels.unwrap_or(1);
        let mut stem = StemConfig::default();
        let mut convolutions = Vec::new();
        match &model.stem {
            Stem::Embedding { .. } => return Err(refuse("a model of tokens")),
            Stem::Frames { kernel, stride, padding, dense } => {
                stem.kernel = Some(Both::One(*kernel));
                stem.stride = Some(Both::One(*stride));
                stem.padding = Some(Both::One(*padding));
                self.dense("embedding", dense);
            }
            Stem::Patches { window: Window2 { kernel, stride, padding }, dense } => {
                stem.stride = Some((*stride).into());
                stem.padding = Some((*padding).into());
                let channels = if input.kind == InputKind::Image { channels } else { 1 };
                self.layer("embedding", &[dense.outputs(), channels, kernel.rows, kernel.columns], dense);
            }
            Stem::Convolutions { image, layers, rows, dense } => {
                stem.tokens = if *rows { TokensName::Rows } else { TokensName::Places };
                let series = input.kind == InputKind::Series;
                stem.image = series.then_some(*image);
                for (index, layer) in layers.iter().enumerate() {
                    convolutions.push(self.convolution(index, layer, series && !image, unfolded.batch_norm(index))?);
                }
                if let Some(dense) = dense {
                    self.dense("embedding", dense);
                }
            }
        }
        Ok((input, stem, convolutions))
    }

    /// A convolution; `flat` where it has one dimension.
    fn convolution(
        &mut self,
        index: usize,
        layer: &Convolution,
        flat: bool,
        norm: Option<&BatchNorm>,
    ) -> Result<ConvolutionConfig, ImportError> {
        let name = format!("convolutions.{index}");
        let Window2 { kernel, stride, padding } = layer.window;
        if flat && [kernel.columns, stride.columns, padding.columns] != [1, 1, 0] {
            return Err(refuse("a convolution over a series that has columns"));
        }
        let shape = [layer.dense.outputs(), layer.inputs / layer.groups, kernel.rows, kernel.columns];
        self.layer(&name, &shape[..if flat { 3 } else { 4 }], &layer.dense);
        let both = |grid: Grid| if flat { Both::One(grid.rows) } else { grid.into() };
        let batch_norm = norm.map(|norm| {
            let name = format!("batch_norms.{index}");
            self.batch_norm(&name, norm);
            name
        });
        Ok(ConvolutionConfig {
            name,
            batch_norm,
            eps: norm.map_or(1e-5, |norm| norm.epsilon),
            activation: Some(layer.activation.into()),
            stride: Some(both(stride)),
            padding: Some(both(padding)),
            groups: layer.groups,
        })
    }
}

fn input(model: &Model) -> Result<InputConfig, ImportError> {
    let series = &model.series;
    let mut input = InputConfig {
        rate: (series.rate > 0.0).then_some(series.rate),
        names: series.names.clone(),
        offset: series.readings.iter().map(|reading| reading.offset).collect(),
        scale: series.readings.iter().map(|reading| reading.scale).collect(),
        ..InputConfig::default()
    };
    match model.input {
        Input::Features { steps, channels } => {
            input.kind = InputKind::Series;
            (input.steps, input.channels) = (Some(steps), Some(channels));
        }
        Input::Image { channels, height, width } => {
            input.kind = InputKind::Image;
            (input.channels, input.height, input.width) = (Some(channels), Some(height), Some(width));
        }
        Input::Tokens { .. } => return Err(refuse("a model of tokens")),
    }
    Ok(input)
}
