//! Heads removed from a model for good, and the choice of those that it can do without.
//!
//! How little the loss of most heads costs: Michel, Levy and Neubig, "Are Sixteen Heads Really Better than One?", 2019.

use crate::Error;
use crate::evaluate::Example;
use crate::head_index::HeadIndex;
use crate::remove_heads::remove_heads;
use crate::weights::Weights;
use heedful::dynamic::Model;
use heedful::format::write::EncoderModel;

/// [`remove_heads`], of heads that the model has.
///
/// # Errors
/// If it has no such head.
pub fn remove(model: &EncoderModel, heads: &[HeadIndex]) -> Result<EncoderModel, Error> {
    let all: Vec<usize> = model.blocks.iter().map(|block| block.heads.len()).collect();
    for head in heads {
        head.check(&all)?;
    }
    Ok(remove_heads(model, |block, head| heads.contains(&HeadIndex { block, head })))
}

/// Switches off heads of a float model.
///
/// # Errors
/// If it has no such head.
pub fn switch_off(weights: &mut Weights, heads: &[HeadIndex]) -> Result<(), Error> {
    let (count, width) = (weights.config.heads, weights.config.head_width);
    for &HeadIndex { block, head } in heads {
        HeadIndex { block, head }.check(&vec![count; weights.config.layers])?;
        if let Some(output) = weights.tensors.get_mut(&format!("blocks.{block}.attention.output.weight")) {
            output.data.chunks_exact_mut(count * width).for_each(|row| row[head * width..][..width].fill(0.0));
        }
    }
    Ok(())
}

/// How a model does on examples.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Score {
    /// Examples recognised.
    pub right: usize,
    /// Mean over the examples of how far the true class's logit lies above the highest other one, in octaves of
    /// probability.
    pub margin: f64,
}

impl Score {
    /// Judges a model with some heads switched off.
    #[must_use]
    pub fn of(model: &Model, examples: &[Example], off: &[HeadIndex]) -> Self {
        let off = HeadIndex::pairs(off);
        let (mut right, mut margin) = (0, 0.0);
        for example in examples {
            let outcome = model.infer_without(example.heard.input(), &off);
            right += usize::from(outcome.best().class == example.class);
            let mut others = i16::MIN;
            let mut own = i16::MIN;
            for (class, &logit) in outcome.logits().iter().enumerate() {
                if class == example.class { own = logit } else { others = others.max(logit) }
            }
            margin += f64::from(own) - f64::from(others);
        }
        Self { right, margin: margin * model.shape().logit.to_real() / examples.len().max(1) as f64 }
    }
}

/// Chooses heads to remove until `keep` are left: each time the one whose loss leaves most examples recognised, of
/// several the one that leaves the largest margin. Calls `report` with each head and the score without it and those
/// before.
///
/// # Errors
/// If there are fewer heads.
pub fn choose(
    model: &Model,
    examples: &[Example],
    keep: usize,
    mut report: impl FnMut(HeadIndex, Score),
) -> Result<Vec<HeadIndex>, Error> {
    let mut left = HeadIndex::all(model.heads());
    if keep > left.len() {
        return Err(Error::Training(format!("the model has {} heads, of which {keep} cannot be kept", left.len())));
    }
    let mut removed = Vec::new();
    while left.len() > keep {
        let mut best: Option<(usize, Score)> = None;
        for (i, &head) in left.iter().enumerate() {
            let score = Score::of(model, examples, &[&removed[..], &[head]].concat());
            if best.is_none_or(|(_, least)| score > least) {
                best = Some((i, score));
            }
        }
        let Some((i, score)) = best else { break };
        let head = left.remove(i);
        removed.push(head);
        report(head, score);
    }
    Ok(removed)
}
