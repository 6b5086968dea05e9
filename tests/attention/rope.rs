//! Rotation by position.

use crate::attention_support::{assemble, input, scales};
use crate::support::Random;
use crate::{E, H, P, S, Seen, channels, denses, output, watch};
use heedful::{Pairing, Rope, Scale, Scratch, Wide, frequencies};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of rotated queries and keys, scores depend on the distance: in a sequence of equal rows they are, but for the
    /// rounding of the rotated values, the same wherever query and key stand.
    #[test]
    fn rotated_scores_depend_on_the_distance(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let mut dense = denses(random, E, [H, H], [H, H]);
        for part in &mut dense[..2] {
            // Rotated projections have 64 steps to the step of the result.
            part.channels.iter_mut().for_each(|c| c.scale = Scale::from_real(c.scale.to_real() * 64.0).unwrap());
        }
        // A steepness so small that all weights are large.
        let heads = scales(random, 16_384.0 * P as f64, 6.0);
        let one = assemble::<E, H, P, Wide, H, E, H, H>(dense.each_ref(), heads, output(random), channels());
        let x = [input::<E, 1>(random)[0]; S];
        let table: [u32; P / 2] = frequencies(random.int(2, 100_000) as f64);
        for pairing in [Pairing::Interleaved, Pairing::Halves] {
            let mut seen = Seen::new();
            let mut scratch = Scratch::new();
            let rope = Rope { pairing, frequencies: &table };
            one.forward_observed(&x, rope, &mut scratch, &mut watch::<Wide>(&mut seen));
            for (h, head) in heads.iter().enumerate() {
                let norm = |part: usize| -> f64 {
                    let sums = dense[part].sums(h, H, &x[0]).into_iter();
                    let values = sums.map(|(sum, c)| f64::from(c.scale.to_i16(sum)) / 64.0);
                    values.map(|x| x * x).sum::<f64>().sqrt()
                };
                let (q, k) = (norm(0), norm(1));
                // Values that turn out of int8 are cut off.
                if q.max(k) > 127.0 {
                    continue;
                }
                // Each value is rounded by half a unit, and by what sine and cosine err.
                let error = 0.52 * (P as f64).sqrt();
                let apart = q * error + k * error + error * error;
                // Octaves below the maximum of the row; a weight is exact to 2^-9 and half a step.
                let octaves = |query: usize, key: usize| {
                    let weight = seen.iter().find(|s| (s.0, s.1, s.2) == (h, query, key)).unwrap().3;
                    f64::from(weight).log2()
                };
                let c = head.steepness().to_real();
                let bound = 4.0 * (c * apart + 1.0 / 340.0 + 1.0 / 400.0);
                for query in 0..S - 1 {
                    for key in 0..S - 1 {
                        let here = octaves(query, key) - octaves(query, 0);
                        let there = octaves(query + 1, key + 1) - octaves(query + 1, 1);
                        prop_assert!((here - there).abs() <= bound, "{here} {there} {bound}");
                    }
                }
            }
        }
    }
}
