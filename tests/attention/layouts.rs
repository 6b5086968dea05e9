//! Multi-head, grouped-query, cross, fused and low-rank attention.

use crate::attention_support::{Dense, assemble, input};
use crate::support::{Random, leak};
use crate::{E, G, H, M, N, P, Parts, S, Seen, T, channels, denses, grouped, head_scales, output, watch};
use heedful::internals::{Active, Portable, Wide as WideKernels};
use heedful::{
    AttentionPattern, FusedAttention, HeadScratch, LowRankAttention, LowRankScratch, MultiHeadAttention, Narrow,
    Scratch, Weight, Wide,
};
use proptest::prelude::*;

fn fused<W: Weight>(random: &mut Random) -> FusedAttention<E, H, P, W, G> {
    let query = Dense::random(random, E, E, H, H).projection::<E, H, E, H>();
    let value = Dense::random(random, E, P, G, G).projection::<E, G, P, G>();
    FusedAttention::new(query, value, output(random), channels(), leak(head_scales(random)))
}

fn low_rank<W: Weight>(random: &mut Random) -> LowRankAttention<E, N, H, P, W, G> {
    let reduce = [0; 3].map(|_| Dense::random(random, E, N, 1, 1));
    LowRankAttention::new(
        leak(reduce.each_ref().map(|part| part.weights.as_chunks().0.try_into().unwrap())),
        leak(reduce.each_ref().map(|part| part.channels[..].try_into().unwrap())),
        Dense::random(random, N, P, H, H).projection::<N, H, P, H>(),
        Dense::random(random, N, P, G, G).projection::<N, G, P, G>(),
        Dense::random(random, N, P, G, G).projection::<N, G, P, G>(),
        output(random),
        channels(),
        leak(head_scales(random)),
    )
}

/// The bytes and the weights shown are those of the portable kernels on all others.
macro_rules! agree {
    (|$kernels:ident, $seen:ident| $run:expr) => {{
        macro_rules! on {
            ($k:ty) => {{
                type $kernels = $k;
                let mut $seen = Seen::new();
                let y: Vec<i8> = $run.as_flattened().to_vec();
                // Parts of rows are shown in the order of the kernels' own queries.
                $seen.sort_unstable();
                (y, $seen)
            }};
        }
        let expected = on!(Portable);
        prop_assert_eq!(&on!(WideKernels), &expected);
        prop_assert_eq!(&on!(Active), &expected);
    }};
}

fn every_layout<W: Weight>(seed: u64) -> Result<(), TestCaseError> {
    let random = &mut Random(seed);
    let parts = Parts::new(random);
    let (x, memory): ([[i8; E]; S], [[i8; M]; T]) = (input(random), input(random));

    let one = grouped::<W>(random);
    let mut scratch = Scratch::new();
    agree!(|K, seen| one.forward_on::<K, S>(&x, parts.pattern(true), &mut scratch, &mut watch(&mut seen)));
    let mut scratch = Scratch::<S, E, H, P, W, S, 3>::new();
    agree!(|K, seen| one.forward_long_on::<K, S, 3>(&x, parts.pattern(true), &mut scratch, &mut watch(&mut seen)));

    let dense = denses(random, M, [H, H], [1, 1]);
    let heads = head_scales(random);
    let cross = assemble::<E, H, P, W, 1, M, H, 1>(dense.each_ref(), heads, output(random), channels());
    let mut scratch = Scratch::new();
    agree!(|K, seen| cross.cross_on::<K, S, T>(&x, &memory, parts.pattern(true), &mut scratch, &mut watch(&mut seen)));

    let shared = denses(random, E, [2, H], [1, H]);
    let shared = assemble::<E, H, P, W, H, E, 2, 1>(shared.each_ref(), heads, output(random), channels());
    let mut scratch = Scratch::new();
    agree!(|K, seen| shared.forward_on::<K, S>(&x, parts.pattern(true), &mut scratch, &mut watch(&mut seen)));

    let fused = fused::<W>(random);
    let mut scratch = Scratch::new();
    agree!(|K, seen| fused.forward_on::<K, S>(&x, parts.pattern(false), &mut scratch, &mut watch(&mut seen)));

    let low = low_rank::<W>(random);
    let mut scratch = LowRankScratch::new();
    agree!(|K, seen| low.forward_on::<K, S>(&x, parts.pattern(true), &mut scratch, &mut watch(&mut seen)));
    Ok(())
}

/// Shared projections give the bytes of copies of them.
fn same<const G: usize>(
    shared: &MultiHeadAttention<E, H, P, Wide, G>,
    copied: &MultiHeadAttention<E, H, P, Wide, H>,
    x: &[[i8; E]; S],
    pattern: impl AttentionPattern,
) -> Result<(), TestCaseError> {
    let (mut a, mut b) = (Scratch::new(), Scratch::new());
    prop_assert_eq!(shared.forward(x, &pattern, &mut a), copied.forward(x, &pattern, &mut b));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn backends_give_the_same_bytes(seed in any::<u64>()) {
        every_layout::<Wide>(seed)?;
        every_layout::<Narrow>(seed)?;
    }

    #[test]
    fn rows_in_parts_are_the_whole(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let (one, x) = (grouped::<Wide>(random), input::<E, S>(random));
        let (mut scratch, mut whole) = (Scratch::<S, E, H, P, Wide, S, 5>::new(), Scratch::new());
        let (mut seen, mut expected) = (Seen::new(), Seen::new());
        let y = one.forward_long_on::<Active, S, 5>(&x, parts.pattern(true), &mut scratch, &mut watch(&mut seen));
        prop_assert_eq!(y, one.forward_observed(&x, parts.pattern(true), &mut whole, &mut watch(&mut expected)));
        seen.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn heads_that_share_are_heads_with_copies(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let x: [[i8; E]; S] = input(random);
        let (heads, output) = (head_scales(random), output(random));
        // Grouped-query and multi-query.
        let [query, key, value] = denses(random, E, [H, H], [G, G]);
        let (keys, values) = (key.repeated(H / G, H / G), value.repeated(H / G, H / G));
        let shared = assemble::<E, H, P, Wide, G, E, H, G>([&query, &key, &value], heads, output, channels());
        let copied = assemble::<E, H, P, Wide, H, E, H, H>([&query, &keys, &values], heads, output, channels());
        same(&shared, &copied, &x, parts.pattern(true))?;
        let [query, key, value] = denses(random, E, [H, H], [1, 1]);
        let (keys, values) = (key.repeated(H, H), value.repeated(H, H));
        let shared = assemble::<E, H, P, Wide, 1, E, H, 1>([&query, &key, &value], heads, output, channels());
        let copied = assemble::<E, H, P, Wide, H, E, H, H>([&query, &keys, &values], heads, output, channels());
        same(&shared, &copied, &x, parts.pattern(true))?;
        // Shared projections, each head with its own bias and scale.
        let [query, key, value] = denses(random, E, [1, H], [2, H]);
        let (queries, keys, values) = (query.repeated(H, 1), key.repeated(H / 2, 1), value.repeated(H / 2, 1));
        let shared = assemble::<E, H, P, Wide, H, E, 1, 2>([&query, &key, &value], heads, output, channels());
        let copied = assemble::<E, H, P, Wide, H, E, H, H>([&queries, &keys, &values], heads, output, channels());
        same(&shared, &copied, &x, parts.pattern(true))?;
    }

    #[test]
    fn heads_on_threads(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let (one, x) = (grouped::<Wide>(random), input::<E, S>(random));
        let mut outputs = [[[0; P]; S]; H];
        std::thread::scope(|scope| {
            for (head, output) in outputs.iter_mut().enumerate() {
                let (one, x, parts, output) = (&one, &x, &parts, std::slice::from_mut(output));
                scope.spawn(move || {
                    one.forward_heads(head..head + 1, x, parts.pattern(true), &mut HeadScratch::new(), output);
                });
            }
        });
        let (mut scratch, mut alone) = (Scratch::new(), Scratch::new());
        let y = one.forward(&x, parts.pattern(true), &mut alone);
        prop_assert_eq!(one.join(&outputs, &mut scratch), y);
        // Ranges of several heads, of which the second begins within a group.
        let (first, second) = outputs.split_at_mut(1);
        one.forward_heads(0..1, &x, parts.pattern(true), &mut HeadScratch::new(), first);
        one.forward_heads(1..H, &x, parts.pattern(true), &mut HeadScratch::new(), second);
        prop_assert_eq!(one.join(&outputs, &mut scratch), y);
        // Heads that do not exist give 0.
        one.forward_heads(H..usize::MAX, &x, parts.pattern(true), &mut HeadScratch::new(), &mut outputs);
        prop_assert_eq!(outputs, [[[0; P]; S]; H]);
    }

    /// Looking at oneself is cross-attention with oneself.
    #[test]
    fn cross_with_itself(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let (one, x) = (grouped::<Wide>(random), input::<E, S>(random));
        let (mut a, mut b) = (Scratch::new(), Scratch::new());
        prop_assert_eq!(one.cross(&x, &x, parts.pattern(true), &mut a), one.forward(&x, parts.pattern(true), &mut b));
    }
}
