//! Rank collapse: positions that become alike from layer to layer (Dong et al. 2021).

/// How far the rows of a layer's output are from being all the same: `‖X - 1·xᵀ‖ / ‖X‖` with the mean row `x`, and the
/// norm `sqrt(‖·‖₁ ‖·‖∞)` of Dong et al. 2021, section 2 (the largest column sum and the largest row sum of absolute
/// values). 0 where all rows are equal; small and falling over depth is a collapse. None without rows, or of zeros
/// alone.
///
/// `rows` is `positions x width`, row by row; what fills no row does not count.
#[must_use]
pub fn residual_share(rows: &[f64], width: usize) -> Option<f64> {
    if width == 0 {
        return None;
    }
    let rows: Vec<&[f64]> = rows.chunks_exact(width).collect();
    let mean: Vec<f64> =
        (0..width).map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64).collect();
    let norm = |mean: &[f64]| {
        let off = |row: &[f64], column: usize| (row[column] - mean[column]).abs();
        let across = rows.iter().map(|row| (0..width).map(|column| off(row, column)).sum::<f64>());
        let down = (0..width).map(|column| rows.iter().map(|row| off(row, column)).sum::<f64>());
        (across.fold(0.0, f64::max) * down.fold(0.0, f64::max)).sqrt()
    };
    let whole = norm(&vec![0.0; width]);
    (whole > 0.0).then(|| norm(&mean) / whole)
}
