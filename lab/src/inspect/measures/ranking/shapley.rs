//! Shapley values of heads by sampling.

use crate::augment::draw;
use rand::seq::SliceRandom;

/// What each head is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Shapley {
    /// Mean contribution of each head, in the unit of the value. They sum to `whole - empty`.
    pub values: Vec<f64>,
    /// Standard error of each, from the spread over pairs of permutations; infinite with one pair.
    pub errors: Vec<f64>,
    /// The value with all heads.
    pub whole: f64,
    /// The value without any.
    pub empty: f64,
}

/// Shapley values (1953) by sampling permutations (Castro et al. 2009): what a head adds to those before it, mean over
/// random orders. Each order is also taken backwards (antithetic sampling, Mitchell et al. 2022), which lowers the
/// error.
///
/// `value` gets which heads are there, and returns accuracy, say. It is asked `2 + 2·pairs·(heads - 1)` times. Equal
/// seeds give equal orders.
///
/// # Errors
/// The first of `value`.
pub fn shapley<E>(
    heads: usize,
    pairs: usize,
    seed: u64,
    mut value: impl FnMut(&[bool]) -> Result<f64, E>,
) -> Result<Shapley, E> {
    let empty = value(&vec![false; heads])?;
    let whole = if heads == 0 { empty } else { value(&vec![true; heads])? };
    let (mut means, mut squares) = (vec![0.0; heads], vec![0.0; heads]);
    for pair in 0..pairs.max(1) {
        let mut order: Vec<usize> = (0..heads).collect();
        order.shuffle(&mut draw(seed, 0, pair as u64));
        let mut gains = vec![0.0; heads];
        for backwards in [false, true] {
            if backwards {
                order.reverse();
            }
            let (mut present, mut before) = (vec![false; heads], empty);
            for (place, &head) in order.iter().enumerate() {
                present[head] = true;
                let after = if place + 1 == heads { whole } else { value(&present)? };
                gains[head] += (after - before) / 2.0;
                before = after;
            }
        }
        for (head, gain) in gains.into_iter().enumerate() {
            let off = gain - means[head];
            means[head] += off / (pair + 1) as f64;
            squares[head] += off * (gain - means[head]);
        }
    }
    let n = pairs.max(1) as f64;
    let error = |square: f64| if n > 1.0 { (square / (n - 1.0) / n).sqrt() } else { f64::INFINITY };
    Ok(Shapley { errors: squares.into_iter().map(error).collect(), values: means, whole, empty })
}
