//! Blocks round the residual stream.

use super::attention::Attention;
use super::layers::{Dense, Norm, activate};
use super::numbered::Numbered;
use super::pass::Pass;
use burn::module::Module;
use burn::tensor::Tensor;
use heedful_import::graph::{self, Activation, Order, Place, Positions, Site};

/// The residual stream, and the same in the steps in which it is read, where a norm has just made both.
pub(super) struct Stream {
    /// In fine steps.
    pub x: Tensor<3>,
    /// As it is read, and where that is.
    pub rows: Option<(Tensor<3>, Place)>,
    /// Weights of the last attention, `[batch][heads][tokens][tokens]`.
    pub weights: Option<Tensor<4>>,
}

/// Attention and feed-forward layers.
#[derive(Module, Debug)]
pub(super) struct Block {
    first_norm: Norm,
    attention: Attention,
    second_norm: Norm,
    feed_forward: FeedForward,
    #[module(skip)]
    order: Order,
}

impl Block {
    pub fn new(
        block: &graph::Block,
        log_temperature: Option<&[f32]>,
        positions: &Positions,
        tokens: usize,
        numbered: &mut Numbered<'_>,
    ) -> Self {
        Self {
            first_norm: Norm::new(&block.first_norm, numbered),
            attention: Attention::new(&block.attention, log_temperature, positions, tokens, numbered),
            second_norm: Norm::new(&block.second_norm, numbered),
            feed_forward: FeedForward::new(&block.feed_forward, numbered),
            order: block.order,
        }
    }

    /// Puts its numbers into one of the same shape.
    pub fn store(&self, to: &mut graph::Block) {
        self.first_norm.store(&mut to.first_norm);
        self.attention.store(&mut to.attention);
        self.second_norm.store(&mut to.second_norm);
        self.feed_forward.store(&mut to.feed_forward);
    }

    /// The logarithms of its temperatures, if they are learned.
    pub fn log_temperature(&self) -> Option<Vec<f32>> {
        self.attention.log_temperature()
    }

    pub fn forward(&self, stream: Stream, index: usize, relative: Option<&Tensor<4>>, pass: &mut Pass<'_>) -> Stream {
        let at = |site| Place::Block(index, site);
        let x = stream.x;
        match self.order {
            Order::PreNorm => {
                let inner = pass.site(index, Site::FirstNorm, self.first_norm.forward(x.clone()));
                pass.note(at(Site::AttentionInput), &inner);
                let (attended, weights) = self.attention.forward(inner, at(Site::FirstNorm), index, relative, pass);
                let x = x + attended;
                pass.note(at(Site::AfterAttention), &x);
                let inner = pass.site(index, Site::SecondNorm, self.second_norm.forward(x.clone()));
                let x = x + self.feed_forward.forward(inner, at(Site::SecondNorm), index, pass);
                pass.note(at(Site::AfterFeed), &x);
                Stream { x, rows: None, weights: Some(weights) }
            }
            Order::PostNorm => {
                let (rows, from) = match stream.rows {
                    Some((rows, from)) => {
                        pass.note(at(Site::AttentionInput), &rows);
                        (rows, from)
                    }
                    // The first block, after no norm.
                    None => (pass.site(index, Site::AttentionInput, x.clone()), at(Site::AttentionInput)),
                };
                let (attended, weights) = self.attention.forward(rows, from, index, relative, pass);
                let x = x + attended;
                pass.note(at(Site::AfterAttention), &x);
                let x = self.first_norm.forward(x);
                let rows = pass.site(index, Site::FirstNorm, x.clone());
                let x = x + self.feed_forward.forward(rows, at(Site::FirstNorm), index, pass);
                pass.note(at(Site::AfterFeed), &x);
                let x = self.second_norm.forward(x);
                let rows = pass.site(index, Site::SecondNorm, x.clone());
                Stream { x, rows: Some((rows, at(Site::SecondNorm))), weights: Some(weights) }
            }
        }
    }
}

/// Two linear layers with an activation between, or three with a gate.
#[derive(Module, Debug)]
struct FeedForward {
    up: Dense,
    gate: Option<Dense>,
    down: Dense,
    #[module(skip)]
    activation: Activation,
}

impl FeedForward {
    fn new(f: &graph::FeedForward, numbered: &mut Numbered<'_>) -> Self {
        Self {
            up: Dense::new(&f.up, numbered),
            gate: f.gate.as_ref().map(|gate| Dense::new(gate, numbered)),
            down: Dense::new(&f.down, numbered),
            activation: f.activation,
        }
    }

    fn store(&self, to: &mut graph::FeedForward) {
        self.up.store(&mut to.up);
        if let (Some(gate), Some(to)) = (&self.gate, &mut to.gate) {
            gate.store(to);
        }
        self.down.store(&mut to.down);
    }

    fn forward(&self, x: Tensor<3>, from: Place, index: usize, pass: &mut Pass<'_>) -> Tensor<3> {
        let first = self.gate.as_ref().unwrap_or(&self.up).forward(x.clone(), from, pass);
        let mut inner = activate(self.activation, pass.site(index, Site::Gate, first));
        if self.gate.is_some() {
            let up = self.up.forward(x, from, pass);
            inner = inner * pass.site(index, Site::Up, up);
        }
        let inner = pass.site(index, Site::Hidden, inner);
        self.down.forward(inner, Place::Block(index, Site::Hidden), pass)
    }
}
