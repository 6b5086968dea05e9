//! Positions of a recording that stand out: where sound or movement begins, ends and is largest.

use super::source::Recording;
use heedful::dynamic::Model;

/// Marks of [`CUES`](super::collect::CUES), position by position; none of images, whose positions are no time.
#[must_use]
pub fn of(model: &Model, recording: &Recording) -> [Vec<bool>; 3] {
    let level = levels(model, recording);
    if level.len() < 2 {
        return Default::default();
    }
    let (low, high) = level.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let middle = (low + high) / 2.0;
    let is_loud = |at: usize| level[at] >= middle && high > low;
    let count = level.len();
    let begins = |at: usize| is_loud(at) && (at == 0 || !is_loud(at - 1));
    let ends = |at: usize| !is_loud(at) && at > 0 && is_loud(at - 1);
    let mut sorted = level.clone();
    sorted.sort_by(f64::total_cmp);
    let loudest = sorted[count - count.div_ceil(8)];
    let before = model.shape().positions - count;
    // Class tokens stand before all that is heard.
    let marks =
        |is: &dyn Fn(usize) -> bool| -> Vec<bool> { (0..before).map(|_| false).chain((0..count).map(is)).collect() };
    [marks(&begins), marks(&ends), marks(&|at| level[at] >= loudest && high > low)]
}

/// For each position that is heard, how loud it is: the mean of its features in sound, how far they are from the mean
/// of all in series. Empty where positions are no time.
#[must_use]
pub fn levels(model: &Model, recording: &Recording) -> Vec<f64> {
    let shape = model.shape();
    let count = match model.grid() {
        Some([down, 1]) => down.min(shape.positions - shape.class_tokens),
        _ => return vec![],
    };
    let steps = shape.input.steps;
    let values: Vec<f64> = recording.heard.upper_bits().into_iter().map(f64::from).collect();
    let channels = values.len() / steps.max(1);
    if channels == 0 || count == 0 {
        return vec![];
    }
    let is_sound = model.frontend().is_some();
    let mean: Vec<f64> = (0..channels)
        .map(|channel| values.iter().skip(channel).step_by(channels).sum::<f64>() / steps as f64)
        .collect();
    let level = |row: &[f64]| {
        let sum: f64 = match is_sound {
            true => row.iter().sum(),
            false => row.iter().zip(&mean).map(|(x, mean)| (x - mean).abs()).sum(),
        };
        sum / channels as f64
    };
    let levels: Vec<f64> = values.chunks_exact(channels).map(level).collect();
    (0..count)
        .map(|position| {
            let (from, to) =
                (position * steps / count, ((position + 1) * steps / count).max(position * steps / count + 1));
            let own = &levels[from.min(steps - 1)..to.min(steps)];
            own.iter().sum::<f64>() / own.len().max(1) as f64
        })
        .collect()
}
