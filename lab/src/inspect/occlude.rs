//! Inputs with a stretch of them gone.

use heedful::dynamic::{Heard, Model};

/// Positions of a series that are occluded together: an eighth of them, and at least the one that is asked for.
#[must_use]
pub fn stretch(model: &Model) -> usize {
    match model.grid() {
        Some([down, 1]) => down / 8 / 2 * 2 + 1,
        _ => 1,
    }
}

/// The steps and columns round what a position stands for, class tokens aside: of patches that overlap, those that its
/// patch begins with. None where positions are no places in the input.
fn place(model: &Model, position: usize) -> Option<[std::ops::Range<usize>; 2]> {
    let shape = model.shape();
    let heard = position.checked_sub(shape.class_tokens)?;
    let [down, across] = model.grid()?;
    if heard >= down * across {
        return None;
    }
    let beside = stretch(model) / 2;
    let part = |at: usize, of: usize, all: usize| {
        let (first, last) = (at.saturating_sub(beside), (at + beside).min(of - 1));
        first * all / of..((last + 1) * all / of).max(first * all / of + 1).min(all)
    };
    let (row, column) = (heard / across, heard % across);
    let columns = if across == 1 { 0..shape.input.columns } else { part(column, across, shape.input.columns) };
    Some([part(row, down, shape.input.steps), columns])
}

/// The input with a stretch round what a position stands for ([`stretch`]) set to the mean of the whole input, channel
/// by channel; where positions follow one another in time, each value of a step is a channel. None where there is no
/// such stretch.
#[must_use]
pub fn without_stretch(model: &Model, heard: &Heard, position: usize) -> Option<Heard> {
    let [steps, columns] = place(model, position)?;
    let input = &model.shape().input;
    let is_series = model.grid().is_some_and(|grid| grid[1] == 1);
    let (width, channels) = (input.columns * input.channels, input.channels);
    let kinds = if is_series { width } else { channels };
    let is_gone = |at: usize| steps.contains(&(at / width)) && columns.contains(&(at % width / channels));
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (count, sum) = values.fold((0.0, 0.0), |(count, sum), x| (count + 1.0, sum + x));
        if count > 0.0 { sum / count } else { 0.0 }
    };
    Some(match heard {
        Heard::Features(values) => {
            let means: Vec<i8> = (0..kinds)
                .map(|kind| mean(&mut values.iter().skip(kind).step_by(kinds).map(|&x| x.into())).round() as i8)
                .collect();
            let one = |(at, &x): (usize, &i8)| if is_gone(at) { means[at % kinds] } else { x };
            Heard::Features(values.iter().enumerate().map(one).collect())
        }
        Heard::FineFeatures(values) => {
            let means: Vec<i16> = (0..kinds)
                .map(|kind| mean(&mut values.iter().skip(kind).step_by(kinds).map(|&x| x.into())).round() as i16)
                .collect();
            let one = |(at, &x): (usize, &i16)| if is_gone(at) { means[at % kinds] } else { x };
            Heard::FineFeatures(values.iter().enumerate().map(one).collect())
        }
        _ => return None,
    })
}
