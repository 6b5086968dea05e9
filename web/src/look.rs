//! One inference, and what each head attends to in it.

use heedful::Row;
use heedful::dynamic::{Heard, Model};
use serde::Serialize;

/// Weights that are kept at most, those of all heads together.
const MOST: usize = 1 << 24;

/// What an inference gives, and what lies in its bytes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The logits.
    pub logits: Vec<i16>,
    /// The probability of each output as a class, 2^15 for 1.
    pub scores: Vec<u16>,
    /// Frames of the front end.
    pub steps: usize,
    /// Values of each.
    pub values: usize,
    /// The largest weight of each head, blocks one after another, 2^16 for 1; none where there are too many to keep.
    pub most: Vec<u32>,
    /// First what the front end gives, `[steps][values]` as -128 to 127, 128 added; then the weights of each head,
    /// `[positions][positions]`, queries by keys, in 255ths of its largest.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// Runs a model over a window, or over a recording of any length as it is placed under one; of a front end that follows
/// a running level, over the end of what is longer. None of a model without a front end.
#[must_use]
pub fn look(model: &Model, samples: &[i16]) -> Option<Look> {
    let (steps, values) = (model.shape().input.steps, model.frontend()?.values());
    let is_running = matches!(model.frontend()?.params.level, heedful::audio::Level::Running { .. });
    let running = if is_running { model.hear_all(samples) } else { None };
    let heard = match running.and_then(|heard| last(heard, steps * values)) {
        Some(heard) => heard,
        None => model.hear(samples)?,
    };
    let mut maps = Maps::of(model);
    let outcome = model.infer_observed(heard.input(), |row| maps.take(&row));
    let scores = outcome.probabilities().map(fixed::types::U1F15::to_bits).collect();
    let mut bytes: Vec<u8> = heard.upper_bits().iter().map(|&value| (value as u8) ^ 0x80).collect();
    let most = maps.finish(&mut bytes);
    Some(Look { logits: outcome.logits().to_vec(), scores, steps, values, most, bytes })
}

/// The last values; none where there are fewer.
fn last(heard: Heard, count: usize) -> Option<Heard> {
    let start = |len: usize| len.checked_sub(count);
    match heard {
        Heard::Features(all) => Some(Heard::Features(all[start(all.len())?..].to_vec())),
        Heard::FineFeatures(all) => Some(Heard::FineFeatures(all[start(all.len())?..].to_vec())),
        _ => None,
    }
}

/// The weights of all heads.
struct Maps {
    positions: usize,
    /// The first head of each block, and behind them the number of all heads.
    firsts: Vec<usize>,
    /// `[heads][positions][positions]`; empty where they are too many.
    shares: Vec<f32>,
}

impl Maps {
    fn of(model: &Model) -> Self {
        let positions = model.shape().positions;
        let mut firsts = vec![0];
        for heads in model.heads() {
            firsts.push(firsts[firsts.len() - 1] + heads);
        }
        let all = positions.saturating_mul(positions).saturating_mul(firsts[firsts.len() - 1]);
        Self { positions, firsts, shares: vec![0.0; if all > MOST { 0 } else { all }] }
    }

    /// Weights of a key that is no position are left out: those of a second input.
    fn take(&mut self, row: &Row<'_, f32>) {
        let Some(first) = self.firsts.get(row.layer) else { return };
        let query = (first + row.head) * self.positions + row.query;
        let Some(own) = self.shares.get_mut(query * self.positions..(query + 1) * self.positions) else { return };
        let keys = (row.first..).step_by(row.dilation.max(1));
        for (key, &share) in keys.zip(row.weights) {
            if let Some(place) = own.get_mut(key) {
                *place = share;
            }
        }
    }

    /// Appends the weights in 255ths of each head's largest; gives these, 2^16 for 1.
    fn finish(&self, bytes: &mut Vec<u8>) -> Vec<u32> {
        let maps = self.shares.chunks_exact((self.positions * self.positions).max(1));
        let each = |map: &[f32]| {
            let most = map.iter().copied().fold(0.0f32, f32::max);
            let scale = if most > 0.0 { 255.0 / most } else { 0.0 };
            bytes.extend(map.iter().map(|&share| (share * scale).round() as u8));
            (most * 65_536.0).round() as u32
        };
        maps.map(each).collect()
    }
}
