//! All measures of one head over many recordings, in bounded memory.

use super::place::is_marked;
use super::{
    ClassSums, Distance, LagSums, MapSums, NEAR, Pattern, PatternCounts, PatternShares, Period, Place, Response,
    breadth, confidence, distance, effective_rank, entropy, relative_entropy,
};
use crate::inspect::measures::{Map, Share, ShareSum};

const PLACES: [Place; 5] = [Place::Itself, Place::Previous, Place::Next, Place::First, Place::Near(NEAR)];

/// A mean over recordings with its standard deviation; recordings without the measure do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Average {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Average {
    /// Counts a recording that has the measure (Welford's method).
    pub fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.count += 1;
            let before = value - self.mean;
            self.mean += before / self.count as f64;
            self.squares += before * (value - self.mean);
        }
    }

    /// Recordings counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean; none of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The standard deviation over recordings; none with fewer than two.
    #[must_use]
    pub fn spread(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).sqrt())
    }
}

/// What is known of one head, over the recordings added so far. Its memory depends on the positions, classes and cues
/// alone.
#[derive(Clone, Debug)]
pub struct HeadSums {
    entropy: Average,
    relative_entropy: Average,
    breadth: Average,
    confidence: Average,
    distance: [Average; 4],
    effective_rank: Average,
    vertical: Average,
    diagonal: Average,
    block: Average,
    patterns: PatternCounts,
    /// Of [`PLACES`].
    places: [ShareSum; 5],
    cues: Vec<(String, ShareSum)>,
    lags: LagSums,
    cells: MapSums,
    classes: ClassSums,
    activity: Average,
    output: Average,
}

/// What is known of a recording besides its map; all of it may be left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recording<'a> {
    /// Its class, counted from 0.
    pub class: Option<usize>,
    /// How active the head was, on any scale: the norm of its output, say.
    pub activity: Option<f64>,
    /// The norm of what the head adds to the layer's output, over the mean of all heads of the layer: 1 of a head like
    /// the others, 0 of an idle one.
    pub output: Option<f64>,
    /// For each cue, which positions it marks.
    pub cues: &'a [&'a [bool]],
}

/// The measures of one head; each has its own text in `docs/heads.md`. Means are over recordings, shares over queries.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSummary {
    /// Recordings.
    pub recordings: usize,
    /// In nats.
    pub entropy: Average,
    /// Over `ln` of the visible keys.
    pub relative_entropy: Average,
    /// Part of the visible keys that a row uses.
    pub breadth: Average,
    /// Mean of the largest weight.
    pub confidence: Average,
    /// In positions; none if no row was live.
    pub distance: Option<Distance>,
    /// On itself.
    pub itself: Option<Share>,
    /// On the position before.
    pub previous: Option<Share>,
    /// On the position after.
    pub next: Option<Share>,
    /// On the first position.
    pub first: Option<Share>,
    /// On keys at most [`NEAR`] positions away.
    pub near: Option<Share>,
    /// On the positions that each cue marks.
    pub cues: Vec<(String, Option<Share>)>,
    /// The lag with the largest mean weight; positive looks back.
    pub strongest_lag: Option<(isize, Share)>,
    /// The key with the largest mean weight.
    pub strongest_key: Option<(usize, Share)>,
    /// A period in the weights by lag.
    pub period: Option<Period>,
    /// Explained by position alone, adjusted R².
    pub position_r2: Option<f64>,
    /// Explained by key, lag and blocks, means over recordings.
    pub shares: PatternShares,
    /// The commonest class of the maps, and its share of them.
    pub pattern: Option<(Pattern, f64)>,
    /// Of the maps.
    pub effective_rank: Average,
    /// As the caller measures it.
    pub activity: Average,
    /// Against the layer's other heads.
    pub output: Average,
    /// The classes it answers to.
    pub response: Option<Response>,
}

impl HeadSums {
    /// Nothing counted yet, for recordings of at most `positions` positions. `cues` names what positions may be marked
    /// as, such as "onset".
    #[must_use]
    pub fn new(positions: usize, classes: usize, cues: &[&str]) -> Self {
        Self {
            entropy: Average::default(),
            relative_entropy: Average::default(),
            breadth: Average::default(),
            confidence: Average::default(),
            distance: [Average::default(); 4],
            effective_rank: Average::default(),
            vertical: Average::default(),
            diagonal: Average::default(),
            block: Average::default(),
            patterns: PatternCounts::default(),
            places: [ShareSum::default(); 5],
            cues: cues.iter().map(|&cue| (cue.to_owned(), ShareSum::default())).collect(),
            lags: LagSums::new(positions),
            cells: MapSums::new(positions, positions),
            classes: ClassSums::new(classes),
            activity: Average::default(),
            output: Average::default(),
        }
    }

    /// Counts a recording.
    pub fn add(&mut self, map: &Map, recording: &Recording<'_>) {
        self.entropy.add(entropy(map));
        self.relative_entropy.add(relative_entropy(map));
        self.breadth.add(breadth(map));
        self.confidence.add(confidence(map));
        let lags = distance(map);
        for (sum, value) in self.distance.iter_mut().zip([
            lags.map(|d| d.mean),
            lags.map(|d| d.spread * d.spread + d.mean * d.mean),
            lags.map(|d| d.offset),
            lags.map(|d| d.chance),
        ]) {
            sum.add(value);
        }
        let live = map.live_rows().next().is_some();
        if live {
            let shares = PatternShares::of(map);
            self.effective_rank.add(Some(effective_rank(map)));
            self.vertical.add(Some(shares.vertical));
            self.diagonal.add(Some(shares.diagonal));
            self.block.add(Some(shares.block));
            self.patterns.add(shares.class());
        }
        for (sum, place) in self.places.iter_mut().zip(PLACES) {
            sum.add(map, |query, key| place.is(query, key));
        }
        for ((_, sum), marks) in self.cues.iter_mut().zip(recording.cues) {
            sum.add(map, |_, key| is_marked(marks, key));
        }
        self.lags.add(map);
        self.cells.add(map);
        self.activity.add(recording.activity);
        self.output.add(recording.output);
        if let (Some(class), Some(activity)) = (recording.class, recording.activity) {
            self.classes.add(class, activity);
        }
    }

    /// The sums of each cell: the mean map and its spread.
    #[must_use]
    pub fn cells(&self) -> &MapSums {
        &self.cells
    }

    /// The weights by lag.
    #[must_use]
    pub fn lags(&self) -> &LagSums {
        &self.lags
    }

    /// The measures so far.
    #[must_use]
    pub fn summary(&self) -> HeadSummary {
        let [mean, square, offset, chance] = self.distance.map(|sum| sum.mean());
        let distance = mean.zip(square).zip(offset.zip(chance)).map(|((mean, square), (offset, chance))| Distance {
            mean,
            spread: (square - mean * mean).max(0.0).sqrt(),
            offset,
            chance,
        });
        let [itself, previous, next, first, near] = self.places.map(|sum| sum.mean());
        let share = |average: Average| average.mean().unwrap_or(0.0);
        HeadSummary {
            recordings: self.cells.recordings(),
            entropy: self.entropy,
            relative_entropy: self.relative_entropy,
            breadth: self.breadth,
            confidence: self.confidence,
            distance,
            itself,
            previous,
            next,
            first,
            near,
            cues: self.cues.iter().map(|(cue, sum)| (cue.clone(), sum.mean())).collect(),
            strongest_lag: self.lags.strongest(),
            strongest_key: self.cells.strongest_key(),
            period: self.lags.period(),
            position_r2: self.cells.position_r2(),
            shares: PatternShares {
                vertical: share(self.vertical),
                diagonal: share(self.diagonal),
                block: share(self.block),
            },
            pattern: self.patterns.commonest(),
            effective_rank: self.effective_rank,
            activity: self.activity,
            output: self.output,
            response: self.classes.response(),
        }
    }
}
