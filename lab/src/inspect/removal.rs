//! What a model loses when heads are removed: one alone, one after the other, and each head's share of all that the
//! heads contribute.
//!
//! Alone and greedily: Michel, Levy and Neubig, "Are Sixteen Heads Really Better than One?", 2019. The shares are
//! Shapley values ([`shapley`]).

use super::flow::lost;
use super::look::{Said, without};
use super::measures::ranking::{greedy_removal, shapley};
use crate::head_index::HeadIndex;
use heedful::dynamic::{Heard, Model};
use heedful::format::OutputKind;
use rayon::prelude::*;
use std::collections::HashMap;
use std::convert::Infallible;

/// Inferences that each of the three ways may take, about: seconds with a small model.
pub const INFERENCES: usize = 60_000;
/// Recordings that they are judged on, at most.
pub const JUDGED: usize = 300;
/// Below so many recordings, an order of removal would be of chance.
const FEW: usize = 4;

/// What is judged: a recording as the model takes it, and what is right.
#[derive(Clone, Debug)]
pub struct Task {
    /// The input.
    pub heard: Heard,
    /// What the model says with all heads.
    pub whole: Said,
    /// What is right: the class, or else what the model says with all heads.
    pub class: usize,
    /// The class, if that is known.
    pub known: Option<usize>,
    /// What names say of it, as [`Recording::columns`](super::Recording::columns).
    pub columns: Vec<String>,
    /// Whom or what it is of, as [`Recording::group`](super::Recording::group).
    pub group: Option<String>,
}

/// How one answer is: whether it is right, and its loss.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Judged {
    /// 1 or 0; a share, of several.
    pub right: f64,
    /// Cross-entropy in nats; of outputs that are no classes, the root of the mean square of how they differ from what
    /// the model says with all heads.
    pub loss: f64,
}

/// A mean with the standard error of it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error; 0 of a single value.
    pub error: f64,
}

impl Mean {
    /// Of some values.
    #[must_use]
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count().max(1) as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|x| (x - mean).powi(2)).sum();
        Self { mean, error: if count > 1.0 { (squares / (count - 1.0) / count).sqrt() } else { 0.0 } }
    }
}

/// What the loss of one head does.
#[derive(Clone, PartialEq, Debug)]
pub struct Alone {
    /// Accuracy lost, 0 to 1; below 0 where the model does better without.
    pub accuracy: Mean,
    /// Loss gained.
    pub loss: Mean,
    /// Loss gained on recordings of each class; not a number where there are none.
    pub classes: Vec<f64>,
}

/// A step of a removal of one head after the other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Step {
    /// The head.
    pub head: usize,
    /// How the model is without it and those before.
    pub left: Judged,
}

/// What a head contributes, in the mean over all orders in which heads could come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shapley {
    /// Accuracy.
    pub accuracy: Mean,
    /// Loss avoided.
    pub loss: Mean,
}

/// All of it; the default is that nothing was removed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Importance {
    /// Recordings that it was judged on.
    pub judged: usize,
    /// The whole model.
    pub whole: Judged,
    /// The model without any head.
    pub none: Judged,
    /// Head by head.
    pub alone: Vec<Alone>,
    /// Head by head; empty where there was too little to judge.
    pub shapley: Vec<Shapley>,
    /// Permutations for each recording, and recordings that they were judged on.
    pub orders: (usize, usize),
    /// First to last removed; empty where it would take too long.
    pub greedy: Vec<Step>,
    /// Each head's own: how the model is when it alone is left.
    pub own: Vec<Judged>,
}

/// Judges answers.
struct Judge<'a> {
    model: &'a Model,
    heads: Vec<(usize, usize)>,
    tasks: &'a [Task],
    is_choice: bool,
}

impl Judge<'_> {
    fn one(&self, task: &Task, off: &[(usize, usize)]) -> Judged {
        let said = without(self.model, &task.heard, off);
        self.of(task, &said)
    }

    fn of(&self, task: &Task, said: &Said) -> Judged {
        let right = f64::from(said.best == task.class);
        if self.is_choice {
            return Judged { right, loss: -said.log_probability(task.class) };
        }
        Judged { right, loss: lost(self.model, &task.whole, said) }
    }

    /// The mean over the first so many tasks.
    fn mean(&self, count: usize, off: &[(usize, usize)]) -> Judged {
        let all: Vec<Judged> = self.tasks[..count].par_iter().map(|task| self.one(task, off)).collect();
        mean(&all)
    }

    /// The heads that are not there.
    fn off(&self, present: &[bool]) -> Vec<(usize, usize)> {
        self.heads.iter().zip(present).filter(|(_, present)| !**present).map(|(&head, _)| head).collect()
    }

    fn but(&self, head: usize) -> Vec<(usize, usize)> {
        self.heads.iter().enumerate().filter(|(at, _)| *at != head).map(|(_, &head)| head).collect()
    }
}

fn mean(all: &[Judged]) -> Judged {
    let count = all.len().max(1) as f64;
    let sum = |of: fn(&Judged) -> f64| all.iter().map(of).sum::<f64>() / count;
    Judged { right: sum(|x| x.right), loss: sum(|x| x.loss) }
}

/// Steps that [`importance`] takes, in inferences, for a bar.
#[must_use]
pub fn steps(heads: usize, tasks: usize, inferences: usize) -> usize {
    let plan = Plan::new(heads, tasks, inferences);
    plan.alone * heads + plan.shapley * plan.pairs * 2 * heads + plan.greedy * heads * (heads + 1) / 2
}

/// How many recordings each takes.
struct Plan {
    alone: usize,
    greedy: usize,
    shapley: usize,
    /// Pairs of permutations.
    pairs: usize,
}

impl Plan {
    fn new(heads: usize, tasks: usize, inferences: usize) -> Self {
        let heads = heads.max(1);
        let within = |each: usize| (inferences / each).min(tasks);
        let greedy = within(heads * (heads + 1) / 2);
        let shapley = within(2 * heads);
        let pairs = if shapley == 0 { 0 } else { (inferences / (2 * heads * shapley)).clamp(1, 16) };
        Self {
            alone: within(heads).max(tasks.min(FEW)),
            greedy: if greedy < tasks.min(FEW) { 0 } else { greedy },
            shapley,
            pairs,
        }
    }
}

/// Removes heads of a model and judges what is left, in each of three ways with so many inferences, about, on as many
/// recordings as these allow. `step` is told of inferences done.
#[must_use]
pub fn importance(model: &Model, tasks: &[Task], inferences: usize, step: &(dyn Fn(usize) + Sync)) -> Importance {
    let heads = HeadIndex::pairs(&HeadIndex::all(model.heads()));
    let is_choice = model.shape().kind == OutputKind::Classes;
    let (count, classes) = (heads.len(), model.shape().classes());
    let judge = Judge { model, heads, tasks, is_choice };
    let plan = Plan::new(count, tasks.len(), inferences);
    let whole: Vec<Judged> = tasks.iter().map(|task| judge.of(task, &task.whole)).collect();

    let alone = (0..count).map(|head| alone(&judge, plan.alone, &whole, head, classes, step)).collect();
    let own = (0..count).map(|head| judge.mean(plan.alone, &judge.but(head))).collect();
    let shapley = shapley_of_all(&judge, &plan, step);
    let greedy = greedy(&judge, &plan, step);
    Importance {
        judged: plan.alone,
        whole: mean(&whole[..plan.alone]),
        none: judge.mean(plan.alone, &judge.heads),
        alone,
        shapley,
        orders: (2 * plan.pairs, plan.shapley),
        greedy,
        own,
    }
}

fn alone(
    judge: &Judge<'_>,
    count: usize,
    whole: &[Judged],
    head: usize,
    classes: usize,
    step: &(dyn Fn(usize) + Sync),
) -> Alone {
    let off = [judge.heads[head]];
    let lost: Vec<Judged> = judge.tasks[..count]
        .par_iter()
        .zip(whole)
        .map(|(task, whole)| {
            let without = judge.one(task, &off);
            Judged { right: whole.right - without.right, loss: without.loss - whole.loss }
        })
        .collect();
    step(count);
    let of_class = |class| {
        let own = lost.iter().zip(judge.tasks).filter(|(_, task)| task.class == class).map(|(lost, _)| lost.loss);
        let (count, sum) = own.fold((0, 0.0), |(count, sum), loss| (count + 1, sum + loss));
        if count > 0 { sum / f64::from(count) } else { f64::NAN }
    };
    Alone {
        accuracy: Mean::of(lost.iter().map(|lost| lost.right)),
        loss: Mean::of(lost.iter().map(|lost| lost.loss)),
        classes: (0..classes).map(of_class).collect(),
    }
}

/// Each time, the head goes without which the loss is least.
fn greedy(judge: &Judge<'_>, plan: &Plan, step: &(dyn Fn(usize) + Sync)) -> Vec<Step> {
    let count = judge.heads.len();
    let steps = if plan.greedy == 0 { 0 } else { count };
    let mut seen = HashMap::new();
    let order = greedy_removal(count, steps, |present| {
        let left = judge.mean(plan.greedy, &judge.off(present));
        seen.insert(present.to_vec(), left);
        step(plan.greedy);
        Ok::<_, Infallible>(-left.loss)
    });
    let mut present = vec![true; count];
    let Ok(order) = order;
    order
        .into_iter()
        .map(|removal| {
            present[removal.head] = false;
            Step { head: removal.head, left: seen.get(&present).copied().unwrap_or_default() }
        })
        .collect()
}

/// Of each recording, with orders of its own, so that the error is that of the recordings.
fn shapley_of_all(judge: &Judge<'_>, plan: &Plan, step: &(dyn Fn(usize) + Sync)) -> Vec<Shapley> {
    let heads = judge.heads.len();
    if plan.shapley == 0 {
        return vec![];
    }
    // `[recording]`: accuracy and loss of each head.
    let shares: Vec<[Vec<f64>; 2]> = judge.tasks[..plan.shapley]
        .par_iter()
        .enumerate()
        .map(|(number, task)| {
            let mut seen = vec![];
            let losses = shapley(heads, plan.pairs, number as u64, |present| {
                let judged = judge.one(task, &judge.off(present));
                seen.push(judged.right);
                Ok::<_, Infallible>(-judged.loss)
            });
            // The same orders again.
            let mut seen = seen.into_iter();
            let rights = shapley(heads, plan.pairs, number as u64, |_| Ok::<_, Infallible>(seen.next().unwrap_or(0.0)));
            step(2 * plan.pairs * heads);
            let (Ok(losses), Ok(rights)) = (losses, rights);
            [rights.values, losses.values]
        })
        .collect();
    let of = |what: usize, head: usize| Mean::of(shares.iter().map(|own| own[what][head]));
    (0..heads).map(|head| Shapley { accuracy: of(0, head), loss: of(1, head) }).collect()
}
