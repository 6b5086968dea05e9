//! From what a model says back to its input, by several ways that stand beside one another: what maps suggest (rollout,
//! attention flow), and what the output loses when something is changed (occlusion, value zeroing).

use super::look::{Look, Said, changed};
use super::measures::Map;
use super::measures::flow::{mean_map, pooled_flow, rollout};
use super::measures::ranking::spearman;
use super::occlude::without_stretch;
use super::source::Recording;
use heedful::dynamic::{Change, Model};
use heedful::format::OutputKind;

/// The share of the residual path in rollout and flow, as Abnar and Zuidema have it.
const RESIDUAL: f64 = 0.5;
/// Edges of all maximum flows of a recording, up to which they are worked out.
const EDGES: usize = 20_000_000;
/// Multiply-accumulates of all inferences of a recording, up to which blocks are zeroed one by one.
const MACS: usize = 2_000_000_000;

/// The same of all recordings; a changed inference takes several times as long as a plain one.
const ALL_MACS: usize = 20_000_000_000;

/// Recordings whose curves are worked out.
#[must_use]
pub fn recordings(model: &Model) -> usize {
    (ALL_MACS / model.macs().saturating_mul(2 * model.shape().positions).max(1)).max(2)
}

/// A value for each position.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    /// How it came about.
    pub name: String,
    /// Position by position; not a number where nothing can be said, such as the occlusion of a class token.
    pub values: Vec<f64>,
}

/// What a model depends on in one recording.
#[must_use]
pub fn curves(model: &Model, recording: &Recording, look: &Look) -> Vec<Curve> {
    let shape = model.shape();
    let (positions, blocks) = (shape.positions, model.heads().len());
    let mut curves = vec![];
    let mut add = |name: &str, values: Vec<f64>| curves.push(Curve { name: name.to_owned(), values });
    let layers = layers(model, look);
    let layers: Vec<&Map> = layers.iter().collect();
    if let Some(shares) = model.pooled() {
        let shares: Vec<f64> = shares.into_iter().map(f64::from).collect();
        if let Ok(rolled) = rollout(&layers, RESIDUAL) {
            let one = |key| (0..positions).map(|query| shares[query] * rolled.row(query)[key]).sum::<f64>();
            add("rollout", (0..positions).map(one).collect());
        }
        // Each flow looks at all edges a few times.
        if layers.len() * positions.pow(3) <= EDGES
            && let Ok(flow) = pooled_flow(&layers, RESIDUAL, &shares)
        {
            add("attention flow", flow);
        }
    }
    let loss = |said: &Said| lost(model, &look.said, said);
    let occluded = |position| {
        let heard = without_stretch(model, &recording.heard, position)?;
        Some(loss(&changed(model, &heard, &[])))
    };
    add("occlusion", (0..positions).map(|position| occluded(position).unwrap_or(f64::NAN)).collect());
    let zeroed = |attentions: std::ops::Range<usize>| {
        let one = |position| {
            let changes: Vec<Change<'_>> =
                attentions.clone().map(|attention| Change::Value { attention, position }).collect();
            loss(&changed(model, &recording.heard, &changes))
        };
        (0..positions).map(one).collect()
    };
    add("value zeroing", zeroed(0..blocks));
    if blocks > 1 && model.macs().saturating_mul(positions * blocks) <= MACS {
        (0..blocks).for_each(|block| add(&format!("value zeroing, block {block}"), zeroed(block..block + 1)));
    }
    curves
}

/// The mean map of each block that has heads.
fn layers(model: &Model, look: &Look) -> Vec<Map> {
    let mut rest = look.maps.iter();
    let blocks = model.heads().iter().map(|&heads| rest.by_ref().take(heads).collect::<Vec<&Map>>());
    blocks.filter_map(|heads| mean_map(&heads).ok()).collect()
}

/// What is lost of what a model says: of classes, the logarithm of the probability of the one that it chose, in nats;
/// of other outputs, the root of the mean square of how they differ.
#[must_use]
pub fn lost(model: &Model, whole: &Said, said: &Said) -> f64 {
    if model.shape().kind == OutputKind::Classes {
        return whole.log_probability(whole.best) - said.log_probability(whole.best);
    }
    let squares = whole.outputs.iter().zip(&said.outputs).map(|(x, y)| f64::from(x - y).powi(2));
    (squares.sum::<f64>() / whole.outputs.len().max(1) as f64).sqrt()
}

/// Mean rank correlation of two curves over recordings, and of how many; none where there is none.
#[must_use]
pub fn agreement<'a>(all: impl Iterator<Item = &'a [Curve]>, a: usize, b: usize) -> Option<(f64, usize)> {
    let one = |curves: &[Curve]| {
        let pairs = curves.get(a)?.values.iter().zip(&curves.get(b)?.values);
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.filter(|(x, y)| x.is_finite() && y.is_finite()).unzip();
        spearman(&x, &y)
    };
    let found: Vec<f64> = all.filter_map(one).filter(|x| x.is_finite()).collect();
    (!found.is_empty()).then(|| (found.iter().sum::<f64>() / found.len() as f64, found.len()))
}
