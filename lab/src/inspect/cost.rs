//! What a model saves without some of its heads.

use crate::remove_heads::remove_heads;
use heedful::dynamic::{Model, Work};
use heedful::format::write::EncoderModel;

/// What a model takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Bytes of its file.
    pub flash: usize,
    /// Multiply-accumulates of an inference.
    pub macs: usize,
    /// Whether this is counted from the file that the pruned model has, not worked out from the shares of its heads.
    pub exact: bool,
}

/// What a model takes without more and more heads, in the order in which they go: the whole model first.
#[must_use]
pub fn pruned(model: &Model, bytes: &[u8], order: &[(usize, usize)]) -> Vec<Cost> {
    let whole = Cost { flash: bytes.len(), macs: model.macs(), exact: true };
    let written = EncoderModel::load(bytes).ok();
    let without = |count: usize| {
        let gone = &order[..count];
        let small = written.as_ref().and_then(|model| {
            let small = remove_heads(model, |block, head| gone.contains(&(block, head))).to_bytes().ok()?;
            Some(Cost { flash: small.len(), macs: Model::load(&small).ok()?.macs(), exact: true })
        });
        small.unwrap_or_else(|| shares(model, whole, gone))
    };
    std::iter::once(whole).chain((1..=order.len()).map(without)).collect()
}

/// Each head has an equal share of its attention.
fn shares(model: &Model, whole: Cost, gone: &[(usize, usize)]) -> Cost {
    let attentions: Vec<(usize, Work)> =
        model.parts().iter().filter(|part| part.name == "attention").map(|part| (part.bytes, part.work)).collect();
    let saved = gone.iter().filter_map(|&(block, _)| Some((attentions.get(block)?, model.heads()[block].max(1))));
    let (flash, macs) =
        saved.fold((0, 0), |(flash, macs), ((bytes, work), heads)| (flash + bytes / heads, macs + work.macs() / heads));
    Cost { flash: whole.flash.saturating_sub(flash), macs: whole.macs.saturating_sub(macs), exact: false }
}
