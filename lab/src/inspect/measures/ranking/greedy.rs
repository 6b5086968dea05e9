//! The order in which heads can go, the least useful first.

/// A step of [`greedy_removal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Removal {
    /// The head that goes.
    pub head: usize,
    /// The value of those that are left.
    pub value: f64,
}

/// Removes `steps` heads, each time the one without which the value is highest; the first of equals.
///
/// `value` gets which heads are there. It is asked once for each head that is left at each step: with all steps,
/// `heads·(heads + 1)/2` times. A value that is NaN counts as the lowest.
///
/// # Errors
/// The first of `value`.
pub fn greedy_removal<E>(
    heads: usize,
    steps: usize,
    mut value: impl FnMut(&[bool]) -> Result<f64, E>,
) -> Result<Vec<Removal>, E> {
    let mut present = vec![true; heads];
    let mut removals = Vec::new();
    for _ in 0..steps.min(heads) {
        let mut best: Option<Removal> = None;
        for head in 0..heads {
            if !present[head] {
                continue;
            }
            present[head] = false;
            let left = value(&present)?;
            present[head] = true;
            if best.is_none_or(|best| left > best.value || best.value.is_nan()) {
                best = Some(Removal { head, value: left });
            }
        }
        let Some(removal) = best else { break };
        present[removal.head] = false;
        removals.push(removal);
    }
    Ok(removals)
}
