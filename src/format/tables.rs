//! The parts of a file that a program contains, as constants.

use super::part::Read;
use super::reader::tri;
use super::shape::{InputKind, Shape};
use super::{Error, File, OLD_MAJOR};
use crate::activation::{Activation, FineActivation, RELU};
use crate::arithmetic::requantise::Scale;
use crate::attention::{AttentionView, ProjectionView};
use crate::feed_forward::{GatedView, PlainView};
use crate::kernels::Matrix;
use crate::linear::LinearView;
use crate::parts::{
    AttentionPart, Convolution, DenseView, Embedding, FilePattern, FineFeedForward, Part, Patches, Positions, Stem,
};

/// The parts that are more than a few words, by kind; the others are in [`Tables::chain`] itself. `A` attentions, `F`
/// feed-forward and `G` gated layers, `D` dense ones, `I` feed-forward layers of fine arguments, `C` convolutions.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a, const A: usize, const F: usize, const G: usize, const D: usize, const I: usize, const C: usize> {
    stem: Option<Stem<'a>>,
    embedding: Option<Embedding<'a>>,
    attention: [AttentionPart<'a>; A],
    feed_forward: [PlainView<'a>; F],
    gated: [GatedView<'a>; G],
    dense: [DenseView<'a>; D],
    fine: [FineFeedForward<'a>; I],
    convolutions: [Convolution<'a>; C],
}

const NO_LAYER: LinearView<'static> = LinearView { weights: Matrix { data: &[], inputs: 0, stride: 0 }, channels: &[] };
const NO_PROJECTION: ProjectionView<'static> = ProjectionView::new(NO_LAYER, 0);
const NO_ATTENTION: AttentionPart<'static> = AttentionPart {
    reduce: None,
    attention: AttentionView {
        query: NO_PROJECTION,
        key: None,
        value: NO_PROJECTION,
        output: NO_LAYER,
        head_scales: &[],
        dim: 0,
        head_dim: 0,
    },
    pattern: FilePattern::PLAIN,
    memory: None,
};
const NO_FEED_FORWARD: PlainView<'static> =
    PlainView { expand: NO_LAYER, activation: Activation(&RELU), contract: NO_LAYER };
const NO_GATED: GatedView<'static> = GatedView {
    gate: NO_LAYER,
    up: NO_LAYER,
    table: &[0; 256],
    product: Scale::from_real(0.1).unwrap(),
    down: NO_LAYER,
    hidden15: false,
};
const NO_FINE: FineFeedForward<'static> =
    FineFeedForward { expand: NO_LAYER, activation: FineActivation(&[0; 258]), contract: NO_LAYER };
const NO_CONVOLUTION: Convolution<'static> = Convolution {
    layer: NO_LAYER,
    fine: &[],
    patches: Patches::of_series(0, 0, 0),
    depthwise: false,
    activation: FineActivation(&[0; 258]),
};
const NO_DENSE: DenseView<'static> = DenseView { layer: NO_LAYER, activation: None };

impl<'a> File<'a> {
    /// The `index`th part, of either version of the format.
    const fn part_of_any(&self, kind: InputKind, index: usize) -> Result<Option<Read<'a>>, Error> {
        if self.major == OLD_MAJOR {
            if let InputKind::Tokens = kind {
                return self.old_language_part(&tri!(self.decoder_config()), index);
            }
            return self.old_part(&tri!(self.config()), index);
        }
        self.nth_part(index)
    }
}

impl<'a, const A: usize, const F: usize, const G: usize, const D: usize, const I: usize, const C: usize>
    Tables<'a, A, F, G, D, I, C>
{
    /// Those of a file of this shape.
    ///
    /// # Errors
    /// If anything is wrong with a part.
    #[doc(hidden)]
    pub const fn read(file: &File<'a>, shape: &Shape) -> Result<Self, Error> {
        let mut tables = Self {
            stem: None,
            embedding: None,
            attention: [NO_ATTENTION; A],
            feed_forward: [NO_FEED_FORWARD; F],
            gated: [NO_GATED; G],
            dense: [NO_DENSE; D],
            fine: [NO_FINE; I],
            convolutions: [NO_CONVOLUTION; C],
        };
        let (mut index, mut next) = (0, [0; 6]);
        while let Some(read) = tri!(file.part_of_any(shape.input.kind, index)) {
            match read {
                Read::Stem(stem) => tables.stem = Some(stem),
                Read::Embedding(embedding) => tables.embedding = Some(embedding),
                Read::Attention(attention) => {
                    tables.attention[next[0]] = attention;
                    next[0] += 1;
                }
                Read::FeedForward(layers) => {
                    tables.feed_forward[next[1]] = layers;
                    next[1] += 1;
                }
                Read::Gated(layers) => {
                    tables.gated[next[2]] = layers;
                    next[2] += 1;
                }
                Read::Dense(layer) => {
                    tables.dense[next[3]] = layer;
                    next[3] += 1;
                }
                Read::FineFeedForward(layers) => {
                    tables.fine[next[4]] = layers;
                    next[4] += 1;
                }
                Read::Convolution(layer) => {
                    tables.convolutions[next[5]] = layer;
                    next[5] += 1;
                }
                _ => {}
            }
            index += 1;
        }
        Ok(tables)
    }

    /// All parts, in their order.
    ///
    /// # Errors
    /// If anything is wrong with a part.
    #[doc(hidden)]
    pub const fn chain<const N: usize>(&'static self, file: &File<'a>, shape: &Shape) -> Result<[Part<'a>; N], Error>
    where
        'static: 'a,
    {
        let mut parts = [Part::Positions(Positions { width: 0, values: &[] }); N];
        let (mut index, mut next) = (0, [0; 6]);
        while let Some(read) = tri!(file.part_of_any(shape.input.kind, index)) {
            parts[index] = match read {
                Read::Stem(_) => match &self.stem {
                    Some(stem) => Part::Stem(stem),
                    None => parts[index],
                },
                Read::Embedding(_) => match &self.embedding {
                    Some(embedding) => Part::Embedding(embedding),
                    None => parts[index],
                },
                Read::Attention(_) => {
                    next[0] += 1;
                    Part::Attention(&self.attention[next[0] - 1])
                }
                Read::FeedForward(_) => {
                    next[1] += 1;
                    Part::FeedForward(&self.feed_forward[next[1] - 1])
                }
                Read::Gated(_) => {
                    next[2] += 1;
                    Part::Gated(&self.gated[next[2] - 1])
                }
                Read::Dense(_) => {
                    next[3] += 1;
                    Part::Dense(&self.dense[next[3] - 1])
                }
                Read::FineFeedForward(_) => {
                    next[4] += 1;
                    Part::FineFeedForward(&self.fine[next[4] - 1])
                }
                Read::Convolution(_) => {
                    next[5] += 1;
                    Part::Convolution(&self.convolutions[next[5] - 1])
                }
                Read::Memory(_) => Part::Nothing,
                Read::TokenTypes(types) => Part::TokenTypes(types),
                Read::WeightedPool(pool) => Part::WeightedPool(pool),
                Read::Positions { positions, .. } => Part::Positions(positions),
                Read::Norm { norm, carry } => Part::Norm(norm, carry),
                Read::Rows(channels) => Part::Rows(channels),
                Read::Residual { scale, .. } => Part::Residual(scale),
                Read::Pool { pool, .. } => Part::Pool(pool),
                Read::Output(output) => Part::Output(output.layer),
            };
            index += 1;
        }
        Ok(parts)
    }
}
