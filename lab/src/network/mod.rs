//! A network to train, made of any float model that the importer knows, and back.
//!
//! [`Network::new`] takes a [`graph::Model`](heedful_import::graph::Model) into burn, [`Network::to_graph`] out of it;
//! between, it computes what the model computes ([`Pass::Float`]), or what its integers will ([`Pass::Quantised`], by
//! the roundings that the conversion itself would choose).

mod attention;
mod block;
mod convolution;
mod description;
mod error;
pub mod file;
mod head;
mod initial;
mod inside;
mod layers;
mod numbered;
mod pass;
mod quantise;
mod stem;

pub use description::{Description, StemLayer, StemNorm};
pub use error::NetworkError;
pub use inside::Inside;
pub use pass::{Pass, Statistics};

use block::{Block, Stream};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use head::{Head, Pool};
use heedful_import::graph::{Input, Model, Output, Place, Positions, Site, Unfolded};
use layers::Norm;
use numbered::{Numbered, constant, matrix};
use std::sync::Arc;
use stem::Stem;

/// A model in burn.
#[derive(Module, Debug)]
pub struct Network {
    stem: Stem,
    /// `[count][width]`
    class_tokens: Option<Param<Tensor<2>>>,
    /// Learned positions: `[tokens][width]`, or biases by distance, `[heads][span]`.
    positions: Option<Param<Tensor<2>>>,
    embedding_norm: Option<Norm>,
    blocks: Vec<Block>,
    final_norm: Option<Norm>,
    pool: Pool,
    head: Head,
    /// What it was made of: shapes, and all that is not learned.
    #[module(skip)]
    origin: Arc<Unfolded>,
}

impl Network {
    /// A copy of a model on a device; a table of positions is learned.
    ///
    /// # Errors
    /// If the model's shapes do not fit, or it has something that cannot be trained.
    pub fn new(model: &Model, device: &Device) -> Result<Self, NetworkError> {
        Self::unfolded(&Unfolded::from(model.clone()), device)
    }

    /// A copy of a model with BatchNorms and learned temperatures beside it.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn unfolded(unfolded: &Unfolded, device: &Device) -> Result<Self, NetworkError> {
        let model = &unfolded.model;
        error::check(unfolded)?;
        let tokens = model.tokens()?;
        let numbered = &mut Numbered::new(device);
        let stem = Stem::new(unfolded, tokens - model.class_count(), numbered);
        let class_tokens = model.class_tokens.as_ref().map(|tokens| numbered.matrix(tokens, |x| x));
        let positions = match &model.positions {
            Positions::Table(table) if unfolded.learned_positions => Some(numbered.matrix(table, |x| x)),
            Positions::Relative { table } => Some(numbered.matrix(table, |x| x)),
            _ => None,
        };
        let embedding_norm = model.embedding_norm.as_ref().map(|norm| Norm::new(norm, numbered));
        let blocks = model.blocks.iter().enumerate().map(|(index, block)| {
            Block::new(block, unfolded.log_temperature(index), &model.positions, tokens, numbered)
        });
        let blocks = blocks.collect();
        let final_norm = model.final_norm.as_ref().map(|norm| Norm::new(norm, numbered));
        let (pool, head) = (Pool::new(&model.pool, numbered), Head::new(&model.head, numbered));
        let origin = Arc::new(unfolded.clone());
        Ok(Self { stem, class_tokens, positions, embedding_norm, blocks, final_norm, pool, head, origin })
    }

    /// The model as it is now, with BatchNorms and temperatures beside it.
    #[must_use]
    pub fn to_unfolded(&self) -> Unfolded {
        let mut to = (*self.origin).clone();
        self.stem.store(&mut to);
        to.log_temperatures = self.blocks.iter().map(Block::log_temperature).collect();
        let model = &mut to.model;
        if let (Some(tokens), Some(to)) = (&self.class_tokens, &mut model.class_tokens) {
            *to = matrix(tokens.val());
        }
        if let (Some(table), Positions::Table(to) | Positions::Relative { table: to }) =
            (&self.positions, &mut model.positions)
        {
            *to = matrix(table.val());
        }
        let norms = [(&self.embedding_norm, &mut model.embedding_norm), (&self.final_norm, &mut model.final_norm)];
        for (norm, to) in norms {
            if let (Some(norm), Some(to)) = (norm, to) {
                norm.store(to);
            }
        }
        self.blocks.iter().zip(&mut model.blocks).for_each(|(block, to)| block.store(to));
        self.pool.store(&mut model.pool);
        self.head.store(&mut model.head);
        to
    }

    /// The model as it is now, with all folded into it.
    #[must_use]
    pub fn to_graph(&self) -> Model {
        self.to_unfolded().fold()
    }

    /// What it is given.
    #[must_use]
    pub fn input(&self) -> Input {
        self.origin.model.input
    }

    /// What its results mean.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.origin.model.output
    }

    /// Tokens that its blocks see.
    #[must_use]
    pub fn tokens(&self) -> usize {
        // Of a model that was found right.
        self.origin.model.tokens().unwrap_or(0)
    }

    /// Values that it gives for an input.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.origin.model.outputs()
    }

    /// Has the BatchNorms remember what a [`Pass::Learn`] noted.
    pub fn remember(&mut self, statistics: Statistics) {
        self.stem.remember(statistics);
    }

    /// Outputs `[batch][outputs]`, before softmax or sigmoid, of inputs `[batch][values]`, each as
    /// [`Model::run`] takes it.
    ///
    /// # Panics
    /// If the inputs are of another length.
    pub fn forward(&self, inputs: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        self.forward_inside(inputs, pass).0
    }

    /// [`Network::forward`], and what the last block holds; nothing where there is no block.
    ///
    /// # Panics
    /// If the inputs are of another length.
    pub fn forward_inside(&self, inputs: Tensor<2>, pass: &mut Pass<'_>) -> (Tensor<2>, Option<Inside>) {
        let [batch, _] = inputs.dims();
        if let Pass::Observe(ranges) = pass {
            ranges.count(batch);
        }
        let x = self.embed(inputs, pass);
        let mut stream = match &self.embedding_norm {
            Some(norm) => {
                let x = norm.forward(x);
                let rows = pass.rows(Place::EmbeddingNorm, x.clone());
                Stream { x, rows: Some((rows, Place::EmbeddingNorm)), weights: None }
            }
            None => Stream { x, rows: None, weights: None },
        };
        let [_, tokens, _] = stream.x.dims();
        let relative = self.relative(tokens);
        for (index, block) in self.blocks.iter().enumerate() {
            stream = block.forward(stream, index, relative.as_ref(), pass);
        }
        let inside = stream.weights.map(|weights| Inside::new(weights, stream.x.clone()));
        let rows = match (&self.final_norm, stream.rows) {
            (Some(norm), _) => pass.rows(Place::FinalNorm, norm.forward(stream.x)),
            (None, Some((rows, _))) => rows,
            // Seen in the block; where it is rounded, that is for the pooling.
            (None, None) if pass.quantised() => pass.site(self.blocks.len() - 1, Site::AfterFeed, stream.x),
            (None, None) => stream.x,
        };
        let pooled = self.pool.forward(rows, pass);
        (self.head.forward(pooled, pass), inside)
    }

    /// Tokens with class tokens and positions.
    fn embed(&self, inputs: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<3> {
        let mut x = self.stem.forward(inputs, pass);
        let [batch, _, width] = x.dims();
        if let Some(class) = &self.class_tokens {
            let class = class.val();
            let [count, _] = class.dims();
            x = Tensor::cat(vec![class.unsqueeze::<3>().expand([batch, count, width]), x], 1);
        }
        let [_, tokens, _] = x.dims();
        if let Positions::Table(table) = &self.origin.model.positions {
            let table = match &self.positions {
                Some(table) => table.val(),
                None => constant(table.values.clone(), [table.rows, width], &x.device()),
            };
            let [rows, _] = table.dims();
            let table = if rows == tokens { table } else { table.slice([0..tokens, 0..width]) };
            x = x + table.unsqueeze::<3>();
        }
        pass.note(Place::Embedded, &x);
        x
    }

    /// Biases by distance, `[1][heads][tokens][tokens]`, if there are such.
    fn relative(&self, tokens: usize) -> Option<Tensor<4>> {
        let (Positions::Relative { table: origin }, Some(table)) = (&self.origin.model.positions, &self.positions)
        else {
            return None;
        };
        let pairs = (0..tokens * tokens).map(|pair| (pair / tokens, pair % tokens));
        let place = |(query, key): (usize, usize)| (key + origin.columns / 2).saturating_sub(query);
        let places: Vec<i64> = pairs.map(|pair| place(pair).min(origin.columns - 1) as i64).collect();
        let table = table.val();
        let places: Tensor<1, Int> = Tensor::from_data(TensorData::new(places, [tokens * tokens]), &table.device());
        Some(table.select(1, places).reshape([1, origin.rows, tokens, tokens]))
    }
}
