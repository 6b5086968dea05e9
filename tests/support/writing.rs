//! A small language model that writes, and attention that goes on step by step: the same on every target, which digests
//! show.

use heedful::{
    Channel, HeadScale, KvCache, MultiHeadAttention, Pairing, Projection, Rope, Scale, Steepness, StepScratch,
    frequencies, greedy, sample,
};

heedful::language_model!(
    /// The model of `tests/fixtures`, which forgets all but 16 tokens.
    pub Tiny = "../fixtures/tiny_decoder.heed",
    context = 16
);

/// Tokens that are written.
pub const LENGTH: usize = 40;
/// Twice the temperature that the model was made for.
const WARM: Steepness = Steepness::from_real(Tiny::SHAPE.logit.to_real() / 2.0).unwrap();

/// Three texts, by the likeliest tokens, by sampled ones and by others, and a stream: `show` gets the name of each, its
/// tokens, and a digest of all logits or outputs.
pub fn each(model: &mut Tiny, cache: &mut Stream, mut show: impl FnMut(&'static str, &[u16], u64)) {
    let mut tokens = [0; LENGTH];
    let digest = write(model, &mut tokens, |logits, _| greedy(logits));
    show("greedy", &tokens, digest);
    let mut random = 1;
    let digest = write(model, &mut tokens, |logits, _| sample(logits, WARM, next(&mut random)));
    show("sampled", &tokens, digest);
    let digest = write(model, &mut tokens, |logits, place| (greedy(logits) + place) % logits.len());
    show("other", &tokens, digest);
    show("stream", &[], cache.run());
}

/// Writes a text from token 1 on, with a wrong token before each right one, which is taken back; gives a digest of all
/// logits.
fn write(model: &mut Tiny, tokens: &mut [u16], mut choose: impl FnMut(&[i16], usize) -> usize) -> u64 {
    let mut digest = Digest::NEW;
    let mut token = 1;
    model.reset();
    for (i, to) in tokens.iter_mut().enumerate() {
        let seen = model.seen();
        model.push(token ^ 1);
        if model.rewind(seen).is_err() {
            digest.take(0xff);
        }
        let logits = model.step(token);
        for logit in logits {
            for byte in logit.to_le_bytes() {
                digest.take(byte);
            }
        }
        token = choose(logits, i) as u16;
        *to = token;
    }
    digest.0
}

/// A word of a linear congruential generator (Numerical Recipes).
fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state
}

/// FNV-1a.
struct Digest(u64);

impl Digest {
    const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    fn take(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
}

const E: usize = 20;
const H: usize = 4;
const G: usize = 2;
const P: usize = 6;
const SLOTS: usize = 13;

/// Weights, made when the program is compiled.
const fn random<const A: usize, const B: usize, const C: usize>(seed: u32) -> [[[i8; A]; B]; C] {
    let mut values = [[[0; A]; B]; C];
    let mut state = seed;
    let mut i = 0;
    while i < A * B * C {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        values[i / A / B][i / A % B][i % A] = (state >> 24) as i8;
        i += 1;
    }
    values
}

const fn channel(scale: f64) -> Channel {
    Channel { bias: 500, scale: Scale::from_real(scale).unwrap() }
}

static QUERY: [[[i8; E]; P]; H] = random(1);
static KEY: [[[i8; E]; P]; G] = random(2);
static VALUE: [[[i8; E]; P]; G] = random(3);
static OUTPUT: [[[i8; P]; H]; E] = random(4);
// Queries and keys have 64 steps to one before they are rotated.
static WIDE: [[Channel; P]; H] = [[channel(0.11); P]; H];
static WIDE_KEY: [[Channel; P]; G] = [[channel(0.11); P]; G];
static NARROW: [[Channel; P]; G] = [[channel(0.0017); P]; G];
static OUT: [Channel; E] = [channel(0.0016); E];
static HEADS: [HeadScale; H] = [HeadScale::from_real(0.0005, 1.5).unwrap(); H];
static ATTENTION: MultiHeadAttention<E, H, P, heedful::Wide, G> = MultiHeadAttention::new(
    Projection::new(&QUERY, &WIDE),
    Projection::new(&KEY, &WIDE_KEY),
    Projection::new(&VALUE, &NARROW),
    &OUTPUT,
    &OUT,
    &HEADS,
);
static FREQUENCIES: [u32; 3] = frequencies(10_000.0);

/// Attention over the last positions of a stream, two of them sinks.
pub struct Stream {
    cache: KvCache<SLOTS, G, P, 2>,
    scratch: StepScratch<SLOTS, E, H, P, heedful::Wide, G>,
}

impl Stream {
    pub const fn new() -> Self {
        Self { cache: KvCache::new(), scratch: StepScratch::new() }
    }

    /// Sixty steps of random input; gives a digest of all outputs.
    pub fn run(&mut self) -> u64 {
        let mut digest = Digest::NEW;
        let mut state = 5;
        self.cache.reset();
        for _ in 0..60 {
            let mut x = [0; E];
            for x in &mut x {
                *x = (next(&mut state) >> 24) as i8;
            }
            for y in self.step(&x) {
                digest.take(*y as u8);
            }
        }
        digest.0
    }

    pub fn step(&mut self, x: &[i8; E]) -> &[i8; E] {
        let rope = Rope { pairing: Pairing::Halves, frequencies: &FREQUENCIES };
        ATTENTION.step(x, rope, &mut self.cache, &mut self.scratch)
    }
}
