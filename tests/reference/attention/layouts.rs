//! Heads that share keys and values, or projections, and heads of their own temperature.

use crate::attention_support::{Dense, all_heads, attention, dot, hold, input, scales};
use crate::support::{Errors, Random};
use heedful::{HeadScale, Mask, Narrow, Scratch, Steepness, Weight, Wide};

/// `G` heads of keys and values, `N` and `NG` sets of weights for them.
fn pairs<
    const S: usize,
    const E: usize,
    const H: usize,
    const P: usize,
    const G: usize,
    const N: usize,
    const NG: usize,
    W: Weight,
>(
    seed: u64,
) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    for mask in [Mask::None, Mask::Causal, Mask::Length(S / 2)] {
        for octaves in [0.1, 1.0, 5.0] {
            let query = Dense::random(&mut random, E, P, N, H);
            let [key, value] = [0; 2].map(|_| Dense::random(&mut random, E, P, NG, G));
            let heads: [HeadScale; H] = scales(&mut random, 2000.0 * (P as f64).sqrt(), octaves);
            let x: [[i8; E]; S] = input(&mut random);
            let mut scratch = Box::new(Scratch::new());
            let attention = attention::<E, H, P, W, G, E, N, NG>([&query, &key, &value], heads);
            let y = attention.forward(&x, mask, &mut scratch);
            // Heads in a row share.
            let group = |head: usize| head / (H / G);
            let score = |h: usize, i: usize, j: usize| {
                (j < mask.visible(i, S)).then(|| (dot(&query.apply(h, H, &x[i]), &key.apply(group(h), G, &x[j])), 0.0))
            };
            let expected = all_heads::<W>(&heads, [S, S, P], score, |h, j| value.apply(group(h), G, &x[j]));
            hold(y, &expected, &mut pairs);
        }
    }
    pairs
}

#[test]
fn multi_head() {
    let mut all = pairs::<9, 24, 4, 6, 4, 4, 4, Wide>(1);
    all.extend(pairs::<21, 33, 2, 16, 2, 2, 2, Wide>(2));
    Errors::of(all).within(0.03, 0.295, 0.85);
}

#[test]
fn grouped_query() {
    let mut all = pairs::<9, 24, 4, 6, 2, 4, 2, Wide>(3);
    all.extend(pairs::<13, 36, 6, 5, 3, 6, 3, Wide>(4));
    all.extend(pairs::<17, 48, 6, 8, 2, 6, 2, Wide>(5));
    Errors::of(all).within(0.03, 0.295, 0.85);
    Errors::of(pairs::<9, 24, 4, 6, 2, 4, 2, Narrow>(6)).within(0.03, 0.32, 1.0);
}

#[test]
fn multi_query() {
    let mut all = pairs::<9, 24, 4, 6, 1, 4, 1, Wide>(7);
    all.extend(pairs::<12, 35, 5, 7, 1, 5, 1, Wide>(8));
    all.extend(pairs::<11, 16, 1, 16, 1, 1, 1, Wide>(9));
    Errors::of(all).within(0.03, 0.295, 0.85);
    Errors::of(pairs::<9, 24, 4, 6, 1, 4, 1, Narrow>(10)).within(0.03, 0.32, 1.0);
}

/// Heads of one set of weights that differ by their biases alone, of all three projections, and of the queries alone.
#[test]
fn shared_projections() {
    let mut all = pairs::<9, 24, 4, 6, 4, 1, 1, Wide>(11);
    all.extend(pairs::<9, 24, 4, 6, 4, 2, 2, Wide>(12));
    all.extend(pairs::<10, 40, 8, 5, 4, 2, 1, Wide>(13));
    all.extend(pairs::<10, 40, 8, 5, 1, 2, 1, Wide>(14));
    Errors::of(all).within(0.03, 0.295, 0.85);
    Errors::of(pairs::<9, 24, 4, 6, 4, 1, 1, Narrow>(15)).within(0.03, 0.32, 1.0);
}

/// The temperature of a head divides its steepness, and nothing else: a head of temperature 8 gives what an exact
/// softmax of an eighth of the scores gives.
#[test]
fn temperatures() {
    const S: usize = 15;
    let mut random = Random(16);
    let mut pairs = Vec::new();
    let [query, key, value] = [0; 3].map(|_| Dense::random(&mut random, 20, 5, 4, 4));
    let base = 3.0 / (1600.0 * 5f64.sqrt());
    let temperatures = [0.5, 1.0, 2.0, 8.0];
    let one: [HeadScale; 4] = scales(&mut random, 1.0, 1e-5);
    let heads = std::array::from_fn(|h| {
        HeadScale::new(Steepness::from_real(base / temperatures[h]).unwrap(), one[h].value()).unwrap()
    });
    // For the reference, scores are divided instead. A steepness is rounded to 2^-35, of 1.7e-4 and more: no visible
    // difference.
    let exact: [HeadScale; 4] =
        std::array::from_fn(|h| HeadScale::new(Steepness::from_real(base).unwrap(), one[h].value()).unwrap());
    for _ in 0..10 {
        let x: [[i8; 20]; S] = input(&mut random);
        let mut scratch = Scratch::new();
        let attention = attention::<20, 4, 5, Wide, 4, 20, 4, 4>([&query, &key, &value], heads);
        let y = attention.forward(&x, Mask::None, &mut scratch);
        let score = |h: usize, i: usize, j: usize| {
            Some((dot(&query.apply(h, 4, &x[i]), &key.apply(h, 4, &x[j])) / temperatures[h], 0.0))
        };
        let expected = all_heads::<Wide>(&exact, [S, S, 5], score, |h, j| value.apply(h, 4, &x[j]));
        hold(y, &expected, &mut pairs);
    }
    Errors::of(pairs).within(0.03, 0.295, 0.85);
}
