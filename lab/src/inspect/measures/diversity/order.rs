//! An order of heads in which similar ones stand side by side.

use nalgebra::DMatrix;

/// The leaves of average-linkage clustering (UPGMA, Sokal & Michener 1958) from left to right; at each join, the part
/// that was made first stands left.
///
/// `distances` is symmetric and not negative, such as `1 - CKA` or a divergence. An unknown distance (NaN) counts as the
/// largest.
#[must_use]
pub fn cluster_order(distances: &DMatrix<f64>) -> Vec<usize> {
    let heads = distances.nrows();
    let largest = distances.iter().copied().fold(0.0, f64::max);
    let known = |(row, column)| Some(distances[(row, column)]).filter(|d: &f64| !d.is_nan()).unwrap_or(largest);
    let mut above: Vec<f64> =
        (0..heads).flat_map(|row| (row + 1..heads).map(move |column| (row, column))).map(known).collect();
    let tree = kodama::linkage(&mut above, heads, kodama::Method::Average);
    // Clusters count from `heads` on in the order in which they are made; the last one holds all.
    let mut order = Vec::with_capacity(heads);
    let mut open: Vec<usize> = (heads + tree.len()).checked_sub(1).into_iter().collect();
    while let Some(cluster) = open.pop() {
        match cluster.checked_sub(heads) {
            None => order.push(cluster),
            Some(step) => open.extend([tree[step].cluster2, tree[step].cluster1]),
        }
    }
    order
}
