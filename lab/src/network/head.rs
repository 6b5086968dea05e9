//! Pooling and the head in burn.

use super::layers::{Dense, Norm, activate};
use super::numbered::Numbered;
use super::pass::Pass;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use heedful_import::graph::{self, Activation, HeadLayer, Place};

/// What becomes of the tokens.
#[derive(Module, Debug)]
pub(super) struct Pool {
    /// Of weighted pooling.
    score: Option<Dense>,
    #[module(skip)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Mean,
    First(usize),
    Last,
    Max,
    Weighted,
}

impl Pool {
    pub fn new(pool: &graph::Pool, numbered: &mut Numbered<'_>) -> Self {
        let mut score = None;
        let kind = match pool {
            graph::Pool::Mean => Kind::Mean,
            graph::Pool::First(count) => Kind::First(*count),
            graph::Pool::Last => Kind::Last,
            graph::Pool::Max => Kind::Max,
            graph::Pool::Weighted(dense) => {
                score = Some(Dense::new(dense, numbered));
                Kind::Weighted
            }
            graph::Pool::Every => unreachable!("refused before"),
        };
        Self { score, kind }
    }

    /// Puts its numbers into one of the same shape.
    pub fn store(&self, to: &mut graph::Pool) {
        if let (Some(score), graph::Pool::Weighted(to)) = (&self.score, to) {
            score.store(to);
        }
    }

    /// `[batch][width]` of `[batch][tokens][width]`.
    pub fn forward(&self, x: Tensor<3>, pass: &mut Pass<'_>) -> Tensor<2> {
        let [batch, tokens, width] = x.dims();
        let first = |x: Tensor<3>, from: usize, count: usize| x.slice([0..batch, from..from + count, 0..width]);
        let pooled = match (self.kind, &self.score) {
            (Kind::Weighted, Some(score)) => {
                let weights = softmax(score.forward(x.clone(), Place::FinalNorm, pass), 1);
                (x * weights).sum_dim(1)
            }
            (Kind::Mean | Kind::Weighted, _) => x.mean_dim(1),
            (Kind::First(count), _) => first(x, 0, count).mean_dim(1),
            (Kind::Last, _) => first(x, tokens - 1, 1),
            (Kind::Max, _) => x.max_dim(1),
        };
        pass.rows(Place::Pooled, pooled.reshape([batch, width]))
    }
}

/// Layers after the pooling.
#[derive(Module, Debug)]
pub(super) struct Head {
    norms: Vec<Norm>,
    denses: Vec<Dense>,
    /// Which follows which.
    #[module(skip)]
    order: Vec<Layer>,
}

#[derive(Clone, Copy, Debug)]
enum Layer {
    Norm(usize),
    Dense(usize),
    Activation(Activation),
}

impl Head {
    pub fn new(layers: &[HeadLayer], numbered: &mut Numbered<'_>) -> Self {
        let (mut norms, mut denses) = (Vec::new(), Vec::new());
        let order = layers.iter().map(|layer| match layer {
            HeadLayer::Norm(norm) => {
                norms.push(Norm::new(norm, numbered));
                Layer::Norm(norms.len() - 1)
            }
            HeadLayer::Dense(dense) => {
                denses.push(Dense::new(dense, numbered));
                Layer::Dense(denses.len() - 1)
            }
            HeadLayer::Activation(activation) => Layer::Activation(*activation),
        });
        let order = order.collect();
        Self { norms, denses, order }
    }

    /// Puts its numbers into layers of the same shapes.
    pub fn store(&self, to: &mut [HeadLayer]) {
        for (layer, to) in self.order.iter().zip(to) {
            match (layer, to) {
                (Layer::Norm(at), HeadLayer::Norm(to)) => self.norms[*at].store(to),
                (Layer::Dense(at), HeadLayer::Dense(to)) => self.denses[*at].store(to),
                _ => {}
            }
        }
    }

    pub fn forward(&self, mut x: Tensor<2>, pass: &mut Pass<'_>) -> Tensor<2> {
        let mut from = Place::Pooled;
        for (index, layer) in self.order.iter().enumerate() {
            x = match layer {
                Layer::Norm(at) => self.norms[*at].forward(x),
                Layer::Dense(at) => self.denses[*at].forward(x, from, pass),
                Layer::Activation(activation) => activate(*activation, x),
            };
            from = Place::Head(index);
            x = pass.rows(from, x);
        }
        pass.note(Place::Logits, &x);
        x
    }
}
