//! Projections of low rank.

use crate::attention_support::{Dense, all_heads, dot, hold, input, scales, shown};
use crate::support::{Errors, Random, UNIT, leak};
use heedful::{Channel, HeadScale, LowRankAttention, LowRankScratch, Mask, Narrow, Weight, Wide, Window};

/// Rows are reduced to `N` values for each of queries, keys and values; of these the heads are made.
fn pairs<const S: usize, const E: usize, const N: usize, const H: usize, const P: usize, const G: usize, W: Weight>(
    seed: u64,
) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    for (mask, dilation) in
        [(Mask::None, 1), (Mask::Causal, 1), (Mask::Length(S - 1), 1), (Mask::None, 2), (Mask::None, 3)]
    {
        for octaves in [0.1, 2.0] {
            let reduce = [0; 3].map(|_| Dense::random(&mut random, E, N, 1, 1));
            let query = Dense::random(&mut random, N, P, H, H);
            let [key, value] = [0; 2].map(|_| Dense::random(&mut random, N, P, G, G));
            let heads: [HeadScale; H] = scales(&mut random, 1000.0 * (P as f64).sqrt(), octaves);
            let x: [[i8; E]; S] = input(&mut random);
            let rows = reduce.each_ref().map(|part| <[[i8; E]; N]>::try_from(part.weights.as_chunks::<E>().0).unwrap());
            let channels = reduce.each_ref().map(|part| <[Channel; N]>::try_from(&part.channels[..]).unwrap());
            let attention = LowRankAttention::<E, N, H, P, W, G>::new(
                leak(rows),
                leak(channels),
                query.projection::<N, H, P, H>(),
                key.projection::<N, G, P, G>(),
                value.projection::<N, G, P, G>(),
                shown(),
                leak([UNIT; E]),
                leak(heads),
            );
            let mut scratch = Box::new(LowRankScratch::new());
            let y = attention.forward(&x, (mask, Window::ALL.dilated(dilation)), &mut scratch);
            let reduced = |part: usize, i: usize| -> Vec<i8> {
                reduce[part].apply(0, 1, &x[i]).into_iter().map(|x| x as i8).collect()
            };
            let group = |head: usize| head / (H / G);
            let score = |h: usize, i: usize, j: usize| {
                (j < mask.visible(i, S) && i.abs_diff(j).is_multiple_of(dilation))
                    .then(|| (dot(&query.apply(h, H, &reduced(0, i)), &key.apply(group(h), G, &reduced(1, j))), 0.0))
            };
            let expected = all_heads::<W>(&heads, [S, S, P], score, |h, j| value.apply(group(h), G, &reduced(2, j)));
            hold(y, &expected, &mut pairs);
        }
    }
    pairs
}

#[test]
fn low_rank() {
    let mut all = pairs::<9, 24, 6, 4, 6, 4, Wide>(6);
    all.extend(pairs::<13, 40, 3, 2, 16, 2, Wide>(7));
    all.extend(pairs::<8, 33, 16, 4, 8, 2, Wide>(8));
    all.extend(pairs::<2, 12, 1, 3, 4, 1, Wide>(9));
    Errors::of(all).within(0.03, 0.295, 0.85);
    Errors::of(pairs::<9, 24, 6, 4, 6, 4, Narrow>(10)).within(0.03, 0.32, 1.0);
}
