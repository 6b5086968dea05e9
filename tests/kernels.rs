//! Every backend against the portable one, byte for byte, on the host. The emulated boards run the same cases.

#[path = "support/adversarial.rs"]
mod adversarial;
#[path = "support/kernels.rs"]
mod cases;
#[path = "support/large.rs"]
mod large;
#[path = "support/skip.rs"]
mod skip;

use cases::{Memory, differs};
use heedful::internals::{Active, Epilogue, Kernels, Layer, Matrix, Portable, Rotation, Rows, Turn, Wide, linear};
use heedful::{Channel, Pairing, Scale};
use skip::{Lack, skipped};

/// Cases of each kind. Miri takes seconds for one, and gets none of the large ones.
const CASES: u64 = if cfg!(miri) { 4 } else { 4000 };
/// Cases whose lengths and strides do not fit together.
const ADVERSARIAL: u64 = if cfg!(miri) { 20 } else { 20_000 };
const LARGE: u64 = match (cfg!(miri), cfg!(debug_assertions)) {
    (true, _) => 0,
    (false, true) => 150,
    (false, false) => 1500,
};

fn equal<A: Kernels, B: Kernels>() {
    let mut memory = Box::new(Memory::new());
    for seed in 0..CASES {
        if let Some(kernel) = differs::<A, B>(seed, &mut memory) {
            panic!("{} and {} differ in {kernel}, case {seed}", A::NAME, B::NAME);
        }
    }
    for seed in 0..ADVERSARIAL {
        if let Some(kernel) = adversarial::differs::<A, B>(seed) {
            panic!("{} and {} differ in {kernel}, adversarial case {seed}", A::NAME, B::NAME);
        }
    }
    for seed in 0..LARGE {
        if let Some(kernel) = large::differs::<A, B>(seed) {
            panic!("{} and {} differ in {kernel}, large case {seed}", A::NAME, B::NAME);
        }
    }
}

#[test]
fn wide_equals_portable() {
    equal::<Wide, Portable>();
}

#[test]
fn active_equals_portable() {
    if Active::NAME == Portable::NAME {
        return skipped(Lack::Backend, "the active backend is the portable one");
    }
    equal::<Active, Portable>();
}

/// A backend with a fault in one place must not pass.
#[test]
#[cfg_attr(miri, ignore = "needs many cases")]
fn cases_find_a_fault() {
    struct Faulty;
    impl Kernels for Faulty {
        const NAME: &'static str = "faulty";
        fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
            let max = Portable::scores(query, keys, scores);
            match scores {
                [.., last] if *last > 1000 => *last += 1,
                _ => {}
            }
            max
        }
    }
    let mut memory = Box::new(Memory::new());
    assert!((0..CASES).any(|seed| differs::<Faulty, Portable>(seed, &mut memory).is_some()));
}

/// So must none that turns by a little too much, or that rounds a turned value the other way.
#[test]
#[cfg_attr(miri, ignore = "needs many cases")]
fn cases_find_faulty_rotations() {
    struct Turns;
    impl Kernels for Turns {
        const NAME: &'static str = "faulty turns";
        fn turns(frequencies: &[u32], first: u32, step: u32, turns: &mut [Turn]) {
            Portable::turns(frequencies, first, step, turns);
            if let [.., last] = turns {
                last.sin |= 1;
            }
        }
    }
    struct Rotates;
    impl Kernels for Rotates {
        const NAME: &'static str = "faulty rotation";
        fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
            Portable::rotate(rotation, x, out);
            match (rotation.pairing, out) {
                (Pairing::Halves, [.., last]) if rotation.stride == 0 => *last ^= 1,
                _ => {}
            }
        }
    }
    let mut memory = Box::new(Memory::new());
    let mut found =
        |differs: fn(u64, &mut Memory) -> Option<&'static str>| (0..CASES).find_map(|seed| differs(seed, &mut memory));
    assert_eq!(found(differs::<Turns, Portable>), Some("turns"));
    assert_eq!(found(differs::<Rotates, Portable>), Some("rotate"));
}

/// What rows of 16 become, on each backend: the same bytes.
fn stored(x: &[i8], weights: Matrix<'_>, outputs: usize, [row_stride, output_stride]: [usize; 2]) -> [i8; 64] {
    let on = |linear: fn(Rows<'_>, &mut [Layer<'_>])| {
        let channels = [Channel { bias: 0, scale: Scale::from_real(1.0 / 16.0).unwrap() }; 8];
        let mut out = [85; 64];
        let epilogue = Epilogue::Store { out: &mut out, row_stride, output_stride };
        linear(Rows::new(x, 16), &mut [Layer { weights, channels: &channels[..outputs], epilogue }]);
        out
    };
    let portable = on(linear::<Portable>);
    assert_eq!(on(linear::<Wide>), portable);
    assert_eq!(on(linear::<Active>), portable);
    #[cfg(target_arch = "x86_64")]
    {
        use heedful::internals::{Avx2, Avx512Vnni, AvxVnni};
        assert_eq!(on(linear::<Avx2>), portable);
        assert_eq!(on(linear::<AvxVnni>), portable);
        assert_eq!(on(linear::<Avx512Vnni>), portable);
    }
    portable
}

/// Three times a third of all memory and a little more wraps to a place near the start.
#[test]
fn a_row_stride_that_wraps() {
    let (x, weights) = ([1; 64], Matrix { data: &[9; 128], inputs: 16, stride: 16 });
    for strides in [[usize::MAX / 3 + 1, 1], [1, usize::MAX / 7 + 1], [usize::MAX, 1], [1, usize::MAX]] {
        assert_eq!(stored(&x, weights, 8, strides), [85; 64], "{strides:?}");
    }
    // What fits is stored.
    assert_eq!(stored(&x, weights, 8, [8, 1])[..32], [9; 32]);
}

/// Of three rows of 16 side by side, 24 weights are half; with a row every four weights they are all.
#[test]
fn too_few_weights() {
    let (x, weights) = ([1; 64], Matrix { data: &[9; 24], inputs: 16, stride: 16 });
    assert_eq!(stored(&x, weights, 3, [3, 1]), [85; 64]);
    let out = stored(&x, Matrix { stride: 4, ..weights }, 3, [3, 1]);
    assert_eq!((&out[..12], &out[12..]), (&[9; 12][..], &[85; 52][..]));
}

/// Where rows of weights overlap, the last one still counts to its end: a product of two -128, twice, does not fit 16
/// bits.
#[test]
fn weights_that_overlap() {
    let data: [i8; 24] = core::array::from_fn(|i| if i < 12 { 0 } else { -128 });
    let out = stored(&[-128; 128], Matrix { data: &data, inputs: 16, stride: 4 }, 3, [3, 1]);
    assert_eq!(out[..24], [127; 24]);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Kernels, Lack, Portable, equal, skipped};
    use heedful::internals::{Avx2, Avx512Vnni, AvxVnni, X86};

    /// On a CPU without the level, what stands in for it is held against the portable one.
    fn level<K: Kernels>() {
        if K::name() != K::NAME {
            skipped(Lack::Cpu, format_args!("this CPU has no {}; {} is tested instead", K::NAME, K::name()));
        }
        equal::<K, Portable>();
    }

    #[test]
    fn avx2_equals_portable() {
        level::<Avx2>();
    }

    #[test]
    fn avx_vnni_equals_portable() {
        level::<AvxVnni>();
    }

    #[test]
    fn avx512_vnni_equals_portable() {
        level::<Avx512Vnni>();
    }

    /// The best that the CPU has.
    pub fn expected() -> &'static str {
        if ["avx512f", "avx512bw", "avx512vl", "avx512vnni"].into_iter().all(has) {
            "AVX-512 VNNI"
        } else if has("avxvnni") {
            "AVX-VNNI"
        } else if has("avx2") {
            "AVX2"
        } else {
            "wide"
        }
    }

    fn has(feature: &str) -> bool {
        match feature {
            "avx2" => is_x86_feature_detected!("avx2"),
            "avxvnni" => is_x86_feature_detected!("avxvnni"),
            "avx512f" => is_x86_feature_detected!("avx512f"),
            "avx512bw" => is_x86_feature_detected!("avx512bw"),
            "avx512vl" => is_x86_feature_detected!("avx512vl"),
            "avx512vnni" => is_x86_feature_detected!("avx512vnni"),
            _ => false,
        }
    }

    #[test]
    fn the_best_level_is_chosen() {
        assert_eq!(X86::name(), expected());
    }
}

/// Turns for which there are no values, and rows that lie farther apart than memory is long.
#[test]
fn rotations_that_do_not_fit() {
    fn check<K: Kernels>() {
        let turns = [Turn::ZERO; 8];
        for pairing in [Pairing::Interleaved, Pairing::Halves, Pairing::Folded] {
            for (dim, pairs, stride) in [(4, usize::MAX / 2 + 2, 0), (4, 3, 3), (4, 2, usize::MAX), (0, 0, 0)] {
                let mut out = [7; 12];
                let rotation = Rotation { pairing, dim, pairs, turns: &turns, stride };
                K::rotate(rotation, &[100; 12], &mut out);
                let rows = if (pairs, stride) == (2, usize::MAX) { 4 } else { 0 };
                assert!(out[rows..].iter().all(|&out| out == 7), "{dim} {pairs} {stride} {out:?}");
            }
        }
    }
    check::<Portable>();
    check::<Wide>();
    check::<Active>();
}

#[test]
fn the_expected_backend_is_chosen() {
    #[cfg(target_arch = "x86_64")]
    let usual = x86::expected();
    #[cfg(target_arch = "aarch64")]
    let usual = if std::arch::is_aarch64_feature_detected!("dotprod") { "NEON with dot product" } else { "NEON" };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let usual = "wide";
    assert_eq!(heedful::backend(), option_env!("HEEDFUL_EXPECTED_BACKEND").unwrap_or(usual));
}
