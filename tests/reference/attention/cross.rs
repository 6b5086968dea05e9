//! Queries from one sequence, keys and values from another of another length and width.

use crate::attention_support::{Dense, all_heads, attention, dot, hold, input, scales};
use crate::support::{Errors, Random};
use heedful::{AttentionPattern, HeadScale, Mask, Narrow, Scratch, Weight, Wide, Window};

fn pairs<
    const S: usize,
    const T: usize,
    const E: usize,
    const M: usize,
    const H: usize,
    const P: usize,
    const G: usize,
    W: Weight,
>(
    seed: u64,
) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    for octaves in [0.1, 1.0, 5.0] {
        let query = Dense::random(&mut random, E, P, H, H);
        let [key, value] = [0; 2].map(|_| Dense::random(&mut random, M, P, G, G));
        let heads: [HeadScale; H] = scales(&mut random, 2000.0 * (P as f64).sqrt(), octaves);
        let attention = attention::<E, H, P, W, G, M, H, G>([&query, &key, &value], heads);
        let (x, memory): ([[i8; E]; S], [[i8; M]; T]) = (input(&mut random), input(&mut random));
        let mut scratch = Box::new(Scratch::new());
        let group = |head: usize| head / (H / G);
        let mut check = |attend: &dyn Fn(&mut Scratch<S, E, H, P, W, T>) -> [[i8; E]; S],
                         sees: &dyn Fn(usize, usize) -> bool| {
            let y = attend(&mut scratch);
            let score = |h: usize, i: usize, j: usize| {
                sees(i, j).then(|| (dot(&query.apply(h, H, &x[i]), &key.apply(group(h), G, &memory[j])), 0.0))
            };
            let expected = all_heads::<W>(&heads, [S, T, P], score, |h, j| value.apply(group(h), G, &memory[j]));
            hold(&y, &expected, &mut pairs);
        };
        fn run<
            const S: usize,
            const T: usize,
            const E: usize,
            const M: usize,
            const H: usize,
            const P: usize,
            const G: usize,
            W: Weight,
        >(
            attention: &heedful::MultiHeadAttention<E, H, P, W, G, M>,
            x: &[[i8; E]; S],
            memory: &[[i8; M]; T],
            pattern: impl AttentionPattern,
            scratch: &mut Scratch<S, E, H, P, W, T>,
        ) -> [[i8; E]; S] {
            *attention.cross(x, memory, pattern, scratch)
        }
        check(&|scratch| run(&attention, &x, &memory, Mask::None, scratch), &|_, _| true);
        check(&|scratch| run(&attention, &x, &memory, Mask::Causal, scratch), &|i, j| j <= i);
        check(&|scratch| run(&attention, &x, &memory, Mask::Length(T / 2), scratch), &|_, j| j < T / 2);
        check(&|scratch| run(&attention, &x, &memory, Window::around(2), scratch), &|i, j| i.abs_diff(j) <= 2);
        check(&|scratch| run(&attention, &x, &memory, Window::ALL.dilated(3), scratch), &|i, j| i % 3 == j % 3);
    }
    pairs
}

#[test]
fn other_length_and_width() {
    let mut all = pairs::<5, 11, 16, 24, 2, 8, 2, Wide>(1);
    all.extend(pairs::<11, 5, 30, 9, 3, 7, 3, Wide>(2));
    all.extend(pairs::<1, 33, 12, 12, 2, 6, 2, Wide>(3));
    all.extend(pairs::<14, 1, 12, 50, 2, 6, 2, Wide>(4));
    all.extend(pairs::<7, 6, 32, 17, 4, 8, 2, Wide>(5));
    all.extend(pairs::<7, 23, 32, 17, 4, 8, 1, Wide>(6));
    Errors::of(all).within(0.03, 0.295, 0.85);
    Errors::of(pairs::<5, 11, 16, 24, 2, 8, 2, Narrow>(7)).within(0.03, 0.32, 1.0);
}

/// Nothing to look at: the heads give 0.
#[test]
fn empty_memory() {
    let mut random = Random(8);
    let query = Dense::random(&mut random, 8, 4, 2, 2);
    let [key, value] = [0; 2].map(|_| Dense::random(&mut random, 6, 4, 2, 2));
    let heads = scales(&mut random, 4000.0, 1.0);
    let attention = attention::<8, 2, 4, Wide, 2, 6, 2, 2>([&query, &key, &value], heads);
    let mut scratch = Scratch::new();
    assert_eq!(attention.cross(&input::<8, 3>(&mut random), &[], Mask::None, &mut scratch), &[[0; 8]; 3]);
}
