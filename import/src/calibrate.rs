//! What values the activations take: on texts of the user's, or of the model's own.

use crate::float::{Session, Site};
use crate::perplexity::WINDOW;
use crate::sample::{Sampler, write};
use crate::{BEGIN, Checkpoint, Error, LanguageModel};
use std::collections::BTreeMap;

/// The most windows of a text that are looked at.
pub const MOST_WINDOWS: usize = 32;
/// Temperatures at which the model writes texts to calibrate on, one after the other. The high one leads it to what
/// people write and it would not.
const TEMPERATURES: [f64; 2] = [1.0, 1.5];

/// Texts that the model writes itself, each begun by token 1; the same seed gives the same ones.
#[must_use]
pub fn own_texts(checkpoint: &Checkpoint, count: usize, seed: u64) -> Vec<Vec<u16>> {
    let mut session = Session::new(checkpoint, WINDOW);
    let temperatures = TEMPERATURES.iter().cycle();
    let text = |(number, &temperature): (usize, _)| {
        let mut tokens = vec![BEGIN];
        let mut sampler = Sampler::new(temperature, seed.wrapping_add(number as u64));
        write(&mut session, &[BEGIN], WINDOW, &mut sampler, |token, _| {
            tokens.push(token);
            true
        });
        tokens
    };
    (0..count).zip(temperatures).map(text).collect()
}

/// A long text's tokens as texts of 255, each begun by token 1: the whole of it, or 32 of them from all over.
#[must_use]
pub fn excerpts(tokens: &[u16]) -> Vec<Vec<u16>> {
    let tokens = tokens.strip_prefix(&[BEGIN]).unwrap_or(tokens);
    let windows: Vec<&[u16]> = tokens.chunks(WINDOW).collect();
    let count = windows.len().min(MOST_WINDOWS);
    (0..count).map(|i| [&[BEGIN], windows[i * windows.len() / count]].concat()).collect()
}

/// The values that each site takes.
#[derive(Clone, Debug)]
pub struct Activations {
    seen: BTreeMap<(usize, Site), Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    channels: usize,
    /// `[tokens][channels]`; of the int16 sites only the largest.
    values: Vec<f32>,
}

impl Activations {
    /// Reads the texts, each of them begun by token 1.
    ///
    /// # Errors
    /// [`Error::NoText`] if there is none.
    pub fn observe(checkpoint: &Checkpoint, texts: &[Vec<u16>]) -> Result<Self, Error> {
        let context = texts.iter().map(Vec::len).max().filter(|&most| most > 0).ok_or(Error::NoText)?;
        let mut seen = BTreeMap::<(usize, Site), Seen>::new();
        let observer = |layer: usize, site: Site, values: &mut [f32]| {
            let seen = seen.entry((layer, site)).or_default();
            if matches!(site, Site::Residual | Site::Logits) {
                seen.channels = 1;
                let most = largest(values).max(largest(&seen.values));
                seen.values.clear();
                seen.values.push(most);
            } else {
                seen.channels = values.len();
                seen.values.extend_from_slice(values);
            }
        };
        let mut session = Session::observed(checkpoint, context, observer);
        for text in texts {
            session.reset();
            for &token in text {
                session.step(token);
            }
        }
        Ok(Self { seen })
    }

    fn site(&self, layer: usize, site: Site) -> &Seen {
        // Every pass shows every site.
        &self.seen[&(layer, site)]
    }

    /// The largest magnitude.
    #[must_use]
    pub fn largest(&self, layer: usize, site: Site) -> f32 {
        largest(&self.site(layer, site).values)
    }

    /// The largest magnitude of each of `groups` equal shares of the channels.
    #[must_use]
    pub fn largest_of(&self, layer: usize, site: Site, groups: usize) -> Vec<f32> {
        let Seen { channels, values } = self.site(layer, site);
        let size = channels / groups;
        let mut most = vec![0f32; groups];
        for row in values.chunks(*channels) {
            row.chunks(size).zip(&mut most).for_each(|(share, most)| *most = most.max(largest(share)));
        }
        most
    }

    /// The magnitude that `inside` (0 to 1) of all values do not exceed.
    #[must_use]
    pub fn quantile(&self, layer: usize, site: Site, inside: f64) -> f32 {
        let mut values: Vec<f32> = self.site(layer, site).values.iter().map(|value| value.abs()).collect();
        let rank = ((values.len() - 1) as f64 * inside).round() as usize;
        *values.select_nth_unstable_by(rank, f32::total_cmp).1
    }

    /// The largest magnitude that each pair of neighbours would take if it were turned by any angle, as RoPE does in
    /// long texts.
    #[must_use]
    pub fn largest_turned(&self, layer: usize, site: Site) -> Vec<f32> {
        let Seen { channels, values } = self.site(layer, site);
        let mut most = vec![0f32; channels / 2];
        for row in values.chunks(*channels) {
            row.as_chunks::<2>().0.iter().zip(&mut most).for_each(|([a, b], most)| *most = most.max(a.hypot(*b)));
        }
        most
    }

    /// The largest magnitude that each head of `dim` channels would take if its pairs were turned by any angle and
    /// folded ([`Pairing::Folded`](heedful::Pairing::Folded)).
    #[must_use]
    pub fn largest_folded(&self, layer: usize, site: Site, dim: usize) -> Vec<f32> {
        let Seen { channels, values } = self.site(layer, site);
        let mut most = vec![0f32; channels / dim];
        for row in values.chunks(*channels) {
            for (head, most) in row.chunks(dim).zip(&mut most) {
                let pairs = head.as_chunks::<2>().0.iter().map(|[a, b]| a.hypot(*b));
                let folded = pairs.clone().zip(pairs.rev()).map(|(near, far)| near + far);
                *most = folded.fold(*most, f32::max);
            }
        }
        most
    }

    /// The mean square of `f` of each channel.
    #[must_use]
    pub fn mean_square(&self, layer: usize, site: Site, f: impl Fn(f32) -> f32) -> Vec<f32> {
        let Seen { channels, values } = self.site(layer, site);
        let mut sums = vec![0.0; *channels];
        for row in values.chunks(*channels) {
            row.iter().zip(&mut sums).for_each(|(&value, sum)| *sum += f(value).powi(2));
        }
        let rows = values.len() / channels;
        sums.iter().map(|sum| sum / rows as f32).collect()
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}
