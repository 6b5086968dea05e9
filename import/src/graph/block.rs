//! Blocks: attention and feed-forward layers round a residual stream.

use super::attention::Context;
use super::taps::Taps;
use super::{Activation, Attention, Dense, GraphError, Place, Site};
use crate::graph::forward::Watch;

/// Where the norms of a block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `x + f(norm(x))`
    PreNorm,
    /// `norm(x + f(x))`
    PostNorm,
}

/// What a norm takes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// LayerNorm: mean and variance.
    Layer,
    /// RMSNorm: the root of the mean square.
    Rms,
}

/// LayerNorm or RMSNorm over the channels of a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Norm {
    /// Which.
    pub kind: NormKind,
    /// `[width]`
    pub gain: Vec<f32>,
    /// `[width]`
    pub bias: Option<Vec<f32>>,
    /// Added to the variance or the mean square.
    pub epsilon: f32,
}

impl Norm {
    /// Normalises each row.
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        let width = self.gain.len();
        let mut y = x.to_vec();
        for row in y.chunks_exact_mut(width) {
            let mean = match self.kind {
                NormKind::Layer => row.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64,
                NormKind::Rms => 0.0,
            };
            let square = |&x: &f32| (f64::from(x) - mean) * (f64::from(x) - mean);
            let variance = row.iter().map(square).sum::<f64>() / width as f64;
            let scale = 1.0 / (variance + f64::from(self.epsilon)).sqrt();
            for (x, gain) in row.iter_mut().zip(&self.gain) {
                *x = ((f64::from(*x) - mean) * scale) as f32 * gain;
            }
            if let Some(bias) = &self.bias {
                row.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
            }
        }
        y
    }
}

/// Two linear layers with an activation between, or three with a gate.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedForward {
    /// `[hidden][width]`
    pub up: Dense,
    /// `[hidden][width]`; the activation is of its results, which multiply those of `up`.
    pub gate: Option<Dense>,
    /// Between the layers.
    pub activation: Activation,
    /// `[width][hidden]`
    pub down: Dense,
}

impl FeedForward {
    /// What it adds to the residual stream.
    fn run<T: Taps>(&self, x: &[f32], index: usize, watch: &mut Watch<'_, T>) -> Result<Vec<f32>, GraphError> {
        let at = |site| Place::Block(index, site);
        let hidden = self.up.outputs();
        let mut inner = self.gate.as_ref().unwrap_or(&self.up).apply(x);
        watch.see(at(Site::Gate), &inner, hidden)?;
        self.activation.apply(&mut inner);
        if self.gate.is_some() {
            let up = self.up.apply(x);
            watch.see(at(Site::Up), &up, hidden)?;
            inner.iter_mut().zip(up).for_each(|(inner, up)| *inner *= up);
        }
        watch.see(at(Site::Hidden), &inner, hidden)?;
        let out = self.down.apply(&inner);
        watch.see(at(Site::FeedOut), &out, self.down.outputs())?;
        Ok(out)
    }
}

/// A layer of a transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Where the norms are.
    pub order: Order,
    /// Before attention, or after it.
    pub first_norm: Norm,
    /// Attention.
    pub attention: Attention,
    /// Before the feed-forward layers, or after them.
    pub second_norm: Norm,
    /// Feed-forward layers.
    pub feed_forward: FeedForward,
}

impl Block {
    /// Takes the residual stream on, in rows of a token.
    pub(super) fn run<T: Taps>(
        &self,
        x: &mut Vec<f32>,
        context: Context<'_>,
        index: usize,
        watch: &mut Watch<'_, T>,
    ) -> Result<(), GraphError> {
        let width = self.first_norm.gain.len();
        let at = |site| Place::Block(index, site);
        let normalise = |norm: &Norm, x: &[f32], site, watch: &mut Watch<'_, T>| {
            let y = norm.apply(x);
            watch.see(at(site), &y, width).map(|()| y)
        };
        match self.order {
            Order::PreNorm => {
                let inner = normalise(&self.first_norm, x, Site::FirstNorm, watch)?;
                add(x, &self.attention.run(&inner, context, index, watch)?);
                watch.see(at(Site::AfterAttention), x, width)?;
                let inner = normalise(&self.second_norm, x, Site::SecondNorm, watch)?;
                watch.see(at(Site::FeedInput), &inner, width)?;
                add(x, &self.feed_forward.run(&inner, index, watch)?);
                watch.see(at(Site::AfterFeed), x, width)
            }
            Order::PostNorm => {
                let added = self.attention.run(x, context, index, watch)?;
                add(x, &added);
                watch.see(at(Site::AfterAttention), x, width)?;
                *x = normalise(&self.first_norm, x, Site::FirstNorm, watch)?;
                watch.see(at(Site::FeedInput), x, width)?;
                let added = self.feed_forward.run(x, index, watch)?;
                add(x, &added);
                watch.see(at(Site::AfterFeed), x, width)?;
                *x = normalise(&self.second_norm, x, Site::SecondNorm, watch)?;
                Ok(())
            }
        }
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}
