//! Attention of every kind at the smallest shapes that are not trivial: small enough for Miri, which finds undefined
//! behaviour.

#[path = "support/attention.rs"]
mod attention_support;
mod support;

use attention_support::{Dense, assemble, input, scales};
use heedful::{
    Alibi, AttentionPattern, BitMask, Channel, FusedAttention, KvCache, LowRankAttention, LowRankScratch, Mask,
    MultiHeadAttention, Narrow, Pairing, RelativeBias, Rope, Scale, Scratch, Slope, StepScratch, Weight, Wide, Window,
    frequencies,
};
use support::{Random, leak};

const S: usize = 5;
const E: usize = 7;
const H: usize = 2;
const P: usize = 3;
const N: usize = 2;

fn output(random: &mut Random) -> &'static [[[i8; P]; H]; E] {
    leak(random.i8s(E * H * P, 127).as_chunks().0.as_chunks().0.try_into().unwrap())
}

fn channels() -> &'static [Channel; E] {
    leak([Channel { bias: 1000, scale: Scale::from_real(0.012).unwrap() }; E])
}

/// Two heads that share keys and values.
fn shared<W: Weight>(random: &mut Random) -> MultiHeadAttention<E, H, P, W, 1> {
    let [query, key, value] = [H, 1, 1].map(|sets| Dense::random(random, E, P, sets, sets));
    let heads = scales(random, 2000.0, 3.0);
    assemble::<E, H, P, W, 1, E, H, 1>([&query, &key, &value], heads, output(random), channels())
}

/// The last row sees all rows, under a causal mask, too; the first only itself.
fn causal_at_the_ends(all: [[i8; E]; S], causal: [[i8; E]; S], first: [[i8; E]; S]) {
    assert_eq!(all[S - 1], causal[S - 1]);
    assert_eq!(first[0], causal[0]);
    assert_ne!(all, causal);
}

fn every_kind<W: Weight>(seed: u64) {
    let random = &mut Random(seed);
    let x: [[i8; E]; S] = input(random);
    let first = [x[0]; S];

    let one = shared::<W>(random);
    let mut scratch = Scratch::new();
    let mut run = |x: &[[i8; E]; S], mask: Mask| *one.forward(x, mask, &mut scratch);
    causal_at_the_ends(run(&x, Mask::None), run(&x, Mask::Causal), run(&first, Mask::None));
    let mut parts = Scratch::<S, E, H, P, W, S, 2>::new();
    assert_eq!(one.forward_long(&x, Mask::Causal, &mut parts), &run(&x, Mask::Causal), "rows in parts of two keys");

    let memory: [[i8; 4]; 3] = input(random);
    let [query, key, value] = [(E, H), (4, 1), (4, 1)].map(|(width, sets)| Dense::random(random, width, P, sets, sets));
    let heads = scales(random, 2000.0, 3.0);
    let cross = assemble::<E, H, P, W, 1, 4, H, 1>([&query, &key, &value], heads, output(random), channels());
    let (mut scratch, mut turned) = (Scratch::new(), Scratch::new());
    let backwards = [memory[2], memory[1], memory[0]];
    let y = cross.cross(&x, &memory, Mask::None, &mut scratch);
    assert_eq!(y, cross.cross(&x, &backwards, Mask::None, &mut turned), "keys have no order");

    let query = Dense::random(random, E, E, H, H).projection::<E, H, E, H>();
    let value = Dense::random(random, E, P, 1, 1).projection::<E, 1, P, 1>();
    let fused = FusedAttention::<E, H, P, W, 1>::new(query, value, output(random), channels(), leak(heads));
    let mut scratch = Scratch::new();
    let mut run = |x: &[[i8; E]; S], mask: Mask| *fused.forward(x, mask, &mut scratch);
    causal_at_the_ends(run(&x, Mask::None), run(&x, Mask::Causal), run(&first, Mask::None));

    let reduce = [0; 3].map(|_| Dense::random(random, E, N, 1, 1));
    let low = LowRankAttention::<E, N, H, P, W, 1>::new(
        leak(reduce.each_ref().map(|part| part.weights.as_chunks().0.try_into().unwrap())),
        leak(reduce.each_ref().map(|part| part.channels[..].try_into().unwrap())),
        Dense::random(random, N, P, H, H).projection::<N, H, P, H>(),
        Dense::random(random, N, P, 1, 1).projection::<N, 1, P, 1>(),
        Dense::random(random, N, P, 1, 1).projection::<N, 1, P, 1>(),
        output(random),
        channels(),
        leak(heads),
    );
    let mut scratch = LowRankScratch::new();
    let mut run = |x: &[[i8; E]; S], mask: Mask| *low.forward(x, mask, &mut scratch);
    causal_at_the_ends(run(&x, Mask::None), run(&x, Mask::Causal), run(&first, Mask::None));
}

#[test]
fn every_kind_of_attention() {
    every_kind::<Wide>(3);
    every_kind::<Narrow>(4);
}

/// A step of a cache gives what a pass over the whole history gives, whatever the heads look at.
fn step<W: Weight>(pattern: impl AttentionPattern) {
    let random = &mut Random(5);
    let x: [[i8; E]; S] = input(random);
    let one = shared::<W>(random);
    let mut scratch = Scratch::new();
    let window = Window::back(2);
    let expected = *one.forward(&x, (Mask::Causal, window, &pattern), &mut scratch);
    let (mut cache, mut scratch) = (KvCache::<3, 1, P>::new(), StepScratch::new());
    for (x, expected) in x.iter().zip(&expected) {
        assert_eq!(one.step(x, &pattern, &mut cache, &mut scratch), expected);
    }
    let last = cache.seen() - 1;
    cache.rewind(last).unwrap();
    assert_eq!(one.step(&x[S - 1], &pattern, &mut cache, &mut scratch), &expected[S - 1], "taken back");
}

#[test]
fn every_reach_step_by_step() {
    step::<Wide>(Mask::None);
    step::<Narrow>(Mask::Length(2));
    step::<Wide>(Window { back: 2, ahead: 0, dilation: 2, sinks: 1 });
    step::<Wide>(BitMask::new(&[[0b1_1011]; S]));
    step::<Narrow>(Alibi(&[Slope(40 << 16), Slope(90 << 16)]));
    step::<Wide>(RelativeBias(&[[-900, 40, 300], [0, 700, -70]]));
    let frequencies: [u32; 1] = frequencies(50.0);
    for pairing in [Pairing::Interleaved, Pairing::Halves, Pairing::Folded] {
        step::<Wide>(Rope { pairing, frequencies: &frequencies });
    }
}
