//! Weights by what they move, and the noise of integers.

use super::{FIXTURES, assert_all_near, assert_same, map, numbers};
use heedful_lab::inspect::measures::{Map, NoiseSum, NormError, norm_map, norm_weights};

#[test]
fn norms_are_those_of_numpy() {
    let fixture = &FIXTURES["norms"];
    let (values, projection) = (numbers(&fixture["values"]), numbers(&fixture["projection"]));
    let found = norm_weights(&map(&fixture["map"]), &values, &projection, 2).unwrap();
    assert_all_near(&found, &numbers(&fixture["norms"]), "norm");
}

#[test]
fn a_large_weight_on_a_small_value_moves_little() {
    let map = Map::causal(2, 2, &[1.0, 0.0, 3.0, 1.0]).unwrap();
    // The first value is 0, the second of length 5 after the projection.
    let norms = norm_map(&map, &[0.0, 1.0], &[3.0, 4.0], 1).unwrap();
    assert_eq!(norms.weights(), [0.0, 0.0, 0.0, 1.0]);
    assert!(!norms.sees(0, 1));
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let map = Map::new(1, 2, &[1.0, 1.0]).unwrap();
    assert_eq!(norm_weights(&map, &[1.0; 3], &[1.0; 2], 2), Err(NormError::Values { keys: 2, width: 2, found: 3 }));
    assert_eq!(norm_weights(&map, &[1.0; 4], &[1.0; 3], 2), Err(NormError::Projection { width: 2, found: 3 }));
    assert_eq!(norm_weights(&map, &[], &[], 0), Err(NormError::Values { keys: 2, width: 0, found: 0 }));
    assert!(matches!(norm_map(&map, &[f64::NAN; 2], &[1.0], 1), Err(NormError::Map(_))));
}

#[test]
fn noise_is_that_of_numpy() {
    let fixture = &FIXTURES["noise"];
    let (exact, approximate) = (numbers(&fixture["exact"]), numbers(&fixture["approximate"]));
    let mut sum = NoiseSum::default();
    assert_eq!(sum.decibels(), None);
    // In two parts.
    sum.add(&exact[..7], &approximate[..7]);
    sum.add(&exact[7..], &approximate[7..]);
    assert_same(sum.decibels(), &fixture["decibels"], "noise");
}

#[test]
fn noise_has_ends() {
    let decibels = |exact: &[f64], approximate: &[f64]| {
        let mut sum = NoiseSum::default();
        sum.add(exact, approximate);
        sum.decibels()
    };
    assert_eq!(decibels(&[1.0, 2.0], &[1.0, 2.0]), Some(f64::INFINITY));
    assert_eq!(decibels(&[1.0, 2.0], &[0.0, 0.0]), Some(0.0));
    assert_eq!(decibels(&[0.0], &[1.0]), Some(f64::NEG_INFINITY));
    assert_eq!(decibels(&[0.0], &[0.0]), None);
}
