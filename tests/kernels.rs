//! Every backend against the portable one, byte for byte, on the host. The emulated boards run the same cases.

#[path = "support/kernels.rs"]
mod cases;

use cases::{Memory, differs};
use heedful::kernels::{Active, Kernels, Portable, Wide};

fn equal<A: Kernels, B: Kernels>() {
    let mut memory = Box::new(Memory::new());
    for seed in 0..4000 {
        if let Some(kernel) = differs::<A, B>(seed, &mut memory) {
            panic!("{} and {} differ in {kernel}, case {seed}", A::NAME, B::NAME);
        }
    }
}

#[test]
fn wide_equals_portable() {
    equal::<Wide, Portable>();
}

#[test]
fn active_equals_portable() {
    equal::<Active, Portable>();
}

/// A backend with a fault in one place must not pass.
#[test]
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
    assert!((0..4000).any(|seed| differs::<Faulty, Portable>(seed, &mut memory).is_some()));
}

#[test]
fn the_expected_backend_is_chosen() {
    let forced = option_env!("HEEDFUL_EXPECTED_BACKEND");
    assert_eq!(heedful::backend(), forced.unwrap_or("wide"));
}
