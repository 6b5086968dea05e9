//! Choosing the next token.

use crate::{BEGIN, END, LanguageModel};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Chooses tokens at a temperature; the same seed makes the same choices.
#[derive(Debug)]
pub struct Sampler {
    temperature: f64,
    random: ChaCha8Rng,
}

impl Sampler {
    /// At temperature 0 the likeliest token is chosen, at 1 each as often as the model expects it.
    ///
    /// # Panics
    /// If the temperature is negative or not finite.
    #[must_use]
    pub fn new(temperature: f64, seed: u64) -> Self {
        assert!(temperature >= 0.0 && temperature.is_finite(), "temperature {temperature}");
        Self { temperature, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Chooses a token, the first of equally likely ones at temperature 0.
    pub fn choose(&mut self, logits: &[f32]) -> u16 {
        let (mut likeliest, mut most) = (0, f32::NEG_INFINITY);
        for (token, &logit) in (0..=u16::MAX).zip(logits) {
            if logit > most {
                (likeliest, most) = (token, logit);
            }
        }
        if self.temperature == 0.0 {
            return likeliest;
        }
        let weight = |logit: &f32| ((f64::from(*logit) - f64::from(most)) / self.temperature).exp();
        let mut left = self.random.random::<f64>() * logits.iter().map(weight).sum::<f64>();
        for (token, logit) in (0..=u16::MAX).zip(logits) {
            left -= weight(logit);
            if left < 0.0 {
                return token;
            }
        }
        // Only rounding leads here.
        likeliest
    }
}

/// Lets a model go on with a text of at least one token, up to `length` tokens besides token 1 and the one that ends
/// it. Each new token is given to `written` together with the one before it; the text ends early when `written` returns
/// `false`.
///
/// # Panics
/// If the model's vocabulary has no such tokens, or there are none.
pub fn write<M: LanguageModel>(
    model: &mut M,
    prompt: &[u16],
    length: usize,
    sampler: &mut Sampler,
    mut written: impl FnMut(u16, u16) -> bool,
) {
    let [begun @ .., last] = prompt else { panic!("no tokens") };
    model.reset();
    for &token in begun {
        model.step(token);
    }
    let mut previous = *last;
    for _ in begun.len()..length {
        let token = sampler.choose(model.step(previous));
        if token == BEGIN || token == END || !written(token, previous) {
            return;
        }
        previous = token;
    }
}
