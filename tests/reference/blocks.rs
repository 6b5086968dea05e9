//! Blocks, and an encoder with a decoder, against floats throughout, by their signal-to-noise: the weights are the
//! dequantised ones, everything else is real.

use crate::decoder_support::{Dense, Ranges, coarse, gains};
use crate::feed_forward::{channels, weights};
use crate::support::{Random, leak, snr};
use fixed::types::I8F8;
use heedful::format::write::LinearModel;
use heedful::internals::{Portable, Wide as WideKernels};
use heedful::{
    DecoderBlock, EncoderBlock, GatedFeedForward, HeadScale, LayerNorm, Mask, MultiHeadAttention, Narrow, Norm,
    NormChannel, Projection, ResidualScale, RmsNorm, Scale, Scratch, TiedEmbedding, Weight, Wide, gate_table, greedy,
    silu,
};

const E: usize = 24;
const F: usize = 40;
const H: usize = 3;
const P: usize = 8;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Layer,
    Rms,
}

/// A norm in real numbers.
struct RealNorm {
    kind: Kind,
    gains: Vec<f64>,
    offsets: Vec<f64>,
}

impl RealNorm {
    fn random(random: &mut Random, kind: Kind, width: usize) -> Self {
        let offsets = (0..width).map(|_| 0.4 * random.uniform() - 0.2).collect();
        Self { kind, gains: gains(random, width), offsets }
    }

    fn apply(&self, x: &[f64]) -> Vec<f64> {
        let n = x.len() as f64;
        let mean = if self.kind == Kind::Layer { x.iter().sum::<f64>() / n } else { 0.0 };
        let square = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        let normal = x.iter().map(|x| (x - mean) / (square + 1e-5).sqrt());
        normal.zip(&self.gains).zip(&self.offsets).map(|((x, gain), offset)| x * gain + offset).collect()
    }

    /// Channels for an output scale.
    fn channels<const N: usize>(&self, scale: f64) -> &'static [NormChannel; N] {
        let channel = |i| NormChannel::from_real(self.gains[i] / scale, self.offsets[i] / scale).unwrap();
        leak(std::array::from_fn(channel))
    }
}

/// A norm that is made from its channels and ε.
trait Typed<const N: usize>: Norm<N> + Sized {
    const KIND: Kind;
    fn make(channels: &'static [NormChannel; N], epsilon: u32) -> Self;

    fn of(real: &RealNorm, scale: f64, residual: f64) -> Self {
        Self::make(real.channels(scale), (1e-5 / residual / residual).round() as u32)
    }
}

impl<const N: usize> Typed<N> for LayerNorm<N> {
    const KIND: Kind = Kind::Layer;
    fn make(channels: &'static [NormChannel; N], epsilon: u32) -> Self {
        Self::new(channels, epsilon)
    }
}

impl<const N: usize> Typed<N> for RmsNorm<N> {
    const KIND: Kind = Kind::Rms;
    fn make(channels: &'static [NormChannel; N], epsilon: u32) -> Self {
        Self::new(channels, epsilon)
    }
}

type Sequence = Vec<Vec<f64>>;

/// Attention in real numbers, with its place in [`Ranges`].
struct RealAttention {
    place: usize,
    query: Dense,
    key: Dense,
    value: Dense,
    output: Dense,
}

impl RealAttention {
    fn random(random: &mut Random, place: usize, width: usize, memory: usize, key_heads: usize) -> Self {
        Self {
            place,
            query: Dense::random(random, width, H * P, 1.2, 0.2),
            key: Dense::random(random, memory, key_heads * P, 1.2, 0.2),
            value: Dense::random(random, memory, key_heads * P, 1.0, 0.2),
            output: Dense::random(random, H * P, width, 1.5, 0.1),
        }
    }

    fn apply(&self, x: &Sequence, memory: &Sequence, causal: bool, ranges: &mut Ranges) -> Sequence {
        let mut through = |name, layer: &Dense, x: &Sequence| -> Sequence {
            let y: Sequence = x.iter().map(|x| layer.apply(x)).collect();
            y.iter().for_each(|y| ranges.see(self.place, name, y));
            y
        };
        let query = through("query", &self.query, x);
        let (key, value) = (through("key", &self.key, memory), through("value", &self.value, memory));
        let key_heads = key[0].len() / P;
        let attend = |(position, query): (usize, &Vec<f64>)| -> Vec<f64> {
            let seen = if causal { position + 1 } else { memory.len() };
            let head = |(h, query): (usize, &[f64])| {
                let first = h * key_heads / H * P;
                let score = |key: &Vec<f64>| query.iter().zip(&key[first..]).map(|(q, k)| q * k).sum::<f64>();
                let weights: Vec<f64> = key[..seen].iter().map(|key| (score(key) / (P as f64).sqrt()).exp()).collect();
                let sum: f64 = weights.iter().sum();
                let mix = |d| weights.iter().zip(&value).map(|(w, v)| w * v[first + d]).sum::<f64>() / sum;
                (0..P).map(mix).collect::<Vec<f64>>()
            };
            query.chunks(P).enumerate().flat_map(head).collect()
        };
        let attended: Sequence = query.iter().enumerate().map(attend).collect();
        attended.iter().for_each(|y| ranges.see(self.place, "attended", y));
        attended.iter().map(|x| self.output.apply(x)).collect()
    }

    /// The coarsest product that is added to the residual stream.
    fn product(&self, ranges: &Ranges) -> f64 {
        ranges.scale(self.place, "attended") * self.output.widest()
    }

    /// In integers, from inputs of some scales to the residual stream.
    fn typed<const N: usize, const G: usize, const M: usize, W: Weight>(
        &self,
        from: f64,
        memory: f64,
        residual: f64,
        ranges: &Ranges,
    ) -> MultiHeadAttention<N, H, P, W, G, M> {
        fn projection<const I: usize, const O: usize>(layer: &LinearModel) -> Projection<I, O, P> {
            let weights: [[[i8; I]; P]; O] = layer.weights.as_chunks().0.as_chunks().0.try_into().unwrap();
            Projection::new(leak(weights), leak(layer.channels.as_chunks().0.try_into().unwrap()))
        }
        let [query, key, value, attended] =
            ["query", "key", "value", "attended"].map(|name| ranges.scale(self.place, name));
        let c = std::f64::consts::LOG2_E / (P as f64).sqrt() * query * key;
        let output = self.output.quantised(attended, residual);
        let weights: [[[i8; P]; H]; N] = output.weights.as_chunks().0.as_chunks().0.try_into().unwrap();
        MultiHeadAttention::new(
            projection(&self.query.quantised(from, query)),
            projection(&self.key.quantised(memory, key)),
            projection(&self.value.quantised(memory, value)),
            leak(weights),
            channels(&output),
            leak([HeadScale::from_real(c, value / attended).unwrap(); H]),
        )
    }
}

/// Gated layers in real numbers.
struct RealGated {
    place: usize,
    gate: Dense,
    up: Dense,
    down: Dense,
}

impl RealGated {
    fn random(random: &mut Random, place: usize, width: usize) -> Self {
        let (gate, up) = (Dense::random(random, width, F, 1.2, 0.2), Dense::random(random, width, F, 1.0, 0.2));
        Self { place, gate, up, down: Dense::random(random, F, width, 2.0, 0.1) }
    }

    fn apply(&self, x: &Sequence, ranges: &mut Ranges) -> Sequence {
        let each = |x: &Vec<f64>| {
            let (gate, up) = (self.gate.apply(x), self.up.apply(x));
            let hidden: Vec<f64> = gate.iter().zip(&up).map(|(&g, u)| silu(g) * u).collect();
            for (name, x) in [("gate", &gate), ("up", &up), ("hidden", &hidden)] {
                ranges.see(self.place, name, x);
            }
            self.down.apply(&hidden)
        };
        x.iter().map(each).collect()
    }

    fn product(&self, ranges: &Ranges) -> f64 {
        ranges.scale(self.place, "hidden") * self.down.widest()
    }

    fn typed<const N: usize>(&self, from: f64, residual: f64, ranges: &Ranges) -> GatedFeedForward<N, F> {
        let [gate, up, hidden] = ["gate", "up", "hidden"].map(|name| ranges.scale(self.place, name));
        let table_scale = silu(127.0 * gate) / 32767.0;
        let product = Scale::from_real(table_scale * up / hidden).unwrap();
        let (gated, upper) = (self.gate.quantised(from, gate), self.up.quantised(from, up));
        let down = self.down.quantised(hidden, residual);
        GatedFeedForward::new(
            weights(&gated),
            channels(&gated),
            weights(&upper),
            channels(&upper),
            leak(gate_table(silu, gate, table_scale)),
            product,
            weights(&down),
            channels(&down),
        )
    }
}

/// An encoder block in real numbers; places `place` and on in the ranges are its own.
struct RealBlock {
    place: usize,
    norms: [RealNorm; 2],
    attention: RealAttention,
    feed_forward: RealGated,
}

fn added(x: &Sequence, y: Sequence) -> Sequence {
    x.iter().zip(y).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x + y).collect()).collect()
}

impl RealBlock {
    fn random(random: &mut Random, place: usize, width: usize, key_heads: usize, kind: Kind) -> Self {
        Self {
            place,
            norms: [0; 2].map(|_| RealNorm::random(random, kind, width)),
            attention: RealAttention::random(random, place, width, width, key_heads),
            feed_forward: RealGated::random(random, place, width),
        }
    }

    fn norm(&self, which: usize, x: &Sequence, ranges: &mut Ranges) -> Sequence {
        x.iter().for_each(|x| ranges.see(0, "residual", x));
        let y: Sequence = x.iter().map(|x| self.norms[which].apply(x)).collect();
        y.iter().for_each(|y| ranges.see(self.place, ["normed", "hidden normed"][which], y));
        y
    }

    fn pre(&self, x: &Sequence, causal: bool, ranges: &mut Ranges) -> Sequence {
        let y = self.norm(0, x, ranges);
        let x = added(x, self.attention.apply(&y, &y, causal, ranges));
        let y = self.norm(1, &x, ranges);
        let x = added(&x, self.feed_forward.apply(&y, ranges));
        x.iter().for_each(|x| ranges.see(0, "residual", x));
        x
    }

    fn post(&self, x: &Sequence, causal: bool, ranges: &mut Ranges) -> Sequence {
        let x = self.norm(0, &added(x, self.attention.apply(x, x, causal, ranges)), ranges);
        self.norm(1, &added(&x, self.feed_forward.apply(&x, ranges)), ranges)
    }

    fn product(&self, ranges: &Ranges) -> f64 {
        self.attention.product(ranges).max(self.feed_forward.product(ranges))
    }

    /// Pre-norm.
    fn typed<const N: usize, const G: usize, T: Typed<N>, W: Weight>(
        &self,
        residual: f64,
        ranges: &Ranges,
    ) -> EncoderBlock<N, H, P, T, GatedFeedForward<N, F>, W, G> {
        let [normed, hidden] = ["normed", "hidden normed"].map(|name| ranges.scale(self.place, name));
        EncoderBlock {
            attention_norm: T::of(&self.norms[0], normed, residual),
            attention: self.attention.typed(normed, normed, residual, ranges),
            hidden_norm: T::of(&self.norms[1], hidden, residual),
            feed_forward: self.feed_forward.typed(hidden, residual, ranges),
        }
    }
}

/// The scale of a residual stream.
fn residual_scale(products: impl Iterator<Item = f64>, ranges: &Ranges) -> f64 {
    coarse(products.fold(ranges.of(0, "residual") * 2.0 / 32767.0, |scale, product| scale.max(4.05 * product)))
}

fn rows<const N: usize, const S: usize>(x: &Sequence, scale: f64) -> [[i16; N]; S] {
    std::array::from_fn(|s| std::array::from_fn(|e| (x[s][e] / scale).round() as i16))
}

fn sequence<T: Copy + Into<f64>, const N: usize>(x: &[[T; N]], scale: f64) -> Sequence {
    x.iter().map(|x| x.iter().map(|&x| x.into() * scale).collect()).collect()
}

fn pairs(found: &Sequence, expected: &Sequence) -> Vec<(f64, f64)> {
    found.iter().flatten().copied().zip(expected.iter().flatten().copied()).collect()
}

const S: usize = 12;

/// Runs a block on a residual stream.
type Run<'r, B> = &'r mut dyn FnMut(&B, &mut [[i16; E]; S]);

type TypedBlock<const G: usize, T, W> = EncoderBlock<E, H, P, T, GatedFeedForward<E, F>, W, G>;

/// Two blocks on a residual stream: signal-to-noise of what they add to it.
fn pre_norm<const G: usize, T: Typed<E> + Copy, W: Weight>(seed: u64, causal: bool) -> f64 {
    let mut random = Random(seed);
    let blocks = [1, 2].map(|place| RealBlock::random(&mut random, place, E, G, T::KIND));
    let x: Sequence = (0..S).map(|_| (0..E).map(|_| random.normal()).collect()).collect();
    let mut ranges = Ranges::default();
    let expected = blocks.iter().fold(x.clone(), |x, block| block.pre(&x, causal, &mut ranges));
    let scale = residual_scale(blocks.iter().map(|block| block.product(&ranges)), &ranges);
    let typed = blocks.each_ref().map(|block| block.typed::<E, G, T, W>(scale, &ranges));

    let mask = if causal { Mask::Causal } else { Mask::None };
    let start: [[i16; E]; S] = rows(&x, scale);
    let run = |forward: Run<'_, TypedBlock<G, T, W>>| {
        let mut residual = start;
        typed.iter().for_each(|block| forward(block, &mut residual));
        residual
    };
    let mut scratch = Scratch::new();
    let residual = run(&mut |block, residual| block.forward(residual, mask, &mut scratch));
    assert_eq!(run(&mut |block, x| block.forward_on::<Portable, S>(x, mask, &mut Scratch::new())), residual);
    assert_eq!(run(&mut |block, x| block.forward_on::<WideKernels, S>(x, mask, &mut Scratch::new())), residual);
    let gained = |y: Sequence| added(&y, x.iter().map(|x| x.iter().map(|x| -x).collect()).collect());
    snr(pairs(&gained(sequence(&residual, scale)), &gained(expected)))
}

#[test]
fn pre_norm_blocks() {
    let found = [
        ("layer norm", pre_norm::<3, LayerNorm<E>, Wide>(60, false)),
        ("RMSNorm", pre_norm::<3, RmsNorm<E>, Wide>(61, true)),
        ("layer norm, one key head, narrow", pre_norm::<1, LayerNorm<E>, Narrow>(62, true)),
        ("RMSNorm, one key head", pre_norm::<1, RmsNorm<E>, Wide>(63, false)),
    ];
    for (name, found) in found {
        println!("{name}: {found:.1} dB");
        assert!(found >= 26.5, "{name}: {found:.1} dB");
    }
}

/// Two blocks on int8: signal-to-noise of their output.
fn post_norm<const G: usize, T: Typed<E> + Copy, W: Weight>(seed: u64, causal: bool) -> f64 {
    let mut random = Random(seed);
    let blocks = [1, 2].map(|place| RealBlock::random(&mut random, place, E, G, T::KIND));
    // The input is a norm's output, at one scale with those of the blocks.
    let x: Sequence = (0..S).map(|_| (0..E).map(|_| random.normal().clamp(-3.0, 3.0)).collect()).collect();
    let mut ranges = Ranges::default();
    let expected = blocks.iter().fold(x.clone(), |x, block| block.post(&x, causal, &mut ranges));
    let names = [(1, "normed"), (1, "hidden normed"), (2, "normed"), (2, "hidden normed")];
    let normed = names.map(|(place, name)| ranges.scale(place, name)).into_iter().fold(3.0 / 127.0, f64::max);
    let scale = residual_scale(blocks.iter().map(|block| block.product(&ranges)), &ranges);
    // The residual_scale has eight bits of fraction: the scale of the residual stream is fitted to it.
    let ratio = ((normed / scale) * 256.0).floor() / 256.0;
    let scale = normed / ratio;
    let residual_scale = ResidualScale::from_real(ratio).unwrap();
    let typed = blocks.each_ref().map(|block| TypedBlock::<G, T, W> {
        attention_norm: T::of(&block.norms[0], normed, scale),
        attention: block.attention.typed(normed, normed, scale, &ranges),
        hidden_norm: T::of(&block.norms[1], normed, scale),
        feed_forward: block.feed_forward.typed(normed, scale, &ranges),
    });

    let mask = if causal { Mask::Causal } else { Mask::None };
    let start: [[i8; E]; S] = rows(&x, normed).map(|row: [i16; E]| row.map(|x| x as i8));
    let mut found = start;
    let (mut scratch, mut memory) = (Scratch::new(), [[777; E]; S]);
    typed.iter().for_each(|block| block.forward_post(&mut found, residual_scale, mask, &mut scratch, &mut memory));
    let (mut portable, mut wide) = (start, start);
    for block in &typed {
        block.forward_post_on::<Portable, S>(
            &mut portable,
            residual_scale,
            mask,
            &mut Scratch::new(),
            &mut [[0; E]; S],
        );
        block.forward_post_on::<WideKernels, S>(&mut wide, residual_scale, mask, &mut Scratch::new(), &mut [[0; E]; S]);
    }
    assert_eq!((portable, wide), (found, found));
    snr(pairs(&sequence(&found, normed), &expected))
}

#[test]
fn post_norm_blocks() {
    let found = [
        ("layer norm", post_norm::<3, LayerNorm<E>, Wide>(64, false)),
        ("RMSNorm", post_norm::<3, RmsNorm<E>, Wide>(65, true)),
        ("layer norm, one key head, narrow", post_norm::<1, LayerNorm<E>, Narrow>(66, true)),
        ("RMSNorm, one key head", post_norm::<1, RmsNorm<E>, Wide>(67, false)),
    ];
    for (name, found) in found {
        println!("{name}: {found:.1} dB");
        assert!(found >= 22.0, "{name}: {found:.1} dB");
    }
}

#[test]
fn lifts() {
    assert!([1.0 / 600.0, 255.01, f64::NAN].iter().all(|&ratio| ResidualScale::from_real(ratio).ok().is_none()));
    assert!(ResidualScale::from_real(1.0 / 256.0).ok().is_some() && ResidualScale::from_real(255.0).ok().is_some());
}

/// Width and length of the encoder's output.
const M: usize = 16;
const T: usize = 9;
const V: usize = 40;

/// A decoder block in real numbers.
struct RealDecoderBlock {
    own: RealBlock,
    cross_norm: RealNorm,
    cross: RealAttention,
}

impl RealDecoderBlock {
    fn random(random: &mut Random, place: usize) -> Self {
        let own = RealBlock::random(random, place, E, 1, Kind::Rms);
        let cross_norm = RealNorm::random(random, Kind::Rms, E);
        Self { own, cross_norm, cross: RealAttention::random(random, place + 10, E, M, 1) }
    }

    fn apply(&self, x: &Sequence, memory: &Sequence, ranges: &mut Ranges) -> Sequence {
        let y = self.own.norm(0, x, ranges);
        let x = added(x, self.own.attention.apply(&y, &y, true, ranges));
        x.iter().for_each(|x| ranges.see(0, "residual", x));
        let y: Sequence = x.iter().map(|x| self.cross_norm.apply(x)).collect();
        y.iter().for_each(|y| ranges.see(self.own.place + 10, "normed", y));
        let x = added(&x, self.cross.apply(&y, memory, false, ranges));
        let y = self.own.norm(1, &x, ranges);
        let x = added(&x, self.own.feed_forward.apply(&y, ranges));
        x.iter().for_each(|x| ranges.see(0, "residual", x));
        x
    }

    fn typed(&self, memory: f64, scale: f64, ranges: &Ranges) -> Block {
        let EncoderBlock { attention_norm, attention, hidden_norm, feed_forward } =
            self.own.typed::<E, 1, RmsNorm<E>, Wide>(scale, ranges);
        let normed = ranges.scale(self.own.place + 10, "normed");
        let cross_norm = RmsNorm::of(&self.cross_norm, normed, scale);
        let cross = self.cross.typed(normed, memory, scale, ranges);
        DecoderBlock { attention_norm, attention, cross_norm, cross, hidden_norm, feed_forward }
    }
}

type Block = DecoderBlock<E, H, P, RmsNorm<E>, GatedFeedForward<E, F>, Wide, 1, M>;

/// Encoder, decoder, embedding and output in one, with layer norms in the encoder and RMSNorms in the decoder.
struct Real {
    encoder: [RealBlock; 2],
    encoder_norm: RealNorm,
    embedding: Dense,
    decoder: [RealDecoderBlock; 2],
    norm: RealNorm,
}

impl Real {
    fn random(random: &mut Random) -> Self {
        Self {
            encoder: [1, 2].map(|place| RealBlock::random(random, place, M, 3, Kind::Layer)),
            encoder_norm: RealNorm::random(random, Kind::Layer, M),
            embedding: Dense::random(random, E, V, (E as f64).sqrt(), 0.0),
            decoder: [1, 2].map(|place| RealDecoderBlock::random(random, place)),
            norm: RealNorm::random(random, Kind::Rms, E),
        }
    }

    fn encode(&self, x: &Sequence, ranges: &mut Ranges) -> Sequence {
        let x = self.encoder.iter().fold(x.clone(), |x, block| block.pre(&x, false, ranges));
        let y: Sequence = x.iter().map(|x| self.encoder_norm.apply(x)).collect();
        y.iter().for_each(|y| ranges.see(0, "memory", y));
        y
    }

    /// Logits after each of some tokens.
    fn decode(&self, tokens: &[u16], memory: &Sequence, ranges: &mut Ranges) -> Sequence {
        let row = |&token: &u16| {
            let scale = self.embedding.scales[usize::from(token)];
            self.embedding.weights[usize::from(token) * E..][..E].iter().map(|&w| f64::from(w) * scale).collect()
        };
        let x: Sequence = tokens.iter().map(row).collect();
        let x = self.decoder.iter().fold(x, |x, block| block.apply(&x, memory, ranges));
        let y: Sequence = x.iter().map(|x| self.norm.apply(x)).collect();
        y.iter().for_each(|y| ranges.see(0, "final", y));
        y.iter().map(|y| self.embedding.apply(y)).collect()
    }
}

/// One more token at a time, each the likeliest after those before: the decoder runs over all positions each time,
/// causally.
#[test]
fn encoder_decoder() {
    let (mut logits, mut memories) = (Vec::new(), Vec::new());
    let (mut alike, mut all) = (0, 0);
    for seed in 0..6 {
        let mut random = Random(70 + seed);
        let real = Real::random(&mut random);
        let input: Sequence = (0..T).map(|_| (0..M).map(|_| random.normal()).collect()).collect();
        // Calibrated on this input, and on other tokens than those that will come.
        let (mut of_encoder, mut of_decoder) = (Ranges::default(), Ranges::default());
        let memory = real.encode(&input, &mut of_encoder);
        let others: Vec<u16> = (0..30).map(|_| random.int(0, V as i64 - 1) as u16).collect();
        others.chunks(S).for_each(|tokens| _ = real.decode(tokens, &memory, &mut of_decoder));

        let scale = residual_scale(real.encoder.iter().map(|block| block.product(&of_encoder)), &of_encoder);
        let memory_scale = of_encoder.scale(0, "memory");
        let encoder = real.encoder.each_ref().map(|block| block.typed::<M, 3, LayerNorm<M>, Wide>(scale, &of_encoder));
        let mut residual: [[i16; M]; T] = rows(&input, scale);
        let mut scratch = Scratch::new();
        encoder.iter().for_each(|block| block.forward(&mut residual, Mask::None, &mut scratch));
        let mut encoded = [[0; M]; T];
        LayerNorm::of(&real.encoder_norm, memory_scale, scale).forward(&residual, &mut encoded);
        memories.extend(pairs(&sequence(&encoded, memory_scale), &memory));

        let products = real.decoder.iter().map(|b| b.own.product(&of_decoder).max(b.cross.product(&of_decoder)));
        let scale = residual_scale(products, &of_decoder);
        let decoder = real.decoder.each_ref().map(|block| block.typed(memory_scale, scale, &of_decoder));
        let normed = of_decoder.scale(0, "final");
        let factor = (4.1 * real.embedding.widest() / scale).ceil() as u32;
        let logit = f64::from(factor) * normed * scale;
        let layer = real.embedding.quantised(normed, logit);
        let embedding = TiedEmbedding::<V, E>::new(weights(&layer), channels(&layer), factor).unwrap();
        let norm: RmsNorm<E> = Typed::of(&real.norm, normed, scale);

        let (mut own, mut cross) = (Scratch::new(), Scratch::new());
        let mut tokens = [0u16; S];
        let mut before: Option<[[i16; V]; S]> = None;
        for length in 1..S {
            let mut residual = [[0; E]; S];
            embedding.embed(&tokens, &mut residual);
            let start = residual;
            let run = |forward: Run<'_, Block>| {
                let mut residual = start;
                decoder.iter().for_each(|block| forward(block, &mut residual));
                residual
            };
            let memory_mask = Mask::None;
            let x = run(&mut |b, x| b.forward(x, &encoded, Mask::Causal, memory_mask, &mut own, &mut cross));
            let mut others = (Scratch::new(), Scratch::new());
            let portable = run(&mut |b, x| {
                b.forward_on::<Portable, S, T>(x, &encoded, Mask::Causal, memory_mask, &mut others.0, &mut others.1);
            });
            let wide = run(&mut |b, x| {
                b.forward_on::<WideKernels, S, T>(x, &encoded, Mask::Causal, memory_mask, &mut others.0, &mut others.1);
            });
            assert_eq!((portable, wide), (x, x));
            let mut y = [[0; E]; S];
            norm.normalise(&x, &mut y);
            let mut out = [[0; V]; S];
            embedding.logits(&y, &mut out);
            // What comes later does not change what was there.
            assert!(before.is_none_or(|before| before[..length - 1] == out[..length - 1]));
            before = Some(out);

            let expected = real.decode(&tokens[..length], &memory, &mut of_decoder);
            let expected = expected.last().unwrap();
            logits.extend(out[length - 1].iter().map(|&y| f64::from(y) * logit).zip(expected.iter().copied()));
            let best = greedy(&out[length - 1]);
            let most = (0..V).max_by(|&a, &b| expected[a].total_cmp(&expected[b])).unwrap();
            alike += usize::from(best == most);
            all += 1;
            tokens[length] = best as u16;
        }
    }
    let (memories, logits) = (snr(memories), snr(logits));
    println!("encoder's output {memories:.1} dB, logits {logits:.1} dB, {alike} of {all} tokens as in floats");
    assert!(memories >= 25.0 && logits >= 20.0 && 10 * alike >= 9 * all, "{memories:.1} {logits:.1} {alike} of {all}");
}

/// Offsets of an RMSNorm are added, as those of a layer norm are.
#[test]
fn offsets_of_rms_norms() {
    let channels = leak([NormChannel { gain: I8F8::from_num(20), offset: I8F8::from_num(-3.25) }; 4]);
    let mut out = [[0; 4]];
    RmsNorm::new(channels, 1).forward(&[[1000, -1000, 1000, -1000]], &mut out);
    assert_eq!(out, [[17, -23, 17, -23]]);
}
