//! What the heads of a model do with one recording, out of the very integers of the inference.

use super::measures::Map;
use super::measures::diversity::residual_share;
use heedful::dynamic::{Change, Heard, Model, Trace};
use heedful::format::OutputKind;
use heedful::{Outcome, Row};

/// An inference with all that its heads did. Heads are in the order of
/// [`HeadIndex::all`](crate::head_index::HeadIndex::all).
#[derive(Clone, Debug)]
pub struct Look {
    /// What the model says with all of them.
    pub said: Said,
    /// Their maps.
    pub maps: Vec<Map>,
    /// Their outputs, `[positions][head_dim]` of 8 bits.
    pub outputs: Vec<Vec<i8>>,
    /// Root of the mean square of what each adds to the residual stream, in steps of it.
    pub added: Vec<f64>,
    /// For each key of each head, the norm of what its value is behind the head's part of the output layer, in steps of
    /// the residual stream; empty unless it was looked at closely.
    pub norms: Vec<Vec<f64>>,
    /// The residual stream behind each block, `[positions][width]`; likewise.
    pub blocks: Vec<Vec<i16>>,
    /// After each attention, how far positions are from being all the same, 0 to 1; none of zeros alone.
    pub unlike: Vec<Option<f64>>,
}

/// What comes out of a model.
#[derive(Clone, PartialEq, Debug)]
pub struct Said {
    /// The likeliest class, or the largest output.
    pub best: usize,
    /// Its probability, where outputs are classes; else 1.
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

/// What the model says with changes on the way.
#[must_use]
pub fn changed(model: &Model, heard: &Heard, changes: &[Change<'_>]) -> Said {
    said(model, &model.infer_changed(heard.input(), changes))
}

/// The outputs of all heads, `[positions][head_dim]` of 8 bits.
#[must_use]
pub fn outputs(model: &Model, heard: &Heard) -> Vec<Vec<i8>> {
    let mut outputs = vec![];
    let see = |trace: Trace<'_>| {
        if let Some(layer) = trace.attention {
            outputs.extend(split(trace.heads, model.heads()[layer], model.shape().positions));
        }
    };
    _ = model.infer_traced(heard.input(), &[], |_| (), see);
    outputs
}

/// `[positions][heads][head_dim]`, head by head.
fn split(all: &[i8], heads: usize, positions: usize) -> impl Iterator<Item = Vec<i8>> {
    let width = (all.len() / positions.max(1)).max(1);
    let dim = width / heads.max(1);
    (0..heads).map(move |head| all.chunks_exact(width).flat_map(|row| &row[head * dim..][..dim]).copied().collect())
}

fn said(model: &Model, outcome: &Outcome<Vec<i16>>) -> Said {
    let (outputs, best) = (model.real(outcome.logits()), outcome.best());
    let is_choice = model.shape().kind == OutputKind::Classes;
    let probability = if is_choice { best.probability.to_num() } else { 1.0 };
    Said { best: best.class, probability, outputs }
}

/// Norms of values behind the output layer.
fn value_norms(trace: &Trace<'_>, head: usize, positions: usize) -> Vec<f64> {
    let (values, projection, step) = (trace.values(head), trace.projection(head), trace.value_step(head));
    let dim = values.len() / positions.max(1);
    let norm = |value: &[i8]| {
        let one = |row: &[f32]| row.iter().zip(value).map(|(w, &x)| f64::from(w * f32::from(x))).sum::<f64>();
        projection.chunks_exact(dim).map(|row| one(row).powi(2)).sum::<f64>().sqrt() * step
    };
    if dim == 0 { vec![] } else { values.chunks_exact(dim).map(norm).collect() }
}

/// Runs the model over a recording and watches all heads; without [`Look::norms`] and [`Look::blocks`].
#[must_use]
pub fn look(model: &Model, heard: &Heard) -> Look {
    watch(model, heard, false)
}

/// [`look`] with all that there is.
#[must_use]
pub fn look_closely(model: &Model, heard: &Heard) -> Look {
    watch(model, heard, true)
}

fn watch(model: &Model, heard: &Heard, closely: bool) -> Look {
    let (heads, shape) = (model.heads(), model.shape());
    let positions = shape.positions;
    let first: Vec<usize> = heads.iter().scan(0, |sum, &heads| Some(std::mem::replace(sum, *sum + heads))).collect();
    let count = heads.iter().sum();
    let mut maps = vec![Map::hidden(positions, positions); count];
    let (mut outputs, mut added, mut unlike) = (vec![vec![]; count], vec![0.0; count], vec![]);
    let (mut norms, mut blocks, mut last) = (vec![vec![]; count], vec![], vec![]);
    let row = |row: Row<'_, f32>| {
        let Some(map) = first.get(row.layer).and_then(|first| maps.get_mut(first + row.head)) else { return };
        // Shares within the map: never refused.
        _ = map.put(row.query, row.first, row.dilation.max(1), row.weights.iter().map(|&x| f64::from(x)));
    };
    let see = |trace: Trace<'_>| {
        // What the stream was before an attention is what came out of the block before it.
        let before = if closely { std::mem::replace(&mut last, trace.residual.to_vec()) } else { vec![] };
        let Some(layer) = trace.attention else { return };
        if closely && layer > 0 {
            blocks.push(before);
        }
        let residual: Vec<f64> = trace.residual.iter().map(|&x| f64::from(x)).collect();
        unlike.push(residual_share(&residual, shape.width));
        for (head, own) in split(trace.heads, heads[layer], positions).enumerate() {
            outputs[first[layer] + head] = own;
            if closely {
                norms[first[layer] + head] = value_norms(&trace, head, positions);
            }
            let own = trace.added(head);
            let squares: f64 = own.iter().map(|&x| f64::from(x).powi(2)).sum();
            added[first[layer] + head] = (squares / own.len().max(1) as f64).sqrt();
        }
    };
    let outcome = model.infer_traced(heard.input(), &[], row, see);
    if closely {
        blocks.push(last);
    }
    maps.iter_mut().for_each(Map::normalise);
    Look { said: said(model, &outcome), maps, outputs, added, norms, blocks, unlike }
}
