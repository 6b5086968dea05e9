//! What was found out about a model's heads, worked out for all forms that a report has.

use super::again::Again;
use super::collect::Collected;
use super::cost::{Cost, pruned};
use super::measures::diversity::{Layout, Warning, classical_scaling, cluster_order, effective_number, warnings};
use super::measures::head::{HeadSummary, Name};
use super::measures::ranking::spearman;
use super::occlude::stretch;
use super::patching::Patching;
use super::removal::Importance;
use crate::head_index::HeadIndex;
use heedful::dynamic::Model;
use heedful::format::OutputKind;
use nalgebra::DMatrix;

/// Recordings below which names hold for these alone.
const FEW: usize = 20;

/// All that was found.
pub struct Report {
    /// What the model is called.
    pub title: String,
    /// Its bytes.
    pub flash: usize,
    /// Multiply-accumulates of an inference.
    pub macs: usize,
    /// Positions that attend to each other.
    pub positions: usize,
    /// Class tokens among them, which stand first.
    pub class_tokens: usize,
    /// Rows and columns of what the other positions stand for: one column where they follow one another in time.
    pub grid: [usize; 2],
    /// Positions that are occluded together.
    pub stretch: usize,
    /// Steps, columns and channels of an input.
    pub input: [usize; 3],
    /// Seconds that all positions cover; none where they are no time, or nobody knows.
    pub seconds: Option<f64>,
    /// Whether the model hears.
    pub is_sound: bool,
    /// Names of the outputs.
    pub labels: Vec<String>,
    /// Whether outputs are classes: then loss is in nats.
    pub is_choice: bool,
    /// What was left out.
    pub notes: Vec<String>,
    /// What the heads do.
    pub collected: Collected,
    /// What they matter.
    pub importance: Importance,
    /// What a second look found.
    pub again: Again,
    /// What they carry from one recording to another.
    pub patching: Patching,
    /// A name for each.
    pub names: Vec<String>,
    /// What to look at.
    pub warnings: Vec<Warning>,
    /// Rankings side by side.
    pub rankings: Vec<Ranking>,
    /// An order in which alike heads stand together.
    pub order: Vec<usize>,
    /// A map of heads, by the divergence of their patterns.
    pub layout: Layout,
    /// How many different heads there are, by their outputs, or else by their patterns.
    pub effective: f64,
    /// What the model takes without the weakest heads, none first.
    pub costs: Vec<Cost>,
    /// Which heads those are: first to go first.
    pub weakest: Vec<usize>,
    /// Heads that are drawn and have a card.
    pub drawn: Vec<usize>,
}

/// What each head matters by one measure.
#[derive(Clone, PartialEq, Debug)]
pub struct Ranking {
    /// The measure.
    pub name: &'static str,
    /// Head by head; the larger, the more it matters.
    pub values: Vec<f64>,
}

impl Report {
    /// Works it out. `only` are the heads to draw; none for all.
    #[must_use]
    pub fn new(
        title: String,
        (model, bytes): (&Model, &[u8]),
        notes: Vec<String>,
        (collected, importance, patching, again): (Collected, Importance, Patching, Again),
        only: &[HeadIndex],
    ) -> Self {
        let mut notes = notes;
        if collected.recordings < FEW {
            notes.push("with so few recordings, names and figures hold for these alone".to_owned());
        }
        let shape = model.shape();
        let [down, across] = model.grid().unwrap_or([shape.positions, 1]);
        let names = names(&collected.summaries, model.labels());
        let rankings = rankings(&collected, &importance, &patching, &again);
        let weakest = weakest(&importance);
        let order: Vec<(usize, usize)> =
            weakest.iter().map(|&head| (collected.heads[head].block, collected.heads[head].head)).collect();
        let similarity = collected.cka.as_ref().unwrap_or(&collected.correlation);
        let drawn = (0..collected.heads.len()).filter(|&at| only.is_empty() || only.contains(&collected.heads[at]));
        Self {
            title,
            flash: model.flash_bytes(),
            macs: model.macs(),
            positions: shape.positions,
            class_tokens: shape.class_tokens,
            grid: [down, across],
            stretch: stretch(model),
            input: [shape.input.steps, shape.input.columns, shape.input.channels],
            seconds: seconds(model).filter(|_| across == 1),
            is_sound: model.frontend().is_some(),
            labels: model.labels().to_vec(),
            is_choice: shape.kind == OutputKind::Classes,
            notes,
            warnings: warnings(&collected.summaries, &collected.correlation, collected.cka.as_ref()),
            order: cluster_order(&collected.divergence),
            layout: classical_scaling(&roots(&collected.divergence)),
            effective: effective_number(similarity),
            costs: pruned(model, bytes, &order),
            drawn: drawn.collect(),
            names,
            rankings,
            weakest,
            collected,
            importance,
            patching,
            again,
        }
    }

    /// Whether nothing but maps is known, and the answers: what needs a recording or the model's states is left out.
    #[must_use]
    pub fn is_of_maps(&self) -> bool {
        self.importance.alone.is_empty()
    }

    /// Whether there are too few recordings for names that hold for others.
    #[must_use]
    pub fn is_few(&self) -> bool {
        self.collected.recordings < FEW
    }

    /// How many heads there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.collected.heads.len()
    }

    /// A head's number: block.head, both from 0.
    #[must_use]
    pub fn number(&self, head: usize) -> String {
        self.collected.heads[head].to_string()
    }

    /// The name of a class.
    #[must_use]
    pub fn label(&self, class: usize) -> String {
        self.labels.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// A warning in words.
    #[must_use]
    pub fn warning(&self, warning: &Warning) -> String {
        match *warning {
            Warning::Redundant { heads: (a, b), correlation, cka } => {
                let (a, b) = (self.number(a), self.number(b));
                match cka {
                    Some(cka) => format!(
                        "{a} and {b} do the same: correlation of patterns {correlation:.2}, CKA of outputs {cka:.2}"
                    ),
                    None => format!("{a} and {b} look at the same: correlation of patterns {correlation:.2}"),
                }
            }
            Warning::Collapsed { head, effective_rank } => {
                let head = self.number(head);
                format!("{head} has collapsed: all positions get the same from it (effective rank {effective_rank:.2})")
            }
            Warning::Idle { head } => format!("{} is idle: it adds hardly anything", self.number(head)),
        }
    }

    /// What is in an accuracy: its name, since without labels it is agreement with the whole model.
    #[must_use]
    pub fn accuracy_name(&self) -> &'static str {
        if self.collected.confusion.is_some() { "accuracy" } else { "agreement with all heads" }
    }

    /// The unit of a loss.
    #[must_use]
    pub fn loss_unit(&self) -> &'static str {
        if self.is_choice { "nats" } else { "of the output" }
    }

    /// Seconds of a position.
    #[must_use]
    pub fn step(&self) -> Option<f64> {
        Some(self.seconds? / self.grid[0].max(1) as f64)
    }

    /// Rank correlation of two rankings.
    #[must_use]
    pub fn agreement(&self, a: usize, b: usize) -> Option<f64> {
        spearman(&self.rankings[a].values, &self.rankings[b].values)
    }
}

/// Jensen-Shannon distances: roots of divergences, which are a metric (Endres and Schindelin 2003).
fn roots(divergence: &DMatrix<f64>) -> DMatrix<f64> {
    divergence.map(|x| x.max(0.0).sqrt())
}

/// Seconds that all positions cover.
fn seconds(model: &Model) -> Option<f64> {
    let shape = model.shape();
    match model.frontend() {
        Some(frontend) => {
            Some(frontend.params.samples(shape.input.steps) as f64 / f64::from(frontend.params.sample_rate))
        }
        None if shape.input.millihertz > 0 => Some(shape.input.steps as f64 * 1000.0 / shape.input.millihertz as f64),
        None => None,
    }
}

fn names(summaries: &[HeadSummary], labels: &[String]) -> Vec<String> {
    summaries.iter().map(|summary| Name::of(summary).text("position", labels)).collect()
}

/// First to go first: in the order of the greedy removal, or else by what their loss alone costs.
fn weakest(importance: &Importance) -> Vec<usize> {
    if !importance.greedy.is_empty() {
        return importance.greedy.iter().map(|step| step.head).collect();
    }
    let mut order: Vec<usize> = (0..importance.alone.len()).collect();
    order.sort_by(|&a, &b| importance.alone[a].loss.mean.total_cmp(&importance.alone[b].loss.mean));
    order
}

fn rankings(collected: &Collected, importance: &Importance, patching: &Patching, again: &Again) -> Vec<Ranking> {
    let mut rankings = vec![];
    if !importance.alone.is_empty() {
        let values = importance.alone.iter().map(|alone| alone.loss.mean).collect();
        rankings.push(Ranking { name: "removed alone", values });
    }
    if !importance.shapley.is_empty() {
        let values = importance.shapley.iter().map(|shapley| shapley.loss.mean).collect();
        rankings.push(Ranking { name: "Shapley value", values });
    }
    if !importance.greedy.is_empty() {
        let mut values = vec![0.0; importance.alone.len()];
        importance.greedy.iter().enumerate().for_each(|(place, step)| values[step.head] = place as f64);
        rankings.push(Ranking { name: "last to go", values });
    }
    if !patching.heads.is_empty() {
        let values = patching.heads.iter().map(|moved| moved.mean).collect();
        rankings.push(Ranking { name: "swapped between recordings", values });
    }
    if !again.sensitivity.is_empty() {
        let values = again.sensitivity.iter().map(|felt| felt.mean).collect();
        rankings.push(Ranking { name: "sensitivity", values });
    }
    let moved: Vec<f64> = again.norms.iter().map(|normed| normed.moved.mean().unwrap_or(0.0)).collect();
    if !moved.is_empty() {
        rankings.push(Ranking { name: "norm of weighted values", values: moved });
    }
    let of = |value: fn(&HeadSummary) -> Option<f64>| -> Vec<f64> {
        collected.summaries.iter().map(|summary| value(summary).unwrap_or(0.0)).collect()
    };
    if collected.summaries.iter().any(|head| head.activity.count() > 0) {
        rankings.push(Ranking { name: "norm of what it adds", values: of(|head| head.activity.mean()) });
    }
    rankings.push(Ranking { name: "confidence", values: of(|head| head.confidence.mean()) });
    let focus = of(|head| head.relative_entropy.mean().map(|entropy| 1.0 - entropy));
    rankings.push(Ranking { name: "focus (1 - entropy)", values: focus });
    rankings
}
