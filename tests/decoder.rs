//! Language models: the typed one against the one of any shape, and both against floats.

#[path = "support/decoder.rs"]
mod decoder;
mod support;

use decoder::{Decoder as Float, History, Ranges, Shape, TINY};
use heedful::dynamic::Decoder;
use heedful::format::Softmax;
use heedful::format::write::{DecoderModel, LinearModel, NormModel};
use heedful::internals::{
    Epilogue, Kernels, Layer, Matrix, NormView, Portable, RowScale, Rows, Wide as WideKernels, linear as linear_on,
};
use heedful::{Narrow, Pairing, RewindError, Row, Steepness, Unobserved, Weight, Wide, greedy, sample};
use support::{Random, snr};

heedful::language_model!(Tiny = "fixtures/tiny_decoder.heed", context = 16);
heedful::language_model!(pub Narrowed = "models/narrow_decoder.heed", context = 5,);
heedful::language_model!(
    /// Remembers nothing but the last token.
    Short = "models/narrow_decoder.heed",
    context = 1
);

/// Signal-to-noise of a model's logits, in dB, over a text that is longer than the context.
fn ratio(seed: u64, shape: Shape, context: usize) -> f64 {
    let float = Float::random(seed, shape);
    let (model, scale) = float.quantise(60);
    let model = Decoder::load(&model.to_bytes().unwrap()).unwrap();
    let mut session = model.session(context);
    let (mut history, mut ranges) = (History::default(), Ranges::default());
    let mut pairs = Vec::new();
    for token in float.text(&mut Random(seed + 1), 40) {
        let expected = float.step(token, &mut history, context, &mut ranges);
        let found = session.step(token);
        assert_eq!(found.len(), shape.tokens);
        pairs.extend(found.iter().map(|&logit| f64::from(logit) * scale).zip(expected));
    }
    snr(pairs)
}

/// Shapes, and the signal-to-noise that was found less a decibel or so. Random weights hand the rounding of one layer
/// on to the next undamped, and heads of six values are short.
const SHAPES: [(Shape, f64); 8] = [
    (TINY, 17.5),
    (Shape { softmax: Softmax::Narrow, ..TINY }, 18.5),
    (Shape { pairing: Pairing::Halves, kv_heads: 4, layers: 1, ..TINY }, 25.5),
    (Shape { kv_heads: 1, heads: 3, head_dim: 8, pairs: 2, ..TINY }, 23.0),
    (Shape { pairs: 0, tokens: 50, ..TINY }, 23.0),
    (Shape { width: 64, hidden: 172, heads: 8, kv_heads: 4, head_dim: 8, pairs: 4, layers: 5, ..TINY }, 19.0),
    (Shape { pairing: Pairing::Halves, pairs: 1, head_dim: 5, width: 33, hidden: 7, tokens: 259, ..TINY }, 20.0),
    (Shape { pairing: Pairing::Folded, ..TINY }, 17.5),
];

#[test]
fn logits_are_those_of_the_float_model() {
    for (i, (shape, bound)) in SHAPES.into_iter().enumerate() {
        for context in [40, 13] {
            let found = ratio(20 + i as u64, shape, context);
            println!("shape {i}, context {context}: {found:.1} dB");
            assert!(found >= bound, "shape {i}, context {context}: {found:.1} dB");
        }
    }
}

fn linear(x: &[i8], layer: &LinearModel, epilogue: Epilogue<'_>) {
    let weights = Matrix { data: &layer.weights, inputs: x.len(), stride: x.len() };
    linear_on::<Portable>(Rows::new(x, x.len()), &mut [Layer { weights, channels: &layer.channels, epilogue }]);
}

fn to_int8(x: &[i8], layer: &LinearModel) -> Vec<i8> {
    let mut out = vec![0; layer.channels.len()];
    linear(x, layer, Epilogue::Store { out: &mut out, row_stride: layer.channels.len(), output_stride: 1 });
    out
}

fn normalise(residual: &[i16], norm: &NormModel) -> Vec<i8> {
    let mut out = vec![0; residual.len()];
    Portable::layer_norm(
        residual,
        NormView { channels: &norm.channels, epsilon: norm.epsilon, centred: false },
        &mut out,
    );
    out
}

/// A decoder that does not rotate, without views, ring or scratch: keys and values of all positions so far, of which
/// the last `context` are looked at.
fn plain<W: Weight>(model: &DecoderModel, token: usize, kept: &mut [Vec<[Vec<i8>; 2]>], context: usize) -> Vec<i16> {
    let (width, dim) = (model.norm.channels.len(), model.head_dim);
    let row = model.embedding.weights.chunks(width).nth(token);
    let scale = |w: i8| model.embedding.channels[token].scale.to_i16(i32::from(w) * model.kappa as i32);
    let mut residual: Vec<i16> = row.map_or(vec![0; width], |row| row.iter().map(|&w| scale(w)).collect());
    for (block, kept) in model.blocks.iter().zip(kept) {
        let x = normalise(&residual, &block.attention_norm);
        let query = to_int8(&x, &block.query);
        kept.push([to_int8(&x, &block.key), to_int8(&x, &block.value)]);
        let recent = &kept[kept.len().saturating_sub(context)..];
        let mut attended = vec![0; query.len()];
        for (h, out) in attended.chunks_mut(dim).enumerate() {
            let group = h * model.kv_heads / model.heads * dim;
            let keys: Vec<i8> = recent.iter().flat_map(|[key, _]| key[group..group + dim].to_vec()).collect();
            let values: Vec<i8> =
                (group..group + dim).flat_map(|d| recent.iter().map(move |[_, value]| value[d])).collect();
            let (mut scores, mut weights) = (vec![0; recent.len()], vec![W::ZERO; recent.len()]);
            let max = Portable::scores(&query[h * dim..][..dim], &keys, &mut scores);
            let sum = Portable::exp2(&scores, max, block.heads[h].steepness(), &mut weights);
            Portable::weighted_sum(&weights, &values, recent.len(), RowScale::new(sum, block.heads[h].value()), out);
        }
        linear(&attended, &block.output, Epilogue::Add { out: &mut residual, width });
        let x = normalise(&residual, &block.hidden_norm);
        let (gate, up) = (to_int8(&x, &block.gate), to_int8(&x, &block.up));
        let product = |(&g, &u): (&i8, &i8)| {
            let opened = block.table[usize::from(g as u8)];
            block.product.to_i8(i32::from(opened) * i32::from(u))
        };
        if block.hidden15 {
            // In units of a 128th, exactly.
            let exact = |(&g, &u): (&i8, &i8)| f64::from(block.table[usize::from(g as u8)]) * f64::from(u);
            let hidden = gate.iter().zip(&up).map(exact).map(|x| (x * block.product.to_real() * 128.0 + 0.5).floor());
            let hidden: Vec<f64> = hidden.map(|x| x.clamp(-16384.0, 16383.0)).collect();
            let rows = block.down.weights.chunks(hidden.len());
            for ((to, w), channel) in residual.iter_mut().zip(rows).zip(&block.down.channels) {
                let sum: f64 = hidden.iter().zip(w).map(|(x, &w)| x * f64::from(w)).sum();
                let sum = sum + 128.0 * f64::from(channel.bias);
                let added = (sum * channel.scale.to_real() / 128.0 + 0.5).floor().clamp(-32768.0, 32767.0);
                *to = to.saturating_add(added as i16);
            }
        } else {
            let hidden: Vec<i8> = gate.iter().zip(&up).map(product).collect();
            linear(&hidden, &block.down, Epilogue::Add { out: &mut residual, width });
        }
    }
    let mut logits = vec![0; model.embedding.channels.len()];
    linear(&normalise(&residual, &model.norm), &model.embedding, Epilogue::Add { out: &mut logits, width: 0 });
    logits
}

/// To the bit, the decoder is what its parts make.
#[test]
fn decoder_from_its_parts() {
    let mut random = Random(40);
    for case in 0..24 {
        let kv_heads = random.int(1, 3) as usize;
        let shape = Shape {
            tokens: random.int(1, 40) as usize,
            width: random.int(2, 40) as usize,
            heads: kv_heads * random.int(1, 3) as usize,
            kv_heads,
            head_dim: random.int(1, 12) as usize,
            hidden: random.int(1, 40) as usize,
            layers: random.int(1, 3) as usize,
            softmax: [Softmax::Wide, Softmax::Narrow][case % 2],
            pairing: Pairing::Halves,
            pairs: 0,
        };
        let model = Float::random(case as u64, shape).quantise(20).0;
        let context = random.int(1, 9) as usize;
        let read = Decoder::load(&model.to_bytes().unwrap()).unwrap();
        let mut session = read.session(context);
        let mut kept = vec![Vec::new(); shape.layers];
        for i in 0..25 {
            // One more token than there are: none.
            let token = random.int(0, shape.tokens as i64) as usize;
            let expected = match shape.softmax {
                Softmax::Wide => plain::<Wide>(&model, token, &mut kept, context),
                Softmax::Narrow => plain::<Narrow>(&model, token, &mut kept, context),
            };
            assert_eq!(session.step(token), expected, "{shape:?}, token {i}");
        }
    }
}

/// Weights of softmax: layer, head, query, first key, weights.
type Weights = Vec<(usize, usize, usize, usize, Vec<i32>)>;

fn watch<W: Weight>(weights: &mut Weights) -> impl FnMut(Row<'_, W>) {
    |row: Row<'_, W>| {
        assert_eq!(row.dilation, 1);
        weights.push((row.layer, row.head, row.query, row.first, row.weights.iter().map(|w| w.to_int()).collect()));
    }
}

/// A compiled-in model and the same file read at run time: the same logits and weights, on all kernels, whatever
/// happens.
macro_rules! doors {
    ($test:ident, $model:ident, $weight:ty, $path:literal, $context:literal) => {
        #[test]
        fn $test() {
            let bytes = include_bytes!($path);
            let read = Decoder::load(bytes).unwrap();
            assert_eq!((*read.shape(), read.flash()), ($model::SHAPE, $model::FLASH));
            assert_eq!(read.tokenizer(), $model::TOKENIZER);
            let mut typed = Box::new($model::new());
            let mut session = read.session($context);
            let (mut portable, mut wide) = (session.clone(), session.clone());
            let mut random = Random(30);
            let (mut rewound, mut refused) = (0, 0);
            for i in 0..400 {
                // Every tenth token is none.
                let most = $model::SHAPE.outputs as i64 * 10 / 9;
                let token = if i == 77 { u16::MAX } else { random.int(0, most) as u16 };
                match random.int(0, 9) {
                    0 => {
                        let back = random.int(0, 3) as u64;
                        let length = typed.seen().saturating_sub(back);
                        let result = typed.rewind(length);
                        assert_eq!(session.rewind(length), result);
                        assert_eq!((portable.rewind(length), wide.rewind(length)), (result, result));
                        if result.is_ok() {
                            rewound += back
                        } else {
                            refused += 1
                        };
                    }
                    1 if i % 40 == 0 => {
                        typed.reset();
                        session.reset();
                        portable.reset();
                        wide.reset();
                    }
                    2 => {
                        typed.push(token);
                        session.push(token.into());
                        portable.push(token.into());
                        wide.push(token.into());
                    }
                    3 => {
                        let (mut one, mut other) = (Weights::new(), Weights::new());
                        typed.push_observed(token, &mut watch::<$weight>(&mut one));
                        session.push_observed::<$weight, _>(token.into(), &mut watch::<$weight>(&mut other));
                        assert_eq!(one, other);
                        assert!(!one.is_empty());
                        let mut other = Weights::new();
                        portable.push_on::<Portable, $weight, _>(token.into(), &mut watch::<$weight>(&mut other));
                        assert_eq!(one, other);
                        wide.push_on::<WideKernels, $weight, _>(token.into(), &mut Unobserved);
                    }
                    _ => {
                        let expected = typed.step(token);
                        assert_eq!(session.step(token.into()), expected, "token {i}");
                        on::<Portable, $weight>(&mut portable, token, expected);
                        on::<WideKernels, $weight>(&mut wide, token, expected);
                    }
                }
                let seen = typed.seen();
                assert_eq!((session.seen(), portable.seen(), wide.seen()), (seen, seen, seen));
            }
            assert!(rewound > 5 && refused > 5, "{rewound} {refused}");
        }
    };
}

doors!(tiny_through_both_doors, Tiny, Wide, "fixtures/tiny_decoder.heed", 16);
doors!(narrow_through_both_doors, Narrowed, Narrow, "models/narrow_decoder.heed", 5);
doors!(short_through_both_doors, Short, Narrow, "models/narrow_decoder.heed", 1);

/// A token on kernels of one's choice; the logits are those of the backend.
fn on<K: Kernels, W: Weight>(session: &mut heedful::dynamic::Session<'_>, token: u16, expected: &[i16]) {
    let before = session.clone();
    session.push_on::<K, W, _>(token.into(), &mut Unobserved);
    // What went into the cache is what the backend puts there: the next token shows it.
    let mut other = before.clone();
    assert_eq!(other.step(token.into()), expected);
    assert_eq!(session.clone().step(0), other.step(0));
}

#[test]
fn reset_begins_anew() {
    let mut model = Box::new(Tiny::default());
    let text = Float::random(5, TINY).text(&mut Random(31), 40);
    let run = |model: &mut Tiny| -> Vec<[i16; 300]> { text.iter().map(|&token| *model.step(token as u16)).collect() };
    let expected = run(&mut model);
    model.reset();
    assert_eq!(model.seen(), 0);
    assert_eq!(run(&mut model), expected);
}

/// A token taken back and another one instead: the logits of a text that never went wrong.
#[test]
fn rewind_takes_tokens_back() {
    let mut model = Box::new(Tiny::new());
    let mut other = Box::new(Tiny::new());
    for token in 0..50 {
        model.step(299 - token);
        model.rewind(token.into()).unwrap();
        assert_eq!(model.step(token), other.step(token), "{token}");
    }
    assert_eq!(model.rewind(48), Err(RewindError::Forgotten { earliest: 49 }));
    assert_eq!(model.rewind(51), Err(RewindError::Ahead { seen: 50 }));
    assert_eq!(model.seen(), 50);
}

/// A full context forgets: the logits are those of the last tokens alone, at their positions.
#[test]
fn full_context() {
    let read = Decoder::load(include_bytes!("models/narrow_decoder.heed")).unwrap();
    // One block: what is forgotten leaves no trace in what is kept.
    let (mut short, mut long) = (read.session(5), read.session(100));
    let mut differs = 0;
    for token in 0..60 {
        let found = short.step(token % 7).to_vec();
        let mut expected = None;
        let mut window = read.session(5);
        // Tokens of which nothing is left are any tokens.
        for position in 0..=token {
            expected = Some(window.step(if position + 5 > token { position % 7 } else { 3 }).to_vec());
        }
        assert_eq!(Some(found.clone()), expected);
        differs += usize::from(long.step(token % 7) != found);
    }
    assert!(differs > 20, "a longer context looks further back");
    // No context is one of a single position.
    let (mut none, mut one) = (read.session(0), read.session(1));
    for token in 0..7 {
        assert_eq!(none.step(token), one.step(token));
    }
}

/// Tokens outside of the vocabulary are all alike, and none of those in it.
#[test]
fn tokens_outside_of_the_vocabulary() {
    let mut model = Box::new(Tiny::new());
    let mut after = |token: u16| {
        model.reset();
        model.step(5);
        *model.step(token)
    };
    let nothing = after(300);
    assert_eq!(after(301), nothing);
    assert_eq!(after(u16::MAX), nothing);
    assert!((0..300).all(|token| after(token) != nothing));
    let read = Decoder::load(include_bytes!("fixtures/tiny_decoder.heed")).unwrap();
    let mut session = read.session(16);
    session.step(5);
    assert_eq!(session.step(usize::MAX), nothing);
}

#[test]
fn text_through_the_tokenizer() {
    let tokenizer = Tiny::TOKENIZER.unwrap();
    for text in ["the tin hat in the sea", "Über", "", " ", "a\0b"] {
        let mut tokens = [0; 64];
        let count = tokenizer.encode(text.as_bytes(), &mut tokens).unwrap();
        assert!(tokens[..count].iter().all(|&token| token < 300) && tokens[0] == 1);
        let bytes: Vec<u8> = tokens[..count].windows(2).flat_map(|w| tokenizer.decode(w[1], w[0]).to_vec()).collect();
        assert_eq!(bytes, text.as_bytes());
    }
    assert!(Narrowed::TOKENIZER.is_none());
}

/// The state is its cache, the rows of a few tensors, and the logits.
#[test]
fn memory() {
    let (c, key_heads) = (Tiny::SHAPE, 2);
    let cache = 2 * c.layers * 16 * key_heads * c.head_dim;
    let rows = 2 * c.outputs + 3 * c.width + (2 * c.heads + key_heads) * c.head_dim + 2 * c.hidden;
    let scores = 16 * (4 + 2) * 8;
    assert!(size_of::<Tiny>() <= cache + rows + scores + 128, "{}", size_of::<Tiny>());
    static MODEL: Tiny = Tiny::new();
    assert_eq!(MODEL.seen(), 0);
}

#[test]
fn greedy_takes_the_first_of_the_likeliest() {
    let mut random = Random(32);
    for _ in 0..200 {
        let logits: Vec<i16> = (0..random.int(1, 40)).map(|_| random.int(-4, 4) as i16).collect();
        let best = *logits.iter().max().unwrap();
        assert_eq!(Some(greedy(&logits)), logits.iter().position(|&logit| logit == best));
    }
    assert_eq!(greedy(&[]), 0);
    assert_eq!(greedy(&[i16::MIN; 4]), 0);
    assert_eq!(greedy(&[i16::MIN, i16::MAX, i16::MAX]), 1);
}

/// Frequencies of drawn tokens against probabilities in f64: Pearson's chi-square.
#[test]
fn sample_draws_by_probability() {
    const DRAWS: usize = 60_000;
    let mut random = Random(33);
    for case in 0..30 {
        let count = random.int(2, 30) as usize;
        let c = (-5.0 - 8.0 * random.uniform()).exp2();
        // Some octaves between the likeliest and the others.
        let spread = 2.0 / c;
        let logits: Vec<i16> =
            (0..count).map(|_| (spread * random.normal()).clamp(-32_768.0, 32_767.0) as i16).collect();
        let steepness = Steepness::from_real(c).unwrap();
        let mut drawn = vec![0.0; count];
        for _ in 0..DRAWS {
            drawn[sample(&logits, steepness, random.next() as u32)] += 1.0;
        }
        let weights: Vec<f64> = logits.iter().map(|&logit| (c * f64::from(logit)).exp2()).collect();
        let sum: f64 = weights.iter().sum();
        let expected = weights.iter().map(|w| w / sum * DRAWS as f64);
        let (mut chi, mut rest) = (0.0, (0.0, 0.0));
        let mut classes = 0.0;
        for (found, expected) in drawn.iter().zip(expected) {
            if expected >= 10.0 {
                chi += (found - expected) * (found - expected) / expected;
                classes += 1.0;
            } else {
                rest = (rest.0 + found, rest.1 + expected);
            }
        }
        // Rare ones together.
        if rest.1 > 1.0 {
            chi += (rest.0 - rest.1) * (rest.0 - rest.1) / rest.1;
            classes += 1.0;
        }
        // Mean and deviation of chi-square are f and sqrt(2f); weights may be off by 0.4 %.
        let freedom: f64 = classes - 1.0;
        let bound = freedom + 4.5 * (2.0 * freedom).sqrt() + DRAWS as f64 * 0.004 * 0.004 + 4.0;
        assert!(chi <= bound, "case {case}: {chi:.1} over {freedom}, bound {bound:.1}");
    }
}

#[test]
fn extreme_samples() {
    let (flat, steep) = (Steepness::from_real(1.0 / 262_144.0).unwrap(), Steepness::from_real(0.0624).unwrap());
    let words = [0, 1, 1 << 31, u32::MAX - 1, u32::MAX];
    for random in words {
        // None, one, and all alike.
        assert_eq!(sample(&[], flat, random), 0);
        assert_eq!(sample(&[i16::MIN], steep, random), 0);
        for logit in [i16::MIN, 0, i16::MAX] {
            let alike = [logit; 10];
            assert_eq!(sample(&alike, steep, random), ((u64::from(random) * 10) >> 32) as usize);
        }
        // A low temperature takes the likeliest, and never what is far below.
        assert_eq!(sample(&[0, 400, 0, i16::MIN], steep, random), 1);
        assert_eq!(sample(&[i16::MIN, i16::MAX, i16::MIN], steep, random), 1);
    }
    // A high temperature makes the farthest nearly alike: 1/4 of an octave.
    let logits = [i16::MIN, i16::MAX];
    let low = (0..1 << 12).filter(|i| sample(&logits, flat, i << 20) == 0).count() as f64 / 4096.0;
    assert!((low - 1.0 / (1.0 + 0.25f64.exp2())).abs() < 0.002, "{low}");
    // As many tokens as there can be, all alike: the sum fits.
    let all = vec![7; 1 << 16];
    assert_eq!(sample(&all, flat, u32::MAX), 65_535);
    assert_eq!(sample(&all, flat, 1 << 31), 32_768);
}

/// Digests of all logits of a text, that no change of the code may alter.
#[test]
fn golden_logits() {
    let digest = |bytes: &[u8], context: usize, tokens: usize| {
        let read = Decoder::load(bytes).unwrap();
        let (mut session, mut digest) = (read.session(context), 0xcbf2_9ce4_8422_2325);
        for position in 0..60 {
            for byte in session.step((11 * position + 3) % tokens).iter().flat_map(|logit| logit.to_le_bytes()) {
                digest = (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        digest
    };
    let tiny = include_bytes!("fixtures/tiny_decoder.heed");
    let narrow = include_bytes!("models/narrow_decoder.heed");
    let found = [digest(tiny, 16, 300), digest(tiny, 100, 300), digest(narrow, 5, 7), digest(narrow, 1, 7)];
    assert_eq!(
        found.map(|digest| format!("{digest:016x}")),
        ["54ad029cc95995df", "9b799d41412ccda2", "9ba8ae769a5593eb", "22c748ca53343e90"]
    );
}
