//! Events held against what is in a stream.

use super::{Scores, Spoken};
use heedful::events::Event;

/// How a detector did on a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// What was in the stream, of the labels that make events.
    pub spoken: usize,
    /// How many of it were heard.
    pub heard: usize,
    /// How many of it were one event, and no other beside it.
    pub once: usize,
    /// Events.
    pub events: usize,
    /// Events where nothing of their label was.
    pub false_alarms: usize,
    /// Hours of the stream.
    pub hours: f64,
    /// From the end of what was heard to when its event could be told, seconds, one for each.
    pub delays: Vec<f64>,
    /// False alarms of each class.
    pub false_of: Vec<usize>,
}

impl Score {
    /// Share that was heard; 1 of nothing.
    #[must_use]
    pub fn recall(&self) -> f64 {
        if self.spoken > 0 { self.heard as f64 / self.spoken as f64 } else { 1.0 }
    }

    /// Share of the events that were right; 1 of none.
    #[must_use]
    pub fn precision(&self) -> f64 {
        if self.events > 0 { 1.0 - self.false_alarms as f64 / self.events as f64 } else { 1.0 }
    }

    /// False alarms in an hour.
    #[must_use]
    pub fn per_hour(&self) -> f64 {
        self.false_alarms as f64 / self.hours.max(1e-9)
    }

    /// The delay in the middle of all; 0 where nothing was heard.
    #[must_use]
    pub fn median_delay(&self) -> f64 {
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        delays.get(delays.len() / 2).copied().unwrap_or(0.0)
    }
}

/// Holds events against what was spoken. An event is right if it overlaps with something of its label, or is near to it
/// ([`Scores::near`], a quarter of the model's window by default); what is heard by several events is heard once.
#[must_use]
pub fn score(scores: &Scores, labels: &[String], events: &[Event], spoken: &[Spoken]) -> Score {
    let rate = scores.rate.max(1e-9);
    let seconds = |at: u64| at as f64 / rate;
    let mut events_of = vec![vec![]; spoken.len()];
    let mut found =
        Score { hours: scores.hours(), events: events.len(), false_of: vec![0; labels.len()], ..Score::default() };
    for (index, event) in events.iter().enumerate() {
        let label = labels.get(event.class).map_or("", String::as_str);
        let (start, end) = (seconds(event.start), seconds(event.end));
        let distance = |spoken: &Spoken| (spoken.start - end).max(start - spoken.end);
        let of_label = spoken.iter().enumerate().filter(|(_, spoken)| spoken.label == label);
        let nearest = of_label.min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)));
        match nearest.filter(|(_, spoken)| distance(spoken) <= scores.near) {
            Some((at, _)) => events_of[at].push(index),
            None => {
                found.false_alarms += 1;
                found.false_of[event.class] += 1;
            }
        }
    }
    for (spoken, heard) in spoken.iter().zip(&events_of) {
        if !labels.contains(&spoken.label) {
            continue;
        }
        found.spoken += 1;
        if let Some(&first) = heard.first() {
            found.heard += 1;
            // An event's end is the middle of a window, which is heard half a window later.
            found.delays.push(seconds(events[first].end + scores.window / 2) - spoken.end);
        }
        let beside = |(index, event): (usize, &Event)| {
            !heard.contains(&index) && seconds(event.start) < spoken.end && seconds(event.end) > spoken.start
        };
        if heard.len() == 1 && !events.iter().enumerate().any(beside) {
            found.once += 1;
        }
    }
    found
}

/// [`score`] of each label by itself, of those that are in the stream or have events, and of all as if they were one:
/// whether something was there, whatever it is called.
#[must_use]
pub fn by_label(
    scores: &Scores,
    labels: &[String],
    events: &[Event],
    spoken: &[Spoken],
) -> (Vec<(String, Score)>, Score) {
    let of = |(class, label): (usize, &String)| {
        let events: Vec<Event> = events.iter().filter(|event| event.class == class).copied().collect();
        let spoken: Vec<Spoken> = spoken.iter().filter(|spoken| spoken.label == *label).cloned().collect();
        let is_there = !events.is_empty() || !spoken.is_empty();
        is_there.then(|| (label.clone(), score(scores, labels, &events, &spoken)))
    };
    let each = labels.iter().enumerate().filter_map(of).collect();
    let one = vec![String::new(); labels.len()];
    let known = spoken.iter().filter(|spoken| labels.contains(&spoken.label));
    let spoken: Vec<Spoken> = known.map(|spoken| Spoken { label: String::new(), ..*spoken }).collect();
    (each, score(scores, &one, events, &spoken))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Scores;
    use heedful::events::{ClassSettings, Detector, Settings};
    use heedful::fixed::types::U1F15;

    /// An event of a class over some seconds, of 1,000 samples each.
    fn event(class: usize, start: u64, end: u64) -> Event {
        const CLASS: ClassSettings =
            ClassSettings { shortest: 0, longest: 1 << 30, hold_off: 0, ..ClassSettings::of_window(1) };
        const SETTINGS: Settings<2> =
            Settings { millihertz: 1_000_000, smoothing: 0, separation: 0, classes: [CLASS; 2] };
        let mut detector = Detector::new(SETTINGS, &["a", "b"]);
        let of = |value: u8| [0, 1].map(|at| if at == class { U1F15::from_num(value) } else { U1F15::ZERO });
        let mut found: Vec<Event> = detector.step(of(1), start).collect();
        found.extend(detector.step(of(0), end));
        found.remove(0)
    }

    #[test]
    fn right_doubled_and_false() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let scores = Scores { rate: 1000.0, length: 3_600_000, window: 1000, near: 0.25, inferences: vec![] };
        let of = |start, end, label: &str| Spoken { start, end, label: label.into() };
        let spoken = [of(1.0, 2.0, "a"), of(5.0, 6.0, "b"), of(9.0, 9.5, "a"), of(12.0, 13.0, "c")];
        let events = [
            event(0, 1_200, 1_900), // right
            event(1, 4_000, 4_700), // too early by 300 ms
            event(1, 5_100, 5_300), // right
            event(1, 5_600, 6_100), // the same again
            event(1, 9_100, 9_200), // another label
            event(0, 9_700, 9_900), // late by 200 ms
        ];
        let score = score(&scores, &labels, &events, &spoken);
        assert_eq!((score.spoken, score.heard, score.once), (3, 3, 1));
        assert_eq!((score.false_alarms, score.false_of.clone()), (2, vec![0, 2]));
        assert!((score.precision() - 4.0 / 6.0).abs() < 1e-9);
        assert!((score.per_hour() - 2.0).abs() < 1e-9 && score.recall() == 1.0);
        assert!((score.median_delay() - 0.4).abs() < 1e-9, "{:?}", score.delays);

        let (each, any) = by_label(&scores, &labels, &events, &spoken);
        let counts = |of: &Score| (of.spoken, of.heard, of.events, of.false_alarms);
        let found: Vec<_> = each.iter().map(|(label, score)| (label.as_str(), counts(score))).collect();
        assert_eq!(found, [("a", (2, 2, 2, 0)), ("b", (1, 1, 4, 2))]);
        // The one of another label is where something is.
        assert_eq!(counts(&any), (3, 3, 6, 1));
    }
}
