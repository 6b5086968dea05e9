//! The float model beside a `.heed` file, and what its heads do.

use super::measures::Map;
use crate::weights::{Weights, log_temperature};
use crate::{Error, network};
use heedful::dynamic::{Heard, Model};
use heedful_import::graph::{
    Activation, Attention, Block, Dense, FeedForward, HeadLayer, Input, Matrix, Model as Graph, Norm, NormKind, Order,
    Output, Place, Pool, Positions, Sample, Series, Site, Stem,
};
use std::path::Path;

/// A float model that has the heads of a `.heed` file.
#[derive(Debug)]
pub struct Float(Graph);

/// What its heads do with an input. Heads are in the order of [`heads`](super::look::heads).
pub struct FloatLook {
    /// Their maps.
    pub maps: Vec<Map>,
    /// Their outputs, `[positions][head_dim]`.
    pub outputs: Vec<Vec<f32>>,
    /// The largest output.
    pub best: usize,
}

impl Float {
    /// Reads the weights of training, of either kind.
    ///
    /// # Errors
    /// If they are no weights, or those of other heads or of another input than the model's.
    pub fn load(path: &Path, model: &Model) -> Result<Self, Error> {
        let graph = match network::file::model(path) {
            Ok(graph) => graph,
            // Files of an earlier kind name their tensors otherwise.
            Err(error) => match Weights::load(path) {
                Ok(weights) => of_weights(&weights)?,
                Err(_) => return Err(error),
            },
        };
        Self::of_graph(graph, model).map_err(|reason| Error::content(path, reason))
    }

    /// Of a graph.
    ///
    /// # Errors
    /// Says what is unlike the model.
    pub fn of_graph(graph: Graph, model: &Model) -> Result<Self, String> {
        let heads: Vec<usize> = graph.blocks.iter().map(|block| block.attention.heads).collect();
        if heads != model.heads() {
            return Err(format!("its blocks have {heads:?} heads, those of the model {:?}", model.heads()));
        }
        let tokens = graph.tokens().map_err(|error| error.to_string())?;
        let (found, input) = (graph.input.len(), &model.shape().input);
        let taken = input.steps * input.columns * input.channels;
        if tokens != model.shape().positions || found != taken {
            let positions = model.shape().positions;
            return Err(format!("it takes {found} values to {tokens} positions, the model {taken} to {positions}"));
        }
        Ok(Self(graph))
    }

    /// Runs it over the input of the integers, in real values.
    #[must_use]
    pub fn look(&self, model: &Model, heard: &Heard) -> FloatLook {
        let (graph, positions) = (&self.0, model.shape().positions);
        let (mut maps, mut outputs) = (vec![], vec![]);
        let mut see = |place: Place, rows: &[f32], _: usize| match place {
            Place::Block(_, Site::Weights(_)) => {
                let weights: Vec<f64> = rows.iter().map(|&x| x.into()).collect();
                // A key without weight is not seen, as where a mask hides it.
                let map = Map::masked(positions, positions, &weights, |query, key| {
                    weights.get(query * positions + key).is_some_and(|&weight| weight > 0.0)
                });
                maps.push(map.unwrap_or_else(|_| Map::hidden(positions, positions)));
            }
            Place::Block(block, Site::HeadsOut) => {
                let Attention { heads, head_dim, .. } = graph.blocks[block].attention;
                let of = |head: usize| {
                    rows.chunks_exact(heads * head_dim).flat_map(move |x| &x[head * head_dim..][..head_dim])
                };
                outputs.extend((0..heads).map(|head| of(head).copied().collect::<Vec<f32>>()));
            }
            _ => {}
        };
        // Of the right size, as was checked.
        let said = graph.run(Sample::Values(&self.values(model, heard)), &mut see).unwrap_or_default();
        FloatLook { maps, outputs, best: crate::training::largest(&said) }
    }

    fn values(&self, model: &Model, heard: &Heard) -> Vec<f32> {
        let integers: Vec<f32> = match heard {
            Heard::Features(values) => values.iter().map(|&x| x.into()).collect(),
            Heard::FineFeatures(values) => values.iter().map(|&x| x.into()).collect(),
            _ => vec![],
        };
        let units = model.feature_units();
        let real: Vec<f32> =
            integers.iter().zip(units.iter().cycle()).map(|(x, (zero, unit))| zero + x * unit).collect();
        let Input::Image { channels, height, width } = self.0.input else { return real };
        let area = height * width;
        (0..real.len()).map(|at| real[at % area * channels + at / area]).collect()
    }
}

/// Weights of the earlier kind as a graph.
fn of_weights(weights: &Weights) -> Result<Graph, Error> {
    let config = &weights.config;
    let array = |name: &str| {
        let found = weights.tensors.get(name);
        found.map(|array| array.data.clone()).ok_or_else(|| Error::Inspect(format!("the float model has no {name}")))
    };
    let dense = |name: &str, outputs: usize, inputs: usize| -> Result<Dense, Error> {
        let weight = Matrix::new(outputs, inputs, array(&format!("{name}.weight"))?);
        Ok(Dense { weight, bias: Some(array(&format!("{name}.bias"))?) })
    };
    let norm = |name: &str| -> Result<Norm, Error> {
        let (gain, bias) = (array(&format!("{name}.weight"))?, Some(array(&format!("{name}.bias"))?));
        Ok(Norm { kind: NormKind::Layer, gain, bias, epsilon: config.epsilon })
    };
    let (width, all) = (config.width, config.heads * config.head_width);
    let block = |b: usize| -> Result<Block, Error> {
        let name = |part: &str| format!("blocks.{b}.{part}");
        let mut scales = Attention::plain_scales(config.heads, config.head_width);
        if config.temperature {
            let logarithms = array(&log_temperature(b))?;
            scales.iter_mut().zip(logarithms).for_each(|(scale, logarithm)| *scale *= (-logarithm).exp());
        }
        Ok(Block {
            order: Order::PreNorm,
            first_norm: norm(&name("norm1"))?,
            attention: Attention {
                heads: config.heads,
                kv_heads: config.heads,
                head_dim: config.head_width,
                query: dense(&name("attention.query"), all, width)?,
                key: dense(&name("attention.key"), all, width)?,
                value: dense(&name("attention.value"), all, width)?,
                out: dense(&name("attention.output"), width, all)?,
                cross: false,
                causal: false,
                windows: vec![],
                scales,
            },
            second_norm: norm(&name("norm2"))?,
            feed_forward: FeedForward {
                up: dense(&name("feed_forward.up"), config.hidden, width)?,
                gate: None,
                activation: Activation::GeluTanh,
                down: dense(&name("feed_forward.down"), width, config.hidden)?,
            },
        })
    };
    let kernel = config.frames_per_token;
    let embed = dense("embed", width, config.inputs())?;
    Ok(Graph {
        input: Input::Features { steps: config.frames(), channels: config.inputs() / kernel.max(1) },
        series: Series::default(),
        memory: None,
        stem: Stem::Frames { kernel, stride: kernel, padding: 0, dense: embed },
        class_tokens: None,
        positions: Positions::Table(Matrix::new(config.tokens, width, array("positions")?)),
        embedding_norm: None,
        blocks: (0..config.layers).map(block).collect::<Result<_, Error>>()?,
        final_norm: Some(norm("norm")?),
        pool: Pool::Mean,
        head: vec![HeadLayer::Dense(dense("classifier", config.labels.len(), width)?)],
        output: Output::Classes(config.labels.clone()),
    })
}
