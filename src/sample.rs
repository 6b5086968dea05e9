//! The next token, from the logits.

use crate::arithmetic::softmax::{Steepness, logit_weight};

/// The likeliest token: the first of several; 0 of none.
///
/// ```
/// assert_eq!(heedful::greedy(&[3, 9, -4, 9]), 1);
/// ```
#[must_use]
pub fn greedy(logits: &[i16]) -> usize {
    let mut best = (0, i16::MIN);
    for (token, &logit) in logits.iter().enumerate() {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}

/// A token drawn by its probability: softmax of the logits, in integers, so that the same random words draw the same
/// tokens everywhere.
///
/// `steepness` is the model's octaves per unit of a logit over the temperature; `random` is a word of all values alike.
/// Tokens 2^-15 times as likely as the likeliest are not drawn.
///
/// ```
/// use heedful::{Steepness, sample};
/// // A bit per step: 3 is twice as likely as 2.
/// let steepness = Steepness::from_real(1.0 / 17.0).unwrap();
/// let logits = [0, 17, -500];
/// let drawn = (0..3000u32).filter(|i| sample(&logits, steepness, i.wrapping_mul(1_431_655_765)) == 1).count();
/// assert!(drawn.abs_diff(2000) < 10);
/// ```
#[must_use]
pub fn sample(logits: &[i16], steepness: Steepness, random: u32) -> usize {
    let max = logits.iter().copied().max().unwrap_or(0);
    let weight = |logit| u64::from(logit_weight(logit, max, steepness));
    let sum: u64 = logits.iter().map(|&logit| weight(logit)).sum();
    // Uniform below the sum, which is a word for up to 2^17 logits, and may be more.
    let random = u64::from(random);
    let mut left = (sum >> 32) * random + (((sum & 0xffff_ffff) * random) >> 32);
    for (token, &logit) in logits.iter().enumerate() {
        let weight = weight(logit);
        if left < weight {
            return token;
        }
        left -= weight;
    }
    greedy(logits)
}
