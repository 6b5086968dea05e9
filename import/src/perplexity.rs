//! How well a model foresees a text.

use crate::{BEGIN, LanguageModel};

/// Tokens of a text that are read before the model starts anew.
pub const WINDOW: usize = 255;

/// Perplexity of `tokens` (as [`Tokenizer::encode`](crate::Tokenizer::encode) gives them; token 1 at their start is not
/// foreseen): over windows of 255 tokens, each read after token 1. `None` if there are no tokens.
///
/// # Panics
/// If the model's vocabulary has no such tokens.
pub fn perplexity(model: &mut (impl LanguageModel + ?Sized), tokens: &[u16]) -> Option<f64> {
    let tokens = tokens.strip_prefix(&[BEGIN]).unwrap_or(tokens);
    let mut nats = 0.0;
    for window in tokens.chunks(WINDOW) {
        model.reset();
        let mut previous = BEGIN;
        for &token in window {
            nats += surprise(model.step(previous), token);
            previous = token;
        }
    }
    (!tokens.is_empty()).then(|| (nats / tokens.len() as f64).exp())
}

/// `-ln` of the probability that softmax gives to a token.
///
/// # Panics
/// If there is no logit of that token.
#[must_use]
pub fn surprise(logits: &[f32], token: u16) -> f64 {
    let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - most).exp()).sum();
    most + sum.ln() - f64::from(logits[usize::from(token)])
}
