//! Projections of low rank: made where a model's are, and left alone where they are not.

mod common;

use burn::tensor::Device;
use common::{load, logits, random, random_with, settings, snr, tones};
use heedful::format::write::EncoderModel;
use heedful_lab::Config;
use heedful_lab::convert::{convert, convert_on, convert_with};
use heedful_lab::encoder::{Encoder, Pass, batch};
use heedful_lab::fuse::Fuse;
use heedful_lab::low_rank::{PARTS, Rank, TOLERANCE, choose, pays, truncate};
use heedful_lab::settings::Settings;
use heedful_lab::train::{Observer, Run};
use heedful_lab::weights::{Array, Weights};

fn shape(width: usize, heads: usize, head_width: usize) -> Config {
    Config { width, heads, head_width, tokens: 9, ..common::config() }
}

/// A random model whose projections are of a rank.
fn of_rank(config: &Config, rank: usize, seed: u64) -> (Weights, Vec<Vec<i8>>) {
    random_with(config, seed, |weights| truncate(weights, rank).unwrap())
}

fn ranks(model: &EncoderModel) -> Vec<Option<usize>> {
    model.blocks.iter().map(|block| block.rank()).collect()
}

#[test]
fn low_rank_follows_the_float_model() {
    let device = Device::flex();
    let cases = [
        (shape(24, 3, 8), 4, 4, 1),
        (shape(20, 2, 16), 4, 4, 2),
        (shape(32, 4, 8), 8, 8, 3),
        (shape(16, 1, 24), 3, 4, 4),
    ];
    for (config, rank, found_rank, seed) in cases {
        let (weights, features) = of_rank(&config, rank, seed);
        let x = batch(&features, config.tokens, &device);
        let expected = Encoder::new(&weights, &device).unwrap().forward(x, &mut Pass::Float);
        let expected: Vec<f32> = expected.into_data().iter::<f32>().collect();
        let low = convert_on(&weights, Fuse::Never, &features, Rank::Auto).unwrap();
        assert_eq!(ranks(&low), [Some(found_rank); 2]);
        let [plain, low] = [convert_with(&weights, Fuse::Never).unwrap(), low].map(|model| load(&model));
        let [plain_db, low_db] = [&plain, &low].map(|model| snr(&logits(model, &features), &expected));
        println!(
            "width {}, {} heads of {}: {plain_db:.1} dB, rank {rank} {low_db:.1} dB; {} bytes, {}; {} products, {}",
            config.width,
            config.heads,
            config.head_width,
            plain.flash_bytes(),
            low.flash_bytes(),
            plain.macs(),
            low.macs()
        );
        assert!(plain_db > 25.0 && low_db > plain_db - 3.0, "{plain_db} dB, of rank {rank} {low_db} dB");
        assert!(low.flash_bytes() < plain.flash_bytes() && low.macs() < plain.macs());
    }
}

/// The choice of the converter.
#[test]
fn low_rank_where_it_pays() {
    let (weights, features) = random(&shape(24, 3, 8), 1);
    let whole = convert(&weights).unwrap();
    let auto = |weights: &Weights, features: &[Vec<i8>]| convert_on(weights, Fuse::Auto, features, Rank::Auto).unwrap();
    // Random weights are of full rank.
    assert_eq!(auto(&weights, &features), whole);
    let (low, features) = of_rank(&shape(24, 3, 8), 4, 1);
    assert_eq!(ranks(&auto(&low, &features)), [Some(4); 2]);
    // Nothing to calibrate on, or not wanted.
    assert_eq!(ranks(&auto(&low, &[])), [None; 2]);
    assert_eq!(ranks(&convert_on(&low, Fuse::Auto, &features, Rank::Never).unwrap()), [None; 2]);
    // Half of the width saves nothing; demanded, it is made.
    let (half, features) = of_rank(&shape(24, 3, 8), 12, 1);
    assert!(!pays(&half.config, 12) && ranks(&auto(&half, &features)) == [None; 2]);
    let made = convert_on(&half, Fuse::Auto, &features, Rank::Fixed(12)).unwrap();
    assert_eq!(ranks(&made), [Some(12); 2]);
    assert!(load(&made).flash_bytes() > load(&auto(&half, &features)).flash_bytes());
    // Each block for itself.
    let mut mixed = low.clone();
    for (name, array) in half.tensors.iter().filter(|(name, _)| name.starts_with("blocks.1.attention.value")) {
        mixed.tensors.insert(name.clone(), array.clone());
    }
    assert_eq!(ranks(&auto(&mixed, &features)), [Some(4), None]);
    // Where weights could be fused as well, what costs less.
    for (config, rank) in [(shape(32, 2, 32), Some(4)), (shape(8, 2, 16), None)] {
        let (weights, features) = of_rank(&config, 3, 1);
        let model = auto(&weights, &features);
        assert_eq!(ranks(&model), [rank; 2]);
        assert!(model.blocks.iter().all(|block| block.key.is_some() == rank.is_some()));
        let other = match rank {
            Some(_) => convert_with(&weights, Fuse::Always),
            None => convert_on(&weights, Fuse::Never, &features, Rank::Fixed(4)),
        };
        assert!(load(&model).macs() < load(&other.unwrap()).macs());
        // A demand decides.
        let demanded = convert_on(&weights, Fuse::Auto, &features, Rank::Fixed(3)).unwrap();
        assert_eq!(ranks(&demanded), [Some(3); 2]);
        assert_eq!(ranks(&convert_on(&weights, Fuse::Always, &features, Rank::Auto).unwrap()), [None; 2]);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let (weights, features) = random(&shape(24, 3, 8), 1);
    let error = |features: &[Vec<i8>], fuse, rank| convert_on(&weights, fuse, features, rank).unwrap_err().to_string();
    let found = error(&features, Fuse::Auto, Rank::Fixed(25));
    assert_eq!(found, "projections cannot be of rank 25, expected at most 24");
    let found = error(&[], Fuse::Auto, Rank::Fixed(8));
    assert_eq!(found, "projections of rank 8 need recordings; calibrate with --data");
    let found = error(&features, Fuse::Always, Rank::Fixed(8));
    assert_eq!(found, "query and key weights of rank 8 cannot be fused");
    for text in ["", "0", "-1", "1.5", "always", "Auto"] {
        assert!(text.parse::<Rank>().is_err(), "{text}");
    }
    for rank in [Rank::Auto, Rank::Never, Rank::Fixed(12)] {
        assert_eq!(rank.to_string().parse(), Ok(rank));
    }
}

/// `matrix · x + bias` in f64.
fn apply((matrix, bias): (&Array, &Array), x: &[f64]) -> Vec<f64> {
    let rows = matrix.data.chunks(x.len()).zip(&bias.data);
    rows.map(|(row, &bias)| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>() + f64::from(bias)).collect()
}

/// Share of the deviation from their mean that `found` misses.
fn share(found: &[Vec<f64>], exact: &[Vec<f64>]) -> f64 {
    let mut mean = vec![0.0; exact[0].len()];
    exact.iter().for_each(|y| mean.iter_mut().zip(y).for_each(|(m, y)| *m += y / exact.len() as f64));
    let square = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let missed: f64 = found.iter().zip(exact).map(|(f, e)| square(f, e)).sum();
    (missed / exact.iter().map(|e| square(e, &mean)).sum::<f64>()).sqrt()
}

/// The matrices against the projection in f64: their error is as stated, and below that of the nearest matrix.
#[test]
fn as_near_as_a_rank_can_be() {
    let config = shape(24, 3, 8);
    let (weights, features) = random(&config, 5);
    let mut seen = vec![Vec::new(); config.layers];
    let device = Device::flex();
    let x = batch(&features, config.tokens, &device);
    let _ = Encoder::new(&weights, &device).unwrap().forward(x, &mut Pass::Inputs(&mut seen));
    for rank in [1, 5, 8, 24] {
        let mut near = weights.clone();
        truncate(&mut near, rank).unwrap();
        let blocks = choose(&weights, &features, Rank::Fixed(rank)).unwrap();
        for (b, block) in blocks.iter().enumerate() {
            let rows: Vec<Vec<f64>> =
                seen[b].chunks(config.width).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
            for (part, factors) in PARTS.iter().zip(&block.as_ref().unwrap().parts) {
                let tensor = |weights: &Weights, kind: &str| {
                    weights.get(&format!("blocks.{b}.attention.{part}.{kind}")).unwrap().clone()
                };
                let (bias, matrix) = (tensor(&weights, "bias"), tensor(&weights, "weight"));
                let exact: Vec<_> = rows.iter().map(|x| apply((&matrix, &bias), x)).collect();
                let both = |x: &Vec<f64>| {
                    let reduced = apply((&factors.reduce.0, &factors.reduce.1), x);
                    apply((&factors.restore.0, &factors.restore.1), &reduced)
                };
                let found = share(&rows.iter().map(both).collect::<Vec<_>>(), &exact);
                assert!((found - factors.error).abs() < 1e-4, "{part}, rank {rank}: {found}, stated {}", factors.error);
                let near = tensor(&near, "weight");
                let nearest = share(&rows.iter().map(|x| apply((&near, &bias), x)).collect::<Vec<_>>(), &exact);
                assert!(found < nearest + 1e-4, "{part}, rank {rank}: {found}, nearest matrix {nearest}");
                // Reduced values fill their int8 range.
                let reduced = rows.iter().map(|x| apply((&factors.reduce.0, &factors.reduce.1), x));
                let mut largest = vec![0.0f64; rank];
                reduced.for_each(|row| largest.iter_mut().zip(row).for_each(|(l, x)| *l = l.max(x.abs())));
                assert!(largest.iter().filter(|l| **l > 0.0).all(|l| (126.9..160.0).contains(l)), "{largest:?}");
            }
        }
    }
}

struct Silent;
impl Observer for Silent {}

#[test]
fn training_at_a_rank_that_cannot_be() {
    let config = common::config();
    let error = Run::new(&config, Settings { rank: Some(1000), ..settings() }).err().unwrap().to_string();
    assert!(error.starts_with("projections cannot be of rank 1000, expected at most "), "{error}");
}

/// Trained at a rank, the weights are of it, and the model still learns.
#[test]
fn trained_at_a_rank() {
    let config = common::config();
    let trained = |rank: Option<usize>| {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { epochs: 30, rank, ..settings() };
        let run = Run::new(&config, settings).unwrap();
        run.finish(&tones(), &folder.path().join("c"), &mut Silent).unwrap().unwrap()
    };
    let extractor = heedful_lab::features::Extractor::new(&config).unwrap();
    let features: Vec<_> = tones().train.iter().map(|c| extractor.plain(&c.samples)).collect();
    let errors = |weights: &Weights| -> Vec<f64> {
        let blocks = choose(weights, &features, Rank::Fixed(2)).unwrap();
        blocks.into_iter().flat_map(|block| block.unwrap().parts.map(|part| part.error)).collect()
    };
    let (low, whole) = (trained(Some(2)), trained(None));
    assert_eq!(low.training["validation_accuracy"], 1.0);
    assert!(errors(&low).iter().all(|error| *error < 1e-5), "{:?}", errors(&low));
    assert!(errors(&whole).iter().any(|error| *error > TOLERANCE), "{:?}", errors(&whole));
    // What is left out is not in the file.
    let file = |weights: &Weights| String::from_utf8_lossy(&weights.to_bytes(&[]).unwrap()).contains("rank");
    assert!(file(&low) && !file(&whole));
}
