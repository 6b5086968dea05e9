//! A report of maps alone, as a device sends them: no recording, no states of the model.

use super::Report;
use super::again::Again;
use super::collect::{CUES, Collected, POSITIONS, compared};
use super::errors::Errors;
use super::look::Said;
use super::measures::Map;
use super::measures::diversity::PatternSums;
use super::measures::head::{Average, HeadSums, Recording};
use super::patching::Patching;
use super::removal::Importance;
use super::shown::{Shown, room};
use crate::head_index::HeadIndex;
use heedful::dynamic::Model;

/// What is left out, and why.
const LEFT_OUT: &str = "from maps alone: what needs the recording or the model's states is left out (importance, what \
                        heads add, flow, probes, errors); `heedful inspect` has it";

/// Maps so far, in memory that does not grow with their number.
pub struct Watched<'m> {
    model: &'m Model,
    sums: Vec<HeadSums>,
    patterns: PatternSums,
    shown: Vec<Shown>,
    inferences: usize,
}

impl<'m> Watched<'m> {
    /// None yet.
    #[must_use]
    pub fn new(model: &'m Model) -> Self {
        let (heads, shape) = (model.heads().iter().sum(), model.shape());
        Self {
            model,
            sums: vec![HeadSums::new(shape.positions.min(POSITIONS), shape.classes(), &CUES); heads],
            patterns: PatternSums::new(heads),
            shown: vec![],
            inferences: 0,
        }
    }

    /// Takes the maps of all heads in an inference, in the order of [`HeadIndex::all`], and what the model said. The
    /// first ones are drawn.
    pub fn add(&mut self, name: String, maps: &[Map], said: &Said) {
        for (sums, map) in self.sums.iter_mut().zip(maps) {
            sums.add(map, &Recording::default());
        }
        if self.inferences < compared(self.model) {
            // Of one shape, as many as there are heads.
            _ = self.patterns.add(&maps.iter().collect::<Vec<_>>());
        }
        if self.shown.len() < room(self.model) {
            self.shown.push(Shown::of_maps(name, said, maps));
        }
        self.inferences += 1;
    }

    /// How many inferences there are.
    #[must_use]
    pub fn inferences(&self) -> usize {
        self.inferences
    }

    /// The report; `only` are the heads to draw, none for all.
    #[must_use]
    pub fn report(self, title: String, bytes: &[u8], mut notes: Vec<String>, only: &[HeadIndex]) -> Report {
        let Self { model, sums, patterns, shown, inferences } = self;
        let (heads, shape) = (HeadIndex::all(model.heads()), model.shape());
        notes.insert(0, LEFT_OUT.to_owned());
        let collected = Collected {
            recordings: inferences,
            confusion: None,
            summaries: sums.iter().map(HeadSums::summary).collect(),
            correlation: patterns.correlation(),
            divergence: patterns.divergence(),
            disagreement: patterns.position_disagreement(),
            cka: None,
            compared: inferences.min(compared(model)),
            unlike: vec![Average::default(); shape.layers],
            tasks: vec![],
            errors: Errors::new(heads.len(), shape.classes()),
            sums,
            shown,
            heads,
        };
        let found = (collected, Importance::default(), Patching::default(), Again::default());
        Report::new(title, (model, bytes), notes, found, only)
    }
}
