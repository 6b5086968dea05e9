//! Feed-forward layers and a tied embedding against the same in f64.
//!
//! Feed-forward layers are compared twice: with a reference that rounds where they round, to one unit in the last
//! place; and with one that does not round at all, within the sum of what the roundings can do.

use crate::decoder_support::Dense;
use crate::support::{Errors, Random, leak};
use heedful::format::write::LinearModel;
use heedful::internals::{Portable, Wide as WideKernels};
use heedful::{
    Activation, Channel, FeedForward, GatedFeedForward, PlainFeedForward, Scale, TiedEmbedding, gate_table, gelu, silu,
    table,
};

pub fn weights<const I: usize, const O: usize>(layer: &LinearModel) -> &'static [[i8; I]; O] {
    leak(<[[i8; I]; O]>::try_from(layer.weights.as_chunks().0).unwrap())
}

pub fn channels<const O: usize>(layer: &LinearModel) -> &'static [Channel; O] {
    leak(layer.channels.clone().try_into().unwrap())
}

/// A sum before its rounding, in real numbers: `Σ w·x + bias` times the stored factor, for each output.
fn sums(layer: &LinearModel, x: &[f64]) -> Vec<f64> {
    let dot = |row: &[i8]| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
    let rows = layer.weights.chunks(x.len()).zip(&layer.channels);
    rows.map(|(row, c)| (dot(row) + f64::from(c.bias)) * c.scale.to_real()).collect()
}

/// What errors of the inputs can do to each output of a layer, its own rounding included.
fn spread(layer: &LinearModel, off: &[f64]) -> Vec<f64> {
    let dot = |row: &[i8]| row.iter().zip(off).map(|(&w, off)| f64::from(w).abs() * off).sum::<f64>();
    let rows = layer.weights.chunks(off.len()).zip(&layer.channels);
    rows.map(|(row, c)| dot(row) * c.scale.to_real() + 0.501).collect()
}

fn sat8(x: f64) -> f64 {
    x.clamp(-128.0, 127.0)
}

/// To nearest, halves up.
fn nearest(x: f64) -> f64 {
    (x + 0.5).floor()
}

const E: usize = 24;
const F: usize = 40;
const ROWS: usize = 70;

/// Errors of a feed-forward layer against both references, each within its bound. `exact` gives the outputs without any
/// rounding with what the roundings can do, `rounded` those with all roundings but the last.
fn compare(
    layer: &impl FeedForward<E>,
    random: &mut Random,
    exact: impl Fn(&[f64]) -> (Vec<f64>, Vec<f64>),
    rounded: impl Fn(&[f64]) -> Vec<f64>,
) -> [Vec<(f64, f64)>; 2] {
    let x: [[i8; E]; ROWS] = std::array::from_fn(|_| std::array::from_fn(|_| (40.0 * random.normal()) as i8));
    let before: [[i16; E]; ROWS] = std::array::from_fn(|_| std::array::from_fn(|_| random.int(-9000, 9000) as i16));
    let mut found = before;
    layer.accumulate(&x, &mut found);
    for run in [FeedForward::accumulate_on::<Portable, ROWS>, FeedForward::accumulate_on::<WideKernels, ROWS>] {
        let mut other = before;
        run(layer, &x, &mut other);
        assert_eq!(other, found);
    }
    let mut pairs = [Vec::new(), Vec::new()];
    for ((x, before), found) in x.iter().zip(before).zip(found) {
        let x = x.map(f64::from);
        let (exact, bounds) = exact(&x);
        for (i, rounded) in rounded(&x).into_iter().enumerate() {
            let found = f64::from(found[i]) - f64::from(before[i]);
            assert!((found - exact[i]).abs() <= bounds[i], "{found}, {} ± {}", exact[i], bounds[i]);
            pairs[0].push((found, exact[i]));
            pairs[1].push((found, rounded));
        }
    }
    pairs
}

/// Scale of the inputs; they have a deviation of 40 steps.
const INPUT: f64 = 1.0 / 40.0;
/// Scale of the residual stream: outputs of some hundred steps.
const RESIDUAL: f64 = 1.0 / 300.0;

/// Hidden values have so many steps to one of int8: 1, or 128 if they are hidden15.
fn gated(f: fn(f64) -> f64, slope: f64, steps: f64, seed: u64) -> [Vec<(f64, f64)>; 2] {
    let mut random = Random(seed);
    let hidden = |x: f64| x.clamp(-128.0, 128.0 - 1.0 / steps);
    let r = &mut random;
    // Gates that reach well beyond int8, others that hardly leave zero.
    let gain = [0.3, 1.5, 6.0][seed as usize % 3];
    let (gate, up, down) =
        (Dense::random(r, E, F, gain, 0.3), Dense::random(r, E, F, 1.0, 0.3), Dense::random(r, F, E, 1.0, 0.3));
    let (gate_scale, up_scale) = (4.0 / 127.0, 3.5 / 127.0);
    let table_scale = 4.1 / 32767.0;
    let hidden_scale = (2.0 + gain) / 127.0;
    let product = Scale::from_real(table_scale * up_scale / hidden_scale).unwrap();
    let entries = gate_table(f, gate_scale, table_scale);
    let gate = gate.quantised(INPUT, gate_scale);
    let up = up.quantised(INPUT, up_scale);
    let down = down.quantised(hidden_scale, RESIDUAL);
    let layer = GatedFeedForward::<E, F>::new(
        weights(&gate),
        channels(&gate),
        weights(&up),
        channels(&up),
        leak(entries),
        product,
        weights(&down),
        channels(&down),
    );
    let layer = if steps > 1.0 { layer.with_15_bit_hidden().unwrap() } else { layer };
    let exact = |x: &[f64]| {
        let (gates, ups) = (sums(&gate, x), sums(&up, x));
        let all = gates.iter().zip(&ups).map(|(&g, &u)| {
            let (open, u) = (f(sat8(g) * gate_scale) / table_scale, sat8(u));
            // Half a step of the gate through the steepest part of the activation, and half a step of the table.
            let off = 0.5 * gate_scale * slope / table_scale + 0.5;
            let moved = product.to_real() * (off * u.abs() + 0.5 * open.abs() + 0.5 * off) + 0.5 / steps;
            (hidden(product.to_real() * open * u), moved)
        });
        let (hidden, moved): (Vec<f64>, Vec<f64>) = all.unzip();
        (sums(&down, &hidden), spread(&down, &moved))
    };
    let rounded = |x: &[f64]| {
        let hidden: Vec<f64> = sums(&gate, x)
            .iter()
            .zip(sums(&up, x))
            .map(|(&g, u)| {
                let open = entries[usize::from(sat8(nearest(g)) as i8 as u8)];
                hidden(nearest(product.to_real() * steps * f64::from(open) * sat8(nearest(u))) / steps)
            })
            .collect();
        sums(&down, &hidden)
    };
    compare(&layer, &mut random, exact, rounded)
}

/// The steepest parts are 1.0998 and 1.1290 (the form with tanh).
#[test]
fn gated_feed_forward() {
    for (name, f, slope) in [("SwiGLU", silu as fn(f64) -> f64, 1.1), ("GEGLU", gelu, 1.13)] {
        let [mut exact, mut rounded] = [Vec::new(), Vec::new()];
        for seed in 0..9 {
            let [a, b] = gated(f, slope, 1.0, seed);
            exact.extend(a);
            rounded.extend(b);
        }
        print!("{name}, no rounding, steps of the residual stream: ");
        // The root mean square is that of the hidden values' rounding, 0.29 of up to 8/127, in steps of 1/300: weights
        // add up to about 1.
        Errors::of(exact).within(0.3, 6.0, 45.0);
        print!("{name}, rounded alike: ");
        Errors::of(rounded).within(0.01, 0.2925, 0.501);
    }
}

/// The roundings of gates, ups and table are left.
#[test]
fn gated_feed_forward_finely() {
    let [mut exact, mut rounded] = [Vec::new(), Vec::new()];
    for seed in 0..9 {
        let [a, b] = gated(silu, 1.1, 128.0, seed);
        exact.extend(a);
        rounded.extend(b);
    }
    print!("no rounding, steps of the residual stream: ");
    Errors::of(exact).within(0.3, 4.5, 32.0);
    print!("rounded alike: ");
    Errors::of(rounded).within(0.01, 0.2925, 0.501);
}

fn plain(f: fn(f64) -> f64, slope: f64, seed: u64) -> [Vec<(f64, f64)>; 2] {
    let mut random = Random(seed);
    let r = &mut random;
    let (expand, contract) = (Dense::random(r, E, F, 1.5, 0.3), Dense::random(r, F, E, 1.0, 0.3));
    let (before, after) = (4.0 / 127.0, 4.2 / 127.0);
    let entries = table(f, before, after);
    let expand = expand.quantised(INPUT, before);
    let contract = contract.quantised(after, RESIDUAL);
    let layer = PlainFeedForward::<E, F>::new(
        weights(&expand),
        channels(&expand),
        Activation(leak(entries)),
        weights(&contract),
        channels(&contract),
    );
    let exact = |x: &[f64]| {
        let hidden: Vec<f64> = sums(&expand, x).iter().map(|&h| sat8(f(sat8(h) * before) / after)).collect();
        let moved = vec![0.5 * before * slope / after + 0.5; F];
        (sums(&contract, &hidden), spread(&contract, &moved))
    };
    let rounded = |x: &[f64]| {
        let index = |h: &f64| usize::from(sat8(nearest(*h)) as i8 as u8);
        let hidden: Vec<f64> = sums(&expand, x).iter().map(|h| f64::from(entries[index(h)])).collect();
        sums(&contract, &hidden)
    };
    compare(&layer, &mut random, exact, rounded)
}

#[test]
fn plain_feed_forward() {
    let [mut exact, mut rounded] = [Vec::new(), Vec::new()];
    for seed in 0..9 {
        let (f, slope) =
            if seed % 2 == 0 { (gelu as fn(f64) -> f64, 1.13) } else { ((|x: f64| x.max(0.0)) as fn(f64) -> f64, 1.0) };
        let [a, b] = plain(f, slope, seed);
        exact.extend(a);
        rounded.extend(b);
    }
    print!("no rounding, steps of the residual stream: ");
    Errors::of(exact).within(0.3, 5.0, 25.0);
    print!("rounded alike: ");
    Errors::of(rounded).within(0.01, 0.2925, 0.501);
}

/// Rows looked up are within half a step of their real values, logits too.
#[test]
fn tied_embedding() {
    const V: usize = 37;
    let (mut rows, mut logits) = (Vec::new(), Vec::new());
    let mut random = Random(50);
    for case in 0..40 {
        let dense = Dense::random(&mut random, E, V, 5.0, if case % 2 == 0 { 0.0 } else { 1.0 });
        let (normed, residual) = (1.0 / 40.0, 1.0 / f64::from(random.int(150, 2000) as i32));
        // The scale of the logits is a whole number of products of the other two.
        let factor = (4.1 * dense.widest() / residual).ceil() as u32 * random.int(1, 9) as u32;
        let logit = f64::from(factor) * normed * residual;
        let layer = dense.quantised(normed, logit);
        let embedding = TiedEmbedding::<V, E>::new(weights(&layer), channels(&layer), factor).unwrap();
        let tokens: [u16; V + 1] = std::array::from_fn(|token| token as u16);
        let mut out = [[1; E]; V + 1];
        embedding.embed(&tokens, &mut out);
        assert_eq!(out[V], [0; E]);
        for ((out, row), scale) in out.iter().zip(dense.weights.chunks(E)).zip(&dense.scales) {
            let real = row.iter().map(|&w| (f64::from(w) * scale / residual).clamp(-32768.0, 32767.0));
            rows.extend(out.iter().map(|&y| f64::from(y)).zip(real));
        }
        let x: [[i8; E]; 5] = std::array::from_fn(|_| std::array::from_fn(|_| random.next() as i8));
        let mut found = [[9; V]; 5];
        embedding.logits(&x, &mut found);
        for (x, found) in x.iter().zip(found) {
            let x = x.map(|x| f64::from(x) * normed);
            let real = dense.apply(&x).into_iter().map(|y| (y / logit).clamp(-32768.0, 32767.0));
            logits.extend(found.iter().map(|&y| f64::from(y)).zip(real));
        }
    }
    // The channel's scale is within 2^-27 of its value; a bias is rounded to half a unit of the accumulator, a scale of
    // at most 1/4.
    print!("rows: ");
    Errors::of(rows).within(0.01, 0.2925, 0.501);
    print!("logits: ");
    Errors::of(logits).within(0.01, 0.2925, 0.64);
}
