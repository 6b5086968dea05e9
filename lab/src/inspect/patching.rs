//! Activation patching: what a head gave in one recording, put into another (Vig et al., "Investigating Gender Bias in
//! Language Models Using Causal Mediation Analysis", 2020; Wang et al. 2023).

use super::look::{Said, changed, outputs};
use super::removal::{Mean, Task};
use crate::head_index::HeadIndex;
use heedful::dynamic::{Change, Model};
use heedful::format::OutputKind;
use rayon::prelude::*;

/// Pairs of recordings, at most.
const PAIRS: usize = 60;

/// What patching moves.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Patching {
    /// Pairs of recordings of unlike classes.
    pub pairs: usize,
    /// Head by head: the part of the way that the outputs go from one recording's to the other's when this head alone
    /// gives what it gave there. 0: it carries nothing that tells the two apart; 1: all of it.
    pub heads: Vec<Mean>,
    /// The same of all heads of a block together.
    pub blocks: Vec<Mean>,
}

/// How many pairs are patched.
#[must_use]
pub fn pairs(tasks: &[Task], heads: usize, inferences: usize) -> usize {
    (inferences / 8 / heads.max(1)).clamp(1, PAIRS).min(tasks.len())
}

/// Pairs each recording that is judged rightly with the next one of another class, and patches each head.
///
/// The way is `(d - d') / (d'' - d')`, where `d` is the logit of the one class minus that of the other: `d'` of the
/// recording, `d''` of the other, `d` of the recording with the other's head.
#[must_use]
pub fn patching(
    model: &Model,
    heads: &[HeadIndex],
    tasks: &[Task],
    count: usize,
    step: &(dyn Fn(usize) + Sync),
) -> Patching {
    let right: Vec<&Task> = tasks.iter().filter(|task| task.whole.best == task.class).collect();
    if model.shape().kind != OutputKind::Classes {
        return Patching::default();
    }
    let other = |at: usize| {
        let rest = right[at + 1..].iter().chain(&right[..at]);
        Some((right[at], *rest.into_iter().find(|task| task.class != right[at].class)?))
    };
    let pairs: Vec<(&Task, &Task)> = (0..right.len().min(count)).filter_map(other).collect();
    let blocks = heads.iter().map(|head| head.block + 1).max().unwrap_or(0);
    let moved: Vec<Vec<f64>> = pairs
        .par_iter()
        .filter_map(|(to, from)| {
            let given = outputs(model, &from.heard);
            let way = |said: &Said| f64::from(said.outputs[from.class]) - f64::from(said.outputs[to.class]);
            let (start, end) = (way(&to.whole), way(&from.whole));
            let change = |head: usize| Change::Output {
                attention: heads[head].block,
                head: heads[head].head,
                values: &given[head],
            };
            let moved = |changes: &[Change<'_>]| (way(&changed(model, &to.heard, changes)) - start) / (end - start);
            let of_heads = (0..heads.len()).map(|head| moved(&[change(head)]));
            let of_block = |block: usize| {
                let own = (0..heads.len()).filter(|&head| heads[head].block == block);
                moved(&own.map(change).collect::<Vec<_>>())
            };
            let found: Vec<f64> = of_heads.chain((0..blocks).map(of_block)).collect();
            step(found.len());
            // Logits that are the same have no way between them.
            (end > start).then_some(found)
        })
        .collect();
    if moved.is_empty() {
        return Patching::default();
    }
    let mean = |at: usize| Mean::of(moved.iter().map(|found| found[at]));
    Patching {
        pairs: moved.len(),
        heads: (0..heads.len()).map(mean).collect(),
        blocks: (heads.len()..heads.len() + blocks).map(mean).collect(),
    }
}
