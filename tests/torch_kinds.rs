//! Kinds of attention and RMSNorm against PyTorch, on the fixtures that `tests/fixtures/make_fixtures.py` made. How
//! weights and activations are quantised, and what the figures mean, is told in `tests/torch.rs`.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/kinds.rs"]
mod kinds_support;
mod support;

use fixture::Case;
use heedful::{
    Alibi, AttentionPattern, Channel, HeadScale, Mask, Narrow, NormChannel, RmsNorm, Scale, Scratch, Slope, Steepness,
    Weight, Wide, Window,
};
use kinds_support::{Dense, all_heads, assemble, dot};
use support::{Errors, leak, snr};

/// The scale at which the largest magnitude is 127.
fn calibrate(x: &[f64]) -> f64 {
    x.iter().fold(0.0f64, |max, x| max.max(x.abs())) / 127.0
}

fn round(x: f64) -> i8 {
    x.round().clamp(-128.0, 127.0) as i8
}

fn int8(x: &[f64], scale: f64) -> Vec<i8> {
    x.iter().map(|x| round(x / scale)).collect()
}

/// A linear layer in int8, one scale per output; `dim` of a head.
fn layer(case: &Case, name: &str, inputs: usize, dim: usize, in_scale: f64, out_scale: f64) -> Dense {
    let mut dense = Dense { weights: Vec::new(), channels: Vec::new(), inputs, dim };
    for (row, bias) in case.tensor(&format!("{name}.weight")).chunks(inputs).zip(case.tensor(&format!("{name}.bias"))) {
        let scale = calibrate(row);
        dense.weights.extend(int8(row, scale));
        let sum = in_scale * scale;
        let bias = (bias / sum).round() as i32;
        dense.channels.push(Channel { bias, scale: Scale::from_real(sum / out_scale).unwrap() });
    }
    dense
}

/// What a case looks at, for the library.
struct Sight {
    mask: Mask,
    window: Window,
    slopes: Vec<Slope>,
}

/// What a case looks at, for the exact softmax: what is added to a score of a head, in natural units.
fn sight(case: &Case, slopes: &[f64], h: usize, i: usize, j: usize) -> Option<f64> {
    let yes = match case.words[10].as_str() {
        "none" => true,
        "causal" | "alibi" => j <= i,
        "window" => i <= j + case.number(11) && j <= i + case.number(12),
        other => panic!("{other}"),
    };
    yes.then(|| -slopes.get(h).copied().unwrap_or(0.0) * i.abs_diff(j) as f64)
}

/// Signal-to-noise in dB: of the library, and of exact arithmetic and an exact softmax on the same int8 tensors.
fn level<
    const S: usize,
    const T: usize,
    const E: usize,
    const M: usize,
    const H: usize,
    const G: usize,
    const P: usize,
    W: Weight,
>(
    case: &Case,
) -> (f64, f64) {
    let memory = if case.number(3) == 0 { "x" } else { "memory" };
    let (x, memory) = (case.tensor("x"), case.tensor(memory));
    let (x_scale, memory_scale) = (calibrate(&x), calibrate(&memory));
    let (x, memory) = (int8(&x, x_scale), int8(&memory, memory_scale));
    let (x, memory): (&[[i8; E]; S], &[[i8; M]; T]) =
        (x.as_chunks().0.try_into().unwrap(), memory.as_chunks().0.try_into().unwrap());
    let [sq, sk, sv, sh, sy] =
        ["query.out", "key.out", "value.out", "heads", "y"].map(|name| calibrate(&case.tensor(name)));
    let query = layer(case, "query", E, P, x_scale, sq);
    let key = layer(case, "key", M, P, memory_scale, sk);
    let value = layer(case, "value", M, P, memory_scale, sv);
    let output = layer(case, "output", H * P, E, sh, sy);
    let steepness = Steepness::from_real(sq * sk * std::f64::consts::LOG2_E / (P as f64).sqrt()).unwrap();
    let heads = [HeadScale::new(steepness, Scale::from_real(sv / sh / 256.0).unwrap()).unwrap(); H];
    let slopes = if case.words[10] == "alibi" { case.tensor("slopes") } else { Vec::new() };

    let pattern = Sight {
        mask: if ["causal", "alibi"].contains(&case.words[10].as_str()) { Mask::Causal } else { Mask::None },
        window: match case.words[10].as_str() {
            "window" => Window { back: case.number(11), ahead: case.number(12), ..Window::ALL },
            _ => Window::ALL,
        },
        slopes: slopes.iter().map(|&slope| Slope::from_real(slope, steepness).unwrap()).collect(),
    };
    let pattern = (pattern.mask, pattern.window, Alibi(&pattern.slopes));
    let weights: [[[i8; P]; H]; E] = output.weights.as_chunks().0.as_chunks().0.try_into().unwrap();
    let channels = leak(output.channels[..].try_into().unwrap());
    let attention = assemble::<E, H, P, W, G, M, H, G>([&query, &key, &value], heads, leak(weights), channels);
    let found = run(&attention, x, memory, pattern);

    let group = |head: usize| head / (H / G);
    let unit = steepness.to_real() / std::f64::consts::LOG2_E;
    let score = |h: usize, i: usize, j: usize| {
        let meet = || dot(&query.apply(h, H, &x[i]), &key.apply(group(h), G, &memory[j]));
        sight(case, &slopes, h, i, j).map(|bias| (meet() + bias / unit, 0.0))
    };
    let inner = all_heads::<W>(&heads, [S, T, P], score, |h, j| value.apply(group(h), G, &memory[j]));
    let inner: Vec<i8> = inner.into_iter().map(|(y, _)| round(y)).collect();
    let ideal: Vec<i8> = inner.chunks(H * P).flat_map(|row| output.apply(0, 1, row)).map(|y| y as i8).collect();

    let expected = case.tensor("y");
    let level = |found: &[i8]| {
        assert_eq!(found.len(), expected.len());
        snr(found.iter().map(|&y| f64::from(y) * sy).zip(expected.iter().copied()))
    };
    (level(&found), level(&ideal))
}

fn run<
    const S: usize,
    const T: usize,
    const E: usize,
    const M: usize,
    const H: usize,
    const G: usize,
    const P: usize,
    W: Weight,
>(
    attention: &heedful::MultiHeadAttention<E, H, P, W, G, M>,
    x: &[[i8; E]; S],
    memory: &[[i8; M]; T],
    pattern: impl AttentionPattern,
) -> Vec<i8> {
    let mut scratch = Box::new(Scratch::new());
    attention.cross(x, memory, pattern, &mut scratch).as_flattened().to_vec()
}

/// A test per case: its index, shape and the least signal-to-noise in dB with wide and narrow weights,
/// 1 dB below what was measured. A sequence that looks at itself is its own memory.
macro_rules! attention {
    ($($name:ident: $index:literal, [$s:literal, $t:literal, $e:literal, $m:literal, $h:literal, $g:literal, $p:literal],
        $wide:literal, $narrow:literal;)*) => {$(
        #[test]
        fn $name() {
            let case = Case::open("kinds", $index);
            let memory = if case.number(3) == 0 { $e } else { case.number(3) };
            assert_eq!([0, 1, 2, 4, 5, 6].map(|word| case.number(word)), [$s, $t, $e, $h, $g, $p]);
            assert_eq!(memory, $m);
            let (wide, ideal) = level::<$s, $t, $e, $m, $h, $g, $p, Wide>(&case);
            let (narrow, _) = level::<$s, $t, $e, $m, $h, $g, $p, Narrow>(&case);
            println!("{}: wide {wide:.1} dB, narrow {narrow:.1} dB, exact softmax {ideal:.1} dB", case.words.join(" "));
            assert!(wide >= $wide && narrow >= $narrow, "wide {wide:.2} dB, narrow {narrow:.2} dB");
            // What is left between the two is where single outputs happen to be rounded: more in small cases.
            assert!(wide >= ideal - 1.0 && narrow >= ideal - 1.0, "{wide:.2}, {narrow:.2} dB of {ideal:.2} dB");
        }
    )*};
}

attention! {
    grouped_query: 0, [20, 20, 24, 24, 4, 2, 6], 29.6, 29.4;
    multi_query: 1, [15, 15, 30, 30, 6, 1, 5], 34.9, 34.7;
    window_back: 2, [24, 24, 32, 32, 4, 4, 8], 32.1, 32.2;
    window_around: 3, [24, 24, 32, 32, 4, 2, 8], 31.5, 31.7;
    alibi: 4, [30, 30, 24, 24, 4, 4, 6], 31.6, 31.7;
    cross_attention: 5, [9, 14, 24, 16, 4, 4, 6], 35.0, 35.1;
    cross_attention_narrow: 6, [17, 6, 20, 33, 2, 2, 10], 33.2, 33.0;
}

/// Scale of the int8 output of the norms: the fixture's weights over it are exact in `I8F8`.
const NORM_SCALE: f64 = 1.0 / 32.0;

/// What heedful gives and what PyTorch gives, both in units of the output.
fn rms_norm<const S: usize, const E: usize>(index: usize) -> Vec<(f64, f64)> {
    let case = Case::open("rms_norm", index);
    assert_eq!([case.number(0), case.number(1)], [S, E]);
    let gains = case.tensor("weight");
    let channels = core::array::from_fn(|e| NormChannel::from_real(gains[e] / NORM_SCALE, 0.0).unwrap());
    let norm = RmsNorm::<E>::new(leak(channels), case.number(2) as u32);
    let x: Vec<i16> = case.tensor("x").iter().map(|x| (x * 1024.0) as i16).collect();
    let mut out = [[0; E]; S];
    norm.forward(x.as_chunks().0.first_chunk::<S>().unwrap(), &mut out);
    let expected = case.tensor("y").into_iter().map(|y| (y / NORM_SCALE).clamp(-128.0, 127.0));
    out.as_flattened().iter().map(|&y| f64::from(y)).zip(expected).collect()
}

#[test]
fn rms_norms() {
    let all = [rms_norm::<3, 48>(0), rms_norm::<5, 33>(1), rms_norm::<2, 1>(2), rms_norm::<4, 256>(3)];
    Errors::of(all.concat()).within(0.05, 0.31, 0.52);
}
