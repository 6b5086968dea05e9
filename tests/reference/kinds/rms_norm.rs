//! RMSNorm: one unit in the last place of the real result, for every width and any row.

use crate::norm::rows;
use crate::support::{Errors, Random, leak};
use fixed::types::I8F8;
use heedful::{NormChannel, RmsNorm};

fn exact(x: &[i16], channels: &[NormChannel], epsilon: u32) -> Vec<f64> {
    let squares: i64 = x.iter().map(|&x| i64::from(x) * i64::from(x)).sum();
    let root = (squares as f64 / x.len() as f64 + f64::from(epsilon)).sqrt();
    let normal =
        x.iter().zip(channels).map(|(&x, c)| f64::from(x) / root * c.gain.to_num::<f64>() + c.offset.to_num::<f64>());
    normal.map(|y| y.clamp(-128.0, 127.0)).collect()
}

fn pairs<const E: usize>(random: &mut Random) -> Vec<(f64, f64)> {
    let mut pairs = Vec::new();
    for extreme in [false, true] {
        let channels: [NormChannel; E] = std::array::from_fn(|i| {
            if extreme {
                let bits = [i16::MIN, i16::MAX, 1, -1, random.next() as i16];
                NormChannel { gain: I8F8::from_bits(bits[i % 5]), offset: I8F8::from_bits(bits[i / 5 % 5]) }
            } else {
                // Models have no offsets.
                NormChannel { gain: I8F8::from_num(20.0 + 25.0 * random.uniform()), offset: I8F8::ZERO }
            }
        });
        let channels = leak(channels);
        for epsilon in [1, 10, 300, 1 << 20] {
            let norm: RmsNorm<E> = RmsNorm::new(channels, epsilon);
            for row in rows(random, &[0.0, 200.0, 30_000.0, -32_768.0]) {
                let mut out = [[0; E]];
                norm.forward(&[row], &mut out);
                pairs.extend(out[0].iter().map(|&y| f64::from(y)).zip(exact(&row, channels, epsilon)));
            }
        }
    }
    pairs
}

#[test]
fn rms_norm() {
    let mut random = Random(12);
    let mut all = Vec::new();
    macro_rules! widths {
        ($($width:literal)*) => { $( all.extend(pairs::<$width>(&mut random)); )* };
    }
    widths!(1 2 3 4 5 16 17 48 63 64 65 100 255 256 257 300 1000 1023 1024);
    // Saturated and constant rows have no error, which takes the root mean square below that of a rounding.
    Errors::of(all).within(0.005, 0.29, 0.5005);
}
