//! Attention under patterns that say anything, and caches that are taken anywhere.

use crate::SIZES;
use heedful::{
    Alibi, AttentionPattern, Channel, FusedAttention, HeadScale, HeadScratch, KvCache, LowRankAttention,
    LowRankScratch, Mask, MultiHeadAttention, Narrow, Pairing, Projection, RelativeBias, RewindError, Rope, Row, Scale,
    Scratch, Slope, StepScratch, Weight, Wide, Window,
};
use std::ops::Range;

const S: usize = 11;
const E: usize = 8;
const H: usize = 2;
const P: usize = 4;

const CHANNEL: Channel = Channel { bias: 3, scale: Scale::from_real(0.02).unwrap() };
const HEAD: HeadScale = HeadScale::from_real(0.002, 1.0).unwrap();
static C: [[Channel; P]; H] = [[CHANNEL; P]; H];
static OC: [Channel; E] = [CHANNEL; E];
static HEADS: [HeadScale; H] = [HEAD; H];
static O: [[[i8; P]; H]; E] = {
    let (mut o, mut e) = ([[[0; P]; H]; E], 0);
    while e < E {
        o[e][e / P][e % P] = 50;
        e += 1;
    }
    o
};

/// Small numbers of no order.
const fn weights<const IN: usize, const OUT: usize>(seed: u32) -> [[[i8; IN]; OUT]; H] {
    let (mut w, mut i, mut x) = ([[[0; IN]; OUT]; H], 0, seed);
    while i < H * OUT * IN {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        w[i / (OUT * IN)][i / IN % OUT][i % IN] = (x >> 24) as i8;
        i += 1;
    }
    w
}

static Q: [[[i8; E]; P]; H] = weights(1);
static K: [[[i8; E]; P]; H] = weights(2);
static V: [[[i8; E]; P]; H] = weights(3);

const fn attention<W: Weight>() -> MultiHeadAttention<E, H, P, W> {
    MultiHeadAttention::new(Projection::new(&Q, &C), Projection::new(&K, &C), Projection::new(&V, &C), &O, &OC, &HEADS)
}

fn input() -> [[i8; E]; S] {
    std::array::from_fn(|s| std::array::from_fn(|e| (37 * s + 91 * e) as u8 as i8))
}

/// All that a pass, a pass in parts, a pass over another sequence and a stream give under a pattern.
fn run<W: Weight>(pattern: impl AttentionPattern) -> [[[i8; E]; S]; 4] {
    let (attention, x) = (attention::<W>(), input());
    let mut observer = |row: Row<'_, W>| assert!(row.weights.len() <= S && row.head < H);
    let whole = *attention.forward_observed(&x, &pattern, &mut Scratch::new(), &mut observer);
    let long = *attention.forward_long(&x, &pattern, &mut Scratch::<S, E, H, P, W, S, 3>::new());
    let cross = *attention.cross(&x, &[[5; E]; 3], &pattern, &mut Scratch::new());
    let (mut cache, mut scratch) = (KvCache::<S, H, P>::new(), StepScratch::new());
    let steps = x.map(|x| *attention.step(&x, &pattern, &mut cache, &mut scratch));
    let (mut cache, mut scratch) = (KvCache::<5, H, P, 2>::new(), StepScratch::new());
    x.iter().for_each(|x| _ = attention.step(x, &pattern, &mut cache, &mut scratch));
    [whole, long, cross, steps]
}

/// From a dilation of the sequence's length on, each position looks at itself alone.
#[test]
fn dilations_of_any_size() {
    let [alone, ..] = run::<Wide>(Window::back(0));
    for dilation in SIZES {
        for window in [Window::ALL.dilated(dilation), Window::around(3).dilated(dilation)] {
            let [whole, long, _, steps] = run::<Wide>(window);
            assert_eq!(whole, long, "{dilation}");
            // With steps of nothing, a window has one key.
            if dilation >= S || dilation == 0 {
                assert_eq!((whole, steps), (alone, alone), "{dilation}");
            }
        }
    }
}

#[test]
fn windows_and_lengths_of_any_size() {
    for size in SIZES {
        for other in SIZES {
            let window = Window { back: size, ahead: other, dilation: 1, sinks: 0 };
            let [whole, long, ..] = run::<Narrow>((window, Mask::Length(other)));
            assert_eq!(whole, long, "{size} {other}");
            let [whole, long, ..] = run::<Narrow>(Window::back(size).dilated(3).with_sinks(other));
            assert_eq!(whole, long, "{size} {other}");
        }
    }
}

#[test]
fn biases_of_any_size() {
    for slope in [0, 1, 1 << 22, u32::MAX] {
        let [whole, long, ..] = run::<Wide>(Alibi(&[Slope(slope)]));
        assert_eq!(whole, long, "{slope}");
    }
    let [whole, long, ..] = run::<Wide>(RelativeBias(&[[i32::MIN, i32::MAX, 0], [i32::MAX, 0, i32::MIN]]));
    assert_eq!(whole, long);
}

#[test]
fn rotations_of_any_frequency() {
    for pairing in [Pairing::Interleaved, Pairing::Halves, Pairing::Folded] {
        for frequencies in [&[][..], &[u32::MAX; 1], &[1 << 31; 2], &[u32::MAX; 1000]] {
            let [whole, long, ..] = run::<Wide>((Mask::Causal, Rope { pairing, frequencies }));
            assert_eq!(whole, long);
        }
    }
}

/// A pattern of a stranger's that keeps no rule.
#[derive(Clone)]
struct Wild<const FROM_FIRST: bool> {
    keys: Range<usize>,
    dilation: usize,
    biases: bool,
    bias: i32,
}

impl<const FROM_FIRST: bool> AttentionPattern for Wild<FROM_FIRST> {
    const FROM_FIRST: bool = FROM_FIRST;
    fn keys(&self, head: usize, query: usize, _keys: usize) -> Range<usize> {
        // Another answer for each query.
        self.keys.start.wrapping_mul(query + head)..self.keys.end.wrapping_sub(query)
    }
    fn dilation(&self, head: usize) -> usize {
        self.dilation.wrapping_add(head)
    }
    fn biases(&self, head: usize) -> bool {
        self.biases && head == 0
    }
    fn bias_row(&self, _head: usize, query: usize, _first: usize, _step: usize, row: &mut [i32]) {
        for (i, to) in row.iter_mut().enumerate() {
            *to = if (i + query).is_multiple_of(2) { self.bias } else { !self.bias };
        }
    }
}

fn wild<const FROM_FIRST: bool>(mut run: impl FnMut(Wild<FROM_FIRST>)) {
    const ENDS: [usize; 7] = [0, 1, 5, 1 << 16, usize::MAX / 3 + 1, usize::MAX - 1, usize::MAX];
    for start in ENDS {
        for end in ENDS {
            for dilation in [0, 1, 2, usize::MAX / 2, usize::MAX] {
                for (biases, bias) in [(false, 0), (true, i32::MIN), (true, 1 << 22)] {
                    run(Wild { keys: start..end, dilation, biases, bias });
                }
            }
        }
    }
}

#[test]
fn wild_reaches() {
    wild::<true>(|pattern| _ = run::<Wide>(pattern));
}

#[test]
fn wild_reaches_with_starts() {
    wild::<false>(|pattern| _ = run::<Narrow>(pattern));
}

#[test]
fn wild_reaches_of_other_attentions() {
    static QK: [[[i8; E]; E]; H] = weights(4);
    static QKC: [[Channel; E]; H] = [[CHANNEL; E]; H];
    static FUSED: FusedAttention<E, H, P> =
        FusedAttention::new(Projection::new(&QK, &QKC), Projection::new(&V, &C), &O, &OC, &HEADS);
    static A: [[[i8; E]; 3]; 3] = [[[-9; E]; 3]; 3];
    static AC: [[Channel; 3]; 3] = [[CHANNEL; 3]; 3];
    static B: [[[i8; 3]; P]; H] = weights(5);
    static LOW: LowRankAttention<E, 3, H, P> = LowRankAttention::new(
        &A,
        &AC,
        Projection::new(&B, &C),
        Projection::new(&B, &C),
        Projection::new(&B, &C),
        &O,
        &OC,
        &HEADS,
    );
    let x = input();
    wild::<false>(|pattern| {
        FUSED.forward(&x, &pattern, &mut Scratch::new());
        LOW.forward(&x, &pattern, &mut LowRankScratch::new());
    });
}

/// Heads that do not exist give 0, also after those that do.
#[test]
fn heads_of_any_range() {
    let (attention, x) = (attention::<Wide>(), input());
    for start in SIZES {
        for end in SIZES {
            let mut outputs = [[[111; P]; S]; 3];
            attention.forward_heads(start..end, &x, Mask::None, &mut HeadScratch::new(), &mut outputs);
            let count = end.min(H).saturating_sub(start);
            let asked = end.saturating_sub(start).min(3).max(count);
            assert!(outputs[count..asked].iter().all(|output| *output == [[0; P]; S]), "{start}..{end}");
            assert!(outputs[asked..].iter().all(|output| *output == [[111; P]; S]), "{start}..{end}");
            let whole = attention.forward(&x, Mask::None, &mut Scratch::new()).to_owned();
            if count == H {
                let both = [outputs[0], outputs[1]];
                assert_eq!(*attention.join(&both, &mut Scratch::new()), whole);
            }
        }
    }
}

#[test]
fn sequences_of_nothing() {
    let attention = attention::<Wide>();
    assert_eq!(*attention.forward(&[], Mask::Causal, &mut Scratch::<0, E, H, P>::new()), [[0; E]; 0]);
    assert_eq!(*attention.forward_long(&[], Mask::None, &mut Scratch::<0, E, H, P, Wide, 0, 0>::new()), [[0; E]; 0]);
    let y = *attention.cross(&[[1; E]; 2], &[], Mask::None, &mut Scratch::<2, E, H, P, Wide, 0>::new());
    assert_eq!(y[0], y[1]);
    attention.forward_heads::<0>(0..H, &[], Mask::None, &mut HeadScratch::new(), &mut [[]; 3]);
}

#[test]
fn caches_taken_anywhere() {
    let (attention, mut scratch) = (attention::<Wide>(), StepScratch::new());
    let mut cache = KvCache::<5, H, P, 2>::new();
    for seen in 0..20u64 {
        assert_eq!(cache.seen(), seen);
        for length in [seen + 1, u64::MAX / 2, u64::MAX] {
            assert_eq!(cache.rewind(length), Err(RewindError::Ahead { seen }));
        }
        if seen > 5 {
            assert_eq!(cache.rewind(3), Err(RewindError::Forgotten { earliest: seen - 1 }));
        }
        attention.step(&[1; E], Mask::None, &mut cache, &mut scratch);
    }
    assert_eq!(cache.rewind(2), Ok(()));
    cache.reset();
    assert_eq!((cache.seen(), cache.rewind(0)), (0, Ok(())));
}
