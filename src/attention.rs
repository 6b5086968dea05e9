//! Multi-head attention, `softmax(Q·Kᵀ/√d)·V` per head ("Attention Is All You Need", Vaswani et al. 2017, section 3.2),
//! and its relatives: heads that share keys and values (multi-query: Shazeer, "Fast Transformer Decoding", 2019;
//! grouped-query: Ainslie et al., "GQA", 2023), heads that share projections, cross-attention, and heads of any
//! [`AttentionPattern`].
//!
//! Heads run one after the other, and within a head a few queries at a time. In memory are the queries, keys and values
//! of one head and a few rows of scores, so memory grows with the number of positions, never with its square.

mod cache;
mod dilation;
mod fused;
mod low_rank;
mod projection;
mod ring;
mod scratch;
mod span;
mod step;
mod typed;
#[cfg(feature = "std")]
mod values;
mod view;

pub use cache::{KvCache, StepScratch};
pub use fused::FusedAttention;
pub use low_rank::{LowRankAttention, LowRankScratch};
pub use ring::RewindError;
pub(crate) use ring::{CachedPositions, Ring};
pub use scratch::{HeadScratch, Scratch};
pub(crate) use scratch::{OutputLayout, ScratchView, WholeRows};
pub(crate) use step::{CacheView, Newest, StepView};
pub(crate) use typed::rows as rows_of;
pub use typed::{MultiHeadAttention, Projection};
pub(crate) use view::Sequences;
pub use view::{AttentionView, ProjectionView};

pub use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::softmax::Weight;
pub use crate::arithmetic::softmax::{MAX_HEAD_DIM, MAX_POSITIONS};
use crate::kernels::{Active, Kernels, Portable};
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;
use core::ops::Range;
use dilation::DilationClass;
use scratch::PartSums;
use span::KeySpan;

impl AttentionView<'_> {
    /// Attention of some heads over `x`, into `scratch.outputs`.
    #[inline]
    pub(crate) fn attend<K: Kernels, W: Weight, P: AttentionPattern, O: Observer<W>, T: PartSums>(
        &self,
        x: Sequences<'_>,
        pattern: &P,
        heads: Range<usize>,
        scratch: &mut ScratchView<'_, W>,
        mut parts: T,
        mut observer: LayerObserver<'_, O>,
    ) {
        let whole_rows = scratch.scores.len() >= K::QUERIES * x.keys;
        if !T::IN_PARTS && K::QUERIES > <Active as Kernels>::QUERIES && !whole_rows {
            // The memory was made for kernels that take fewer queries at a time.
            return self.attend::<Portable, W, P, O, T>(x, pattern, heads, scratch, parts, observer);
        }
        let whole_rows = whole_rows || !T::IN_PARTS;
        let queries = if whole_rows { K::QUERIES } else { scratch.queries_in_parts::<K>(parts.sums(), self.head_dim) };
        let (count, mut projected) = (heads.len(), None);
        for (place, head) in heads.enumerate() {
            let Some(&scale) = self.head_scales.get(head) else { return };
            let output = scratch.layout.head(place, count, x.positions, self.head_dim);
            if (0..x.positions).all(|query| pattern.keys(head, query, x.keys).is_empty()) {
                scratch.zero(output, x.positions, head, self.head_dim, &mut observer);
                continue;
            }
            for class in DilationClass::all(pattern.dilation(head), x.positions) {
                self.project_qkv::<K, P>(x, pattern, head, class, &mut projected, scratch);
                for block in class.query_blocks(x.positions, queries) {
                    let (span, mut keys) = KeySpan::of_block::<K>(pattern, head, block, x.keys);
                    let mut tile = scratch.tile(self, x, scale, &span, &mut keys, output);
                    // In place: to move it costs as much as to make it.
                    let Some(tile) = &mut tile else { return };
                    if whole_rows {
                        span.scores::<K, W>(tile); // S = Q·Kᵀ, with masks and biases
                        tile.softmax::<K>(); // P = 2^(c·(S - max S)), where c holds log2(e)/√d
                        tile.weigh_values::<K>(); // O = P·V / ΣP
                        span.show::<K, W, O>(tile, &mut observer);
                    } else {
                        tile.attend_in_parts::<K, _>(span.bias_rows(), parts.sums(), &mut span.observed(&mut observer));
                    }
                }
            }
        }
    }
}
