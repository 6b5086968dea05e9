//! How many different heads there are.

use crate::inspect::measures::head::spectrum_size;
use nalgebra::DMatrix;

/// `exp` of the entropy of the eigenvalues of a similarity matrix over their sum (the Vendi score, Friedman & Dieng
/// 2023): 1 where all heads are alike, as many as there are where all are unlike; 0 without heads.
///
/// `similarity` is symmetric with ones on its diagonal, such as linear CKA or a correlation. A head without a value (NaN)
/// is like itself alone.
#[must_use]
pub fn effective_number(similarity: &DMatrix<f64>) -> f64 {
    let known = |row: usize, column: usize| {
        let value = similarity[(row, column)];
        if value.is_nan() { f64::from(row == column) } else { value }
    };
    let known = DMatrix::from_fn(similarity.nrows(), similarity.ncols(), known);
    if known.is_empty() { 0.0 } else { spectrum_size(known.symmetric_eigenvalues().as_slice()) }
}
