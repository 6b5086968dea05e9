//! Thresholds for a stated rate of false alarms.

use super::{Score, Scores, Spoken, score};
use crate::Error;
use heedful::fixed::types::U1F15;
use heedful::format::write::EventsModel;

/// Thresholds that are tried, in 64ths. What is less likely than all else together is no event.
const FIRST: u32 = 32;
const LAST: u32 = 63;
/// What a threshold to leave is of that to enter.
const LEAVE: f32 = 0.6;

/// What thresholds of so much for all classes give.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The threshold to enter.
    pub enter: f32,
    /// What came of it.
    pub score: Score,
}

/// Settings with a threshold to enter an event for all classes, or for one.
#[must_use]
pub fn with(settings: &EventsModel, class: Option<usize>, enter: f32) -> EventsModel {
    let mut settings = settings.clone();
    for (at, of) in settings.classes.iter_mut().enumerate() {
        if class.is_none_or(|class| class == at) {
            (of.enter, of.leave) = (U1F15::from_num(enter), U1F15::from_num(enter * LEAVE));
        }
    }
    settings
}

/// Recall and false alarms by the threshold, lowest first, one for all classes.
///
/// # Errors
/// If a setting is out of its bounds.
pub fn curve(
    scores: &Scores,
    labels: &[String],
    settings: &EventsModel,
    truth: &[Spoken],
) -> Result<Vec<Point>, Error> {
    let point = |step: u32| {
        let enter = step as f32 / 64.0;
        let events = scores.events(&with(settings, None, enter))?;
        Ok(Point { enter, score: score(scores, labels, &events, truth) })
    };
    (FIRST..=LAST).map(point).collect()
}

/// For each class the lowest threshold that gives its share of so many false alarms an hour at most; the highest where
/// none does. A stream of less than some hours cannot tell rates well: one false alarm in it is `1 / hours`.
///
/// # Errors
/// If a setting is out of its bounds.
pub fn choose(
    scores: &Scores,
    labels: &[String],
    settings: &EventsModel,
    truth: &[Spoken],
    per_hour: f64,
) -> Result<EventsModel, Error> {
    let points = curve(scores, labels, settings, truth)?;
    let heard = settings.classes.iter().filter(|class| !class.is_silent).count().max(1);
    let most = per_hour / heard as f64;
    let mut chosen = settings.clone();
    for class in (0..settings.classes.len()).filter(|class| !settings.classes[*class].is_silent) {
        let few = |point: &&Point| point.score.false_of[class] as f64 / scores.hours().max(1e-9) <= most;
        let enter = points.iter().find(few).map_or(LAST as f32 / 64.0, |point| point.enter);
        chosen = with(&chosen, Some(class), enter);
    }
    Ok(chosen)
}
