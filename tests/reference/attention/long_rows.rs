//! Rows worked off in parts: the bits of the whole row, whatever the length of a part, and the accuracy over 1,500
//! positions.

use crate::attention_support::{dot, head, input, scales};
use crate::support::{Errors, Random, bare, snr};
use heedful::internals::Active;
use heedful::{
    Alibi, AttentionPattern, BitMask, HeadMask, HeadScale, Mask, Narrow, Observer, Row, Scratch, Slope, Weight, Wide,
    Window, Windows,
};

/// The rows of weights, put together of their parts: by head and query, each key that weighs.
struct Seen(Vec<(usize, usize, usize, i32)>);

impl<W: Weight> Observer<W> for Seen {
    fn row(&mut self, row: Row<'_, W>) {
        let keys = row.weights.iter().enumerate().filter(|(_, weight)| weight.to_int() != 0);
        self.0.extend(keys.map(|(i, weight)| (row.head, row.query, row.first + i * row.dilation, weight.to_int())));
    }
}

/// Parts of 1, 7, 64, 136, 512 and more than the row has. Backends ask for biases in steps of 64 keys within a part.
fn equal<const S: usize, W: Weight>(random: &mut Random, pattern: impl AttentionPattern) {
    const H: usize = 2;
    const P: usize = 7;
    const E: usize = 3 * H * P;
    for octaves in [0.02, 3.0] {
        let heads: [HeadScale; H] = scales(random, 74.0 * 74.0 * (P as f64).sqrt(), octaves);
        let attention = bare::<E, H, P, W>(heads);
        let x: [[i8; E]; S] = input(random);
        let mut whole = Box::new(Scratch::<S, E, H, P, W>::new());
        let mut expected = Seen(Vec::new());
        let y = attention.forward_observed(&x, &pattern, &mut whole, &mut expected);
        expected.0.sort_unstable();
        macro_rules! parts {
            ($($r:literal)*) => {$(
                let mut scratch = Box::new(Scratch::<S, E, H, P, W, S, $r>::new());
                let mut seen = Seen(Vec::new());
                let parts = attention.forward_long_on::<Active, S, $r>(&x, &pattern, &mut scratch, &mut seen);
                assert!(parts == y, "parts of {}", $r);
                seen.0.sort_unstable();
                assert!(seen.0 == expected.0, "weights in parts of {}", $r);
                assert!(attention.forward_long(&x, &pattern, &mut scratch) == y);
            )*};
        }
        parts!(1 7 64 136 512 2000);
    }
}

#[test]
fn parts_make_the_whole() {
    let mut random = Random(1);
    equal::<1, Wide>(&mut random, Mask::None);
    equal::<70, Wide>(&mut random, Mask::None);
    equal::<70, Narrow>(&mut random, Mask::Causal);
    equal::<65, Wide>(&mut random, Mask::CausalLength(0));
    equal::<65, Wide>(&mut random, (Window::back(9).dilated(2).with_sinks(3), Mask::Causal));
    equal::<65, Narrow>(&mut random, Windows(&[Window::around(30)]));
    equal::<65, Wide>(&mut random, (Alibi(&[Slope(70_000), Slope(900)]), HeadMask(2)));
    let rows: [[u32; 3]; 70] =
        std::array::from_fn(|i| if i % 9 == 0 { [0; 3] } else { [0; 3].map(|_| random.next() as u32) });
    equal::<70, Wide>(&mut random, BitMask::new(&rows));
    equal::<600, Wide>(&mut random, Mask::None);
    // Biases beyond the first 64 keys of parts beyond the first.
    equal::<300, Narrow>(&mut random, Alibi(&[Slope(9_000), Slope(200)]));
    let rows: [[u32; 10]; 300] = std::array::from_fn(|_| std::array::from_fn(|_| random.next() as u32));
    equal::<300, Wide>(&mut random, (BitMask::new(&rows), Window::back(220)));
}

/// 1,500 positions; each value of every twentieth query within its bound, and the signal-to-noise ratio against an
/// exact softmax that of the rows as a whole, for they are the same.
fn accuracy<W: Weight>(mean: f64, rms: f64, max: f64, least: f64) {
    const S: usize = 1500;
    const P: usize = 16;
    const E: usize = 3 * P;
    let mut random = Random(2);
    let x: Box<[[i8; E]; S]> = Box::new(input(&mut random));
    // The output's scale is finer than that of the values: over so many keys they average out.
    let [given] = scales::<1>(&mut random, 74.0 * 74.0 * 4.0, 2.0);
    let heads = [HeadScale::new(given.steepness(), heedful::Scale::from_real(4.0 / 256.0).unwrap()).unwrap()];
    let mut scratch = Box::new(Scratch::<S, E, 1, P, W, S, 64>::new());
    let y = bare::<E, 1, P, W>(heads).forward_long(&x, Mask::Causal, &mut scratch);
    let part = |i: usize, part: usize| -> Vec<f64> { x[i][part * P..][..P].iter().map(|&v| f64::from(v)).collect() };
    let (mut pairs, mut rounded) = (Vec::new(), Vec::new());
    for i in (0..S).step_by(20).chain([S - 1]) {
        let query = part(i, 0);
        let keys: Vec<_> = (0..=i).map(|j| (dot(&query, &part(j, 1)), 0.0, part(j, 2))).collect();
        for (&found, (exact, moved)) in y[i].iter().zip(head::<W>(&keys, P, &heads[0])) {
            let (found, exact) = (f64::from(found), exact.clamp(-128.0, 127.0));
            assert!((found - exact).abs() <= moved + 0.501, "query {i}: {found}, {exact} ± {moved}");
            pairs.push((found, exact));
            rounded.push((exact.round(), exact));
        }
    }
    let (level, ideal) = (snr(pairs.clone()), snr(rounded));
    println!("1,500 positions in parts of 64: {level:.2} dB, an exact softmax rounded to int8 {ideal:.2} dB");
    assert!(level > ideal - least);
    Errors::of(pairs).within(mean, rms, max);
}

#[test]
fn accuracy_of_long_rows() {
    accuracy::<Wide>(0.02, 0.3, 0.8, 0.5);
    accuracy::<Narrow>(0.05, 0.5, 2.5, 5.0);
}
