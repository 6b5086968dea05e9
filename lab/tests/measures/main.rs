//! Measures of heads against values worked out by hand, or with numpy and scipy (`fixtures.py` wrote `fixtures.json`).

mod diversity;
mod flow;
mod heads;
mod language;
mod maps;
mod names;
mod probes;
mod properties;
mod ranking;
mod values;

use heedful_lab::augment::draw;
use heedful_lab::inspect::measures::{Map, Share};
use rand::RngExt;
use serde_json::Value;
use std::sync::LazyLock;

static FIXTURES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("fixtures.json")).expect("committed"));

/// The numbers of a list, or of a list of lists, row by row.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap()],
    }
}

fn counts(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|number| number as usize).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn map(value: &Value) -> Map {
    let (queries, keys) = (counts(&value["queries"])[0], counts(&value["keys"])[0]);
    let sees = counts(&value["sees"]);
    Map::masked(queries, keys, &numbers(&value["weights"]), |query, key| sees[query * keys + key] == 1).unwrap()
}

/// The fixtures have twelve digits.
#[track_caller]
fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {found}, not {expected}");
}

#[track_caller]
fn assert_all_near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_near(*found, *expected, &format!("{what} {index}"));
    }
}

/// A number or nothing, as the fixture says.
#[track_caller]
fn assert_same(found: Option<f64>, expected: &Value, what: &str) {
    match found {
        Some(found) => assert_near(found, expected.as_f64().unwrap_or(f64::NAN), what),
        None => assert!(expected.is_null(), "{what}: nothing, not {expected}"),
    }
}

#[track_caller]
fn assert_share(found: Option<Share>, expected: &Value, what: &str) {
    let found = found.map(|found| [found.share, found.chance, found.rows as f64]);
    match found {
        Some(found) if !expected.is_null() => assert_all_near(&found, &numbers(expected), what),
        found => assert!(found.is_none() && expected.is_null(), "{what}: {found:?}, not {expected}"),
    }
}

/// Softmax rows of scores that are evenly drawn from 0 to `sharpness`; `causal` or not.
fn random_map(positions: usize, sharpness: f64, causal: bool, seed: u64) -> Map {
    let mut random = draw(seed, 0, 0);
    let weights: Vec<f64> =
        (0..positions * positions).map(|_| (random.random_range(0.0..1.0) * sharpness).exp()).collect();
    if causal { Map::causal(positions, positions, &weights) } else { Map::new(positions, positions, &weights) }.unwrap()
}

/// Each query looks at `key(query)` with `share` of its attention, at all keys evenly with the rest.
fn pointed_map(positions: usize, share: f64, key: impl Fn(usize) -> usize) -> Map {
    let even = (1.0 - share) / positions as f64;
    let mut weights = vec![even; positions * positions];
    for query in 0..positions {
        weights[query * positions + key(query)] += share;
    }
    Map::new(positions, positions, &weights).unwrap()
}
