//! What holds for every kind of attention, byte for byte, under any pattern.

#[path = "support/kinds.rs"]
mod kinds_support;
mod support;

use heedful::internals::{Active, Portable, Wide as WideKernels};
use heedful::{
    Alibi, AttentionPattern, BitMask, Channel, FusedAttention, HeadMask, HeadScale, HeadScratch, LowRankAttention,
    LowRankScratch, MASKED, Mask, MultiHeadAttention, Narrow, Pairing, RelativeBias, Rope, Row, Scale, Scratch, Slope,
    Unobserved, Weight, Wide, Window, Windows, frequencies,
};
use kinds_support::{Dense, assemble, input, scales};
use proptest::prelude::*;
use std::ops::Range;
use support::{Random, leak};

const S: usize = 12;
const T: usize = 12;
const E: usize = 20;
const H: usize = 4;
const P: usize = 6;
const G: usize = 2;
const M: usize = 14;
const N: usize = 5;

/// A part of a pattern that may be left out.
#[derive(Clone, Copy)]
struct Maybe<R>(Option<R>);

impl<R: AttentionPattern> AttentionPattern for Maybe<R> {
    fn keys(&self, head: usize, query: usize, keys: usize) -> Range<usize> {
        self.0.as_ref().map_or(0..keys, |pattern| pattern.keys(head, query, keys))
    }
    fn dilation(&self, head: usize) -> usize {
        self.0.as_ref().map_or(1, |pattern| pattern.dilation(head))
    }
    fn biases(&self, head: usize) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.biases(head))
    }
    fn bias(&self, head: usize, query: usize, key: usize) -> Option<i32> {
        self.0.as_ref().map_or(Some(0), |pattern| pattern.bias(head, query, key))
    }
    fn bias_row(&self, head: usize, query: usize, first: usize, step: usize, row: &mut [i32]) {
        if let Some(pattern) = &self.0 {
            pattern.bias_row(head, query, first, step, row);
        }
    }
    fn rope(&self) -> Option<Rope<'_>> {
        self.0.as_ref().and_then(|pattern| pattern.rope())
    }
}

/// Data of a pattern with parts of every kind.
#[derive(Clone)]
struct Parts {
    masks: Mask,
    windows: [Window; 3],
    bits: [[u32; 1]; S],
    slopes: [Slope; 3],
    table: [[i32; 9]; H],
    frequencies: [u32; 3],
    pairing: Pairing,
    without: u64,
    /// Which parts are there.
    there: u64,
}

impl Parts {
    fn new(random: &mut Random) -> Self {
        let one = |random: &mut Random, of: &[Mask]| of[random.int(0, of.len() as i64 - 1) as usize];
        let length = random.int(0, S as i64 + 2) as usize;
        Self {
            masks: one(random, &[Mask::None, Mask::Causal, Mask::Length(length), Mask::CausalLength(length)]),
            windows: std::array::from_fn(|_| window(random)),
            bits: std::array::from_fn(|_| [random.next() as u32 | random.next() as u32]),
            slopes: std::array::from_fn(|_| Slope((random.next() >> random.int(32, 63)) as u32)),
            table: std::array::from_fn(|_| std::array::from_fn(|_| (random.next() as i32) >> random.int(9, 30))),
            frequencies: frequencies(random.int(2, 100_000) as f64),
            pairing: [Pairing::Interleaved, Pairing::Halves, Pairing::Folded][random.int(0, 2) as usize],
            without: random.next() & random.next(),
            there: random.next() & random.next(),
        }
    }

    /// Each part is there once in four times.
    fn pattern(&self, rope: bool) -> impl AttentionPattern + '_ {
        fn maybe<R>(there: bool, part: R) -> Maybe<R> {
            Maybe(there.then_some(part))
        }
        let there = |part: u64| self.there >> part & 1 == 1;
        let rope = rope && there(4);
        let few = (self.masks, maybe(there(0), Windows(&self.windows)), maybe(there(1), BitMask::new(&self.bits)));
        let biases = (maybe(there(2), Alibi(&self.slopes)), maybe(there(3), RelativeBias(&self.table)));
        let rope = maybe(rope, Rope { pairing: self.pairing, frequencies: &self.frequencies });
        (few, biases, rope, maybe(there(5), HeadMask(self.without)))
    }
}

fn window(random: &mut Random) -> Window {
    Window {
        back: [0, 1, 3, 7, usize::MAX][random.int(0, 4) as usize],
        ahead: [0, 0, 2, 5, usize::MAX][random.int(0, 4) as usize],
        dilation: [1, 1, 2, 3, 20][random.int(0, 4) as usize],
        sinks: [0, 0, 1, 4, 50][random.int(0, 4) as usize],
    }
}

fn head_scales(random: &mut Random) -> [HeadScale; H] {
    let octaves = 4.0 * random.uniform();
    scales(random, 2000.0 * (P as f64).sqrt(), octaves)
}

fn output(random: &mut Random) -> &'static [[[i8; P]; H]; E] {
    leak(random.i8s(E * H * P, 127).as_chunks().0.as_chunks().0.try_into().unwrap())
}

/// Brings sums over the heads to some 60 units.
fn channels() -> &'static [Channel; E] {
    let scale = Scale::from_real(60.0 / (73.0 * 30.0 * ((H * P) as f64).sqrt())).unwrap();
    leak([Channel { bias: 1000, scale }; E])
}

/// Query, key and value projections: sets of weights and of channels of queries, and of keys and values.
fn denses(random: &mut Random, width: usize, queries: [usize; 2], keys: [usize; 2]) -> [Dense; 3] {
    let query = Dense::random(random, E, P, queries[0], queries[1]);
    let [key, value] = [0; 2].map(|_| Dense::random(random, width, P, keys[0], keys[1]));
    [query, key, value]
}

/// Grouped-query attention with random weights.
fn grouped<W: Weight>(random: &mut Random) -> MultiHeadAttention<E, H, P, W, G> {
    let parts = denses(random, E, [H, H], [G, G]);
    let heads = head_scales(random);
    assemble::<E, H, P, W, G, E, H, G>(parts.each_ref(), heads, output(random), channels())
}

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

/// The weights that an observer sees: head, query, key and weight.
type Seen = Vec<(usize, usize, usize, i32)>;

fn watch<W: Weight>(seen: &mut Seen) -> impl FnMut(Row<'_, W>) + '_ {
    |row| {
        let keys = row.weights.iter().enumerate();
        seen.extend(keys.map(|(i, weight)| (row.head, row.query, row.first + i * row.step, weight.to_int())));
    }
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

fn every_kind<W: Weight>(seed: u64) -> Result<(), TestCaseError> {
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

/// The bytes of one attention under two patterns.
fn same<W: Weight, const G: usize>(
    one: &MultiHeadAttention<E, H, P, W, G>,
    x: &[[i8; E]; S],
    a: impl AttentionPattern,
    b: impl AttentionPattern,
) -> Result<(), TestCaseError> {
    let (mut first, mut second) = (Scratch::new(), Scratch::new());
    prop_assert_eq!(one.forward(x, a, &mut first), one.forward(x, b, &mut second));
    Ok(())
}

/// The bits of a mask, by asking whether it shows each key.
fn spelled(shows: impl Fn(usize, usize) -> bool) -> [[u32; 1]; S] {
    std::array::from_fn(|query| [(0..S).map(|key| u32::from(shows(query, key)) << key).sum()])
}

/// Every `D`th row from the `first` on alone, under `window`.
fn apart<const D: usize, const L: usize>(
    random: &mut Random,
    window: Window,
    sinks: usize,
) -> Result<(), TestCaseError> {
    assert_eq!(D * L, S);
    let one = grouped::<Wide>(random);
    let x: [[i8; E]; S] = input(random);
    let mut scratch = Scratch::new();
    let y = one.forward(&x, window.dilated(D).with_sinks(sinks * D), &mut scratch);
    for first in 0..D {
        let rows: [[i8; E]; L] = std::array::from_fn(|i| x[first + i * D]);
        let mut short = Scratch::new();
        let alone = one.forward(&rows, window.with_sinks(sinks), &mut short);
        prop_assert!(alone.iter().enumerate().all(|(i, row)| y[first + i * D] == *row), "{window:?} {sinks} {first}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows of biases are what their keys have one by one, near and far.
    #[test]
    fn rows_of_biases(seed in any::<u64>(), step in 1..40usize, length in 0..70usize, far in 0..30u32) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let place = |random: &mut Random| (random.next() % (40 << far)) as usize;
        let (query, first, head) = (place(random), place(random), random.int(0, 4) as usize);
        let pattern = parts.pattern(true);
        let mut row = vec![0; length];
        pattern.bias_row(head, query, first, step, &mut row);
        let range = pattern.keys(head, query, 1 << 40);
        for (key, &bias) in (first..).step_by(step).zip(&row).filter(|(key, _)| range.contains(key)) {
            match pattern.bias(head, query, key) {
                Some(expected) => prop_assert_eq!(bias, expected),
                None => prop_assert!(bias < MASKED / 2),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn backends_give_the_same_bytes(seed in any::<u64>()) {
        every_kind::<Wide>(seed)?;
        every_kind::<Narrow>(seed)?;
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
        let (mut a, mut b) = (Scratch::new(), Scratch::new());
        prop_assert_eq!(shared.forward(&x, parts.pattern(true), &mut a), copied.forward(&x, parts.pattern(true), &mut b));
        let [query, key, value] = denses(random, E, [H, H], [1, 1]);
        let (keys, values) = (key.repeated(H, H), value.repeated(H, H));
        let shared = assemble::<E, H, P, Wide, 1, E, H, 1>([&query, &key, &value], heads, output, channels());
        let copied = assemble::<E, H, P, Wide, H, E, H, H>([&query, &keys, &values], heads, output, channels());
        prop_assert_eq!(shared.forward(&x, parts.pattern(true), &mut a), copied.forward(&x, parts.pattern(true), &mut b));
        // Shared projections, each head with its own bias and scale.
        let [query, key, value] = denses(random, E, [1, H], [2, H]);
        let (queries, keys, values) = (query.repeated(H, 1), key.repeated(H / 2, 1), value.repeated(H / 2, 1));
        let shared = assemble::<E, H, P, Wide, H, E, 1, 2>([&query, &key, &value], heads, output, channels());
        let copied = assemble::<E, H, P, Wide, H, E, H, H>([&queries, &keys, &values], heads, output, channels());
        prop_assert_eq!(shared.forward(&x, parts.pattern(true), &mut a), copied.forward(&x, parts.pattern(true), &mut b));
    }

    /// Windows, slopes and tables that say nothing change nothing; parts of a pattern may stand in any order.
    #[test]
    fn reaches_that_are_the_same(seed in any::<u64>(), length in 0..=S + 2) {
        let random = &mut Random(seed);
        let (one, x) = (grouped::<Wide>(random), input::<E, S>(random));
        for all in [Window::ALL, Window::around(S), Window::around(S - 1), Window::around(S).with_sinks(3)] {
            same(&one, &x, all, Mask::None)?;
        }
        same(&one, &x, Window::back(usize::MAX), Mask::Causal)?;
        same(&one, &x, Window::back(S - 1), Mask::Causal)?;
        same(&one, &x, Windows(&[]), Mask::None)?;
        same(&one, &x, Alibi(&[Slope(0); H]), Mask::None)?;
        same(&one, &x, RelativeBias(&[[0; 5]; 2]), Mask::None)?;
        // The same bias for all keys.
        same(&one, &x, RelativeBias(&[[-777]; H]), Mask::None)?;
        for mask in [Mask::None, Mask::Causal, Mask::Length(length), Mask::CausalLength(length)] {
            let bits = spelled(|query, key| key < mask.visible(query, S));
            same(&one, &x, BitMask::new(&bits), mask)?;
        }
        let window = window(random);
        let bits = spelled(|query, key| {
            window.keys(0, query, S).contains(&key) && window.bias(0, query, key).is_some()
                && query.abs_diff(key) % window.dilation == 0
        });
        same(&one, &x, BitMask::new(&bits), window)?;
        same(&one, &x, (window, Mask::Causal), (Mask::Causal, window))?;
        same(&one, &x, (Mask::None, window, HeadMask(0)), window)?;
        // Slopes of whole units, spelled as a table.
        let slopes: [Slope; H] = std::array::from_fn(|_| Slope(random.int(0, 1000) as u32 * 256));
        let table = slopes.map(|slope| std::array::from_fn::<_, { 2 * S }, _>(|i| -((slope.0 / 256) as i32) * i.abs_diff(S) as i32));
        same(&one, &x, Alibi(&slopes), RelativeBias(&table))?;
    }

    #[test]
    fn dilation_is_sequences_apart(seed in any::<u64>(), sinks in 0usize..4) {
        let random = &mut Random(seed);
        for window in [Window::ALL, Window::back(1), Window::back(2), Window::around(1)] {
            apart::<2, 6>(random, window, sinks)?;
            apart::<3, 4>(random, window, sinks)?;
            apart::<12, 1>(random, window, sinks)?;
        }
    }

    /// A head switched off is a head whose output weights are 0.
    #[test]
    fn without_is_zero_weights(seed in any::<u64>(), off in 0u64..16) {
        let random = &mut Random(seed);
        let dense = denses(random, E, [H, H], [G, G]);
        let heads = head_scales(random);
        let all = output(random);
        let zeroed = leak(all.map(|row| std::array::from_fn(|h| if off >> h & 1 == 1 { [0; P] } else { row[h] })));
        // The other parts of the pattern.
        let mut others = Parts::new(random);
        others.there &= 31;
        let x: [[i8; E]; S] = input(random);
        let with = assemble::<E, H, P, Wide, G, E, H, G>(dense.each_ref(), heads, all, channels());
        let zero = assemble::<E, H, P, Wide, G, E, H, G>(dense.each_ref(), heads, zeroed, channels());
        let (mut a, mut b) = (Scratch::new(), Scratch::new());
        let y = *with.forward(&x, (HeadMask(off), others.pattern(true)), &mut a);
        prop_assert_eq!(&y, zero.forward(&x, others.pattern(true), &mut b));
        if off == 15 {
            prop_assert!(y.iter().all(|row| row == &y[0]));
        }
    }

    #[test]
    fn heads_on_threads(seed in any::<u64>()) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let (one, x) = (grouped::<Wide>(random), input::<E, S>(random));
        let mut outputs = [[[0; P]; S]; H];
        std::thread::scope(|scope| {
            for (head, output) in outputs.iter_mut().enumerate() {
                let (one, x, parts) = (&one, &x, &parts);
                scope.spawn(move || {
                    one.forward_heads(head..head + 1, x, parts.pattern(true), &mut HeadScratch::new(), std::slice::from_mut(output));
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
            one.forward_observed(&x, Rope { pairing, frequencies: &table }, &mut scratch, &mut watch::<Wide>(&mut seen));
            for (h, head) in heads.iter().enumerate() {
                let norm = |part: usize| -> f64 {
                    let values = dense[part].sums(h, H, &x[0]).into_iter().map(|(sum, c)| f64::from(c.scale.to_i16(sum)) / 64.0);
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

/// A row that is shown begins with the first key of the query's range and ends with its last, on the grid.
#[test]
fn rows_shown_are_the_range() {
    let random = &mut Random(4);
    for _ in 0..200 {
        let parts = Parts::new(random);
        let (one, x, mut scratch) = (grouped::<Narrow>(random), input::<E, S>(random), Scratch::new());
        let pattern = parts.pattern(true);
        one.forward_observed(&x, &pattern, &mut scratch, &mut |row: Row<'_, Narrow>| {
            let range = pattern.keys(row.head, row.query, S);
            let on_grid = |key: &usize| key.abs_diff(row.query).is_multiple_of(pattern.dilation(row.head));
            let expected: Vec<usize> = range.filter(on_grid).collect();
            for (&key, weight) in expected.iter().zip(row.weights) {
                assert!(weight.to_int() == 0 || pattern.bias(row.head, row.query, key).is_some());
            }
            assert!((0..row.weights.len()).map(|i| row.first + i * row.step).eq(expected));
        });
    }
}

/// Rows of heads all of whose keys are hidden are shown with weights of 0, and what an earlier pass left does not show.
#[test]
fn nothing_to_look_at() {
    let random = &mut Random(3);
    let one = grouped::<Wide>(random);
    let x: [[i8; E]; S] = input(random);
    let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
    one.forward(&x, Mask::None, &mut scratch);
    let mut rows = 0;
    let nothing = BitMask::new(&[[0; 1]; S]);
    let y = one.forward_observed(&x, nothing, &mut scratch, &mut |row: Row<'_, Wide>| {
        assert_eq!(row.weights.len(), S);
        assert!(row.weights.iter().all(|weight| weight.to_int() == 0));
        rows += 1;
    });
    assert_eq!(rows, H * S);
    assert_eq!(y, one.forward_observed(&input(random), HeadMask(15), &mut other, &mut Unobserved));
}
