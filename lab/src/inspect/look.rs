//! What the heads of a model do with one recording, out of the very integers of the inference.

use super::measures::Map;
use super::source::Recording;
use heedful::Row;
use heedful::dynamic::{Heard, Model, Trace};
use heedful::format::OutputKind;

/// An inference with all that its heads did.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the model says, with and without heads.
    pub said: Said,
    /// The map of each head, block after block.
    pub maps: Vec<Map>,
    /// The outputs of each head, `[positions][head_dim]` of 8 bits.
    pub outputs: Vec<Vec<i8>>,
}

/// What comes out of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// The likeliest class, or the largest output.
    pub best: usize,
    /// Its probability, where outputs are classes.
    pub probability: f32,
    /// The outputs, in real values.
    pub outputs: Vec<f32>,
}

impl Said {
    /// Natural logarithm of the probability of a class.
    #[must_use]
    pub fn log_probability(&self, class: usize) -> f64 {
        let most = self.outputs.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = self.outputs.iter().map(|x| f64::from(x - most).exp()).sum();
        self.outputs.get(class).map_or(f64::MIN, |&own| f64::from(own - most) - sum.ln())
    }
}

/// What the model says with some heads switched off.
#[must_use]
pub fn without(model: &Model, heard: &Heard, off: &[(usize, usize)]) -> Said {
    said(model, &model.infer_without(heard.input(), off))
}

fn said(model: &Model, outcome: &heedful::Outcome<Vec<i16>>) -> Said {
    let outputs = model.real(outcome.logits());
    let best = outcome.best();
    let is_choice = model.shape().kind == OutputKind::Classes;
    let probability = if is_choice { best.probability.to_num() } else { 1.0 };
    Said { best: best.class, probability, outputs }
}

/// Runs the model over a recording and watches all heads.
#[must_use]
pub fn look(model: &Model, recording: &Recording) -> Look {
    let heads = model.heads();
    let positions = model.shape().positions;
    let first: Vec<usize> = heads.iter().scan(0, |sum, &heads| Some(std::mem::replace(sum, *sum + heads))).collect();
    let count = heads.iter().sum();
    let mut maps = vec![Map::hidden(positions, positions); count];
    let mut outputs = vec![vec![]; count];
    let row = |row: Row<'_, f32>| {
        let Some(map) = first.get(row.layer).and_then(|first| maps.get_mut(first + row.head)) else { return };
        // Shares of 1 within the map: never refused.
        _ = map.put(row.query, row.first, row.dilation.max(1), row.weights.iter().map(|&x| f64::from(x)));
    };
    let see = |trace: Trace<'_>| {
        let Some(layer) = trace.attention.filter(|&layer| heads[layer] > 0) else { return };
        let width = trace.heads.len() / positions;
        let dim = width / heads[layer];
        for (head, to) in outputs[first[layer]..][..heads[layer]].iter_mut().enumerate() {
            *to = trace.heads.chunks_exact(width).flat_map(|row| &row[head * dim..][..dim]).copied().collect();
        }
    };
    let outcome = model.infer_traced(recording.heard.input(), &[], row, see);
    maps.iter_mut().for_each(Map::normalise);
    Look { said: said(model, &outcome), maps, outputs }
}
