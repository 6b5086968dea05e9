//! How alike the outputs of heads are: linear CKA (Kornblith et al. 2019, section 3) and disagreement (Li et al. 2018).

use nalgebra::{DMatrix, DVector};

/// Sums over recordings of the outputs of a fixed list of heads: memory of the sum of their widths, squared.
#[derive(Clone, Debug)]
pub struct OutputSums {
    /// Where each head's outputs begin among all, and where the last ones end.
    starts: Vec<usize>,
    rows: f64,
    means: DVector<f64>,
    /// Sums of products of deviations from the mean.
    scatter: DMatrix<f64>,
    /// Over all pairs and rows; 0 where widths differ.
    cosines: f64,
}

/// The outputs of one recording do not fit each other or the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Outputs of as many heads as the list has are needed.
    #[error("outputs of {found} heads for {heads} heads")]
    Heads {
        /// Heads of the list.
        heads: usize,
        /// Heads given.
        found: usize,
    },
    /// All heads have as many rows, each as wide as the list says.
    #[error("head {head} has {found} values, not {rows} rows of {width}")]
    Size {
        /// Place in the list.
        head: usize,
        /// Values given.
        found: usize,
        /// Rows of the first head.
        rows: usize,
        /// Width of this head.
        width: usize,
    },
    /// A value is not finite.
    #[error("head {head} puts out a value that is not finite")]
    NotFinite {
        /// Place in the list.
        head: usize,
    },
}

impl OutputSums {
    /// Nothing counted yet, for heads whose outputs are so wide.
    #[must_use]
    pub fn new(widths: &[usize]) -> Self {
        let starts: Vec<usize> = std::iter::once(0)
            .chain(widths.iter().scan(0, |end, &width| {
                *end += width;
                Some(*end)
            }))
            .collect();
        let all = widths.iter().sum();
        Self { starts, rows: 0.0, means: DVector::zeros(all), scatter: DMatrix::zeros(all, all), cosines: 0.0 }
    }

    /// Counts a recording: of each head its outputs, `positions x width`, row by row.
    ///
    /// # Errors
    /// If they do not fit the list or each other, or are not finite.
    pub fn add(&mut self, outputs: &[&[f64]]) -> Result<(), OutputError> {
        let heads = self.starts.len() - 1;
        if outputs.len() != heads {
            return Err(OutputError::Heads { heads, found: outputs.len() });
        }
        let width = |head: usize| self.starts[head + 1] - self.starts[head];
        let rows = outputs.first().map_or(0, |first| first.len() / width(0).max(1));
        for (head, values) in outputs.iter().enumerate() {
            if values.len() != rows * width(head) {
                return Err(OutputError::Size { head, found: values.len(), rows, width: width(head) });
            }
            if values.iter().any(|value| !value.is_finite()) {
                return Err(OutputError::NotFinite { head });
            }
        }
        if rows == 0 {
            return Ok(());
        }
        let mut all = DMatrix::zeros(rows, self.means.len());
        for (head, values) in outputs.iter().enumerate() {
            all.columns_mut(self.starts[head], width(head)).copy_from(&DMatrix::from_row_slice(
                rows,
                width(head),
                values,
            ));
        }
        if let Some(width) = self.width() {
            self.cosines += cosines(outputs, width);
        }
        // Means and deviations of two sets join exactly (Chan et al. 1979).
        let means = all.row_mean().transpose();
        all.row_iter_mut().for_each(|mut row| row -= means.transpose());
        let (before, count) = (self.rows, rows as f64);
        let shift = &means - &self.means;
        self.rows += count;
        self.scatter += all.tr_mul(&all) + &shift * shift.transpose() * (before * count / self.rows);
        self.means += shift * (count / self.rows);
        Ok(())
    }

    /// Linear CKA of each pair over all positions of all recordings, 0 to 1: 1 where one head's outputs are those of
    /// the other, rotated and scaled; NaN where a head's output never changes. With few rows against the widths, it is
    /// high by chance.
    #[must_use]
    pub fn cka(&self) -> DMatrix<f64> {
        let heads = self.starts.len() - 1;
        let range = |head: usize| self.starts[head]..self.starts[head + 1];
        let power = |a: usize, b: usize| self.scatter.view_range(range(a), range(b)).norm_squared();
        // Less is rounding of outputs that never change.
        let least = |head: usize| (1e-24 * self.rows * self.means.rows_range(range(head)).norm_squared()).powi(2);
        let moves: Vec<bool> = (0..heads).map(|head| power(head, head) > least(head)).collect();
        DMatrix::from_fn(heads, heads, |a, b| {
            let own = (power(a, a) * power(b, b)).sqrt();
            if moves[a] && moves[b] { (power(a, b) / own).min(1.0) } else { f64::NAN }
        })
    }

    /// Disagreement of outputs (Li et al. 2018, section 3): the negative mean over all pairs, a head with itself too,
    /// of the cosine between the outputs at the same position, -1 (all equal) to 1; none if nothing was counted or
    /// widths differ. Given the values instead of the outputs, it is their disagreement on subspaces.
    #[must_use]
    pub fn disagreement(&self) -> Option<f64> {
        let pairs = ((self.starts.len() - 1) * (self.starts.len() - 1)) as f64;
        self.width().filter(|_| self.rows > 0.0).map(|_| -self.cosines / pairs / self.rows)
    }

    /// The width of all heads, if they have one.
    fn width(&self) -> Option<usize> {
        let mut widths = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        widths.next().filter(|&first| widths.all(|width| width == first))
    }
}

/// Sum over rows and pairs of heads, each with itself too, of the cosine of their outputs: the square of the sum of the
/// heads' vectors of length 1. A row of zeros is like no other.
fn cosines(outputs: &[&[f64]], width: usize) -> f64 {
    let rows = outputs.first().map_or(0, |first| first.len() / width.max(1));
    let mut sums = vec![0.0; rows * width];
    for values in outputs {
        for (sum, row) in sums.chunks_exact_mut(width).zip(values.chunks_exact(width)) {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            if length > 0.0 {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x / length);
            }
        }
    }
    sums.iter().map(|x| x * x).sum()
}

/// Linear CKA of two sets of outputs, row by row, `widths` wide: [`OutputSums`] for one pair.
///
/// # Errors
/// If they have not as many rows, or are not finite.
pub fn cka(outputs: [&[f64]; 2], widths: [usize; 2]) -> Result<f64, OutputError> {
    let mut sums = OutputSums::new(&widths);
    sums.add(&outputs)?;
    Ok(sums.cka()[(0, 1)])
}
