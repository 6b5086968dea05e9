//! The parts that models are made of: views over the words of a file, each with what it does.
//!
//! A model is a chain of parts. Two tensors go along it: the residual stream, int16 `[positions][width]`, and rows,
//! int8 `[positions][values]`. Each part reads one of them and writes the other, or adds to it, or both are the same.
//! A pre-norm block is the chain norm, attention, norm, feed-forward; a post-norm block is attention, norm, residual,
//! feed-forward, norm, residual.

mod attention;
mod convolution;
mod cross;
mod dense;
mod embedding;
mod feed_forward;
mod patches;
mod pattern;
mod pool;
mod source;
mod state;
mod stem;
mod step;
mod uses;

pub(crate) use attention::{Attend, WholeSequence};
pub use attention::{AttentionPart, MemoryShape};
pub use convolution::Convolution;
pub use dense::DenseView;
pub use embedding::{Embedding, TokenTypes};
pub use feed_forward::FineFeedForward;
pub use patches::Patches;
pub use pattern::FilePattern;
pub use pool::{Pool, PoolKind, WeightedPool};
pub use source::Input;
pub(crate) use source::{Features, FineFeatures, Given, Readings, Source, Tokens, read};
pub(crate) use state::{Memory, State};
pub use stem::{Positions, Stem};
pub(crate) use step::{OneToken, Step, StepPlan};
pub use uses::{AllKinds, Kinds, Uses};

use crate::arithmetic::requantise::{Channel, Scale};
use crate::arithmetic::softmax::Weight;
use crate::block::ResidualScale;
use crate::feed_forward::{GatedView, PlainView};
use crate::kernels::{Kernels, rows_mut};
use crate::linear::LinearView;
use crate::norm::{NormChannel, NormView};
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;
use core::marker::PhantomData;

/// One part of a model.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Nothing is done: the file says something of what goes in.
    Nothing,
    /// The input to a map of it, or a map to the next one, by a convolution.
    Convolution(&'a Convolution<'a>),
    /// What the residual stream starts from: positions, and class tokens before them.
    Positions(Positions<'a>),
    /// Adds the input, by a linear layer.
    Stem(&'a Stem<'a>),
    /// Adds the rows of tokens.
    Embedding(&'a Embedding<'a>),
    /// Adds the rows of their types.
    TokenTypes(TokenTypes<'a>),
    /// Residual stream to rows, by a norm; and, in post-norm blocks, to the residual stream again.
    Norm(NormView<'a>, Option<Carry<'a>>),
    /// Residual stream to rows as it is: a bias and a factor for each value.
    Rows(&'a [Channel]),
    /// Rows to the residual stream.
    Residual(ResidualScale),
    /// Adds the attention of the rows over each other.
    Attention(&'a AttentionPart<'a>),
    /// Adds what two layers with an activation between them make of the rows.
    FeedForward(&'a PlainView<'a>),
    /// The same, with the activation of int16.
    FineFeedForward(&'a FineFeedForward<'a>),
    /// The same, with a gate.
    Gated(&'a GatedView<'a>),
    /// All rows to one.
    Pool(Pool),
    /// The same, by weights.
    WeightedPool(WeightedPool<'a>),
    /// Rows to rows, by a linear layer and maybe an activation.
    Dense(&'a DenseView<'a>),
    /// Rows to the model's outputs, int16: by a linear layer, or as they are.
    Output(Option<LinearView<'a>>),
}

/// How the result of a norm goes on as the residual stream, int16.
#[derive(Clone, Copy, Debug)]
pub struct Carry<'a> {
    /// Gains and offsets.
    pub channels: &'a [NormChannel],
    /// Their scale over that of the residual stream, over 65,536.
    pub scale: Scale,
}

/// What runs beside the parts.
pub(crate) struct Run<'r, U, S, A, P, O> {
    pub source: &'r mut S,
    pub attend: &'r mut A,
    /// What the caller says of a layer's heads, besides the part's own pattern.
    pub pattern: &'r P,
    pub observer: &'r mut O,
    /// Attention parts run so far.
    pub layer: usize,
    pub kinds: PhantomData<U>,
}

impl Part<'_> {
    /// Does what the part does. `U` says which kinds of parts there may be: the code of others is left out.
    ///
    /// Not inlined: one copy serves all parts.
    #[inline(never)]
    pub(crate) fn run<K, W, U, S, A, R, P, O>(&self, state: &mut State<'_, W>, run: &mut Run<'_, U, S, A, P, O>)
    where
        K: Kernels,
        W: Weight,
        U: Kinds,
        S: Source,
        A: Attend<W>,
        R: AttentionPattern,
        P: Fn(usize) -> R,
        O: Observer<W>,
    {
        let uses = U::USES;
        match *self {
            Part::Convolution(layer) if uses.has(Uses::CONVOLUTIONS) => layer.apply::<K, W, S, U>(state, run.source),
            Part::Positions(positions) => positions.start::<W, U>(state),
            Part::Stem(stem) if uses.has(Uses::STEM) => stem.add::<K, W, S, U>(state, run.source),
            Part::Embedding(embedding) if uses.has(Uses::TOKENS) => embedding.add(state, run.source),
            Part::TokenTypes(types) if uses.has(Uses::TOKEN_TYPES) => types.add(state, run.source),
            Part::Norm(norm, carry) => {
                state.width = norm.channels.len();
                let (residual, rows) = state.tensors(state.width);
                norm.forward::<K>(residual, rows);
                if let (Some(Carry { channels, scale }), true) = (carry, uses.has(Uses::CARRY)) {
                    let norm = NormView { channels, ..norm };
                    for row in rows_mut(residual, channels.len()) {
                        K::carry_norm(row, norm, scale);
                    }
                }
            }
            Part::Rows(channels) if uses.has(Uses::ROWS) => state.round(channels),
            Part::Residual(scale) if uses.has(Uses::RESIDUAL) => {
                let (residual, rows) = state.tensors(state.width);
                scale.apply(rows, residual);
            }
            Part::Attention(part) => {
                let layer = run.layer;
                let observer = LayerObserver { layer, observer: &mut *run.observer };
                let pattern = &(run.pattern)(layer);
                match part.memory {
                    Some(memory) if uses.has(Uses::CROSS) && part.attention.heads() > 0 => {
                        part.add_cross::<K, W, S, R, O>(memory, state, run.source, pattern, observer);
                    }
                    _ => part.add::<K, W, A, R, O, U>(state, run.attend, pattern, observer),
                }
                run.layer += 1;
            }
            Part::FeedForward(layers) if uses.has(Uses::FEED_FORWARD) => {
                let width = layers.contract.channels.len();
                let (residual, rows, hidden) = state.with_hidden(width);
                layers.accumulate::<K>(rows, hidden, residual);
            }
            Part::FineFeedForward(layers) if uses.has(Uses::FINE_FEED_FORWARD) => layers.add::<K, W>(state),
            Part::Gated(layers) if uses.has(Uses::GATED) => feed_forward::gated::<K, W>(layers, state),
            Part::Pool(pool) if uses.has(Uses::POOL) => pool.apply(state),
            Part::WeightedPool(pool) if uses.has(Uses::WEIGHTED_POOL) => pool.apply::<K, W>(state),
            Part::Dense(layer) if uses.has(Uses::DENSE) => layer.apply::<K, W>(state),
            Part::Output(Some(layer)) => {
                let (rows, outputs) = state.rows_and_outputs(layer.weights.inputs, layer.channels.len());
                outputs.fill(0);
                layer.accumulate::<K>(rows, outputs);
            }
            Part::Output(None) => {
                let (rows, outputs) = state.rows_and_outputs(state.width, state.width);
                for (to, &x) in outputs.iter_mut().zip(rows) {
                    *to = x.into();
                }
            }
            _ => {}
        }
    }
}
