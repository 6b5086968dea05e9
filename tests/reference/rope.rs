//! Rotation by position.

use crate::attention_support::{Dense, STEPS, Turned, all_heads, attention, hold, input, meet, scales, turned};
use crate::support::{Errors, Random};
use heedful::{Channel, HeadScale, Mask, Pairing, Rope, Scale, Scratch, Weight, Wide, Window, frequencies};

/// A projection for int16.
fn finer(random: &mut Random, inputs: usize, dim: usize, sets: usize) -> Dense {
    let mut dense = Dense::random(random, inputs, dim, sets, sets);
    let finer = |c: &Channel| Channel { scale: Scale::from_real(c.scale.to_real() * STEPS).unwrap(), ..*c };
    dense.channels = dense.channels.iter().map(finer).collect();
    dense
}

/// A query or key turned in f64.
fn turn(dense: &Dense, head: usize, heads: usize, x: &[i8], rope: &Rope<'_>, position: u128) -> Turned {
    let sums = dense.sums(head, heads, x);
    let values: Vec<f64> = sums.into_iter().map(|(sum, c)| f64::from(c.scale.to_i16(sum))).collect();
    turned(&values, rope, position)
}

/// `N` pairs are turned; positions are multiples of `stride`, which is what frequencies `stride` times as large make of
/// them.
fn pairs<const S: usize, const E: usize, const H: usize, const P: usize, const G: usize, const N: usize, W: Weight>(
    seed: u64,
    stride: u32,
) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    let table: [u32; N] = frequencies(10_000.0);
    let fast = table.map(|frequency| frequency.wrapping_mul(stride));
    for pairing in [Pairing::Interleaved, Pairing::Halves, Pairing::Folded] {
        for (mask, window) in
            [(Mask::None, Window::ALL), (Mask::Causal, Window::back(5)), (Mask::None, Window::around(4).dilated(3))]
        {
            let [query, key] = [H, G].map(|sets| finer(&mut random, E, P, sets));
            let value = Dense::random(&mut random, E, P, G, G);
            let heads: [HeadScale; H] = scales(&mut random, 2000.0 * (P as f64).sqrt(), 2.0);
            let x: [[i8; E]; S] = input(&mut random);
            let attention = attention::<E, H, P, W, G, E, H, G>([&query, &key, &value], heads);
            let mut scratch = Box::new(Scratch::new());
            let y = attention.forward(&x, (mask, window, Rope { pairing, frequencies: &fast }), &mut scratch);
            let rope = Rope { pairing, frequencies: &table };
            let turned = |dense: &Dense, heads: usize| -> Vec<Vec<Turned>> {
                let at = |h: usize, i: usize| turn(dense, h, heads, &x[i], &rope, i as u128 * u128::from(stride));
                (0..heads).map(|h| (0..S).map(|i| at(h, i)).collect()).collect()
            };
            let (queries, keys) = (turned(&query, H), turned(&key, G));
            let group = |head: usize| head / (H / G);
            let pattern = |count: usize| count.saturating_mul(window.dilation);
            let score = |h: usize, i: usize, j: usize| {
                let seen = j < mask.visible(i, S)
                    && i.abs_diff(j).is_multiple_of(window.dilation)
                    && j.saturating_add(pattern(window.back)) >= i
                    && j <= i.saturating_add(pattern(window.ahead));
                seen.then(|| meet(&queries[h][i], &keys[group(h)][j]))
            };
            let expected = all_heads::<W>(&heads, [S, S, P], score, |h, j| value.apply(group(h), G, &x[j]));
            hold(y, &expected, &mut pairs);
        }
    }
    pairs
}

#[test]
fn all_pairings() {
    let mut all = pairs::<17, 32, 4, 8, 4, 4, Wide>(1, 1);
    all.extend(pairs::<12, 48, 2, 16, 1, 8, Wide>(2, 1));
    // Dimensions that are not turned, an odd one, and none that are.
    all.extend(pairs::<9, 36, 4, 9, 2, 4, Wide>(3, 1));
    all.extend(pairs::<9, 36, 3, 12, 3, 2, Wide>(4, 1));
    all.extend(pairs::<9, 36, 3, 12, 3, 0, Wide>(5, 1));
    // Heads so large that queries are turned one at a time.
    all.extend(pairs::<5, 200, 1, 200, 1, 100, Wide>(6, 1));
    // Where a rotated value lies between two, and sine and cosine decide which, a score differs.
    Errors::of(all).within(0.03, 0.295, 1.7);
}

/// Positions of millions, and up to 2^32, where they wrap as angles do.
#[test]
fn far_positions() {
    let mut all = Vec::new();
    for stride in [1_000, 10_000_019, 252_645_135, u32::MAX, u32::MAX / 2, 1 << 31] {
        all.extend(pairs::<17, 32, 4, 8, 2, 4, Wide>(u64::from(stride), stride));
    }
    // Where a rotated value lies between two, and sine and cosine decide which, a score differs.
    Errors::of(all).within(0.03, 0.295, 1.5);
}

/// `base^(-i/N)` radians per position, in turns, rounded to 2^-32 of a turn.
#[test]
fn tables_of_frequencies() {
    fn check<const N: usize>(base: f64) {
        let table: [u32; N] = frequencies(base);
        for (i, frequency) in table.into_iter().enumerate() {
            let turns = base.powf(-(i as f64) / N as f64) / std::f64::consts::TAU * 4_294_967_296.0;
            assert!((f64::from(frequency) - turns).abs() <= 0.5 + turns * 1e-12, "{base} {i}: {frequency}, {turns}");
        }
    }
    check::<1>(10_000.0);
    check::<4>(10_000.0);
    check::<32>(10_000.0);
    check::<128>(500_000.0);
    check::<64>(1_000_000.0);
}
