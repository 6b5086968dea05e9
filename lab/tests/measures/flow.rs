//! From outputs back to inputs.

use super::{FIXTURES, assert_all_near, list, map, numbers, pointed_map, random_map};
use heedful_lab::inspect::measures::Map;
use heedful_lab::inspect::measures::flow::{FlowError, attention_flow, mean_map, pooled_flow, rollout};

fn layers() -> Vec<Map> {
    list(&FIXTURES["flow"]["layers"]).iter().map(map).collect()
}

#[test]
fn rollout_is_the_product_of_the_layers() {
    let layers = layers();
    let found = rollout(&layers.iter().collect::<Vec<_>>(), 0.5).unwrap();
    assert_all_near(found.weights(), &numbers(&FIXTURES["flow"]["rollout"]), "rollout");
}

#[test]
fn flow_is_that_of_linear_programming() {
    let layers = layers();
    let layers: Vec<&Map> = layers.iter().collect();
    for (output, expected) in list(&FIXTURES["flow"]["flow"]).iter().enumerate() {
        let found = attention_flow(&layers, 0.5, output).unwrap();
        assert_all_near(&found, &numbers(expected), &format!("flow from {output}"));
    }
}

/// Of a mean of two outputs, by hand.
#[test]
fn flow_from_a_mean() {
    let map = Map::new(3, 3, &[0.75, 0.25, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
    // Each output passes a half on: to the first input both do, to the second the first one a quarter.
    assert_eq!(pooled_flow(&[&map], 0.0, &[0.5, 0.5, 0.0]).unwrap(), [1.0, 0.25, 0.0]);
    assert_eq!(pooled_flow(&[&map], 0.0, &[0.0, 0.0, 1.0]).unwrap(), [0.0, 0.0, 1.0]);
    let error = pooled_flow(&[&map], 0.0, &[1.0]).unwrap_err();
    assert_eq!(error, FlowError::Position { position: 1, positions: 3 });
}

#[test]
fn a_path_of_one_key_each_carries_everything() {
    let back = pointed_map(4, 1.0, |query| query.saturating_sub(1));
    let layers = [&back, &back];
    let found = rollout(&layers, 0.0).unwrap();
    assert_eq!(found.row(3), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(attention_flow(&layers, 0.0, 3).unwrap(), [0.0, 1.0, 0.0, 0.0]);
    // Half stays at each layer: a quarter of both ways, and two ways to the middle.
    assert_eq!(rollout(&layers, 0.5).unwrap().row(3), [0.0, 0.25, 0.5, 0.25]);
    assert_eq!(attention_flow(&layers, 0.5, 3).unwrap(), [0.0, 0.5, 1.0, 0.5]);
    // Without attention, all of it is residual.
    assert_eq!(rollout(&[&Map::hidden(2, 2)], 0.5).unwrap().weights(), [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn heads_of_a_layer_count_alike() {
    let (a, b) = (pointed_map(2, 1.0, |_| 0), Map::causal(2, 2, &[1.0, 0.0, 0.0, 1.0]).unwrap());
    assert_eq!(mean_map(&[&a, &b]).unwrap().weights(), [1.0, 0.0, 0.5, 0.5]);
    assert_eq!(mean_map(&[]), Err(FlowError::Empty));
    assert!(mean_map(&[&a, &Map::hidden(2, 3)]).is_err());
}

#[test]
fn layers_that_do_not_fit_are_refused() {
    let (two, three) = (Map::hidden(2, 2), Map::hidden(3, 3));
    let shape = FlowError::Shape { index: 1, queries: 3, keys: 3, positions: 2 };
    assert_eq!(rollout(&[&two, &three], 0.5), Err(shape));
    assert_eq!(rollout(&[], 0.5), Err(FlowError::Empty));
    assert_eq!(rollout(&[&two], 1.5), Err(FlowError::Residual { share: 1.5 }));
    assert!(rollout(&[&two], f64::NAN).is_err());
    assert_eq!(attention_flow(&[&two], 0.5, 2), Err(FlowError::Position { position: 2, positions: 2 }));
}

#[test]
fn a_model_of_usual_size_is_followed_at_once() {
    let layers: Vec<Map> = (0..3).map(|seed| random_map(25, 6.0, false, seed)).collect();
    let flow = attention_flow(&layers.iter().collect::<Vec<_>>(), 0.5, 24).unwrap();
    assert!(flow.iter().all(|flow| (0.0..=1.0).contains(flow)), "{flow:?}");
}
