//! What holds for any model and any input.

mod support;

use heedful::audio::{Frames, LogMelFrames, Params, Stream, Tables, features};
use heedful::dynamic::Model;
use heedful::format::write::LinearModel;
use heedful::{
    HeadScale, Input, Mask, MultiHeadAttention, Narrow, Projection, Row, Scale, Scratch, Steepness, Weight, Wide,
};
use proptest::prelude::*;
use support::{Random, bare, leak, linear};

heedful::model!(Digits = "../models/digits.heed");
heedful::model!(TinyWide = "models/wide.heed");
heedful::model!(TinyNarrow = "models/narrow.heed");

const S: usize = 9;
const E: usize = 12;
const H: usize = 2;
const P: usize = 5;

/// Attention with random weights; without biases, a row of zeros comes out as zeros.
fn attention<W: Weight>(random: &mut Random, biased: bool) -> MultiHeadAttention<E, H, P, W> {
    let mut layer = |inputs, outputs| {
        let mut layer = linear(random, inputs, outputs, 1.0);
        layer.channels.iter_mut().filter(|_| !biased).for_each(|channel| channel.bias = 0);
        layer
    };
    let projection = |layer: LinearModel| {
        let weights: [[[i8; E]; P]; H] = layer.weights.as_chunks().0.as_chunks().0.try_into().unwrap();
        Projection::new(leak(weights), leak(layer.channels.as_chunks().0.try_into().unwrap()))
    };
    let [query, key, value] = [0; 3].map(|_| projection(layer(E, H * P)));
    let output = layer(H * P, E);
    let weights: [[[i8; P]; H]; E] = output.weights.as_chunks().0.as_chunks().0.try_into().unwrap();
    let heads = [0; H].map(|_| {
        HeadScale::new(
            Steepness::from_real(0.002 * random.uniform() + 4e-6).unwrap(),
            Scale::from_real((0.5 + 2.0 * random.uniform()) / 256.0).unwrap(),
        )
        .unwrap()
    });
    let channels = leak(<[_; E]>::try_from(output.channels).unwrap());
    MultiHeadAttention::new(query, key, value, leak(weights), channels, leak(heads))
}

fn input(random: &mut Random) -> [[i8; E]; S] {
    std::array::from_fn(|_| std::array::from_fn(|_| random.next() as i8))
}

fn masks() -> impl Strategy<Value = Mask> {
    let length = 0..=S + 2;
    prop_oneof![
        Just(Mask::None),
        Just(Mask::Causal),
        length.clone().prop_map(Mask::Length),
        length.prop_map(Mask::CausalLength)
    ]
}

/// Which keys a query sees, written down once more.
fn sees(mask: Mask, query: usize, key: usize) -> bool {
    match mask {
        Mask::Causal => key <= query,
        Mask::Length(length) => key < length,
        Mask::CausalLength(length) => key <= query && key < length,
        _ => true,
    }
}

/// A row's output is the same, byte for byte, whatever stands in the positions that it does not see;
/// the weights that are shown are those of the positions that it does.
fn hidden_positions<W: Weight>(seed: u64, mask: Mask) -> Result<(), TestCaseError> {
    let mut random = Random(seed);
    let attention = attention::<W>(&mut random, true);
    let (x, noise) = (input(&mut random), input(&mut random));
    let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
    let mut lengths = Vec::new();
    let watch = &mut |row: Row<'_, W>| lengths.push((row.head, row.query, row.weights.len()));
    let y = attention.forward_observed(&x, mask, &mut scratch, watch);
    for (query, y) in y.iter().enumerate() {
        let changed: [_; S] =
            std::array::from_fn(|key| if key == query || sees(mask, query, key) { x[key] } else { noise[key] });
        prop_assert_eq!(attention.forward(&changed, mask, &mut other)[query], *y);
    }
    let count = |query| (0..S).filter(|&key| sees(mask, query, key)).count();
    let expected: Vec<_> = (0..H * S).map(|i| (i / S, i % S, count(i % S))).collect();
    prop_assert_eq!(lengths, expected);
    Ok(())
}

/// Without positions, the order of the tokens is no matter: all sums are exact.
fn equivariance<W: Weight>(seed: u64, order: &[usize]) -> Result<(), TestCaseError> {
    let mut random = Random(seed);
    let attention = attention::<W>(&mut random, true);
    let x = input(&mut random);
    let permuted: [_; S] = std::array::from_fn(|i| x[order[i]]);
    let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
    let (y, z) =
        (attention.forward(&x, Mask::None, &mut scratch), attention.forward(&permuted, Mask::None, &mut other));
    for (i, &from) in order.iter().enumerate() {
        prop_assert_eq!(z[i], y[from]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn masked_rows_do_not_depend_on_what_they_do_not_see(seed in any::<u64>(), mask in masks()) {
        hidden_positions::<Wide>(seed, mask)?;
        hidden_positions::<Narrow>(seed, mask)?;
    }

    #[test]
    fn permuting_positions_permutes_the_output(
        seed in any::<u64>(),
        order in Just((0..S).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        equivariance::<Wide>(seed, &order)?;
        equivariance::<Narrow>(seed, &order)?;
    }

    /// The heads give 0 where nothing is seen: what is left is the output's bias.
    #[test]
    fn fully_masked_rows_are_zero(seed in any::<u64>(), biased in any::<bool>(), causal in any::<bool>()) {
        let mut random = Random(seed);
        let attention = attention::<Wide>(&mut random, biased);
        let mask = if causal { Mask::CausalLength(0) } else { Mask::Length(0) };
        let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
        // What an earlier pass has left must not show.
        attention.forward(&input(&mut random), Mask::None, &mut scratch);
        let y = attention.forward(&input(&mut random), mask, &mut scratch);
        let z = attention.forward(&input(&mut random), mask, &mut other);
        prop_assert_eq!(y, z);
        prop_assert!(y.iter().all(|row| row == &y[0]));
        prop_assert!(biased || y[0] == [0; E]);
    }

    /// Masking by length is the same as leaving the rest away.
    #[test]
    fn padding_is_as_if_it_were_not_there(seed in any::<u64>()) {
        let mut random = Random(seed);
        let attention = attention::<Wide>(&mut random, true);
        let x = input(&mut random);
        let (mut scratch, mut short) = (Scratch::new(), Scratch::new());
        let first: &[[i8; E]; 4] = x.first_chunk().unwrap();
        let expected = attention.forward(first, Mask::None, &mut short);
        prop_assert_eq!(&attention.forward(&x, Mask::Length(4), &mut scratch)[..4], expected);
    }

    /// A scale exists exactly for factors in `[2^-32, 1/4)`, and is right to 2^-27.
    #[test]
    fn scale_bounds(log2 in -40.0f64..4.0, negative in any::<bool>()) {
        let factor = if negative { -log2.exp2() } else { log2.exp2() };
        let scale = Scale::from_real(factor).ok();
        prop_assert_eq!(scale.is_some(), !negative && (-32.0..-2.0).contains(&log2));
        if let Some(scale) = scale {
            prop_assert_eq!(Scale::from_word(scale.to_word()), Some(scale));
            prop_assert!((scale.to_real() / factor - 1.0).abs() <= 1.0 / 134_217_728.0);
            prop_assert_eq!(Scale::from_real(scale.to_real()).unwrap(), scale);
            let bits = scale.multiplier().to_bits();
            prop_assert!((1 << 29..1 << 30).contains(&bits) && bits % 8 == 0 && (1..=30).contains(&scale.shift()));
        }
    }

    /// Larger sums never come out smaller.
    #[test]
    fn requantisation_is_monotone(a in any::<i32>(), b in any::<i32>(), log2 in -32.0f64..-2.0) {
        let scale = Scale::from_real(log2.exp2()).unwrap();
        let (low, high) = (a.min(b), a.max(b));
        prop_assert!(scale.requantise(low) <= scale.requantise(high));
        prop_assert!(scale.to_i8(low) <= scale.to_i8(high) && scale.to_i16(low) <= scale.to_i16(high));
    }

    #[test]
    fn steepness_bounds(log2 in -25.0f64..0.0) {
        let c = Steepness::from_real(log2.exp2()).ok();
        prop_assert_eq!(c.is_some(), log2 < -4.0 && (log2 + 35.0).exp2() >= 131_071.5);
        if let Some(c) = c {
            prop_assert_eq!(Steepness::from_word(c.to_word()), Some(c));
            prop_assert!((c.to_real() - log2.exp2()).abs() <= 1.0 / 68_719_476_736.0);
        }
    }

    /// Narrow weights differ from wide ones by what their steps allow.
    #[test]
    fn narrow_is_close_to_wide(seed in any::<u64>(), flat in 1.0f64..1000.0) {
        let mut random = Random(seed);
        let c = Steepness::from_real(0.06 / flat).unwrap();
        let heads = [HeadScale::new(c, Scale::from_real(1.0 / 256.0).unwrap()).unwrap()];
        let x: [[i8; 12]; 20] = std::array::from_fn(|_| std::array::from_fn(|_| random.next() as i8));
        let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
        let mut sums = Vec::new();
        let real = |weight: &Wide| f64::from(weight.to_int()) / 32767.0;
        let watch = &mut |row: Row<'_, Wide>| sums.push(row.weights.iter().map(real).sum::<f64>());
        let wide = bare::<12, 1, 4, Wide>(heads).forward_observed(&x, Mask::None, &mut scratch, watch);
        let narrow = bare::<12, 1, 4, Narrow>(heads).forward(&x, Mask::None, &mut other);
        for ((a, b), sum) in wide.iter().zip(narrow).zip(sums) {
            // Half a step of 1/255 for each weight but the largest, and the narrow polynomial's rounding; values up to
            // 255 apart.
            let bound = 255.0 * (19.0 * 0.51 / 255.0 + 0.0002 * sum) / (sum - 19.0 * 0.51 / 255.0).max(1.0) + 1.0;
            prop_assert!(a.iter().zip(b).all(|(&a, &b)| f64::from(a.abs_diff(b)) <= bound), "{a:?} {b:?} {bound}");
        }
    }
}

/// Weights as a typed model shows them, and as shares of their sum.
type Weights = Vec<(usize, usize, usize, Vec<i32>)>;

fn shares(weights: &Weights) -> Vec<(usize, usize, usize, Vec<f32>)> {
    let share = |row: &Vec<i32>| {
        let sum: i32 = row.iter().sum();
        row.iter().map(|&w| (f64::from(w) / f64::from(sum)) as f32).collect()
    };
    weights.iter().map(|(layer, head, query, row)| (*layer, *head, *query, share(row))).collect()
}

/// A compiled-in model and the same file read at run time: the same logits, the same weights, watched or not.
macro_rules! doors {
    ($test:ident, $model:ident, $weight:ty, $path:literal, $cases:literal) => {
        #[test]
        fn $test() {
            let read = Model::load(include_bytes!($path)).unwrap();
            const C: heedful::format::Shape = $model::SHAPE;
            assert_eq!((read.shape(), read.flash_bytes()), (&C, $model::FLASH));
            assert_eq!(read.labels(), $model::LABELS);
            let mut random = Random(14);
            let mut typed = Box::new($model::new());
            for case in 0..$cases {
                let features: Box<[[i8; C.inputs]; C.positions]> = Box::new(std::array::from_fn(|_| {
                    std::array::from_fn(|_| match case {
                        0 => 0,
                        1 => -128,
                        _ => random.next() as i8,
                    })
                }));
                let flat = features.as_flattened();
                let expected = typed.infer_features(&features);
                let mut weights = Weights::new();
                let watched = typed.infer_observed(&features, &mut |row: Row<'_, $weight>| {
                    let ints: Vec<i32> = row.weights.iter().map(|w| w.to_int()).collect();
                    assert_eq!(ints.iter().copied().max(), Some(<$weight>::FULL_SCALE));
                    weights.push((row.layer, row.head, row.query, ints));
                });
                assert_eq!(watched, expected);
                let order = weights.iter().map(|&(layer, head, query, ref row)| (layer, head, query, row.len()));
                let rows = C.heads * C.positions;
                assert!(order.eq((0..C.layers * rows).map(|i| (
                    i / rows,
                    i / C.positions % C.heads,
                    i % C.positions,
                    C.positions
                ))));

                assert_eq!(read.infer(flat).logits(), expected.logits());
                let mut shown = Vec::new();
                let watched = read.infer_observed(Input::Features(flat), |row| {
                    assert!((row.weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                    shown.push((row.layer, row.head, row.query, row.weights.to_vec()));
                });
                assert_eq!(watched.logits(), expected.logits());
                assert_eq!(shown, shares(&weights));
                assert_eq!(watched.best(), expected.best());
            }
        }
    };
}

doors!(digits_through_both_doors, Digits, Wide, "../models/digits.heed", 6);
doors!(wide_through_both_doors, TinyWide, Wide, "models/wide.heed", 100);
doors!(narrow_through_both_doors, TinyNarrow, Narrow, "models/narrow.heed", 100);

#[test]
fn missing_features_count_as_zero() {
    let model = Model::load(include_bytes!("models/wide.heed")).unwrap();
    let some = Random(15).i8s(17, 127);
    let mut all = some.clone();
    all.resize(42, 0);
    assert_eq!(model.infer(&some), model.infer(&all));
    assert_eq!(model.infer(&[]), model.infer(&[0; 42]));
}

/// The front end on a stream, against the same on a recording as a whole.
#[test]
fn streams() {
    const FRAMES: usize = 6;
    const BANDS: usize = 8;
    for hop in [1, 80, 255, 256] {
        let params = Params { hop, bands: 8, floor_log2: 8, ..Params::DEFAULT };
        let tables = Tables::design(params).unwrap();
        let frontend = tables.frontend();
        let mut random = Random(17);
        let mut stream = Stream::<256, 256, LogMelFrames<BANDS, FRAMES>>::new();
        let sample = |random: &mut Random, i: usize| (random.normal() * (100.0 + i as f64)) as i16;
        let length = params.samples(FRAMES);
        let recording: Vec<i16> = (0..length + 5 * hop as usize).map(|i| sample(&mut random, i)).collect();
        let mut frames = 0;
        for (i, &sample) in recording.iter().enumerate() {
            let complete = stream.push(&frontend, sample);
            assert_eq!(complete, i + 1 >= 256 && (i + 1 - 256).is_multiple_of(hop as usize));
            frames += usize::from(complete);
            assert_eq!(stream.frames().is_full(), frames >= FRAMES);
            if complete && stream.frames().is_full() {
                let mut expected = [0; FRAMES * BANDS];
                features(&frontend, &recording[i + 1 - length..=i], FRAMES, &mut expected);
                let level = stream.frames().level();
                // Tokens of two frames.
                let mut found = [0; FRAMES * BANDS];
                for (token, out) in found.chunks_mut(2 * BANDS).enumerate() {
                    stream.frames().features(2 * BANDS * token, level, out, &mut []);
                }
                assert_eq!(found, expected);
            }
        }
        stream.reset();
        assert!(!stream.frames().is_full());
    }
}

/// Samples pushed into a model, as firmware does it, give what the host gives for the recording.
#[test]
fn pushed_samples() {
    let read = Model::load(include_bytes!("../models/digits.heed")).unwrap();
    let mut random = Random(18);
    let mut digits = Box::new(Digits::new());
    for pass in 0..2 {
        let recording: Vec<i16> =
            (0..Digits::SAMPLES).map(|i| (3000.0 * random.normal() * (i as f64 / 900.0).sin()) as i16).collect();
        let mut frames = 0;
        for (i, &sample) in recording.iter().enumerate() {
            assert_eq!(digits.is_full(), pass > 0 && i == 0, "{i}");
            if pass > 0 && i == 0 {
                digits.reset();
            }
            frames += usize::from(digits.push(sample));
        }
        assert!(digits.is_full());
        let mut expected = vec![0; Digits::SHAPE.positions * Digits::SHAPE.inputs];
        features(&read.frontend().unwrap(), &recording, frames, &mut expected);
        assert_eq!(digits.infer().logits(), read.infer(&expected).logits());
    }
}
