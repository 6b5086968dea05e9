//! Query and key weights folded together.

use crate::attention_support::{Dense, all_heads, dot, hold, input, scales, shown};
use crate::support::{Errors, Random, UNIT, leak, snr};
use heedful::{
    Channel, FusedAttention, HeadScale, Mask, MultiHeadAttention, Narrow, Scale, Scratch, Steepness, Weight, Wide,
    Window,
};

/// Queries have `E` values, and a row of the sequence is the key.
fn fused<const S: usize, const E: usize, const H: usize, const P: usize, const G: usize, W: Weight>(
    seed: u64,
) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    for (mask, window) in [
        (Mask::None, Window::ALL),
        (Mask::Causal, Window::ALL),
        (Mask::None, Window::around(2)),
        (Mask::Length(S - 1), Window::ALL.dilated(2)),
        (Mask::None, Window::back(1).dilated(3)),
    ] {
        for octaves in [0.1, 2.0] {
            let query = Dense::random(&mut random, E, E, H, H);
            let value = Dense::random(&mut random, E, P, G, G);
            let heads: [HeadScale; H] = scales(&mut random, 40.0 * 74.0 * (E as f64).sqrt(), octaves);
            let x: [[i8; E]; S] = input(&mut random);
            let attention = FusedAttention::<E, H, P, W, G>::new(
                query.projection::<E, H, E, H>(),
                value.projection::<E, G, P, G>(),
                shown(),
                leak([UNIT; E]),
                leak(heads),
            );
            let mut scratch = Box::new(Scratch::new());
            let y = attention.forward(&x, (mask, window), &mut scratch);
            let key = |j: usize| x[j].map(f64::from);
            let pattern = |count: usize| count.saturating_mul(window.dilation);
            let score = |h: usize, i: usize, j: usize| {
                let seen = j < mask.visible(i, S)
                    && i.abs_diff(j).is_multiple_of(window.dilation)
                    && j.saturating_add(pattern(window.back)) >= i
                    && j <= i.saturating_add(pattern(window.ahead));
                seen.then(|| (dot(&query.apply(h, H, &x[i]), &key(j)), 0.0))
            };
            let expected = all_heads::<W>(&heads, [S, S, P], score, |h, j| value.apply(h / (H / G), G, &x[j]));
            hold(y, &expected, &mut pairs);
        }
    }
    pairs
}

#[test]
fn fused_query_and_key() {
    let mut all = fused::<9, 32, 2, 16, 2, Wide>(1);
    all.extend(fused::<14, 48, 4, 12, 4, Wide>(2));
    all.extend(fused::<7, 20, 4, 5, 2, Wide>(3));
    all.extend(fused::<1, 8, 1, 8, 1, Wide>(4));
    Errors::of(all).within(0.03, 0.295, 0.85);
    Errors::of(fused::<9, 32, 2, 16, 1, Narrow>(5)).within(0.03, 0.32, 1.0);
}

/// A projection of reals `[outputs][inputs]` in int8, one scale per row; to outputs of one scale.
fn quantise(weights: &[f64], bias: &[f64], inputs: usize, in_scale: f64, out_scale: f64) -> Dense {
    let mut dense = Dense { weights: Vec::new(), channels: Vec::new(), inputs, dim: 0 };
    for (row, bias) in weights.chunks(inputs).zip(bias) {
        let scale = row.iter().fold(0.0f64, |max, w| max.max(w.abs())) / 127.0;
        dense.weights.extend(row.iter().map(|w| (w / scale).round() as i8));
        let scale = scale * in_scale;
        dense
            .channels
            .push(Channel { bias: (bias / scale).round() as i32, scale: Scale::from_real(scale / out_scale).unwrap() });
    }
    dense
}

/// `W·x + b` in reals.
fn apply(weights: &[f64], bias: &[f64], x: &[f64]) -> Vec<f64> {
    weights.chunks(x.len()).zip(bias).map(|(row, bias)| dot(row, x) + bias).collect()
}

/// The scale at which the largest of all is 127.
fn calibrate(rows: &[Vec<f64>]) -> f64 {
    rows.iter().flatten().fold(0.0f64, |max, x| max.max(x.abs())) / 127.0
}

/// A random model of reals with one head of dimension 64 in a width of 32, with biases: folded and not folded, both in
/// int8, against the model in f64. Folding must not cost accuracy: one rounding of weights and activations less.
#[test]
fn folding_keeps_the_accuracy() {
    const S: usize = 60;
    const E: usize = 64;
    // Values of the sequence; the output shows the head's 64.
    const WIDTH: usize = 32;
    const P: usize = 64;
    let (mut folded, mut apart) = (Vec::new(), Vec::new());
    for seed in 0..8 {
        let mut random = Random(seed);
        let mut normal = |count: usize, gain: f64| -> Vec<f64> { (0..count).map(|_| gain * random.normal()).collect() };
        // Half of the sequence's values are always 0, so that its width is 32 and there is room for the head's output.
        let x: Vec<Vec<f64>> = (0..S).map(|_| [normal(WIDTH, 1.0), vec![0.0; E - WIDTH]].concat()).collect();
        let [wq, wk, wv] = [0; 3].map(|_| normal(P * E, 1.0 / (WIDTH as f64).sqrt()));
        let [bq, bk, bv] = [0; 3].map(|_| normal(P, 0.3));
        let [q, k, v] =
            [(&wq, &bq), (&wk, &bk), (&wv, &bv)].map(|(w, b)| x.iter().map(|x| apply(w, b, x)).collect::<Vec<_>>());
        let exact: Vec<Vec<f64>> = q
            .iter()
            .map(|q| {
                let scores: Vec<f64> = k.iter().map(|k| dot(q, k) / (P as f64).sqrt()).collect();
                let weights: Vec<f64> = scores.iter().map(|s| s.exp()).collect();
                let sum: f64 = weights.iter().sum();
                (0..P).map(|d| weights.iter().zip(&v).map(|(w, v)| w * v[d]).sum::<f64>() / sum).collect()
            })
            .collect();

        // W_K^T·W_Q and W_K^T·b_Q; what b_K adds is the same for all keys of a query.
        let column = |w: &[f64], e: usize| -> Vec<f64> { w.iter().skip(e).step_by(E).copied().collect() };
        let both: Vec<f64> = (0..E * E).map(|i| dot(&column(&wk, i / E), &column(&wq, i % E))).collect();
        let bias: Vec<f64> = (0..E).map(|e| dot(&column(&wk, e), &bq)).collect();
        let queries: Vec<Vec<f64>> = x.iter().map(|x| apply(&both, &bias, x)).collect();

        let scale = calibrate(&x);
        let [sq, sk, sv, so, sf] = [&q, &k, &v, &exact, &queries].map(|rows| calibrate(rows));
        let x8: [[i8; E]; S] = std::array::from_fn(|s| std::array::from_fn(|e| (x[s][e] / scale).round() as i8));
        let steepness = |unit: f64| {
            let c = std::f64::consts::LOG2_E / (P as f64).sqrt() * unit;
            [HeadScale::new(Steepness::from_real(c).unwrap(), Scale::from_real(sv / so / 256.0).unwrap()).unwrap()]
        };
        let layer = |w: &[f64], b: &[f64], out| {
            let mut dense = quantise(w, b, E, scale, out);
            dense.dim = dense.channels.len();
            dense
        };
        // Rows of 0 for what the sequence does not have would have no scale.
        let mut both_of = both.clone();
        both_of.chunks_mut(E).skip(WIDTH).for_each(|row| row[0] = 1e-3);
        let value = layer(&wv, &bv, sv);
        let attention = FusedAttention::<E, 1, P>::new(
            layer(&both_of, &bias, sf).projection::<E, 1, E, 1>(),
            value.projection::<E, 1, P, 1>(),
            shown(),
            leak([UNIT; E]),
            leak(steepness(sf * scale)),
        );
        let mut scratch = Box::new(Scratch::new());
        let y = attention.forward(&x8, Mask::None, &mut scratch);
        let with = |y: &[[i8; E]; S]| -> Vec<(f64, f64)> {
            let found = y.as_flattened().iter().map(|&y| f64::from(y) * so);
            found.zip(exact.iter().flatten().copied()).collect()
        };
        folded.extend(with(y));
        let attention = MultiHeadAttention::<E, 1, P>::new(
            layer(&wq, &bq, sq).projection::<E, 1, P, 1>(),
            layer(&wk, &bk, sk).projection::<E, 1, P, 1>(),
            value.projection::<E, 1, P, 1>(),
            shown(),
            leak([UNIT; E]),
            leak(steepness(sq * sk)),
        );
        let mut scratch = Box::new(Scratch::new());
        apart.extend(with(attention.forward(&x8, Mask::None, &mut scratch)));
    }
    let (folded, apart) = (snr(folded), snr(apart));
    println!("against the model in f64: folded {folded:.2} dB, not folded {apart:.2} dB");
    assert!(folded > 25.0 && folded > apart - 0.5, "folded {folded:.2} dB, not folded {apart:.2} dB");
}
