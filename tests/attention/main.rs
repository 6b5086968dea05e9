//! Attention of every layout under every pattern, byte for byte: backends against each other, and layouts and patterns
//! that come to the same.

#[path = "../support/attention.rs"]
mod attention_support;
mod layouts;
mod pattern;
mod rope;
#[path = "../support/mod.rs"]
mod support;

use attention_support::{Dense, assemble, scales};
use heedful::{
    Alibi, AttentionPattern, BitMask, Channel, HeadMask, HeadScale, Mask, MultiHeadAttention, Pairing, RelativeBias,
    Rope, Row, Scale, Slope, Weight, Window, Windows, frequencies,
};
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
    mask: Mask,
    windows: [Window; 3],
    bit_mask: [[u32; 1]; S],
    slopes: [Slope; 3],
    table: [[i32; 9]; H],
    frequencies: [u32; 3],
    pairing: Pairing,
    heads_off: u64,
    /// Which parts are there.
    there: u64,
}

impl Parts {
    fn new(random: &mut Random) -> Self {
        let one = |random: &mut Random, of: &[Mask]| of[random.int(0, of.len() as i64 - 1) as usize];
        let length = random.int(0, S as i64 + 2) as usize;
        Self {
            mask: one(random, &[Mask::None, Mask::Causal, Mask::Length(length), Mask::CausalLength(length)]),
            windows: std::array::from_fn(|_| window(random)),
            bit_mask: std::array::from_fn(|_| [random.next() as u32 | random.next() as u32]),
            slopes: std::array::from_fn(|_| Slope((random.next() >> random.int(32, 63)) as u32)),
            table: std::array::from_fn(|_| std::array::from_fn(|_| (random.next() as i32) >> random.int(9, 30))),
            frequencies: frequencies(random.int(2, 100_000) as f64),
            pairing: [Pairing::Interleaved, Pairing::Halves, Pairing::Folded][random.int(0, 2) as usize],
            heads_off: random.next() & random.next(),
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
        let masks = (self.mask, maybe(there(0), Windows(&self.windows)), maybe(there(1), BitMask::new(&self.bit_mask)));
        let biases = (maybe(there(2), Alibi(&self.slopes)), maybe(there(3), RelativeBias(&self.table)));
        let rope = maybe(rope, Rope { pairing: self.pairing, frequencies: &self.frequencies });
        (masks, biases, rope, maybe(there(5), HeadMask(self.heads_off)))
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

/// The weights that an observer sees: head, query, key and weight.
type Seen = Vec<(usize, usize, usize, i32)>;

fn watch<W: Weight>(seen: &mut Seen) -> impl FnMut(Row<'_, W>) + '_ {
    |row| {
        let keys = row.weights.iter().enumerate();
        seen.extend(keys.map(|(i, weight)| (row.head, row.query, row.first + i * row.dilation, weight.to_int())));
    }
}
