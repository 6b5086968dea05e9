//! The host tool's weights: read from any bytes, then converted.

use crate::bytes::Bytes;
use heedful::dynamic::Model;
use heedful_lab::convert::convert_on;
use heedful_lab::data::Clip;
use heedful_lab::evaluate::float;
use heedful_lab::features::Extractor;
use heedful_lab::fuse::Fuse;
use heedful_lab::low_rank::Rank;
use heedful_lab::weights::{Array, Weights, parameters};
use heedful_lab::{Config, config::Audio};
use std::path::Path;

/// What begins as a safetensors file does, with the length of its header, is one; anything else says what is in it.
/// True if there was a model to run.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let file = if data.get(8) == Some(&b'{') { data.to_vec() } else { file(&mut from) };
    let Ok((weights, _)) = Weights::from_bytes(&file, Path::new("weights")) else { return false };
    if weights.count() > 1 << 14 || weights.config.features() > 1 << 10 {
        return false;
    }
    let samples: Vec<i16> = (0..from.within(1, 600)).map(|_| from.sample()).collect();
    let Ok(extractor) = Extractor::new(&weights.config) else { return false };
    let features: Vec<Vec<i8>> = (0..from.byte() % 3).map(|_| extractor.plain(&samples)).collect();
    let fuse = [Fuse::Auto, Fuse::Never, Fuse::Always][usize::from(from.byte() % 3)];
    let rank = match from.byte() % 4 {
        0 => Rank::Never,
        1 => Rank::Fixed(from.count(12)),
        _ => Rank::Auto,
    };
    let clip = Clip { path: Path::new("clip").to_owned(), class: from.byte() as usize % 4, index: 0, samples };
    let _ = float(&weights, &[clip]);
    let Ok(model) = convert_on(&weights, fuse, &features, rank) else { return false };
    let Ok(bytes) = model.to_bytes() else { return false };
    let model = Model::load(&bytes).expect("what is written can be read");
    let input: Vec<i8> = from.bytes(weights.config.features()).into_iter().map(|byte| byte as i8).collect();
    assert_eq!(model.infer(&input).logits().len(), weights.config.labels.len());
    true
}

/// A file of a small model, its numbers of any size, and a description that mostly fits.
fn file(from: &mut Bytes<'_>) -> Vec<u8> {
    let mut config = Config {
        audio: Audio {
            sample_rate: 8_000,
            window: 256,
            hop: from.within(40, 256),
            bands: from.within(1, 12),
            low_hz: 60,
            high_hz: 4_000,
            floor_log2: 10,
        },
        labels: (0..from.count(4)).map(|label| label.to_string()).collect(),
        tokens: from.count(5),
        frames_per_token: from.count(2),
        width: from.count(10),
        heads: from.count(3),
        head_width: from.count(12),
        hidden: from.count(10),
        layers: from.count(2),
        epsilon: 1e-5,
        temperature: from.once_in(2),
    };
    let strange = from.once_in(4);
    let mut tensors: std::collections::BTreeMap<_, _> = parameters(&config)
        .into_iter()
        .map(|(name, shape)| {
            let kind = if strange { from.byte() % 32 } else { 31 };
            let count: usize = shape.iter().product();
            let data = (0..count).map(|_| number(from, kind)).collect();
            (name, Array { shape, data })
        })
        .collect();
    let sites = (0..config.layers).flat_map(|block| {
        let names = ["norm1", "query", "key", "value", "heads", "norm2", "hidden", "gelu", "query_key"];
        names.map(|name| format!("blocks.{block}.{name}"))
    });
    let sites = sites.chain(["features", "residual", "norm", "pooled", "logits"].map(str::to_owned));
    let scales = sites
        .map(|site| {
            let scale = match from.byte() {
                0 => number(from, 2),
                1 => 0.0,
                byte => 0.01 + f32::from(byte) / 2560.0,
            };
            (site, scale)
        })
        .collect();
    if from.once_in(8) {
        let Config { tokens, frames_per_token, width, heads, head_width, hidden, layers, .. } = &mut config;
        let numbers = [tokens, frames_per_token, width, heads, head_width, hidden, layers];
        if let Some(number) = numbers.into_iter().nth(usize::from(from.byte() % 7)) {
            *number = from.any();
        }
    }
    if from.once_in(16) {
        config.epsilon = number(from, 2);
    }
    if from.once_in(16) {
        let Audio { sample_rate, window, hop, bands, low_hz, high_hz, .. } = &mut config.audio;
        if let Some(word) = [sample_rate, window, hop, bands, low_hz, high_hz].into_iter().nth((from.byte() % 6).into())
        {
            *word = from.any() as u32;
        }
    }
    if from.once_in(32) {
        tensors.pop_first();
    }
    let weights = Weights { config, tensors, scales, training: ().into() };
    let mut file = weights.to_bytes(&[]).expect("arrays fit their shapes");
    if from.once_in(8) {
        let at = from.within(0, file.len().min(2_000) as u32 - 1) as usize;
        file[at] = from.byte();
    }
    file
}

/// Numbers of a kind: ordinary ones, very large or very small ones, zeros, or any bits.
fn number(from: &mut Bytes<'_>, kind: u8) -> f32 {
    let value = f32::from(from.byte() as i8) / 64.0;
    match kind {
        0 => 0.0,
        1 => value * f32::from(from.byte() as i8).exp2(),
        // Finite ones: others are refused, which a test shows.
        2 => f32::from_bits(from.word() & !(1 << 23)),
        3 => f32::MAX.copysign(value),
        4 => value * f32::MIN_POSITIVE,
        _ => value,
    }
}
