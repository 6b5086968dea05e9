//! What a linear classifier reads from the outputs of heads and blocks: the label, and what names say of recordings.

use super::look::Look;
use super::measures::probe::{ProbeResult, cross_probe};
use super::removal::Task;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Values that a column may have.
const VALUES: std::ops::RangeInclusive<usize> = 2..=60;
/// Recordings below which nothing is probed.
const FEW: usize = 40;
/// Values of an item: wider ones are not probed.
const WIDTH: usize = 512;
/// Rows of positions, at most.
const ROWS: usize = 20_000;

/// What can be read at one place of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// What is asked for: the label, or a column.
    pub asked: String,
    /// Where: a head, or a block.
    pub place: String,
    /// From the mean over positions.
    pub pooled: ProbeResult,
    /// From single positions, beside a control task whose types are the positions.
    pub single: Option<ProbeResult>,
}

/// What the outputs of a recording are, for probes.
pub struct Items {
    /// Place by place, `[positions][width]`.
    places: Vec<Vec<f32>>,
    positions: usize,
}

impl Items {
    /// Of heads, then of blocks.
    #[must_use]
    pub fn of(look: &Look) -> Self {
        let heads = look.outputs.iter().map(|values| values.iter().map(|&x| x.into()).collect());
        let blocks = look.blocks.iter().map(|values| values.iter().map(|&x| x.into()).collect());
        Self { places: heads.chain(blocks).collect(), positions: look.maps.first().map_or(1, |map| map.queries()) }
    }
}

/// Probes all places for the label and for each column. `names` are those of the places, `columns` those of the
/// recordings.
#[must_use]
pub fn probes(items: &[Items], tasks: &[Task], names: &[String], columns: &[String]) -> Vec<Probed> {
    if items.len() < FEW {
        return vec![];
    }
    let label = |task: &Task| task.known.map(|class| class.to_string());
    let column = |at: usize| move |task: &Task| task.columns.get(at).filter(|value| !value.is_empty()).cloned();
    let mut asked: Vec<(String, Vec<Option<String>>)> = vec![("label".to_owned(), tasks.iter().map(label).collect())];
    asked.extend(columns.iter().enumerate().map(|(at, name)| (name.clone(), tasks.iter().map(column(at)).collect())));
    let all: Vec<(&String, &Vec<Option<String>>, usize)> =
        asked.iter().flat_map(|(name, values)| (0..names.len()).map(move |place| (name, values, place))).collect();
    let one = |(asked, values, place): (&String, &Vec<Option<String>>, usize)| {
        let (pooled, single) = at_place(items, tasks, values, place)?;
        Some(Probed { asked: asked.clone(), place: names[place].clone(), pooled, single })
    };
    all.into_par_iter().filter_map(one).collect()
}

fn at_place(
    items: &[Items],
    tasks: &[Task],
    values: &[Option<String>],
    place: usize,
) -> Option<(ProbeResult, Option<ProbeResult>)> {
    let kept: Vec<usize> = (0..items.len()).filter(|&at| values[at].is_some()).collect();
    let value = |at: usize| values[at].as_deref().unwrap_or("");
    let numbers = numbered(kept.iter().map(|&at| value(at)));
    if kept.len() < FEW || !VALUES.contains(&numbers.len()) {
        return None;
    }
    let labels: Vec<usize> = kept.iter().map(|&at| numbers[value(at)]).collect();
    let groups = groups(tasks, &kept, &labels);
    let positions = items[0].positions;
    let width = items[0].places.get(place)?.len() / positions.max(1);
    if width == 0 || width > WIDTH {
        return None;
    }
    let row = |at: usize, position: usize| &items[at].places[place][position * width..][..width];
    let mean = |at: usize, value: usize| {
        (0..positions).map(|position| f64::from(row(at, position)[value])).sum::<f64>() / positions as f64
    };
    let means: Vec<f64> = kept.iter().flat_map(|&at| (0..width).map(move |value| mean(at, value))).collect();
    let pooled = cross_probe(&means, width, &labels, &groups, None, 1).ok()?;

    let every = (kept.len() * positions).div_ceil(ROWS).max(1);
    let rows: Vec<(usize, usize)> = (0..kept.len())
        .flat_map(|at| (at % every..positions).step_by(every).map(move |position| (at, position)))
        .collect();
    let of = |list: &[usize]| -> Vec<usize> { rows.iter().map(|&(at, _)| list[at]).collect() };
    let single: Vec<f64> =
        rows.iter().flat_map(|&(at, position)| row(kept[at], position).iter().map(|&x| f64::from(x))).collect();
    let types: Vec<usize> = rows.iter().map(|&(_, position)| position).collect();
    let single = cross_probe(&single, width, &of(&labels), &of(&groups), Some(&types), 1).ok();
    Some((pooled, single))
}

fn numbered<'a>(values: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut numbers: BTreeMap<&str, usize> = values.map(|value| (value, 0)).collect();
    numbers.values_mut().enumerate().for_each(|(number, value)| *value = number);
    numbers
}

/// The groups that are split: those of the data, unless they say what is asked for (a speaker's group is the speaker)
/// or there are none; then each recording is its own.
fn groups(tasks: &[Task], kept: &[usize], labels: &[usize]) -> Vec<usize> {
    let name = |at: usize| tasks[at].group.as_deref().unwrap_or("");
    let numbers = numbered(kept.iter().map(|&at| name(at)));
    let groups: Vec<usize> = kept.iter().map(|&at| numbers[name(at)]).collect();
    let mut said = BTreeMap::<usize, usize>::new();
    let is_mixed = groups.iter().zip(labels).any(|(&group, &label)| *said.entry(group).or_insert(label) != label);
    if numbers.len() > 1 && is_mixed { groups } else { (0..kept.len()).collect() }
}
