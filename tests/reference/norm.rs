//! Layer norm and RMSNorm: one unit in the last place of the real result, for every width and any row.

use crate::support::{Errors, Random, leak};
use fixed::types::I8F8;
use heedful::{LayerNorm, NormChannel, RmsNorm};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Layer,
    Rms,
}
use Kind::{Layer, Rms};

fn exact(kind: Kind, x: &[i16], channels: &[NormChannel], epsilon: u32) -> Vec<f64> {
    // Sums of integers: exact in 64 bits.
    let n = x.len() as i64;
    let sum: i64 = if kind == Layer { x.iter().map(|&x| i64::from(x)).sum() } else { 0 };
    let squares: i64 = x.iter().map(|&x| i64::from(x) * i64::from(x)).sum();
    let variance = (n * squares - sum * sum) as f64 / (n * n) as f64;
    let deviation = (variance + f64::from(epsilon)).sqrt();
    x.iter()
        .zip(channels)
        .map(|(&x, c)| {
            let normal = (n * i64::from(x) - sum) as f64 / n as f64 / deviation;
            (normal * c.gain.to_num::<f64>() + c.offset.to_num::<f64>()).clamp(-128.0, 127.0)
        })
        .collect()
}

/// Gains and offsets are rounded to nearest, and refused where they do not fit.
#[test]
fn channels_of_real_numbers() {
    for i in -4 * 32_770..4 * 32_770 {
        let real = f64::from(i) / 1024.0;
        let bits = (real * 256.0).round();
        let fits = real * 256.0 > -32_768.5 && real * 256.0 < 32_767.5;
        let bits = fits.then_some(I8F8::from_bits(bits as i16));
        let channel = |gain, offset| NormChannel::from_real(gain, offset).result().ok();
        assert_eq!(channel(real, 0.0).map(|channel| channel.gain), bits, "{real}");
        assert_eq!(channel(1.0, real).map(|channel| channel.offset), bits, "{real}");
    }
    assert!(NormChannel::from_real(f64::NAN, 0.0).result().is_err());
}

/// Rows of all kinds through a norm of width `E`, with usual gains and with the largest.
fn pairs<const E: usize>(kind: Kind, random: &mut Random) -> Vec<(f64, f64)> {
    let mut pairs = Vec::new();
    for extreme in [false, true] {
        let channels: [NormChannel; E] = std::array::from_fn(|i| {
            if extreme {
                // Every pair of largest and smallest gain and offset, with any in between.
                let bits = [i16::MIN, i16::MAX, 1, -1, random.next() as i16];
                NormChannel { gain: I8F8::from_bits(bits[i % 5]), offset: I8F8::from_bits(bits[i / 5 % 5]) }
            } else {
                // Models with RMSNorm have no offsets.
                let offset = if kind == Layer { 20.0 * random.uniform() - 10.0 } else { 0.0 };
                let offset = I8F8::from_num(offset);
                NormChannel { gain: I8F8::from_num(20.0 + 25.0 * random.uniform()), offset }
            }
        });
        let channels = leak(channels);
        for epsilon in [1, 10, 300, 1 << 20] {
            for row in rows(random, &[0.0, 200.0, 30_000.0, -32_768.0]) {
                let mut out = [[0; E]];
                match kind {
                    Layer => LayerNorm::new(channels, epsilon).forward(&[row], &mut out),
                    Rms => RmsNorm::new(channels, epsilon).forward(&[row], &mut out),
                }
                pairs.extend(out[0].iter().map(|&y| f64::from(y)).zip(exact(kind, &row, channels, epsilon)));
            }
        }
    }
    pairs
}

/// Rows of many variances around each of the means, constant ones, and all of the variance in one channel or in halves.
fn rows<const E: usize>(random: &mut Random, means: &[f64]) -> Vec<[i16; E]> {
    let mut rows = Vec::new();
    for amplitude in [0.4, 1.0, 5.0, 100.0, 3000.0, 60_000.0] {
        for mean in means {
            // The cast saturates.
            rows.push(std::array::from_fn(|_| (mean + amplitude * random.normal()).round() as i16));
        }
    }
    rows.extend([0, 1, -1, i16::MAX, i16::MIN].map(|constant| [constant; E]));
    for (low, high) in [(i16::MIN, i16::MAX), (i16::MAX, i16::MIN), (0, 1), (0, i16::MIN), (-1, 0)] {
        rows.push(std::array::from_fn(|i| if i == E / 2 { high } else { low }));
        rows.push(std::array::from_fn(|i| if i % 2 == 0 { high } else { low }));
    }
    rows
}

fn check(kind: Kind) {
    let mut random = Random(4);
    let mut all = Vec::new();
    macro_rules! widths {
        ($($width:literal)*) => { $( all.extend(pairs::<$width>(kind, &mut random)); )* };
    }
    widths!(1 2 3 4 5 16 17 48 63 64 65 100 255 256 257 300 1000 1023 1024);
    // Saturated and constant rows have no error, which takes the root mean square below that of a rounding.
    Errors::of(all).within(0.005, 0.29, 0.5005);
}

#[test]
fn layer_norm() {
    check(Layer);
}

#[test]
fn rms_norm() {
    check(Rms);
}

#[test]
fn epsilon_is_clamped() {
    let channels = leak([NormChannel { gain: I8F8::from_num(50), offset: I8F8::ZERO }; 4]);
    let x = [[0, 1, 2, 3]];
    let through = |epsilon| {
        let mut out = [[0; 4]];
        LayerNorm::new(channels, epsilon).forward(&x, &mut out);
        out
    };
    assert_eq!(through(0), through(1));
    assert_ne!(through(1), through(2));
    assert_eq!(through(u32::MAX), through(1 << 20));
}

/// A row of zeros gives the offsets alone, whatever the gain.
#[test]
fn constant_rows_give_the_offset() {
    let channels = leak([NormChannel { gain: I8F8::MAX, offset: I8F8::from_num(-7.25) }; 33]);
    for constant in [0, 5, i16::MIN, i16::MAX] {
        let mut out = [[0; 33]];
        LayerNorm::new(channels, 1).forward(&[[constant; 33]], &mut out);
        assert_eq!(out, [[-7; 33]]);
    }
}
