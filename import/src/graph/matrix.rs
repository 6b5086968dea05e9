//! Matrices, and linear layers over rows.

/// A matrix, row by row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Values of a row.
    pub columns: usize,
    /// `[rows][columns]`
    pub values: Vec<f32>,
}

impl Matrix {
    /// Of its rows, one after the other.
    ///
    /// # Panics
    /// If the values are not as many as the shape says.
    #[must_use]
    pub fn new(rows: usize, columns: usize, values: Vec<f32>) -> Self {
        assert_eq!(Some(values.len()), rows.checked_mul(columns), "a matrix of {rows} by {columns}");
        Self { rows, columns, values }
    }

    /// A row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..][..self.columns]
    }

    /// With rows as columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut values = vec![0.0; self.values.len()];
        for (r, row) in self.values.chunks_exact(self.columns.max(1)).enumerate() {
            for (c, &value) in row.iter().enumerate() {
                values[c * self.rows + r] = value;
            }
        }
        Self { rows: self.columns, columns: self.rows, values }
    }

    /// Some of its rows.
    #[must_use]
    pub fn some_rows(&self, rows: std::ops::Range<usize>) -> Self {
        let values = self.values[rows.start * self.columns..rows.end * self.columns].to_vec();
        Self { rows: rows.len(), columns: self.columns, values }
    }
}

/// A linear layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// `[outputs][inputs]`
    pub weight: Matrix,
    /// `[outputs]`
    pub bias: Option<Vec<f32>>,
}

impl Dense {
    /// Values that it takes.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.weight.columns
    }

    /// Values that it gives.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.weight.rows
    }

    /// Its results for rows of its inputs.
    pub(super) fn apply(&self, x: &[f32]) -> Vec<f32> {
        product(&self.weight, self.bias.as_deref(), x)
    }
}

/// Rows `x` times the transposed matrix, plus a bias.
pub(super) fn product(matrix: &Matrix, bias: Option<&[f32]>, x: &[f32]) -> Vec<f32> {
    let (inputs, outputs) = (matrix.columns, matrix.rows);
    let rows = x.len() / inputs;
    let mut y = match bias {
        Some(bias) => bias.repeat(rows),
        None => vec![0.0; rows * outputs],
    };
    if rows < 4 {
        for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
            y.iter_mut().zip(matrix.values.chunks_exact(inputs)).for_each(|(y, row)| *y += dot(row, x));
        }
        return y;
    }
    // Input by input over all outputs: additions that do not wait for each other.
    let transposed = matrix.transposed();
    for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs)) {
        let (fours, rest) = x.as_chunks::<4>();
        let mut columns = transposed.values.chunks_exact(outputs);
        for x in fours {
            let mut next = || columns.next().unwrap_or_default();
            let [a, b, c, d] = [next(), next(), next(), next()];
            for ((((y, a), b), c), d) in y.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *y += (x[0] * a + x[1] * b) + (x[2] * c + x[3] * d);
            }
        }
        for (x, column) in rest.iter().zip(columns) {
            y.iter_mut().zip(column).for_each(|(y, w)| *y += x * w);
        }
    }
    y
}

/// Eight sums at a time.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a8, a), (b8, b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>()
}
