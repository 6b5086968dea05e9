//! Weights by what they move (Kobayashi et al. 2020), and what the loss feels of a head that gives a little less.

use super::look::{Look, changed};
use super::measures::diversity::divergence;
use super::measures::head::{Average, Place};
use super::measures::{Map, norm_map_of, norm_weights_of};
use super::removal::{Mean, Task};
use super::shown::shrunk;
use heedful::dynamic::{Change, Model};
use heedful::format::OutputKind;

/// What was found of a head.
#[derive(Clone, Debug, Default)]
pub struct Normed {
    /// Jensen-Shannon divergence of the map and the norm-based one, in nats: 0 where all values are as large.
    pub divergence: Average,
    /// Share on the first position by weight, and by what moves; of queries after it.
    pub first: [Average; 2],
    /// Mean of what moves over all cells of a query, in steps of the residual stream.
    pub moved: Average,
    /// Sum of the norm-based maps, at most [`SIDE`](super::shown::SIDE) a side.
    sum: Vec<f32>,
    count: usize,
}

impl Normed {
    /// Takes a recording: the map, and the norm of each key's value behind the head's part of the output layer.
    pub fn add(&mut self, map: &Map, norms: &[f64]) {
        if norms.len() != map.keys() {
            return;
        }
        let weights = norm_weights_of(map, norms);
        // Norms are no less than 0.
        let Ok(normed) = norm_map_of(map, norms) else { return };
        self.divergence.add(divergence(map, &normed));
        for (average, map) in self.first.iter_mut().zip([map, &normed]) {
            average.add(Place::First.share(map).map(|share| share.share));
        }
        self.moved.add(Some(weights.iter().sum::<f64>() / map.queries().max(1) as f64));
        let cells: Vec<f32> = normed.weights().iter().map(|&x| x as f32).collect();
        let cells = shrunk(&cells, map.queries(), map.keys());
        self.sum.resize(cells.len(), 0.0);
        self.sum.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += cell);
        self.count += 1;
    }

    /// The mean of the norm-based maps.
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        self.sum.iter().map(|sum| sum / self.count.max(1) as f32).collect()
    }
}

/// Of each head, how the loss rises if it gives a quarter less, times four: a difference in place of the gradient of
/// Michel et al. 2019, which integers do not have. Recordings in a row.
#[must_use]
pub fn sensitivity(model: &Model, task: &Task, look: &Look, heads: &[(usize, usize)]) -> Vec<f64> {
    let is_choice = model.shape().kind == OutputKind::Classes;
    let whole = if is_choice { task.whole.log_probability(task.class) } else { 0.0 };
    let one = |(&(attention, head), values): (&(usize, usize), &Vec<i8>)| {
        let less: Vec<i8> = values.iter().map(|&x| (f32::from(x) * 0.75).round() as i8).collect();
        let said = changed(model, &task.heard, &[Change::Output { attention, head, values: &less }]);
        let lost = if is_choice {
            whole - said.log_probability(task.class)
        } else {
            super::flow::lost(model, &task.whole, &said)
        };
        (lost * 4.0).abs()
    };
    heads.iter().zip(&look.outputs).map(one).collect()
}

/// Means over recordings, head by head.
#[must_use]
pub fn means(all: &[Vec<f64>]) -> Vec<Mean> {
    let heads = all.first().map_or(0, Vec::len);
    (0..heads).map(|head| Mean::of(all.iter().map(|own| own[head]))).collect()
}
