//! What each head adds to a logit (Elhage et al. 2021, "direct path"; Wang et al. 2023, section 3).

/// Vectors of different widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a vector of {found} values, not {width}")]
pub struct LogitError {
    /// Values needed.
    pub width: usize,
    /// Values given.
    pub found: usize,
}

/// The direction of the residual stream that raises a logit, with the final norm frozen as it was at this position:
/// `unembedding · gain · inverse`, where `inverse` is one over the stream's root mean square (RMSNorm) or standard
/// deviation (LayerNorm; `centred`, its mean is taken from the direction, too). For the difference of two logits, give
/// the difference of their rows.
///
/// # Errors
/// If gain and row are not equally wide.
pub fn logit_direction(row: &[f64], gain: &[f64], inverse: f64, centred: bool) -> Result<Vec<f64>, LogitError> {
    if row.len() != gain.len() {
        return Err(LogitError { width: row.len(), found: gain.len() });
    }
    let mut direction: Vec<f64> = row.iter().zip(gain).map(|(u, g)| u * g * inverse).collect();
    if centred {
        let mean = direction.iter().sum::<f64>() / direction.len().max(1) as f64;
        direction.iter_mut().for_each(|x| *x -= mean);
    }
    Ok(direction)
}

/// What each part of the residual stream adds to the logit: its product with the [direction](logit_direction), in the
/// unit of the logit, any number. Parts that add up to the stream (embedding, each head after the output projection,
/// biases, feed-forward layers) add up to the logit, less what the final norm's own bias adds.
///
/// # Errors
/// If a part is not as wide as the direction.
pub fn attribution(parts: &[&[f64]], direction: &[f64]) -> Result<Vec<f64>, LogitError> {
    let product = |part: &&[f64]| {
        let (width, found) = (direction.len(), part.len());
        if width != found {
            return Err(LogitError { width, found });
        }
        Ok(part.iter().zip(direction).map(|(x, d)| x * d).sum())
    };
    parts.iter().map(product).collect()
}
