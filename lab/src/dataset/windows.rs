//! Windows cut from long recordings.

use std::ops::Range;

/// A stretch of the samples or rows of a file. It may stick out of the recording, where that is filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub start: i64,
    /// How many.
    pub length: usize,
}

impl Span {
    /// With so many more on both sides.
    #[must_use]
    pub fn wider(self, margin: usize) -> Self {
        Self { start: self.start - margin as i64, length: self.length + 2 * margin }
    }

    /// The window in whose middle a place is.
    pub(super) fn around(place: usize, length: usize) -> Self {
        Self { start: place as i64 - (length / 2) as i64, length }
    }

    /// What of it lies in a recording, and how much sticks out before and after.
    pub(super) fn within(self, rows: &Range<usize>) -> (usize, Range<usize>, usize) {
        let (first, end) = (self.start, self.start + self.length as i64);
        let (low, high) = (rows.start as i64, rows.end as i64);
        let inside = first.clamp(low, high) as usize..end.clamp(low, high) as usize;
        let before = (low.min(end) - first).max(0) as usize;
        (before, inside.clone(), self.length - before - inside.len())
    }
}

/// The windows of a recording, from its start on, every `stride`. Where they would leave half a stride or more, a last
/// one ends with the recording. None if it is no longer than a window.
pub(super) fn cut(rows: &Range<usize>, length: usize, stride: usize) -> Vec<Span> {
    if rows.len() <= length {
        return vec![];
    }
    let span = |start: usize| Span { start: start as i64, length };
    let mut spans: Vec<Span> = (rows.start..=rows.end - length).step_by(stride).map(span).collect();
    let left = spans.last().map_or(0, |last| rows.end - (last.start as usize + length));
    if left > 0 && 2 * left >= stride.min(length) {
        spans.push(span(rows.end - length));
    }
    spans
}

/// For each window the label that most of its rows have, if any have one; of equals the one with the lower number.
pub(super) fn majority(labels: &[Option<u32>], first_row: usize, spans: &[Span]) -> Vec<Option<u32>> {
    let most = labels.iter().flatten().max().map_or(0, |most| *most as usize + 1);
    let (mut counts, mut low, mut high) = (vec![0usize; most], 0, 0);
    let mut found = Vec::with_capacity(spans.len());
    for span in spans {
        let start = (span.start as usize).saturating_sub(first_row);
        let end = (start + span.length).min(labels.len());
        // Starts only grow: what leaves and what comes is counted, not the whole window.
        while high < end {
            labels[high].inspect(|&label| counts[label as usize] += 1);
            high += 1;
        }
        while low < start {
            labels[low].inspect(|&label| counts[label as usize] -= 1);
            low += 1;
        }
        let best = counts.iter().enumerate().max_by_key(|&(label, &count)| (count, std::cmp::Reverse(label)));
        found.push(best.filter(|(_, count)| **count > 0).map(|(label, _)| label as u32));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Span, cut, majority};

    fn starts(rows: std::ops::Range<usize>, length: usize, stride: usize) -> Vec<i64> {
        let spans = cut(&rows, length, stride);
        assert!(spans.iter().all(|span| span.length == length && span.within(&rows).1.len() == length));
        spans.into_iter().map(|span| span.start).collect()
    }

    #[test]
    fn every_stride() {
        assert_eq!(starts(0..10, 4, 2), [0, 2, 4, 6]);
        assert_eq!(starts(100..110, 4, 3), [100, 103, 106]);
        assert_eq!(starts(0..11, 4, 3), [0, 3, 6]); // One is left, less than half a stride.
        assert_eq!(starts(0..12, 4, 3), [0, 3, 6, 8]);
        assert!(starts(0..4, 4, 2).is_empty());
        assert_eq!(starts(0..5, 4, 9), [0]);
        assert_eq!(starts(0..6, 4, 9), [0, 2]); // A stride beyond the window: half a window is left.
        assert_eq!(starts(0..100, 10, 40), [0, 40, 80, 90]);
    }

    #[test]
    fn sticking_out() {
        let rows = 10..20;
        let within = |start, length| Span { start, length }.within(&rows);
        assert_eq!(within(12, 4), (0, 12..16, 0));
        assert_eq!(within(8, 4), (2, 10..12, 0));
        assert_eq!(within(18, 5), (0, 18..20, 3));
        assert_eq!(within(5, 20), (5, 10..20, 5));
        assert_eq!(within(2, 4), (4, 10..10, 0));
        assert_eq!(within(25, 3), (0, 20..20, 3));
        assert_eq!(Span::around(12, 5), Span { start: 10, length: 5 });
        assert_eq!(Span::around(1, 6).wider(2), Span { start: -4, length: 10 });
    }

    #[test]
    fn label_of_most_rows() {
        let labels = [Some(1), Some(1), None, Some(0), Some(0), Some(0), None, None, None, None];
        let found = |length, stride| majority(&labels, 100, &cut(&(100..110), length, stride));
        assert_eq!(found(4, 2), [Some(1), Some(0), Some(0), None]);
        assert_eq!(found(2, 1)[..4], [Some(1), Some(1), Some(0), Some(0)]);
        assert_eq!(found(6, 4), [Some(0), Some(0)]);
    }
}
