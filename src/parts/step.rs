//! A model that takes a token at a time: its attention is that of the newest position over caches of all layers.

use super::{Attend, Kinds, Part, Run, Source, State, Uses};
use crate::arithmetic::softmax::Weight;
use crate::attention::{AttentionView, CacheView, CachedPositions, Newest, ScratchView, StepView};
use crate::kernels::{Kernels, Rows};
use crate::observe::{LayerObserver, Observer};
use crate::pattern::AttentionPattern;
use crate::plan::{Needs, Plan, Tiling, piece};
use crate::rope::Turns;
use core::marker::PhantomData;

/// The memory of a model that goes step by step: the caches of its layers, then that of one position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StepPlan {
    /// Bytes.
    cache: usize,
    rest: Plan,
}

impl StepPlan {
    /// For some kernels and softmax weights, and a cache of so many positions.
    pub(crate) const fn of<K: Kernels, W>(needs: &Needs, slots: usize) -> Self {
        let (needs, cache) = needs.with_cache(slots);
        Self { cache, rest: Plan::tiled::<W>(&needs, Tiling { rows: 1, ..Tiling::of::<K>() }) }
    }

    /// Words in all; `usize::MAX` where they are more.
    pub(crate) const fn words(&self) -> usize {
        self.cache.div_ceil(4).saturating_add(self.rest.words())
    }

    /// What came out last, in the memory.
    #[inline]
    pub(crate) fn outputs<'s>(&self, memory: &'s [u32]) -> &'s [i16] {
        self.rest.outputs(memory.get(self.cache.div_ceil(4)..).unwrap_or(&[]))
    }
}

/// One token on its way through the parts.
pub(crate) struct Step<'s, W, O, S> {
    state: State<'s, W>,
    source: S,
    attend: Cached<'s>,
    observer: &'s mut O,
    layer: usize,
}

impl<'s, W: Weight, O: Observer<W>, S: Source> Step<'s, W, O, S> {
    /// What a source gives, at the newest position of a cache, for a model that uses this.
    #[inline]
    pub(crate) fn new(
        plan: &StepPlan,
        uses: Uses,
        memory: &'s mut [u32],
        cached: CachedPositions,
        source: S,
        observer: &'s mut O,
    ) -> Self {
        let mut rest = memory;
        let caches = piece(&mut rest, plan.cache);
        let mut state = plan.rest.lay_out::<W>(rest, 1);
        // Whole turns do not count.
        state.first = cached.position as u32;
        let attend = Cached { cached, caches, turns: Turns::NONE, keeps: !uses.has(Uses::ROPES), has_turned: false };
        Self { state, source, attend, observer, layer: 0 }
    }

    /// Does what the next part does.
    #[inline]
    pub(crate) fn run<K: Kernels, U: Kinds>(&mut self, part: &Part<'_>) {
        let Self { state, source, attend, observer, layer } = self;
        let (pattern, kinds) = (&|_| (), PhantomData::<U>);
        let mut run = Run { source, attend, pattern, observer: &mut **observer, layer: *layer, kinds };
        part.run::<K, W, U, _, _, _, _, _>(state, &mut run);
        *layer = run.layer;
    }
}

/// The token of the only position.
pub(crate) struct OneToken(pub usize);

impl Source for OneToken {
    fn values(&mut self, _at: usize, high: &mut [i8], low: &mut [i8]) {
        high.fill(0);
        low.fill(0);
    }

    #[inline]
    fn token(&self, _position: usize) -> usize {
        self.0
    }
}

/// Attention of the newest position.
struct Cached<'s> {
    cached: CachedPositions,
    /// Of the layers to come, for each its keys `[key heads][slots][dim]`, then its values
    /// `[key heads][head_dim][slots]`.
    caches: &'s mut [i8],
    turns: Turns,
    /// Whether all layers turn alike.
    keeps: bool,
    has_turned: bool,
}

impl<W: Weight> Attend<W> for Cached<'_> {
    #[inline]
    fn attend<K: Kernels, R: AttentionPattern, O: Observer<W>>(
        &mut self,
        attention: &AttentionView<'_>,
        rows: Rows<'_>,
        _positions: usize,
        pattern: &R,
        scratch: &mut ScratchView<'_, W>,
        observer: LayerObserver<'_, O>,
    ) {
        let slots = self.cached.slots() * attention.key_heads();
        let mut rest = core::mem::take(&mut self.caches);
        let mut cache = CacheView {
            keys: first(&mut rest, slots * attention.dim),
            values: first(&mut rest, slots * attention.head_dim),
        };
        self.caches = rest;
        let turns = match pattern.rope() {
            Some(rope) => {
                if !(self.keeps && self.has_turned) {
                    rope.turn::<K>(self.cached.position, &mut self.turns);
                    self.has_turned = true;
                }
                Some(&self.turns)
            }
            None => None,
        };
        let ScratchView { query, key, scores, weights, outputs, .. } = scratch;
        let mut step = StepView { query, key, scores, weights, outputs };
        let newest = Newest { cached: self.cached, turns };
        attention.step::<K, W, R, O>(rows, newest, pattern, &mut cache, &mut step, observer);
    }
}

/// Takes the first `length` values, or all.
#[inline]
fn first<'s>(rest: &mut &'s mut [i8], length: usize) -> &'s mut [i8] {
    let values = core::mem::take(rest);
    let (first, after) = values.split_at_mut(length.min(values.len()));
    *rest = after;
    first
}
