//! How far a head looks.

use super::entropy::mean;
use crate::inspect::measures::Map;

/// How far the attended keys are from their queries, in positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// Mean of `|query - key|` over all weights, 0 to positions - 1.
    pub mean: f64,
    /// Standard deviation of `|query - key|` over all weights.
    pub spread: f64,
    /// Mean of `query - key`: positive looks back, negative ahead.
    pub offset: f64,
    /// The mean of an even map with the same mask.
    pub chance: f64,
}

/// Distances of a map, each live row counted once; none if no row is live.
#[must_use]
pub fn distance(map: &Map) -> Option<Distance> {
    let moment = |of: fn(f64) -> f64| {
        let lag = move |query: usize, key: usize| of(query as f64 - key as f64);
        mean(map.live_rows().map(|(query, row)| row.iter().enumerate().map(|(key, w)| w * lag(query, key)).sum()))
    };
    let even = |query: usize| {
        let lags = (0..map.keys()).filter(|&key| map.sees(query, key)).map(|key| query.abs_diff(key) as f64);
        lags.sum::<f64>() / map.visible(query) as f64
    };
    let average = moment(f64::abs)?;
    Some(Distance {
        mean: average,
        spread: (moment(|lag| lag * lag)? - average * average).max(0.0).sqrt(),
        offset: moment(|lag| lag)?,
        chance: mean(map.live_rows().map(|(query, _)| even(query)))?,
    })
}

/// The radius that counts as near, in positions.
pub const NEAR: usize = 2;
