//! The KV cache: keys and values of the last positions are kept, and a new position costs as much as it looks at.

use super::ring::{RewindError, Ring};
use super::{CacheView, MAX_HEAD_DIM, MAX_POSITIONS, MultiHeadAttention, Newest, StepView};
use crate::arithmetic::softmax::{Weight, Wide};
use crate::error::require;
use crate::kernels::{Active, Kernels, Rows};
use crate::observe::{LayerObserver, Observer, Unobserved};
use crate::pattern::AttentionPattern;

/// Keys and values of the last positions of an attention: `SLOTS` slots, of which the first `SINKS` keep their
/// positions for good (attention sinks: Xiao et al., "Efficient Streaming Language Models with Attention Sinks", 2023)
/// and the others are a ring. `KV_HEADS` and `HEAD_DIM` are those of the [`MultiHeadAttention`]: key heads, and their
/// dimension.
///
/// Positions go on without end. A full cache forgets its oldest position that is not a sink with each new one: the
/// outputs are those, to the bit, of a pass over all positions under
/// `(Mask::Causal, Window::back(SLOTS - SINKS - 1).with_sinks(SINKS))`.
#[derive(Clone, Debug)]
#[repr(C, align(4))]
pub struct KvCache<const SLOTS: usize, const KV_HEADS: usize, const HEAD_DIM: usize, const SINKS: usize = 0> {
    keys: [[[i8; HEAD_DIM]; SLOTS]; KV_HEADS],
    values: [[[i8; SLOTS]; HEAD_DIM]; KV_HEADS],
    ring: Ring,
}

impl<const SLOTS: usize, const KV_HEADS: usize, const HEAD_DIM: usize, const SINKS: usize>
    KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>
{
    /// An empty cache; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            require(SINKS < SLOTS, "KvCache: no slot is left beside the sinks");
            require(SLOTS <= MAX_POSITIONS, "KvCache: more than 65,536 positions");
            require(HEAD_DIM <= MAX_HEAD_DIM, "KvCache: the head dimension is above 256");
        }
        Self {
            keys: [[[0; HEAD_DIM]; SLOTS]; KV_HEADS],
            values: [[[0; SLOTS]; HEAD_DIM]; KV_HEADS],
            ring: Ring::new(SLOTS, SINKS),
        }
    }

    /// Positions seen since the start or the last reset, forgotten ones included.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Forgets all positions.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }

    /// Goes back to the time when `length` positions had been seen.
    ///
    /// # Errors
    /// [`RewindError::Ahead`] if these have not been seen yet; [`RewindError::Forgotten`] if the cache has been full
    /// since, and more than the newest position would be taken back. Lengths of up to `SINKS` can always be gone back
    /// to. After an error the cache is left as it is.
    pub const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        self.ring.rewind(length)
    }
}

impl<const SLOTS: usize, const KV_HEADS: usize, const HEAD_DIM: usize, const SINKS: usize> Default
    for KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// The working memory of [`MultiHeadAttention::step`]; attentions of one shape can share it.
#[derive(Debug)]
#[repr(C, align(4))]
pub struct StepScratch<
    const SLOTS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W = Wide,
    const KV_HEADS: usize = HEADS,
> {
    scores: [[i32; SLOTS]; <Active as Kernels>::QUERIES],
    weights: [[W; SLOTS]; <Active as Kernels>::WEIGHT_ROWS],
    query: [[i8; HEAD_DIM]; HEADS],
    key: [[i8; HEAD_DIM]; KV_HEADS],
    outputs: [[i8; HEAD_DIM]; HEADS],
    output: [i8; WIDTH],
}

impl<
    const SLOTS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KV_HEADS: usize,
> StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    /// Working memory; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            scores: [[0; SLOTS]; <Active as Kernels>::QUERIES],
            weights: [[W::ZERO; SLOTS]; <Active as Kernels>::WEIGHT_ROWS],
            query: [[0; HEAD_DIM]; HEADS],
            key: [[0; HEAD_DIM]; KV_HEADS],
            outputs: [[0; HEAD_DIM]; HEADS],
            output: [0; WIDTH],
        }
    }
}

impl<
    const SLOTS: usize,
    const WIDTH: usize,
    const HEADS: usize,
    const HEAD_DIM: usize,
    W: Weight,
    const KV_HEADS: usize,
> Default for StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const WIDTH: usize, const HEADS: usize, const HEAD_DIM: usize, W: Weight, const KV_HEADS: usize>
    MultiHeadAttention<WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>
{
    /// Attention of one new position over the last ones: `x` is int8, `[WIDTH]`, and so is the result, which lies in
    /// `scratch`.
    ///
    /// The order of the positions is a mask: nothing lies ahead. A `pattern` narrows it, or counts positions.
    ///
    /// ```
    /// # use heedful::{Channel, HeadScale, KvCache, Mask, MultiHeadAttention, Projection};
    /// # use heedful::{Scale, Scratch, StepScratch, Window};
    /// # const UNIT: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
    /// # static W: [[[i8; 8]; 4]; 2] = [[[1; 8]; 4]; 2];
    /// # static O: [[[i8; 4]; 2]; 8] = [[[1; 4]; 2]; 8];
    /// # static C: [[Channel; 4]; 2] = [[UNIT; 4]; 2];
    /// # static OC: [Channel; 8] = [UNIT; 8];
    /// # static HEADS: [HeadScale; 2] = [HeadScale::from_real(0.01, 1.0).unwrap(); 2];
    /// # static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
    /// #     Projection::new(&W, &C), Projection::new(&W, &C), Projection::new(&W, &C), &O, &OC, &HEADS);
    /// # let x: [[i8; 8]; 100] = std::array::from_fn(|i| [i as i8; 8]);
    /// // The last 16 positions of a stream without end.
    /// let (mut cache, mut scratch) = (KvCache::<16, 2, 4>::new(), StepScratch::new());
    /// let last = x.iter().map(|x| *ATTENTION.step(x, Mask::None, &mut cache, &mut scratch)).last();
    /// // The same bits as all at once.
    /// let mut whole = Scratch::new();
    /// let y = ATTENTION.forward(&x, (Mask::Causal, Window::back(15)), &mut whole);
    /// assert_eq!(last, y.last().copied());
    /// ```
    #[inline]
    pub fn step<'s, const SLOTS: usize, const SINKS: usize>(
        &self,
        x: &[i8; WIDTH],
        pattern: impl AttentionPattern,
        cache: &mut KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>,
        scratch: &'s mut StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
    ) -> &'s [i8; WIDTH] {
        self.step_observed(x, pattern, cache, scratch, &mut Unobserved)
    }

    /// [`MultiHeadAttention::step`], showing the rows of softmax weights to `observer`.
    #[inline]
    pub fn step_observed<'s, const SLOTS: usize, const SINKS: usize>(
        &self,
        x: &[i8; WIDTH],
        pattern: impl AttentionPattern,
        cache: &mut KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>,
        scratch: &'s mut StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [i8; WIDTH] {
        self.step_on::<Active, SLOTS, SINKS>(x, pattern, cache, scratch, observer)
    }

    /// [`Self::step_observed`] with the kernels of one's choice.
    #[inline]
    #[doc(hidden)]
    pub fn step_on<'s, K: Kernels, const SLOTS: usize, const SINKS: usize>(
        &self,
        x: &[i8; WIDTH],
        pattern: impl AttentionPattern,
        cache: &mut KvCache<SLOTS, KV_HEADS, HEAD_DIM, SINKS>,
        scratch: &'s mut StepScratch<SLOTS, WIDTH, HEADS, HEAD_DIM, W, KV_HEADS>,
        observer: &mut impl Observer<W>,
    ) -> &'s [i8; WIDTH] {
        let KvCache { keys, values, ring } = cache;
        let cached = ring.push();
        let mut cache = CacheView {
            keys: keys.as_flattened_mut().as_flattened_mut(),
            values: values.as_flattened_mut().as_flattened_mut(),
        };
        let StepScratch { scores, weights, query, key, outputs, output } = scratch;
        let mut step = StepView {
            query: query.as_flattened_mut(),
            key: key.as_flattened_mut(),
            scores: scores.as_flattened_mut(),
            weights: weights.as_flattened_mut(),
            outputs: outputs.as_flattened_mut(),
        };
        let turns = pattern.rope().map(|rope| rope.turns::<K>(cached.position));
        let (x, newest) = (Rows::new(x, WIDTH), Newest { cached, turns: turns.as_ref() });
        let observer = LayerObserver { layer: 0, observer };
        self.view.step::<K, W, _, _>(x, newest, &pattern, &mut cache, &mut step, observer);
        self.view.output.store::<K>(step.outputs, output);
        output
    }
}

#[cfg(test)]
mod tests;
