//! Keys and values in a cache: a step gives the bits that a pass over the whole history gives, for every kind of
//! attention.

#[path = "support/attention.rs"]
mod attention_support;
mod support;

use attention_support::{Dense, assemble, input, scales};
use heedful::internals::{Active, Kernels, Portable, Wide as WideKernels};
use heedful::{
    Alibi, AttentionPattern, BitMask, HeadMask, KvCache, Mask, MultiHeadAttention, Narrow, Pairing, RelativeBias,
    RewindError, Rope, Row, Scratch, Slope, StepScratch, Unobserved, Weight, Wide, Window, Windows, frequencies,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::{Random, leak};

const E: usize = 12;
const H: usize = 4;
const P: usize = 6;
/// Positions of a history: several times those of the caches.
const SHORT: usize = 60;
/// The same for the longest caches.
const LONG: usize = 220;

/// Attention with random weights: sets of weights for queries and for keys, which may be fewer than the heads that have
/// biases of their own.
fn attention<W: Weight, const G: usize, const N: usize, const NG: usize>(
    random: &mut Random,
    rotated: bool,
) -> MultiHeadAttention<E, H, P, W, G> {
    let mut parts = [(N, H), (NG, G), (NG, G)].map(|(sets, groups)| Dense::random(random, E, P, sets, groups));
    for part in parts.iter_mut().take(if rotated { 2 } else { 0 }) {
        // Queries and keys to be rotated have 64 steps to one.
        for channel in &mut part.channels {
            channel.scale = heedful::Scale::from_real((channel.scale.to_real() * 64.0).min(0.24)).unwrap();
        }
    }
    let output: [[[i8; P]; H]; E] =
        std::array::from_fn(|_| std::array::from_fn(|_| std::array::from_fn(|_| random.next() as i8)));
    let channels = Dense::random(random, H * P, E, 1, 1).channels;
    let [query, key, value] = &parts;
    // Two heads with one scale, two with others: those with one may share a pass.
    let mut heads = scales::<H>(random, 40.0 * 40.0 * (P as f64).sqrt(), 3.0);
    heads[1] = heads[0];
    assemble::<E, H, P, W, G, E, N, NG>([query, key, value], heads, leak(output), leak(channels.try_into().unwrap()))
}

/// Weight of each head, query and key, but for zeros.
type Shown = BTreeMap<(usize, usize, usize), i32>;

/// Takes a row, or a part of one; keys must come in order.
fn show<W: Weight>(shown: &mut Shown, row: Row<'_, W>) {
    assert_eq!(row.layer, 0);
    let all = (row.head, row.query, 0)..=(row.head, row.query, usize::MAX);
    let mut last = shown.range(all).next_back().map(|(&(_, _, key), _)| key);
    for (i, weight) in row.weights.iter().enumerate() {
        let key = row.first + i * row.dilation;
        assert!(key <= row.query && last.is_none_or(|last| key > last), "{key} after {last:?}");
        if weight.to_int() != 0 {
            shown.insert((row.head, row.query, key), weight.to_int());
            last = Some(key);
        }
    }
}

/// The whole history at once, and what its heads looked at.
fn whole<W: Weight, const G: usize, const S: usize>(
    attention: &MultiHeadAttention<E, H, P, W, G>,
    x: &[[i8; E]; S],
    pattern: impl AttentionPattern,
) -> (Vec<[i8; E]>, Shown) {
    let mut scratch = Box::new(Scratch::<S, E, H, P, W>::new());
    let mut shown = Shown::new();
    let y = attention.forward_observed(x, pattern, &mut scratch, &mut |row: Row<'_, W>| show(&mut shown, row));
    (y.to_vec(), shown)
}

/// Step by step through a cache of `N` positions, all steps against the whole history.
fn check<W: Weight, const G: usize, const N: usize, const SINKS: usize, const S: usize>(
    attention: &MultiHeadAttention<E, H, P, W, G>,
    x: &[[i8; E]; S],
    pattern: impl AttentionPattern,
) {
    let window = Window::back(N - SINKS - 1).with_sinks(SINKS);
    let (expected, expected_shown) = whole(attention, x, (Mask::Causal, window, &pattern));
    let mut cache = Box::new(KvCache::<N, G, P, SINKS>::new());
    let mut scratch = Box::new(StepScratch::new());
    let mut shown = Shown::new();
    for (position, (x, expected)) in x.iter().zip(&expected).enumerate() {
        assert_eq!(cache.seen(), position as u64);
        let watch = &mut |row: Row<'_, W>| {
            assert_eq!((row.query, row.dilation), (position, 1));
            show(&mut shown, row);
        };
        let y = attention.step_on::<Active, N, SINKS>(x, &pattern, &mut cache, &mut scratch, watch);
        assert_eq!(y, expected, "position {position} with {N} slots, {SINKS} sinks");
    }
    assert_eq!(shown, expected_shown, "{N} slots, {SINKS} sinks");

    // Unobserved, and on other kernels.
    let again = |step: &mut dyn FnMut(&[i8; E]) -> [i8; E]| assert!(x.iter().map(step).eq(expected.iter().copied()));
    fn on<K: Kernels, W: Weight, const G: usize, const N: usize, const SINKS: usize>(
        attention: &MultiHeadAttention<E, H, P, W, G>,
        pattern: &impl AttentionPattern,
    ) -> impl FnMut(&[i8; E]) -> [i8; E] {
        let (mut cache, mut scratch) = (Box::new(KvCache::<N, G, P, SINKS>::new()), Box::new(StepScratch::new()));
        move |x| *attention.step_on::<K, N, SINKS>(x, pattern, &mut cache, &mut scratch, &mut Unobserved)
    }
    again(&mut on::<Active, W, G, N, SINKS>(attention, &pattern));
    again(&mut on::<Portable, W, G, N, SINKS>(attention, &pattern));
    again(&mut on::<WideKernels, W, G, N, SINKS>(attention, &pattern));
    // Eight queries at a time, which memory made for other kernels has no room for.
    #[cfg(target_arch = "x86_64")]
    again(&mut on::<heedful::internals::X86, W, G, N, SINKS>(attention, &pattern));
}

/// One attention under each pattern that is not a rotation.
fn patterns<W: Weight, const G: usize, const N: usize, const SINKS: usize>(
    random: &mut Random,
    attention: &MultiHeadAttention<E, H, P, W, G>,
) {
    let x: Box<[[i8; E]; SHORT]> = Box::new(input(random));
    check::<W, G, N, SINKS, SHORT>(attention, &x, Mask::None);
    check::<W, G, N, SINKS, SHORT>(attention, &x, Mask::CausalLength(N / 2 + 3));
    let windows = [Window::back(3), Window::ALL, Window::back(2).dilated(3), Window::back(N / 2).with_sinks(2)];
    check::<W, G, N, SINKS, SHORT>(attention, &x, Windows(&windows));
    check::<W, G, N, SINKS, SHORT>(attention, &x, Window::back(N).dilated(2));
    check::<W, G, N, SINKS, SHORT>(attention, &x, (Window::around(4), HeadMask(0b0101)));
    check::<W, G, N, SINKS, SHORT>(attention, &x, HeadMask(0b1111));
    let slopes = [Slope(40_000), Slope(300), Slope(9_000_000), Slope(0)];
    check::<W, G, N, SINKS, SHORT>(attention, &x, Alibi(&slopes));
    check::<W, G, N, SINKS, SHORT>(attention, &x, (Alibi(&slopes[..2]), Windows(&windows)));
    let table: [[i32; 31]; H] = std::array::from_fn(|_| std::array::from_fn(|_| random.int(-9000, 9000) as i32));
    check::<W, G, N, SINKS, SHORT>(attention, &x, RelativeBias(&table));
    let bit_mask: Vec<[u32; 8]> = (0..SHORT).map(|_| std::array::from_fn(|_| random.next() as u32)).collect();
    check::<W, G, N, SINKS, SHORT>(attention, &x, BitMask::new(&bit_mask));
}

/// All patterns for every layout of heads.
fn layouts<W: Weight, const N: usize, const SINKS: usize>(seed: u64) {
    let mut random = Random(seed);
    let r = &mut random;
    let plain = attention::<W, 4, 4, 4>(r, false);
    patterns::<W, 4, N, SINKS>(r, &plain);
    let grouped = attention::<W, 2, 4, 2>(r, false);
    patterns::<W, 2, N, SINKS>(r, &grouped);
    let multi_query = attention::<W, 1, 4, 1>(r, false);
    patterns::<W, 1, N, SINKS>(r, &multi_query);
    let shared = attention::<W, 4, 2, 1>(r, false);
    patterns::<W, 4, N, SINKS>(r, &shared);
    let shared_grouped = attention::<W, 2, 1, 1>(r, false);
    patterns::<W, 2, N, SINKS>(r, &shared_grouped);
}

#[test]
fn every_layout_and_reach_wide() {
    layouts::<Wide, 9, 0>(1);
    layouts::<Wide, 16, 4>(2);
}

#[test]
fn every_layout_and_reach_narrow() {
    layouts::<Narrow, 13, 1>(3);
    layouts::<Narrow, 8, 0>(4);
}

/// A rotation, alone and with other patterns.
fn rotated<W: Weight, const G: usize, const N: usize, const SINKS: usize>(seed: u64) {
    let mut random = Random(seed);
    let x: Box<[[i8; E]; SHORT]> = Box::new(input(&mut random));
    let attention = attention::<W, G, H, G>(&mut random, true);
    let frequencies: [u32; 3] = frequencies(10_000.0);
    let table: [[i32; 9]; H] = std::array::from_fn(|_| std::array::from_fn(|_| random.int(-9000, 9000) as i32));
    for pairing in [Pairing::Interleaved, Pairing::Halves, Pairing::Folded] {
        for pairs in 0..=3 {
            let rope = Rope { pairing, frequencies: &frequencies[..pairs] };
            check::<W, G, N, SINKS, SHORT>(&attention, &x, rope);
        }
        let rope = Rope { pairing, frequencies: &frequencies };
        check::<W, G, N, SINKS, SHORT>(&attention, &x, (rope, Alibi(&[Slope(40_000), Slope(300)])));
        check::<W, G, N, SINKS, SHORT>(&attention, &x, (Windows(&[Window::back(2), Window::back(4).dilated(2)]), rope));
        check::<W, G, N, SINKS, SHORT>(&attention, &x, (HeadMask(1), rope, RelativeBias(&table)));
    }
}

#[test]
fn rotations() {
    rotated::<Wide, 4, 9, 0>(5);
    rotated::<Wide, 2, 16, 4>(6);
    rotated::<Narrow, 1, 11, 1>(7);
}

/// Shared projections, rotated: each head has a bias of its own, so that heads are turned one by one.
#[test]
fn rotated_shared_projections() {
    let mut random = Random(8);
    let x: Box<[[i8; E]; SHORT]> = Box::new(input(&mut random));
    let frequencies: [u32; 3] = frequencies(500.0);
    let rope = Rope { pairing: Pairing::Halves, frequencies: &frequencies };
    check::<Wide, 2, 10, 1, SHORT>(&attention::<Wide, 2, 2, 1>(&mut random, true), &x, rope);
    check::<Narrow, 4, 10, 0, SHORT>(&attention::<Narrow, 4, 1, 2>(&mut random, true), &x, rope);
}

/// Caches from one slot to seventy.
#[test]
fn every_length() {
    let mut random = Random(9);
    let x: Box<[[i8; E]; LONG]> = Box::new(input(&mut random));
    let plain = attention::<Wide, 2, 4, 2>(&mut random, false);
    let turned = attention::<Narrow, 4, 4, 4>(&mut random, true);
    let frequencies: [u32; 3] = frequencies(10_000.0);
    let rope = Rope { pairing: Pairing::Halves, frequencies: &frequencies };
    macro_rules! lengths {
        ($($n:literal $sinks:literal)*) => {$(
            check::<Wide, 2, $n, $sinks, LONG>(&plain, &x, Alibi(&[Slope(0), Slope(50), Slope(0), Slope(900)]));
            check::<Narrow, 4, $n, $sinks, LONG>(&turned, &x, rope);
        )*};
    }
    lengths!(1 0 2 0 2 1 3 0 4 0 5 4 6 1 7 0 8 4 12 0 15 1 16 0 17 4 24 0 31 1 32 0 33 0 48 4 63 0 64 1 65 0 70 0 70 4);
}

const N: usize = 7;
const SINKS: usize = 2;

/// A cache with a rotation, in the middle of a stream.
struct Stream {
    attention: MultiHeadAttention<E, H, P, Wide, 2>,
    frequencies: [u32; 3],
    x: Vec<[i8; E]>,
    cache: KvCache<N, 2, P, SINKS>,
    scratch: Box<StepScratch<N, E, H, P, Wide, 2>>,
}

impl Stream {
    fn new() -> Self {
        let mut random = Random(10);
        Self {
            attention: attention::<Wide, 2, H, 2>(&mut random, true),
            frequencies: frequencies(10_000.0),
            x: (0..60).map(|_| std::array::from_fn(|_| random.next() as i8)).collect(),
            cache: KvCache::new(),
            scratch: Box::new(StepScratch::new()),
        }
    }

    fn step(&mut self, x: [i8; E]) -> [i8; E] {
        let rope = Rope { pairing: Pairing::Interleaved, frequencies: &self.frequencies };
        *self.attention.step(&x, rope, &mut self.cache, &mut self.scratch)
    }

    /// Inputs of the stream, from where the cache is.
    fn advance(&mut self, count: usize) -> Vec<[i8; E]> {
        let at = self.cache.seen() as usize;
        let x = self.x[at..at + count].to_vec();
        x.into_iter().map(|x| self.step(x)).collect()
    }
}

#[test]
fn reset() {
    let mut stream = Stream::new();
    let expected = stream.advance(30);
    for taken in [30, 3, 0] {
        stream.cache.reset();
        assert_eq!(stream.cache.seen(), 0);
        assert_eq!(stream.advance(30), expected);
        stream.cache.reset();
        stream.advance(taken);
    }
}

/// After `length` positions, some that are taken back, and others instead: the bits of a stream that never went wrong.
#[test]
fn rewind() {
    let expected = Stream::new().advance(40);
    let wrong: Vec<[i8; E]> = Random(11).i8s(5 * E, 127).as_chunks().0.to_vec();
    for length in 0..25 {
        for taken in 0..5 {
            let mut stream = Stream::new();
            stream.advance(length);
            for x in &wrong[..taken] {
                stream.step(*x);
            }
            let seen = length + taken;
            let result = stream.cache.rewind(length as u64);
            // Nothing overwritten, nothing but sinks needed, or only the newest taken back.
            if seen <= N || length <= SINKS || taken <= 1 {
                assert_eq!(result, Ok(()), "{taken} after {length}");
                assert_eq!(stream.cache.seen(), length as u64);
            } else {
                assert_eq!(result, Err(RewindError::Forgotten { earliest: seen as u64 - 1 }), "{taken} after {length}");
                assert_eq!(stream.cache.seen(), seen as u64);
                continue;
            }
            assert_eq!(stream.advance(15), expected[length..length + 15], "{taken} after {length}");
        }
    }
}

/// A full cache has one position to spare: it can be taken back as often as there is a new one, but not two in a row.
#[test]
fn rewind_twice() {
    let expected = Stream::new().advance(40);
    let mut stream = Stream::new();
    stream.advance(20);
    assert_eq!(stream.cache.rewind(21), Err(RewindError::Ahead { seen: 20 }));
    assert_eq!(stream.cache.rewind(20), Ok(()));
    for _ in 0..3 {
        assert_eq!(stream.cache.rewind(19), Ok(()));
        assert_eq!(stream.cache.rewind(18), Err(RewindError::Forgotten { earliest: 19 }));
        assert_eq!(stream.cache.rewind(19), Ok(()));
        stream.step([99; E]);
    }
    assert_eq!(stream.cache.rewind(19), Ok(()));
    assert_eq!(stream.advance(10), expected[19..29]);
    // Back to what fills the cache, after it has been full: its first position is gone.
    let mut stream = Stream::new();
    stream.advance(N + 1);
    assert_eq!(stream.cache.rewind(N as u64), Ok(()));
    assert_eq!(stream.cache.rewind(N as u64 - 1), Err(RewindError::Forgotten { earliest: N as u64 }));
    // To the sinks alone, and on from there.
    assert_eq!(stream.cache.rewind(SINKS as u64), Ok(()));
    assert_eq!(stream.advance(30), expected[SINKS..SINKS + 30]);
    assert_eq!(stream.cache.rewind(0), Ok(()));
    assert_eq!(stream.advance(30), expected[..30]);
}

#[test]
fn errors_say_what_is_wrong() {
    assert_eq!(RewindError::Ahead { seen: 3 }.to_string(), "the cache has seen only 3 positions");
    let forgotten = RewindError::Forgotten { earliest: 9 }.to_string();
    assert_eq!(forgotten, "the cache has forgotten positions: it can go back to a length of 9 or more");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any mix of steps and rewinds: each output is that of a fresh cache that saw what is left of the history.
    #[test]
    fn any_history(script in prop::collection::vec((0u8..4, 0u64..4), 1..50)) {
        let mut stream = Stream::new();
        let mut history: Vec<[i8; E]> = Vec::new();
        let mut random = Random(script.len() as u64);
        for (kind, back) in script {
            if kind == 0 {
                let length = (history.len() as u64).saturating_sub(back);
                if stream.cache.rewind(length).is_ok() {
                    history.truncate(length as usize);
                }
                continue;
            }
            let x = std::array::from_fn(|_| random.next() as i8);
            history.push(x);
            let y = stream.step(x);
            let mut fresh = Stream::new();
            let expected = history.iter().map(|&x| fresh.step(x)).last();
            prop_assert_eq!(Some(y), expected);
        }
    }
}

/// Scratch is shared by attentions and caches: what one leaves in it does not show in another.
#[test]
fn scratch_is_shared() {
    let (mut one, mut other) = (Stream::new(), Stream::new());
    let expected = Stream::new().advance(30);
    other.advance(5);
    for (i, expected) in expected.iter().enumerate() {
        assert_eq!(one.step(one.x[i]), *expected);
        std::mem::swap(&mut one.scratch, &mut other.scratch);
        other.step([i as i8; E]);
    }
}

/// The memory of a cache is that of its keys and values, and a few words.
#[test]
fn memory() {
    assert!(size_of::<KvCache<64, 4, 8>>() <= 2 * 64 * 4 * 8 + 64);
    static CACHE: KvCache<64, 4, 8, 4> = KvCache::new();
    assert_eq!((CACHE.seen(), KvCache::<64, 4, 8, 4>::default().seen()), (0, 0));
}
