//! What the heads of a model do over many recordings, in memory that does not grow with these.

use super::errors::Errors;
use super::flow;
use super::look::{Look, look};
use super::measures::diversity::{OutputSums, PatternSums};
use super::measures::head::{self, Average, HeadSummary, HeadSums};
use super::removal::{JUDGED, Task};
use super::shown::{Shown, room};
use super::source::{Recording, Source};
use crate::Error;
use crate::augment::draw;
use crate::evaluate::Confusion;
use crate::head_index::HeadIndex;
use heedful::dynamic::Model;
use nalgebra::DMatrix;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::collections::HashSet;

/// Bytes of what is looked at together.
const TOGETHER: usize = 64 << 20;
/// Positions whose mean is kept, at most.
pub const POSITIONS: usize = 512;
/// Pairs of weights that are compared for the differences of heads, about.
const COMPARED: usize = 100_000_000;
/// Values of all heads' outputs together, up to which these are compared.
const WIDTH: usize = 2048;
/// What positions can be marked as, in sound and in series.
pub const CUES: [&str; 3] = ["onset", "end", "loudest"];

/// What was found.
pub struct Collected {
    /// The heads, in the order of all that follows.
    pub heads: Vec<HeadIndex>,
    /// Recordings.
    pub recordings: usize,
    /// What was said and recognised, of recordings whose class is known; none without classes.
    pub confusion: Option<Confusion>,
    /// The measures of each.
    pub summaries: Vec<HeadSummary>,
    /// The sums of each: mean map and spread.
    pub sums: Vec<HeadSums>,
    /// How alike patterns are, correlation.
    pub correlation: DMatrix<f64>,
    /// Jensen-Shannon divergence of patterns, in nats.
    pub divergence: DMatrix<f64>,
    /// Disagreement on positions, -1 to 0.
    pub disagreement: Option<f64>,
    /// How alike outputs are, linear CKA; none where these are too many.
    pub cka: Option<DMatrix<f64>>,
    /// Recordings that heads were compared on.
    pub compared: usize,
    /// After each attention, how far positions are from being all the same.
    pub unlike: Vec<Average>,
    /// Recordings that are drawn.
    pub shown: Vec<Shown>,
    /// What importance is judged on, in an order by chance.
    pub tasks: Vec<Task>,
    /// Misjudged recordings.
    pub errors: Errors,
}

/// How many recordings heads are compared on, at most.
pub(super) fn compared(model: &Model) -> usize {
    let (heads, positions) = (model.heads().iter().sum::<usize>(), model.shape().positions);
    (COMPARED / (heads * heads * positions * positions / 2).max(1)).max(1)
}

/// Runs the model over all recordings. `done` is told how many there are behind it.
///
/// # Errors
/// The first file that cannot be read.
pub fn collect(model: &Model, source: &Source, done: &(dyn Fn(usize) + Sync)) -> Result<Collected, Error> {
    let (all, heads, shape) = (source.len(), HeadIndex::all(model.heads()), model.shape());
    let positions = shape.positions.min(POSITIONS);
    let cells = heads.len() * shape.positions * shape.positions;
    let mut order: Vec<usize> = (0..all).collect();
    order.shuffle(&mut draw(1, 0, 0));
    let judged: HashSet<usize> = order.iter().copied().take(JUDGED).collect();
    // Room for misjudged ones, too, where not all are drawn.
    let room = room(model);
    let drawn: HashSet<usize> = order.iter().copied().take(if all > room { room - room / 4 } else { room }).collect();
    let mut spare = room - drawn.len();

    let classes = shape.classes();
    let mut sums = vec![HeadSums::new(positions, classes, &CUES); heads.len()];
    let mut patterns = PatternSums::new(heads.len());
    let compared = compared(model).min(all);
    let mut outputs: Option<OutputSums> = None;
    let mut unlike = vec![Average::default(); shape.layers];
    let (mut shown, mut tasks, mut pairs) = (vec![], vec![], vec![]);
    let mut errors = Errors::new(heads.len(), classes);

    let together = (TOGETHER / (9 * cells).max(1)).clamp(1, 64);
    for first in (0..all).step_by(together) {
        let looks: Result<Vec<(Recording, Look)>, Error> = (first..(first + together).min(all))
            .into_par_iter()
            .map(|index| {
                let recording = source.read(model, index)?;
                let look = look(model, &recording.heard);
                done(1);
                Ok((recording, look))
            })
            .collect();
        let looks = looks?;
        let cues: Vec<[Vec<bool>; 3]> = looks.iter().map(|(recording, _)| super::cues::of(model, recording)).collect();
        sums.par_iter_mut().enumerate().for_each(|(head, sums)| {
            for ((recording, look), cues) in looks.iter().zip(&cues) {
                let cues: [&[bool]; 3] = [&cues[0], &cues[1], &cues[2]];
                sums.add(&look.maps[head], &about(recording, look, head, &heads, &cues));
            }
        });
        let mut are_drawn = vec![];
        for (number, (recording, look)) in looks.iter().enumerate() {
            let index = first + number;
            unlike.iter_mut().zip(&look.unlike).for_each(|(sum, &share)| sum.add(share));
            if index < compared {
                // Of one shape, as many as there are heads.
                _ = patterns.add(&look.maps.iter().collect::<Vec<_>>());
                add_outputs(&mut outputs, look);
            }
            if let Some(class) = recording.class.filter(|&class| class < classes) {
                pairs.push((class, look.said.best));
            }
            let is_wrong = errors.add(recording, look);
            let is_drawn = drawn.contains(&index);
            if is_drawn || is_wrong && spare > 0 {
                spare -= usize::from(!is_drawn);
                are_drawn.push(number);
            }
            if judged.contains(&index) {
                let class = recording.class.unwrap_or(look.said.best);
                let Recording { class: known, heard, columns, group, .. } = recording.clone();
                tasks.push((index, Task { heard, whole: look.said.clone(), class, known, columns, group }));
            }
        }
        let (room, before) = (flow::recordings(model), shown.len());
        let new = are_drawn.into_par_iter().enumerate().map(|(at, number)| {
            let (recording, look) = &looks[number];
            Shown::new(model, recording, look, before + at < room)
        });
        shown.extend(new.collect::<Vec<_>>());
    }
    tasks.sort_by_key(|(index, _)| order.iter().position(|other| other == index));
    let is_known = !pairs.is_empty() && model.labels().len() == classes;
    Ok(Collected {
        recordings: all,
        confusion: is_known.then(|| Confusion::new(model.labels(), pairs)),
        summaries: sums.iter().map(HeadSums::summary).collect(),
        correlation: patterns.correlation(),
        divergence: patterns.divergence(),
        disagreement: patterns.position_disagreement(),
        cka: outputs.map(|outputs| outputs.cka()),
        tasks: tasks.into_iter().map(|(_, task)| task).collect(),
        heads,
        sums,
        compared,
        unlike,
        shown,
        errors,
    })
}

/// What is known of a recording besides a head's map.
fn about<'a>(
    recording: &Recording,
    look: &Look,
    head: usize,
    heads: &[HeadIndex],
    cues: &'a [&'a [bool]],
) -> head::Recording<'a> {
    let own = look.added[head];
    let block = heads.iter().zip(&look.added).filter(|(other, _)| other.block == heads[head].block);
    let (count, sum) = block.fold((0.0, 0.0), |(count, sum), (_, &added)| (count + 1.0, sum + added));
    let output = if sum > 0.0 { own * count / sum } else { 0.0 };
    head::Recording { class: recording.class, activity: Some(own), output: Some(output), cues }
}

fn add_outputs(sums: &mut Option<OutputSums>, look: &Look) {
    let positions = look.maps.first().map_or(1, |map| map.queries().max(1));
    let widths: Vec<usize> = look.outputs.iter().map(|values| values.len() / positions).collect();
    if widths.iter().sum::<usize>() > WIDTH {
        return;
    }
    let real: Vec<Vec<f64>> =
        look.outputs.iter().map(|values| values.iter().map(|&x| f64::from(x)).collect()).collect();
    let sums = sums.get_or_insert_with(|| OutputSums::new(&widths));
    // Of one shape in all recordings.
    _ = sums.add(&real.iter().map(Vec::as_slice).collect::<Vec<_>>());
}
