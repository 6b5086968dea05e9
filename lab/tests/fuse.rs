//! Query and key weights folded into one matrix per head.

mod common;

use burn::tensor::Device;
use common::{load, random};
use heedful::format::write::EncoderModel;
use heedful_lab::Config;
use heedful_lab::convert::{convert, convert_with};
use heedful_lab::encoder::{Encoder, Pass, batch};
use heedful_lab::fuse::{Fuse, pays};

fn shape(width: usize, heads: usize, head_width: usize) -> Config {
    Config { width, heads, head_width, tokens: 9, ..common::config() }
}

#[test]
fn fused_follows_the_float_model() {
    let device = Device::flex();
    for (config, seed) in [(shape(8, 2, 16), 1), (shape(12, 3, 12), 2), (shape(20, 1, 64), 3), (shape(7, 2, 9), 4)] {
        let (weights, features) = random(&config, seed);
        let x = batch(&features, config.tokens, &device);
        let expected = Encoder::new(&weights, &device).unwrap().forward(x, &mut Pass::Float);
        let expected: Vec<f32> = expected.into_data().iter::<f32>().collect();
        let [plain, fused] = [Fuse::Never, Fuse::Always].map(|fuse| load(&convert_with(&weights, fuse).unwrap()));
        let [plain_db, fused_db] =
            [&plain, &fused].map(|model| common::snr(&common::logits(model, &features), &expected));
        println!(
            "width {}, {} heads of {}: {plain_db:.1} dB, fused {fused_db:.1} dB; \
             {} bytes, fused {}; {} products, fused {}",
            config.width,
            config.heads,
            config.head_width,
            plain.flash_bytes(),
            fused.flash_bytes(),
            plain.macs(),
            fused.macs()
        );
        assert!(plain_db > 25.0 && fused_db > plain_db - 3.0, "{plain_db} dB, fused {fused_db} dB");
        assert!(fused.flash_bytes() < plain.flash_bytes() && fused.macs() < plain.macs());
    }
}

/// The choice of the converter.
#[test]
fn fused_where_it_pays() {
    let is_fused = |model: &EncoderModel| model.blocks.iter().all(|block| block.key.is_none());
    let (weights, _) = random(&shape(8, 2, 16), 1);
    assert!(pays(&weights.config) && is_fused(&convert(&weights).unwrap()));
    assert!(!is_fused(&convert_with(&weights, Fuse::Never).unwrap()));
    // Without the scale, as older trainings left it out.
    let mut older = weights;
    older.scales.retain(|site, _| !site.ends_with("query_key"));
    assert!(!is_fused(&convert(&older).unwrap()));
    let error = convert_with(&older, Fuse::Always).unwrap_err().to_string();
    assert!(error.starts_with("blocks.0.query_key: no scale; calibrate with --data"), "{error}");

    let (narrow, _) = random(&shape(8, 2, 7), 1);
    assert!(!pays(&narrow.config) && !is_fused(&convert(&narrow).unwrap()));
    let error = convert_with(&narrow, Fuse::Always).unwrap_err().to_string();
    assert!(error.starts_with("query and key weights cannot be fused: heads of 7 in a model of width 8"), "{error}");
}
