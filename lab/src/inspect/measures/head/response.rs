//! Which classes a head answers to.

/// The activity of a head by class, over recordings. Activity is what the caller measures in a recording, such as the
/// norm of the head's output.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassSums {
    /// Of each class: recordings, mean, sum of squared deviations (Welford's method).
    classes: Vec<(usize, f64, f64)>,
}

/// How activity depends on the class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The class with the largest mean activity.
    pub class: usize,
    /// Its mean above that of all other recordings, in pooled standard deviations (d'); infinite without any spread.
    pub selectivity: f64,
    /// Share of the variance that the class explains, adjusted for chance: at most 1, about 0 where it says nothing.
    pub explained: f64,
}

impl ClassSums {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { classes: vec![(0, 0.0, 0.0); classes] }
    }

    /// Counts a recording; one of a class that there is not, or without a finite activity, is left out.
    pub fn add(&mut self, class: usize, activity: f64) {
        if let Some((count, mean, squares)) = self.classes.get_mut(class).filter(|_| activity.is_finite()) {
            *count += 1;
            let before = activity - *mean;
            *mean += before / *count as f64;
            *squares += before * (activity - *mean);
        }
    }

    /// Mean activity of each class; none of a class without recordings.
    #[must_use]
    pub fn means(&self) -> Vec<Option<f64>> {
        self.classes.iter().map(|&(count, mean, _)| (count > 0).then_some(mean)).collect()
    }

    /// Standard deviation of each class's activity; none with fewer than two recordings.
    #[must_use]
    pub fn spreads(&self) -> Vec<Option<f64>> {
        let spread =
            |&(count, _, squares): &(usize, f64, f64)| (count > 1).then(|| (squares / (count - 1) as f64).sqrt());
        self.classes.iter().map(spread).collect()
    }

    /// What the head answers to; none with fewer than two classes of two recordings each, or without any variance.
    #[must_use]
    pub fn response(&self) -> Option<Response> {
        let heard = || self.classes.iter().enumerate().filter(|(_, class)| class.0 > 0);
        if self.classes.iter().filter(|class| class.0 > 1).count() < 2 {
            return None;
        }
        let pool = |out: Option<usize>| {
            let kept = || heard().filter(move |&(class, _)| Some(class) != out).map(|(_, sums)| sums);
            let n = kept().map(|&(count, ..)| count as f64).sum::<f64>();
            let mean = kept().map(|&(count, mean, _)| count as f64 * mean).sum::<f64>() / n;
            let squares: f64 = kept().map(|&(count, m, squares)| squares + count as f64 * (m - mean).powi(2)).sum();
            (n, mean, squares)
        };
        let (n, _, total) = pool(None);
        let within: f64 = heard().map(|(_, class)| class.2).sum();
        let largest = heard().map(|(_, class)| class.1 * class.1).fold(0.0, f64::max);
        // Less is rounding of activities that are all equal.
        if total <= 1e-24 * n * largest {
            return None;
        }
        let explained = super::moments::adjusted_r2(total, within, n, heard().count() as f64)?;
        // The first of equals.
        let (class, &(count, mean, squares)) = heard().rev().max_by(|a, b| a.1.1.total_cmp(&b.1.1))?;
        let (others, rest, rest_squares) = pool(Some(class));
        let variance = (squares / count as f64 + rest_squares / others) / 2.0;
        Some(Response { class, selectivity: (mean - rest) / variance.sqrt(), explained })
    }
}
