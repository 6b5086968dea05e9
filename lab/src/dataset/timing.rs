//! Time stamps of rows: their rate, gaps, and the places of even steps between them.

/// Time stamps of a recording, in seconds.
#[derive(Debug, Default)]
pub(super) struct Timing {
    times: Vec<f64>,
    /// The longest step that is usual, once some are known.
    usual: f64,
}

/// What a time stamp is to those before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// It follows.
    On,
    /// So many seconds later than is usual; it is not added.
    Gap(f64),
    /// No later than the one before.
    Back(f64),
}

/// A step of so many usual ones is a gap: what was between is not known, and is not to be made up.
const GAP: f64 = 10.0;
/// So many steps say what is usual.
const KNOWN: usize = 8;
/// How much of a step rows may be early or late, and how much the rate may differ, and still be taken as they are.
const EARLY: f64 = 0.5;

impl Timing {
    pub fn add(&mut self, time: f64) -> Step {
        if let Some(&before) = self.times.last() {
            let step = time - before;
            if step <= 0.0 {
                return Step::Back(before);
            }
            if self.times.len() > KNOWN && step > GAP * self.usual {
                return Step::Gap(step);
            }
            if self.times.len() <= KNOWN {
                let mut steps: Vec<f64> = self.times.windows(2).map(|pair| pair[1] - pair[0]).collect();
                steps.push(step);
                steps.sort_by(f64::total_cmp);
                self.usual = steps[steps.len() / 2];
            }
        }
        self.times.push(time);
        Step::On
    }

    /// Rows per second.
    pub fn rate(&self) -> Option<f64> {
        let (first, last) = (self.times.first()?, self.times.last()?);
        (self.times.len() > 1).then(|| (self.times.len() - 1) as f64 / (last - first))
    }

    /// Whether each row is where steps of a rate are.
    pub fn regular(&self, rate: f64) -> bool {
        let first = self.times.first().copied().unwrap_or_default();
        let off = |(n, time): (usize, &f64)| ((time - first) * rate - n as f64).abs();
        self.times.iter().enumerate().all(|of| off(of) <= EARLY)
    }

    /// Where the steps of a rate are: the row at or before each, and how far it is to the next one.
    pub fn places(&self, rate: f64) -> (Vec<(usize, f32)>, usize) {
        let (Some(&first), Some(&last)) = (self.times.first(), self.times.last()) else { return (vec![], 0) };
        // The end of a step may be a rounding error late.
        let steps = ((last - first) * rate + 1e-6).floor() as usize + 1;
        let mut row = 0;
        let places = (0..steps).map(|step| {
            let time = (first + step as f64 / rate).min(last);
            while row + 1 < self.times.len() && self.times[row + 1] <= time {
                row += 1;
            }
            let share = self.times.get(row + 1).map_or(0.0, |next| (time - self.times[row]) / (next - self.times[row]));
            (row, share as f32)
        });
        (places.collect(), steps)
    }
}

#[cfg(test)]
mod tests {
    use super::{Step, Timing};

    fn timing(times: &[f64]) -> Timing {
        let mut timing = Timing::default();
        times.iter().for_each(|&time| assert_eq!(timing.add(time), Step::On, "{time}"));
        timing
    }

    #[test]
    fn rates() {
        assert_eq!(timing(&[1.0, 1.5, 2.0]).rate(), Some(2.0));
        assert_eq!(timing(&[1.0]).rate(), None);
        let late = timing(&[0.0, 0.52, 1.0, 1.49]);
        assert!(late.regular(2.0) && !late.regular(4.0) && !timing(&[0.0, 0.1, 1.0]).regular(2.0));
    }

    #[test]
    fn gaps_and_steps_back() {
        let mut timing = timing(&(0..10).map(f64::from).collect::<Vec<_>>());
        assert_eq!(timing.add(9.0), Step::Back(9.0));
        assert_eq!(timing.add(19.5), Step::Gap(10.5));
        assert_eq!(timing.add(18.0), Step::On);
    }

    #[test]
    fn between_rows() {
        let (places, steps) = timing(&[0.0, 1.0, 3.0, 4.0]).places(1.0);
        assert_eq!((places, steps), (vec![(0, 0.0), (1, 0.0), (1, 0.5), (2, 0.0), (3, 0.0)], 5));
        let (places, _) = timing(&[5.0, 5.4, 5.8]).places(5.0);
        let near: Vec<_> = places.iter().map(|(row, share)| (*row, (share * 10.0).round())).collect();
        assert_eq!(near.len(), 5);
        // Rounding may put a step at the end of one row or at the start of the next.
        let time: Vec<_> = near.iter().map(|&(row, share)| row as f32 + share / 10.0).collect();
        assert_eq!(time, [0.0, 0.5, 1.0, 1.5, 2.0]);
    }
}
