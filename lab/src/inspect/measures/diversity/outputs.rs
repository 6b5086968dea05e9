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
    cosines: DMatrix<f64>,
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
        Self {
            starts,
            rows: 0.0,
            means: DVector::zeros(all),
            scatter: DMatrix::zeros(all, all),
            cosines: DMatrix::zeros(widths.len(), widths.len()),
        }
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
        self.cosines += cosines(&all, &self.starts);
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

    /// Linear CKA of each pair over all positions of all recordings, 0 to 1: 1 where one head's outputs are those of the
    /// other, rotated and scaled; NaN where a head's output never changes. With few rows against the widths, it is high
    /// by chance.
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

    /// Disagreement of outputs (Li et al. 2018, section 3): the negative mean over all pairs, a head with itself too, of
    /// the cosine between the outputs at the same position, -1 (all equal) to 1; none if nothing was counted or widths
    /// differ. Given the values instead of the outputs, it is their disagreement on subspaces.
    #[must_use]
    pub fn disagreement(&self) -> Option<f64> {
        let mut widths = self.starts.windows(2).map(|pair| pair[1] - pair[0]);
        let first = widths.next()?;
        let pairs = self.cosines.len() as f64;
        (self.rows > 0.0 && widths.all(|width| width == first)).then(|| -self.cosines.sum() / pairs / self.rows)
    }
}

/// Sums over rows of the cosines between heads; a row of zeros is like no other. Zeros where widths differ.
fn cosines(all: &DMatrix<f64>, starts: &[usize]) -> DMatrix<f64> {
    let heads = starts.len() - 1;
    let width = starts[1] - starts[0];
    if starts.windows(2).any(|pair| pair[1] - pair[0] != width) {
        return DMatrix::zeros(heads, heads);
    }
    // A column a head: its rows, each of length 1.
    let rows = all.nrows();
    let mut units = DMatrix::zeros(rows * width, heads);
    for (head, &start) in starts[..heads].iter().enumerate() {
        for row in 0..rows {
            let values = all.view((row, start), (1, width));
            let length = values.norm();
            if length > 0.0 {
                units.view_mut((row * width, head), (width, 1)).copy_from(&(values.transpose() / length));
            }
        }
    }
    units.tr_mul(&units)
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
