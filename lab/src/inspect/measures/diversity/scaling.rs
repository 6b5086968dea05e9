//! A map of heads: points in the plane as far apart as the heads are unlike.

use nalgebra::{DMatrix, SymmetricEigen};

/// Points in the plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Of each head, x and y, around the origin, in the unit of the distances.
    pub points: Vec<[f64; 2]>,
    /// How much of the distances the plane shows, 0 to 1: the two largest eigenvalues over all positive ones; 1 where
    /// there are no distances to show.
    pub shown: f64,
}

/// Classical multidimensional scaling (Torgerson 1952): the two main axes of `B = -J D² J / 2` with `J` the centring
/// matrix. Each axis points to where its farthest point (the first of equals) is positive.
///
/// `distances` is symmetric with zeros on its diagonal. An unknown distance (NaN) counts as the largest.
#[must_use]
pub fn classical_scaling(distances: &DMatrix<f64>) -> Layout {
    let heads = distances.nrows();
    let largest = distances.iter().copied().fold(0.0, f64::max);
    let known = |row: usize, column: usize| {
        let distance = distances[(row, column)];
        match (row == column, distance.is_nan()) {
            (true, _) => 0.0,
            (_, true) => largest,
            _ => distance,
        }
    };
    if heads == 0 {
        return Layout { points: Vec::new(), shown: 1.0 };
    }
    let squares = DMatrix::from_fn(heads, heads, |row, column| known(row, column).powi(2));
    let means = squares.column_mean();
    let mean = means.mean();
    let centred = DMatrix::from_fn(heads, heads, |r, c| -(squares[(r, c)] - means[r] - means[c] + mean) / 2.0);
    let eigen = SymmetricEigen::new(centred);
    let mut axes: Vec<usize> = (0..heads).collect();
    axes.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let coordinate = |axis: Option<&usize>, head: usize| {
        let Some(&axis) = axis else { return 0.0 };
        let vector = eigen.eigenvectors.column(axis);
        // Nearly equals are equal, so that rounding turns no axis round.
        let far = vector.amax() * (1.0 - 1e-9);
        let sign = vector.iter().find(|x| x.abs() >= far).map_or(1.0, |x| x.signum());
        sign * vector[head] * eigen.eigenvalues[axis].max(0.0).sqrt()
    };
    let positive = |axis: &usize| eigen.eigenvalues[*axis].max(0.0);
    let all: f64 = axes.iter().map(positive).sum();
    Layout {
        points: (0..heads).map(|head| [coordinate(axes.first(), head), coordinate(axes.get(1), head)]).collect(),
        shown: if all > 0.0 { axes.iter().take(2).map(positive).sum::<f64>() / all } else { 1.0 },
    }
}
