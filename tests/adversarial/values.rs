//! Scales, and layers made of the largest of everything.

use crate::REALS;
use crate::support::Random;
use heedful::bytemuck::{AnyBitPattern, NoUninit, Zeroable};
use heedful::fixed::types::I8F8;
use heedful::{
    Activation, Channel, FeedForward, GatedFeedForward, HeadScale, LayerNorm, Linear, NormChannel, RELU, ResidualScale,
    RmsNorm, Scale, Slope, Steepness, TiedEmbedding, frequencies, gelu, sinusoidal, table,
};
use std::marker::PhantomData;

/// Of which traits a type is: the constant of the type itself where the bound holds, else that of the trait for all.
struct Of<T>(PhantomData<T>);

trait Otherwise {
    const ANY_BITS: bool = false;
    const ZEROS: bool = false;
}

impl<T> Otherwise for Of<T> {}

impl<T: AnyBitPattern> Of<T> {
    const ANY_BITS: bool = true;
}

impl<T: Zeroable> Of<T> {
    const ZEROS: bool = true;
}

impl<T: NoUninit> Of<T> {
    const BYTES: bool = true;
}

/// No cast of safe code makes one of these of any bits.
#[test]
fn scales_are_not_any_bits() {
    macro_rules! check {
        ($($type:ty)+) => {$(
            assert!(!Of::<$type>::ANY_BITS && !Of::<$type>::ZEROS && Of::<$type>::BYTES, stringify!($type));
        )+};
    }
    check!(Scale Channel Steepness HeadScale);
    // The question can be answered otherwise: here any bits are right.
    const { assert!(Of::<NormChannel>::ANY_BITS && Of::<NormChannel>::ZEROS && Of::<u32>::ANY_BITS) }
}

/// Words, random ones and the ends of each field.
fn words() -> impl Iterator<Item = u32> {
    let mut random = Random(1);
    let ends = [0, 1, 2, 14, 15, 30, 31, 1 << 17, (1 << 17) - 1, 1 << 31, (1 << 31) - 1, u32::MAX];
    let any = (0..20_000).map(move |_| random.int(0, i64::from(u32::MAX)) as u32);
    // As they are, and as a multiplier of the right size.
    ends.into_iter().chain(any).flat_map(|word| [word, word | 1 << 31, !word])
}

/// What a word is taken for works for all sums.
#[test]
fn scales_of_any_words() {
    let mut taken = 0;
    for word in words() {
        let Some(scale) = Scale::from_word(word) else { continue };
        taken += 1;
        assert_eq!(scale.to_word(), word);
        assert_eq!(Scale::from_real(scale.to_real()).ok(), Some(scale), "{word:#x}");
        for acc in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
            let product = i64::from(acc) * i64::from(scale.multiplier().to_bits());
            let exact = ((product >> (30 + scale.shift())) + 1) >> 1;
            assert_eq!(i64::from(scale.requantise(acc)), exact, "{word:#x} {acc}");
            assert_eq!(i64::from(scale.to_i8(acc)), exact.clamp(-128, 127));
            assert_eq!(i64::from(scale.to_i16(acc)), exact.clamp(-32768, 32767));
        }
    }
    assert!(taken > 10_000, "{taken}");
    for word in [0, 1 << 31, 1 << 31 | 31, u32::MAX, (1 << 31) - 1] {
        assert_eq!(Scale::from_word(word), None, "{word:#x}");
    }
}

#[test]
fn steepness_of_any_word() {
    for word in words() {
        match Steepness::from_word(word) {
            Some(steepness) => {
                assert_eq!(
                    (steepness.to_word(), Steepness::from_real(steepness.to_real()).ok()),
                    (word, Some(steepness))
                );
            }
            None => assert!(!(1 << 17..1 << 31).contains(&word), "{word:#x}"),
        }
    }
}

/// Of a head, the scale of values is in narrower bounds than other scales.
#[test]
fn heads_of_any_scales() {
    let steepness = Steepness::from_real(0.01).unwrap();
    for scale in words().filter_map(Scale::from_word) {
        let fits = (2f64.powi(-16)..0.125).contains(&scale.to_real());
        assert_eq!(HeadScale::new(steepness, scale).is_some(), fits, "{}", scale.to_real());
    }
}

#[test]
fn reals_of_any_size() {
    let steepness = Steepness::from_real(0.01).unwrap();
    let head = HeadScale::from_real(0.01, 1.0).unwrap();
    for real in REALS {
        let within = |low: f64, high: f64| real >= low && real < high;
        assert_eq!(Scale::from_real(real).ok().is_some(), within(2f64.powi(-32), 0.25), "{real}");
        assert_eq!(Steepness::from_real(real).ok().is_some(), within(2f64.powi(-18), 0.0625), "{real}");
        assert_eq!(ResidualScale::from_real(real).ok().is_some(), within(2f64.powi(-9), 255.0), "{real}");
        assert_eq!(Slope::from_real(real, steepness).ok().is_some(), within(0.0, 1e5), "{real}");
        assert_eq!(head.at_temperature(real).ok().is_some(), within(0.2, 2000.0), "{real}");
        for other in REALS {
            let _ = (NormChannel::from_real(real, other), HeadScale::from_real(real, other));
            let _ = (table(|x| x * real, other, real), table(gelu, real, other));
        }
        let _ = (sinusoidal::<7, 5>(real), sinusoidal::<3, 0>(real), sinusoidal::<0, 3>(real));
    }
}

/// The logarithm of infinity halved for ever.
#[test]
fn frequencies_of_any_base() {
    for real in REALS {
        let table: [u32; 5] = frequencies(real);
        if real == 1.0 {
            assert_eq!(table, [683_565_276; 5]);
        }
        let _: [u32; 0] = frequencies(real);
    }
}

#[test]
fn slopes_of_any_head() {
    for head in crate::SIZES {
        for heads in crate::SIZES {
            let slope = Slope::standard(head, heads);
            assert!(head >= heads || slope > 0.0 && slope <= 1.0, "{head} of {heads}: {slope}");
        }
    }
}

/// The largest weights, inputs and biases, also beyond what a file may hold: results saturate.
#[test]
fn linear_of_extremes() {
    const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.2).unwrap() };
    static WEIGHTS: [[i8; 1024]; 5] = [[-128; 1024], [127; 1024], [-128; 1024], [127; 1024], [0; 1024]];
    static CHANNELS: [Channel; 5] = [
        Channel { bias: 1 << 30, ..CHANNEL },
        Channel { bias: -1 << 30, ..CHANNEL },
        Channel { bias: i32::MIN, ..CHANNEL },
        Channel { bias: i32::MAX, ..CHANNEL },
        Channel { bias: i32::MIN, ..CHANNEL },
    ];
    static LAYER: Linear<1024, 5> = Linear::new(&WEIGHTS, &CHANNELS);
    for x in [i8::MIN, i8::MAX, 0] {
        let (mut y, mut residual) = ([[0; 5]; 7], [[i16::MAX; 5]; 7]);
        LAYER.forward(&[[x; 1024]; 7], &mut y);
        assert_eq!((y[6][..2].to_vec(), y[3][4]), (vec![127, -128], -128), "{x}");
        LAYER.accumulate(&[[x; 1024]; 7], &mut residual);
        assert_eq!(residual[6][0], i16::MAX);
        LAYER.forward::<0>(&[], &mut []);
    }
}

#[test]
fn norms_of_extremes() {
    macro_rules! channels {
        ($($gain:literal $offset:literal),+) => {
            [$(NormChannel { gain: I8F8::from_bits($gain), offset: I8F8::from_bits($offset) }),+]
        };
    }
    static CHANNELS: [NormChannel; 4] = channels![-32768 -32768, 32767 32767, -32768 32767, 0 0];
    static ONE: [NormChannel; 1] = channels![-32768 - 32768];
    static WIDE: [NormChannel; 1024] = [CHANNELS[1]; 1024];
    for epsilon in [0, 1, u32::MAX] {
        for x in [[i16::MIN; 4], [i16::MAX; 4], [0; 4], [i16::MIN, i16::MAX, i16::MIN, i16::MAX]] {
            let mut y = [[0; 4]];
            LayerNorm::new(&CHANNELS, epsilon).forward(&[x], &mut y);
            assert_eq!(y[0][3], 0);
            RmsNorm::new(&CHANNELS, epsilon).forward(&[x], &mut y);
            assert_eq!(y[0][3], 0);
        }
        for x in [i16::MIN, 0, i16::MAX] {
            LayerNorm::new(&ONE, epsilon).forward(&[[x]], &mut [[0]]);
            let mut y = [[0; 1024]];
            RmsNorm::new(&WIDE, epsilon).forward(&[[x; 1024]], &mut y);
            let mut row = [i16::MIN; 1024];
            row[1000] = i16::MAX;
            LayerNorm::new(&WIDE, epsilon).forward(&[row], &mut y);
            assert_eq!(y[0][1000], 127);
        }
    }
}

/// A factor out of bounds is refused when the layer is made, and one at the bounds holds for all tokens.
#[test]
fn embeddings_of_any_factor() {
    static ROWS: [[i8; 2]; 2] = [[-128, 127]; 2];
    static CHANNELS: [Channel; 2] = [
        Channel { bias: i32::MIN, scale: Scale::from_real(0.2499).unwrap() },
        Channel { bias: i32::MAX, scale: Scale::from_real(1e-9).unwrap() },
    ];
    for factor in [0, (1 << 23) + 1, u32::MAX] {
        assert!(TiedEmbedding::<2, 2>::new(&ROWS, &CHANNELS, factor).is_none(), "{factor}");
    }
    for factor in [1, 1 << 23] {
        let embedding = TiedEmbedding::<2, 2>::new(&ROWS, &CHANNELS, factor).unwrap();
        let mut residual = [[7; 2]; 4];
        embedding.embed(&[0, 1, 2, u16::MAX], &mut residual);
        let top = if factor == 1 { [-32, 32] } else { [i16::MIN, i16::MAX] };
        assert_eq!((residual[0], &residual[2..]), (top, &[[0; 2]; 2][..]));
        embedding.logits(&[[-128, 127]; 3], &mut [[0; 2]; 3]);
    }
}

/// 15-bit hidden values are refused where a sum of them would not fit.
#[test]
fn hidden_values_of_15_bits() {
    static IN: [[i8; 3]; 4] = [[-128; 3]; 4];
    static DOWN: [[i8; 4]; 3] = [[-128; 4]; 3];
    const CHANNEL: Channel = Channel { bias: i32::MAX, scale: Scale::from_real(0.24).unwrap() };
    static IC: [Channel; 4] = [CHANNEL; 4];
    static BIASED: [Channel; 3] = [CHANNEL; 3];
    static DC: [Channel; 3] = [Channel { bias: (1 << 22) - 1, ..CHANNEL }; 3];
    static TABLE: [i16; 256] = [i16::MIN; 256];
    let [coarse, hidden15] = [0.01, 0.001].map(|product| Scale::from_real(product).unwrap());
    let layers =
        |product, channels| GatedFeedForward::<3, 4>::new(&IN, &IC, &IN, &IC, &TABLE, product, &DOWN, channels);
    assert!(
        layers(coarse, &DC).with_15_bit_hidden().is_none() && layers(hidden15, &BIASED).with_15_bit_hidden().is_none()
    );
    for layers in
        [layers(hidden15, &DC).with_15_bit_hidden().unwrap(), layers(coarse, &BIASED), layers(hidden15, &BIASED)]
    {
        let mut residual = [[i16::MAX; 3]; 6];
        add(&layers, &mut residual);
    }
}

fn add(layers: &impl FeedForward<3>, residual: &mut [[i16; 3]; 6]) {
    layers.accumulate(&[[-128; 3]; 6], residual);
}

#[test]
fn tables_of_nothing() {
    Activation(&RELU).forward(&mut []);
}
