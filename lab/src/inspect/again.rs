//! A second look at the recordings that importance is judged on: at what needs several of them at once, or a float
//! model beside the integers.

use super::float::Float;
use super::look::look_closely;
use super::norms::{Normed, means, sensitivity};
use super::probes::{Items, Probed, probes};
use super::quantisation::Quantisation;
use super::removal::{Mean, Task};
use crate::head_index::HeadIndex;
use heedful::dynamic::Model;
use rayon::prelude::*;

/// Values that are kept for probes.
const VALUES: usize = 16 << 20;
/// Multiply-accumulates of all inferences of the float model.
const MACS: usize = 20_000_000_000;
/// Recordings whose maps are in memory together.
const TOGETHER: usize = 8;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Again {
    /// The float model beside the integers, if there is one.
    pub quantisation: Option<Quantisation>,
    /// What can be read where.
    pub probes: Vec<Probed>,
    /// Norm-based weights, head by head.
    pub norms: Vec<Normed>,
    /// What the loss feels of each head.
    pub sensitivity: Vec<Mean>,
}

/// How many recordings are looked at again.
#[must_use]
pub fn recordings(model: &Model, tasks: &[Task]) -> usize {
    let shape = model.shape();
    let heads = model.heads().iter().sum::<usize>();
    let values = shape.positions * (heads * shape.head_dim + model.heads().len() * shape.width);
    (VALUES / values.max(1)).clamp(1, tasks.len().max(1)).min(tasks.len())
}

/// Looks again. `columns` name what is known of recordings, `inferences` how many of them may be changed.
#[must_use]
pub fn again(
    model: &Model,
    heads: &[HeadIndex],
    tasks: &[Task],
    columns: &[String],
    float: Option<&Float>,
    inferences: usize,
    step: &(dyn Fn(usize) + Sync),
) -> Again {
    let (count, pairs) = (recordings(model, tasks), HeadIndex::pairs(heads));
    let tasks = &tasks[..count];
    let compared = (MACS / model.macs().max(1)).clamp(1, count.max(1));
    let felt = (inferences / 4 / heads.len().max(1)).clamp(1, count.max(1));
    let mut again = Again { norms: vec![Normed::default(); heads.len()], ..Again::default() };
    let (mut quantisation, mut items, mut sensitivities) = (Quantisation::default(), vec![], vec![]);
    for (part, tasks) in tasks.chunks(TOGETHER).enumerate() {
        let looks: Vec<_> = tasks
            .par_iter()
            .enumerate()
            .map(|(at, task)| {
                let (number, own) = (part * TOGETHER + at, look_closely(model, &task.heard));
                let float = float.filter(|_| number < compared).map(|float| float.look(model, &task.heard));
                let felt = (number < felt).then(|| sensitivity(model, task, &own, &pairs));
                step(1);
                (own, float, felt)
            })
            .collect();
        for (own, float, felt) in looks {
            if let Some(float) = float {
                quantisation.add(&own, &float);
            }
            for (head, normed) in again.norms.iter_mut().enumerate() {
                normed.add(&own.maps[head], &own.norms[head]);
            }
            sensitivities.extend(felt);
            items.push(Items::of(&own));
        }
    }
    let blocks = 0..model.heads().len();
    let names: Vec<String> =
        heads.iter().map(ToString::to_string).chain(blocks.map(|block| format!("block {block}"))).collect();
    again.probes = probes(&items, tasks, &names, columns);
    again.sensitivity = means(&sensitivities);
    again.quantisation = (quantisation.compared > 0).then_some(quantisation);
    again
}
