//! Reading a model that takes a token of its input at a time: a chain whose heads look back, and not without end.

use super::flow::{Flow, Pace};
use super::part::Read;
use super::reader::{between, exactly, tri};
use super::shape::{InputKind, OutputKind, Shape};
use super::{CONFIG, DECODER, File};
use crate::Error;
use crate::arithmetic::softmax::MAX_POSITIONS;
use crate::parts::{AttentionPart, PoolKind};

impl<'a> File<'a> {
    /// The shape of a model that takes a token of its input at a time, of a file whose [`File::shape_of_any`] was
    /// found right: what a token needs on its way, and what comes out of it.
    ///
    /// Such a model has tokens that follow one another in the input (no convolutions), no learned positions and no
    /// class tokens, heads that look back and no farther than a window, and of its rows either each one is an output
    /// or the last ([`PoolKind::Last`]). Its sound is of cepstra, or of bands that are held against running means:
    /// what is relative to the mean of all that a model looks at is not known when a token comes.
    ///
    /// # Errors
    /// What the model has that cannot be taken a token at a time, or lacks, and in which part.
    pub const fn streaming_shape(&self) -> Result<Shape, Error> {
        let mut shape = tri!(self.shape_of(Pace::Stream));
        if shape.cache.slots == 0 {
            // Without attention.
            shape.cache.slots = 1;
        }
        #[cfg(feature = "audio")]
        if let Some(frontend) = tri!(self.frontend_of_any())
            && frontend.cepstra.is_none()
            && matches!(frontend.params.level, crate::audio::Level::Mean)
        {
            let what = "features relative to the mean of a whole window, in a model that takes a token at a time";
            tri!(exactly(what, 1, 0));
        }
        Ok(shape)
    }
}

impl<'a> Flow<'a> {
    /// Whether a part can be in a model that takes a token of its input at a time; notes what its cache must hold.
    pub(super) const fn can_stream(&mut self, read: &Read<'a>) -> Result<(), Error> {
        match read {
            Read::Positions { positions, first, .. } => {
                tri!(exactly("learned positions of a model that takes a token at a time", positions.values.len(), 0));
                exactly("class tokens of a model that takes a token at a time", *first, 0)
            }
            Read::Stem(stem) => {
                if !stem.patches.are_consecutive() {
                    return exactly("overlapping patches of a model that takes a token at a time", 1, 0);
                }
                self.shape.cache.steps = stem.patches.kernel[0];
                Ok(())
            }
            Read::Attention(part) => self.can_look_back(part),
            Read::Pool { pool, .. } if !matches!(pool.kind, PoolKind::Last) => {
                exactly("poolings of more than the last row in a model that takes a token at a time", 1, 0)
            }
            Read::Output(output) if matches!(output.kind, OutputKind::NextToken) => {
                Err(Error::Kind { expected: CONFIG.holds(), found: DECODER.holds() })
            }
            Read::Norm { .. }
            | Read::Rows(_)
            | Read::Residual { .. }
            | Read::FeedForward(_)
            | Read::FineFeedForward(_)
            | Read::Gated(_)
            | Read::Pool { .. }
            | Read::Dense(_)
            | Read::Output(_) => Ok(()),
            _ if matches!(self.shape.input.kind, InputKind::Tokens) => {
                Err(Error::Kind { expected: CONFIG.holds(), found: DECODER.holds() })
            }
            _ => exactly("parts that a model cannot have that takes a token at a time", 1, 0),
        }
    }

    /// Whether no head looks ahead, and all look back within a window that a cache can hold.
    const fn can_look_back(&mut self, part: &AttentionPart<'a>) -> Result<(), Error> {
        let AttentionPart { attention, pattern, memory, .. } = part;
        let heads = attention.head_scales.len();
        if heads == 0 {
            return Ok(());
        }
        if memory.is_some() {
            return exactly("heads that look at a second input in a model that takes a token at a time", heads, 0);
        }
        if attention.key.is_none() {
            return exactly("heads with fused weights in a model that takes a token at a time", heads, 0);
        }
        if pattern.windows.is_empty() {
            let what = if pattern.causal { "heads without a window" } else { "heads that look ahead" };
            return exactly(what, heads, 0);
        }
        let cache = &mut self.shape.cache;
        let (mut head, mut back, mut sinks) = (0, cache.slots.saturating_sub(1 + cache.sinks), cache.sinks);
        while head < heads {
            let [most, ahead, dilation, first] = pattern.windows[head];
            // The first tokens that are looked at for good are so by those before them, too.
            if !pattern.causal && (ahead > 0 || first > 1) {
                return exactly("heads that look ahead", 1, 0);
            }
            let most = (most as usize).saturating_mul(dilation as usize);
            tri!(between("tokens that a head looks back", most, 0, MAX_POSITIONS - 1));
            tri!(between("first tokens that a head looks at for good", first as usize, 0, MAX_POSITIONS - 1));
            if most > back {
                back = most;
            }
            if first as usize > sinks {
                sinks = first as usize;
            }
            head += 1;
        }
        (cache.slots, cache.sinks) = (back + 1 + sinks, sinks);
        between("tokens of the cache", cache.slots, 1, MAX_POSITIONS)
    }
}
