//! Rows for each operation: what goes in, and what comes out at the end of the row.
//!
//! All numbers are made without a maths library, so that they are the same everywhere.

use crate::Cases;
use crate::support::{Random, UNIT, bare, leak};
use heedful::audio::{MelBin, Params, Spectrum, Tables, centre, excerpt};
use heedful::dynamic::Model;
use heedful::{
    Activation, AttentionPattern, Channel, HeadScale, LayerNorm, Linear, Mask, MultiHeadAttention, Narrow, NormChannel,
    Pairing, Projection, RmsNorm, Rope, Row, Scale, Scratch, Steepness, Weight, Wide,
};

const PAIRINGS: [Pairing; 3] = [Pairing::Interleaved, Pairing::Halves, Pairing::Folded];

/// `times` times as many rows as the committed files have.
pub fn cases(seed: u64, times: usize) -> Cases {
    let (mut cases, random) = (Cases::default(), &mut Random(seed));
    let c = &mut cases;
    for _ in 0..100 * times {
        requantise(c, random);
        exponential(c, random);
    }
    for _ in 0..25 * times {
        linear(c, random);
        table(c, random);
        place(c, random);
        mean(c, random);
        probability(c, random);
    }
    for _ in 0..8 * times {
        attend::<1, 6, 2, Wide>(c, random, false);
        attend::<5, 9, 3, Narrow>(c, random, false);
        attend::<8, 12, 4, Wide>(c, random, false);
        attend::<2, 12, 4, Wide>(c, random, true);
        attend::<6, 12, 4, Narrow>(c, random, true);
        attend::<10, 6, 2, Wide>(c, random, true);
        attend::<14, 6, 2, Wide>(c, random, true);
        norm::<1>(c, random);
        norm::<2>(c, random);
        norm::<7>(c, random);
        norm::<48>(c, random);
        rotation::<6, 2>(c, random);
        rotation::<18, 6>(c, random);
        rotation::<21, 7>(c, random);
        rotation::<24, 8>(c, random);
        frame(c, random);
    }
    for _ in 0..times.div_ceil(8) {
        norm::<300>(c, random);
        norm::<1024>(c, random);
        attend::<600, 3, 1, Wide>(c, random, true);
        attend::<520, 3, 1, Wide>(c, random, false);
        attend::<600, 3, 1, Narrow>(c, random, false);
    }
    cases
}

/// Any multiplier, and a shift within bounds; the scale's number is exact.
fn scale(random: &mut Random, shifts: [i64; 2]) -> Scale {
    let multiplier = random.int(1 << 26, (1 << 27) - 1) * 8;
    let places = 31 + random.int(shifts[0], shifts[1]);
    Scale::from_real(multiplier as f64 / (1u64 << places) as f64).unwrap()
}

fn parts(scale: Scale) -> [i64; 2] {
    [scale.multiplier().to_bits().into(), scale.shift().into()]
}

fn steepness(random: &mut Random) -> (u64, Steepness) {
    let bits = random.int(17, 30);
    let units = random.int(1 << bits, (2 << bits) - 1) as u64;
    (units, Steepness::from_real(units as f64 / (1u64 << 35) as f64).unwrap())
}

fn requantise(cases: &mut Cases, random: &mut Random) {
    let scale = scale(random, [1, 30]);
    let bits = random.int(1, 31);
    let acc = match random.int(0, 9) {
        0 => i32::MAX,
        1 => i32::MIN,
        // Powers of two are halves of a step with a multiplier of 1/4.
        2 => 1 << (bits - 1),
        _ => random.int(-(1 << bits), (1 << bits) - 1) as i32,
    };
    let scale =
        if random.int(0, 3) == 0 { Scale::from_real(0.25 / (1u64 << scale.shift()) as f64).unwrap() } else { scale };
    let [m, r] = parts(scale);
    let row = format!("[{acc},{m},{r},{},{},{}]", scale.requantise(acc), scale.to_i8(acc), scale.to_i16(acc));
    cases.add("requantise", row);
}

fn exponential(cases: &mut Cases, random: &mut Random) {
    let octaves = random.int(0, 31) as u32;
    let t = octaves << 11 | random.int(0, 2047) as u32;
    cases.add("exponential", format!("[{t},{},{}]", Wide::exp2(t).to_int(), Narrow::exp2(t).to_int()));
}

fn linear(cases: &mut Cases, random: &mut Random) {
    const IN: usize = 7;
    const OUT: usize = 5;
    let weights: [[i8; IN]; OUT] = core::array::from_fn(|_| random.i8s(IN, 127).try_into().unwrap());
    let channels: [Channel; OUT] = core::array::from_fn(|_| Channel {
        bias: random.int(-(1 << 30), 1 << 30) as i32 >> random.int(0, 30),
        scale: scale(random, [1, 16]),
    });
    let layer = Linear::new(leak(weights), leak(channels));
    let x: [i8; IN] = random.i8s(IN, 128).try_into().unwrap();
    let before: [i16; OUT] = core::array::from_fn(|_| random.int(-32768, 32767) as i16);
    let (mut out, mut residual) = ([[0; OUT]], [before]);
    layer.forward(&[x], &mut out);
    layer.accumulate(&[x], &mut residual);
    let channels = channels.map(|channel| (channel.bias, parts(channel.scale)));
    let channels: Vec<[i64; 3]> = channels.into_iter().map(|(bias, [m, r])| [bias.into(), m, r]).collect();
    cases.add("linear", format!("[{weights:?},{channels:?},{x:?},{before:?},{:?},{:?}]", out[0], residual[0]));
}

fn table(cases: &mut Cases, random: &mut Random) {
    let table: [i8; 256] = random.i8s(256, 128).try_into().unwrap();
    let x = random.i8s(20, 128);
    let mut y = x.clone();
    Activation(&table).forward(&mut y);
    cases.add("table", format!("[{table:?},{x:?},{y:?}]"));
}

fn place(cases: &mut Cases, random: &mut Random) {
    let size = random.int(0, 90) as usize;
    let loudness = random.int(1, 15);
    let clip: Vec<i16> = (0..size).map(|_| (random.int(-32768, 32767) >> (15 - loudness)) as i16).collect();
    // Longer clips than steps of a 64th are long: some of many samples.
    let clip: Vec<i16> =
        clip.iter().cycle().take(if random.int(0, 7) == 0 { 9 * size } else { size }).copied().collect();
    let length = random.int(1, if clip.len() > 90 { 600 } else { 200 }) as usize;
    let placed: Vec<i16> = excerpt(&clip, length).collect();
    cases.add("place", format!("[{clip:?},{length},{placed:?}]"));
}

fn mean(cases: &mut Cases, random: &mut Random) {
    let values: Vec<u8> = (0..random.int(1, 40)).map(|_| random.int(0, 255) as u8).collect();
    let mut features = vec![0; values.len()];
    centre(&values, &mut features);
    cases.add("mean", format!("[{values:?},{features:?}]"));
}

/// Through the classifier of a model whose logits are its biases.
fn probability(cases: &mut Cases, random: &mut Random) {
    let model = Model::load(include_bytes!("../models/wide.heed")).unwrap();
    let features = random.i8s(42, 128);
    let outcome = model.infer(&features);
    let shares: Vec<u16> = (0..3).map(|class| outcome.probability(class).to_bits()).collect();
    let units = (model.shape().logit.to_real() * (1u64 << 35) as f64) as u64;
    cases.add("probability", format!("[{units},{:?},{shares:?}]", outcome.logits()));
}

/// What attention gives, and all its weights where the rows are short.
fn observed<const S: usize, const E: usize, const P: usize, W: Weight>(
    attention: &MultiHeadAttention<E, 1, P, W>,
    x: &[[i8; E]; S],
    pattern: impl AttentionPattern,
) -> (Vec<Vec<i32>>, Vec<[i8; P]>) {
    let (mut weights, mut scratch) = (Vec::new(), Box::new(Scratch::new()));
    let mut observer = |row: Row<'_, W>| weights.push(row.weights.iter().map(|w| w.to_int()).collect());
    let y = attention.forward_observed(x, pattern, &mut scratch, &mut observer);
    let outputs = y.iter().map(|row| *row.first_chunk().unwrap()).collect();
    if S > 16 {
        weights.clear();
    }
    (weights, outputs)
}

/// Rows of weights and the division by their sums. `equal` makes all keys alike, and many quotients exact halves.
fn attend<const S: usize, const E: usize, const P: usize, W: Weight>(
    cases: &mut Cases,
    random: &mut Random,
    equal: bool,
) {
    let (mut units, mut steepness) = steepness(random);
    if S > 16 {
        // So little that all count in full.
        (units, steepness) = (1 << 17, Steepness::from_real(1.0 / (1u64 << 18) as f64).unwrap());
    }
    let ratio = match equal {
        true => Scale::from_real(1.0 / (1u64 << random.int(7, 10)) as f64).unwrap(),
        false => scale(random, [2, 14]),
    };
    let head = HeadScale::new(steepness, ratio).unwrap();
    let bound = random.int(1, 128);
    let mut row = || -> [i8; E] {
        let mut row = random.i8s(E, bound);
        if equal {
            row[..P].fill(0);
        }
        row.try_into().unwrap()
    };
    let x: [[i8; E]; S] = core::array::from_fn(|_| row());
    let (weights, outputs) = observed(&bare::<E, 1, P, W>([head]), &x, Mask::None);
    let [m, r] = parts(ratio);
    let kind = if W::FULL_SCALE == 255 { 8 } else { 15 };
    let name = if equal { "division" } else { "attention" };
    cases.add(name, format!("[{P},{kind},{units},{m},{r},{x:?},{weights:?},{outputs:?}]"));
}

fn norm<const E: usize>(cases: &mut Cases, random: &mut Random) {
    let channels: [NormChannel; E] = core::array::from_fn(|_| NormChannel {
        gain: i8f8(random.int(-32768, 32767) >> random.int(0, 8)),
        offset: i8f8(random.int(-32768, 32767) >> random.int(0, 8)),
    });
    let bits = random.int(0, 15);
    let x: [i16; E] = core::array::from_fn(|_| match random.int(0, 15) {
        0 => i16::MIN,
        _ => random.int(-(1 << bits), (1 << bits) - 1) as i16,
    });
    let epsilon = 1 + (random.int(0, (1 << 20) - 1) >> random.int(0, 20)) as u32;
    let (mut centred, mut plain) = ([[0; E]], [[0; E]]);
    let channels: &'static [NormChannel; E] = leak(channels);
    LayerNorm::new(channels, epsilon).forward(&[x], &mut centred);
    RmsNorm::new(channels, epsilon).forward(&[x], &mut plain);
    let pairs: Vec<[i16; 2]> = channels.iter().map(|c| [c.gain.to_bits(), c.offset.to_bits()]).collect();
    cases.add("layer norm", format!("[{epsilon},{pairs:?},{x:?},{:?}]", centred[0]));
    cases.add("RMSNorm", format!("[{epsilon},{pairs:?},{x:?},{:?}]", plain[0]));
}

fn i8f8(bits: i64) -> fixed::types::I8F8 {
    fixed::types::I8F8::from_bits(bits as i16)
}

/// Queries and keys are rotated, and their products show as weights: with the steepest softmax, units of the score.
fn rotation<const E: usize, const P: usize>(cases: &mut Cases, random: &mut Random) {
    const S: usize = 12;
    let wide = scale(random, [1, 5]);
    let channel = Channel { bias: 0, scale: wide };
    let project = |part: usize, weight: i8, channel: Channel| {
        let mut weights = [[[0; E]; P]; 1];
        for (i, row) in weights[0].iter_mut().enumerate() {
            row[part * P + i] = weight;
        }
        Projection::new(leak(weights), leak([[channel; P]; 1]))
    };
    let mut output = [[[0; P]; 1]; E];
    for (i, row) in output.iter_mut().enumerate().take(P) {
        row[0][i] = 64;
    }
    let steepest = (1u64 << 31) - 1 - random.int(0, 1 << 28) as u64;
    let steepness = Steepness::from_real(steepest as f64 / (1u64 << 35) as f64).unwrap();
    let ratio = Scale::from_real(1.0 / 256.0).unwrap();
    let attention = MultiHeadAttention::<E, 1, P, Wide>::new(
        project(0, 127, channel),
        project(1, 127, channel),
        project(2, 64, UNIT),
        leak(output),
        leak([UNIT; E]),
        leak([HeadScale::new(steepness, ratio).unwrap()]),
    );
    let pairing = PAIRINGS[random.int(0, 2) as usize];
    let pairs = random.int(1, P as i64 / 2) as usize;
    let frequencies: Vec<u32> = (0..pairs).map(|_| random.next() as u32).collect();
    let bound = random.int(8, 127);
    let x: [[i8; E]; S] = core::array::from_fn(|_| random.i8s(E, bound).try_into().unwrap());
    let (weights, outputs) = observed(&attention, &x, Rope { pairing, frequencies: &frequencies });
    let ([m, r], [n, s], pairing) = (parts(wide), parts(ratio), pairing as u8);
    let row = format!("[{P},{pairing},{frequencies:?},{m},{r},{steepest},{n},{s},{x:?},{weights:?},{outputs:?}]");
    cases.add("rotation", row);
}

/// A window of samples through a front end of any kind.
fn frame(cases: &mut Cases, random: &mut Random) {
    let spectrum = if random.int(0, 2) == 0 { Spectrum::Magnitude } else { Spectrum::Power };
    let window = random.int(1, 1024) as u32;
    let params = Params {
        window,
        hop: random.int(1, window.into()) as u32,
        bands: random.int(1, 6) as u32,
        floor_log2: random.int(-30, 20) as i32,
        spectrum,
        remove_dc: random.int(0, 1) == 1,
        ..Params::DEFAULT
    };
    let units: Vec<f64> = (0..params.bands).map(|_| random.int(20, 1000) as f64 * 1e-5).collect();
    let count = random.int(0, params.bands.into()) as usize;
    // Filters between two bins are fine with cepstra.
    let mut tables = Tables::design_cepstra(params, &units[..count.max(1)]).unwrap();
    tables.cepstra = tables.cepstra.filter(|_| count > 0);
    let bits = random.int(0, 15);
    // Noise, a click, or a wave with corners.
    let (kind, period) = (random.int(0, 3), random.int(2, 200));
    let samples: Vec<i16> = (0..window.into())
        .map(|n: i64| match kind {
            0 => (n % period * (2 << bits) / period - (1 << bits)) as i16,
            1 if n % period > 0 => 0,
            _ => random.int(-(1 << bits), (1 << bits) - 1) as i16,
        })
        .collect();
    let (frontend, mut fft) = (tables.frontend(), vec![0; params.points()]);
    let mut out = vec![0_i16; frontend.values()];
    if tables.cepstra.is_some() {
        frontend.cepstra(&samples, &mut fft, &mut out);
    } else {
        let mut energies = vec![0; out.len()];
        frontend.log_mel(&samples, &mut fft, &mut energies);
        out = energies.into_iter().map(i16::from).collect();
    }
    // The section as a file holds it.
    let word = |bin: &MelBin| u32::from(bin.upper) | u32::from(bin.rise.to_bits()) << 16;
    let halves = |values: &[i16]| -> Vec<u32> {
        let half = |value: Option<&i16>| u32::from(value.copied().unwrap_or(0) as u16);
        values.chunks(2).map(|pair| half(pair.first()) | half(pair.get(1)) << 16).collect()
    };
    let mut section = vec![8000, window, params.hop, params.bands, 60, 4000, params.floor_log2 as u32];
    section.extend([0, u32::from(spectrum == Spectrum::Magnitude), params.remove_dc.into(), 0, count as u32]);
    section.extend(halves(&tables.window.iter().map(|weight| weight.to_bits()).collect::<Vec<_>>()));
    section.extend(tables.mel.iter().map(word));
    if let Some(cepstra) = &tables.cepstra {
        section.extend(halves(&cepstra.matrix));
        section.extend(heedful::bytemuck::cast_slice::<_, u32>(&cepstra.channels));
    }
    cases.add("frame", format!("[{section:?},{samples:?},{out:?}]"));
}
