//! Whatever safe code passes to the public items, none panics, none runs on for ever, and what can be said of the
//! result holds. The arguments are those that sums and products overflow with: 0, 1, the largest numbers, products
//! that wrap, what is no number.
//!
//! Tests are built with overflow checks: a sum that wraps unawares is a panic here.

mod attention;
mod audio;
mod file;
mod pattern;
#[path = "../support/mod.rs"]
mod support;
mod text;
mod values;

/// Lengths, positions and strides to try: small ones, those around powers of two, and those whose products wrap.
const SIZES: [usize; 20] = [
    0,
    1,
    2,
    3,
    5,
    31,
    32,
    33,
    255,
    1 << 16,
    (1 << 16) + 1,
    1 << 24,
    1 << 30,
    1 << 31,
    usize::MAX / 64 + 1,
    usize::MAX / 3 + 1,
    usize::MAX / 2,
    usize::MAX / 2 + 1,
    usize::MAX - 1,
    usize::MAX,
];

/// Reals to try.
const REALS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    0.25,
    1e-9,
    1e9,
    65_280.0,
    f64::MIN_POSITIVE,
    f64::EPSILON,
    f64::MAX,
    f64::MIN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
