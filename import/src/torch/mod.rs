//! State dicts of PyTorch, with a TOML that says what they do not.
//!
//! Names of `nn.TransformerEncoder`, `nn.TransformerEncoderLayer` and `nn.MultiheadAttention` are known; all others
//! are in the TOML's `[names]`. Widths and counts are read off the tensors. [`inspect`] writes the TOML as far as it
//! can be told, and [`write`] both of a model that is here.

mod blocks;
mod config;
mod convolutions;
mod inspect;
mod layout;
mod names;
mod refuse;
mod stem;
mod write;

pub use config::{
    ActivationName, AlibiName, Both, Config, ConvolutionConfig, InputConfig, InputKind, MemoryConfig, ModelConfig,
    NormName, OutputName, PairingName, PatchOrder, PoolName, PositionsName, StemConfig, TokensName, WindowConfig,
};
pub use inspect::inspect;
pub use names::{BlockNames, Head, Names};
pub use write::write;

use crate::ImportError;
use crate::graph::{
    Activation, AlibiRule, HeadLayer, Input, Matrix, Memory, Model, NormKind, Output, Pool, Positions, Reading,
    RopeScaling, Series, Stem, Unfolded, alibi_slopes, relative_buckets, rope_frequencies, sinusoidal,
};
use crate::weights::Tensors;
use heedful::Pairing;
use layout::Layout;

/// The metadata entry of a safetensors file that `heedful train` wrote: JSON, whose `import` is the TOML.
pub const METADATA: &str = "heedful";

/// The TOML that a safetensors file brings itself; `None` where it brings none.
///
/// # Errors
/// If what it brings cannot be read.
pub fn embedded(bytes: &[u8]) -> Result<Option<Config>, ImportError> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        import: Option<String>,
    }
    let header = safetensors::SafeTensors::read_metadata(bytes).ok();
    let entry = header.as_ref().and_then(|(_, header)| header.metadata().as_ref()?.get(METADATA));
    let Some(text) = entry else { return Ok(None) };
    let wrong = |error: serde_json::Error| ImportError::Syntax { line: None, reason: error.to_string() };
    let Metadata { import } = serde_json::from_str(text).map_err(wrong)?;
    import.map(|toml| Config::parse(&toml)).transpose()
}

/// The float model of a state dict.
///
/// # Errors
/// If a tensor is missing, left over, not finite or of another shape; if a setting cannot be; if heedful has not got
/// the architecture.
pub fn read(tensors: Tensors, config: &Config) -> Result<Model, ImportError> {
    let model = read_unfolded(tensors, config)?.fold();
    model.check()?;
    Ok(model)
}

/// The float model of a state dict, with BatchNorms and learned temperatures beside it: to train it further.
///
/// # Errors
/// As [`read`].
pub fn read_unfolded(tensors: Tensors, config: &Config) -> Result<Unfolded, ImportError> {
    let mut tensors = tensors;
    refuse::architecture(&tensors, config)?;
    config.names.ignore.iter().for_each(|name| tensors.ignore(name));
    let layout = Layout::find(&tensors, config)?;
    let stem::StemOf { input, mut stem, batch_norms } = stem::read(&mut tensors, config, &layout)?;
    let width = stem.width();
    let class_tokens = match &config.names.class_token {
        Some(name) => Some(tensors.table(name, width)?),
        None => None,
    };
    let norms = NormKind::from(config.model.norm);
    let norm = |tensors: &mut Tensors, name: &str| tensors.norm(name, norms, width, config.model.eps);
    let embedding_norm = match &config.names.embedding_norm {
        Some(name) => Some(norm(&mut tensors, name)?),
        None => None,
    };
    let (mut blocks, mut log_temperatures) = (Vec::with_capacity(layout.count), Vec::with_capacity(layout.count));
    for index in 0..layout.count {
        let start = layout.block(index);
        let block = blocks::read(&mut tensors, config, &start, width)?;
        log_temperatures.push(blocks::log_temperature(&mut tensors, config, &start, block.attention.heads)?);
        blocks.push(block);
    }
    let beside = layout.beside("norm");
    let final_norm = match config.names.final_norm.as_ref().or(tensors.has_layer(&beside).then_some(&beside)) {
        Some(name) => Some(norm(&mut tensors, name)?),
        None => None,
    };
    let pool = pool(&mut tensors, config, width)?;
    let head = head(&mut tensors, config, width)?;
    let output = output(config, &head);
    if config.model.scale_embedding {
        if output == (Output::NextToken { tied: true }) {
            return Err(ImportError::setting("scale_embedding", "true", "false where the output shares the embedding"));
        }
        scale(&mut stem, (width as f32).sqrt());
    }
    let mut model = Model {
        input,
        series: series(config, input)?,
        memory: config.memory.map(|memory| Memory { steps: memory.steps, channels: memory.channels }),
        stem,
        class_tokens,
        positions: Positions::None,
        embedding_norm,
        blocks,
        final_norm,
        pool,
        head,
        output,
    };
    let (tokens, class) = (model.tokens()?, model.class_count());
    model.positions = positions(&mut tensors, config, &model, [tokens, class, width])?;
    model.check()?;
    tensors.finish()?;
    let learned_positions = config.model.positions != Some(PositionsName::Sinusoidal);
    Ok(Unfolded { model, batch_norms, log_temperatures, learned_positions })
}

/// What the configuration says of the channels of a series.
fn series(config: &Config, input: Input) -> Result<Series, ImportError> {
    let InputConfig { rate, names, offset, scale, .. } = &config.input;
    let said = [names.len(), offset.len(), scale.len()];
    let Input::Features { channels, .. } = input else {
        if rate.is_some() || said != [0; 3] {
            return Err(ImportError::setting("input", "rate, names, offset or scale", "those of a series alone"));
        }
        return Ok(Series::default());
    };
    for (what, count) in ["input.names", "input.offset", "input.scale"].into_iter().zip(said) {
        if count != 0 && count != channels {
            return Err(ImportError::setting(what, format!("{count} of them"), format!("{channels}, one per channel")));
        }
    }
    let right = |x: &f64| x.is_finite() && *x > 0.0;
    if let Some(wrong) = scale.iter().find(|x| !right(x)) {
        return Err(ImportError::setting("input.scale", wrong, "a number above 0"));
    }
    if let Some(wrong) = rate.iter().find(|x| !right(x) || **x > 4e6) {
        return Err(ImportError::setting("input.rate", wrong, "steps per second, above 0 and up to 4,000,000"));
    }
    if !offset.is_empty() && scale.is_empty() {
        return Err(ImportError::setting("input.scale", "nothing", "the step of a raw reading, for each channel"));
    }
    let offset = |channel: usize| offset.get(channel).copied().unwrap_or(0.0);
    let readings = scale.iter().enumerate().map(|(channel, &scale)| Reading { offset: offset(channel), scale });
    Ok(Series { rate: rate.unwrap_or(0.0), names: names.clone(), readings: readings.collect() })
}

impl From<NormName> for NormKind {
    fn from(name: NormName) -> Self {
        match name {
            NormName::Layer => Self::Layer,
            NormName::Rms => Self::Rms,
        }
    }
}

/// Multiplies what the stem makes.
fn scale(stem: &mut Stem, factor: f32) {
    let values: Vec<&mut Vec<f32>> = match stem {
        Stem::Frames { dense, .. } | Stem::Patches { dense, .. } | Stem::Convolutions { dense: Some(dense), .. } => {
            std::iter::once(&mut dense.weight.values).chain(&mut dense.bias).collect()
        }
        Stem::Embedding { tokens, .. } => vec![&mut tokens.values],
        Stem::Convolutions { dense: None, .. } => vec![],
    };
    values.into_iter().flatten().for_each(|x| *x *= factor);
}

fn pool(tensors: &mut Tensors, config: &Config, width: usize) -> Result<Pool, ImportError> {
    let model = &config.model;
    if model.pool_tokens.is_some() && model.pool != PoolName::First {
        return Err(ImportError::setting("pool_tokens", "set", "nothing where `pool` is not `first`"));
    }
    Ok(match model.pool {
        PoolName::Mean => Pool::Mean,
        PoolName::First => Pool::First(model.pool_tokens.unwrap_or(1)),
        PoolName::Last => Pool::Last,
        PoolName::Max => Pool::Max,
        PoolName::Every => Pool::Every,
        PoolName::Weighted => {
            let missing = || ImportError::setting("names.pool", "nothing", "the layer of scores that weigh the tokens");
            let name = config.names.pool.as_ref().ok_or_else(missing)?;
            Pool::Weighted(tensors.dense(name, 1, width)?)
        }
    })
}

/// The layers after the pooling.
fn head(tensors: &mut Tensors, config: &Config, width: usize) -> Result<Vec<HeadLayer>, ImportError> {
    let mut inputs = width;
    let mut layers = Vec::new();
    for name in config.names.head.layers() {
        let weight = tensors.full_name(name, "weight");
        layers.push(match tensors.shape(&weight).map(<[usize]>::len) {
            None if let Some(activation) = Activation::named(name) => HeadLayer::Activation(activation),
            Some(1) => HeadLayer::Norm(tensors.norm(name, config.model.norm.into(), inputs, config.model.eps)?),
            _ => {
                let dense = tensors.dense(name, crate::weights::Wanted::Any, inputs)?;
                inputs = dense.outputs();
                HeadLayer::Dense(dense)
            }
        });
    }
    Ok(layers)
}

fn output(config: &Config, head: &[HeadLayer]) -> Output {
    let model = &config.model;
    let names = model.labels.clone();
    match model.output {
        OutputName::Classes => Output::Classes(names),
        OutputName::Labels => Output::Labels(names),
        OutputName::Values => Output::Values { names, unit: model.unit.clone() },
        OutputName::Embedding => Output::Embedding { normalised: model.normalised },
        OutputName::NextToken => {
            Output::NextToken { tied: !head.iter().any(|layer| matches!(layer, HeadLayer::Dense(_))) }
        }
    }
}

fn positions(
    tensors: &mut Tensors,
    config: &Config,
    model: &Model,
    [tokens, class, width]: [usize; 3],
) -> Result<Positions, ImportError> {
    let (settings, name) = (&config.model, config.names.positions.as_ref());
    let attention = &model.blocks.first().ok_or_else(layout::no_layers)?.attention;
    let named = if name.is_some() { PositionsName::Learned } else { PositionsName::None };
    let kind = settings.positions.unwrap_or(named);
    let missing = |what: &str| ImportError::setting("names.positions", "nothing", what);
    let unneeded =
        |word: &str| ImportError::setting("names.positions", "set", format!("nothing where `positions` is `{word}`"));
    Ok(match kind {
        PositionsName::None if name.is_some() => return Err(unneeded("none")),
        PositionsName::Rope if name.is_some() => return Err(unneeded("rope")),
        PositionsName::Alibi if name.is_some() => return Err(unneeded("alibi")),
        PositionsName::None => Positions::None,
        PositionsName::Sinusoidal if name.is_none() => Positions::Table(sinusoidal(tokens, width, 10_000.0)),
        PositionsName::Learned | PositionsName::Sinusoidal => {
            let table = tensors.table(name.ok_or_else(|| missing("the tensor of the positions"))?, width)?;
            Positions::Table(cover_class_tokens(table, tokens, class))
        }
        PositionsName::Rope => {
            let base = settings.rope_base;
            if !(base > 1.0 && base.is_finite()) {
                return Err(ImportError::setting("rope_base", base, "a number above 1"));
            }
            let pairing = match settings.rope_pairing {
                PairingName::Interleaved => Pairing::Interleaved,
                PairingName::Halves => Pairing::Halves,
            };
            if !attention.head_dim.is_multiple_of(2) {
                let expected = format!("values of heads in pairs, not {}", attention.head_dim);
                return Err(ImportError::setting("positions", "rope", expected));
            }
            let frequencies = rope_frequencies(attention.head_dim / 2, base, RopeScaling::None);
            Positions::Rotary { pairing, frequencies }
        }
        PositionsName::Alibi => {
            let rule = match settings.alibi {
                None if !attention.heads.is_power_of_two() => {
                    let expected = format!("`paper` or `reference`: their slopes differ for {} heads", attention.heads);
                    return Err(ImportError::setting("alibi", "nothing", expected));
                }
                None | Some(AlibiName::Paper) => AlibiRule::Paper,
                Some(AlibiName::Reference) => AlibiRule::Reference,
            };
            Positions::Alibi { slopes: alibi_slopes(attention.heads, rule) }
        }
        PositionsName::Relative => {
            let name = tensors.full_name(name.ok_or_else(|| missing("the table of biases by distance"))?, "weight");
            let any = crate::weights::Wanted::Any;
            let mut table = match tensors.shape(&name) {
                // By head and distance, or the other way round.
                Some([rows, columns]) if *rows == attention.heads && columns % 2 == 1 => {
                    tensors.matrix(&name, attention.heads, any)?
                }
                _ => tensors.matrix(&name, any, attention.heads)?.transposed(),
            };
            if let Some(farthest) = settings.relative_farthest {
                let least = table.columns / if settings.causal { 2 } else { 4 };
                if table.columns < 4 || farthest <= least {
                    let expected = format!("more than the {least} distances that have buckets of their own");
                    return Err(ImportError::setting("relative_farthest", farthest, expected));
                }
                table = relative_buckets(&table.transposed(), settings.causal, farthest, tokens);
            }
            Positions::Relative { table }
        }
    })
}

/// Positions of tokens alone, where class tokens have none.
fn cover_class_tokens(table: Matrix, tokens: usize, class: usize) -> Matrix {
    if class == 0 || table.rows + class != tokens {
        return table;
    }
    let values = [vec![0.0; class * table.columns], table.values].concat();
    Matrix::new(tokens, table.columns, values)
}
