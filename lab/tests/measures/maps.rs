//! What is a map, and what is none.

use heedful_lab::inspect::measures::{Map, MapError, share_where};

#[test]
fn rows_are_divided_by_their_sum() {
    let map = Map::new(2, 2, &[1.0, 3.0, 0.0, 0.0]).unwrap();
    assert_eq!(map.weights(), [0.25, 0.75, 0.0, 0.0]);
    assert_eq!(map.live_rows().map(|(query, _)| query).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_row_comes_as_an_observer_sees_it() {
    // Integers of full scale 255, in two parts, every second key.
    let mut map = Map::hidden(1, 6);
    map.put(0, 0, 2, [255.0, 0.0]).unwrap();
    map.put(0, 4, 2, [85.0]).unwrap();
    map.normalise();
    assert_eq!(map.row(0), [0.75, 0.0, 0.0, 0.0, 0.25, 0.0]);
    assert_eq!((0..6).map(|key| map.sees(0, key)).collect::<Vec<_>>(), [true, false, true, false, true, false]);
    assert_eq!(map.visible(0), 3);
}

#[test]
fn what_a_mask_hides_counts_for_nothing() {
    let map = Map::causal(2, 2, &[1.0, 5.0, 1.0, 1.0]).unwrap();
    assert_eq!(map.weights(), [1.0, 0.0, 0.5, 0.5]);
    assert_eq!(map.excess().collect::<Vec<_>>(), [(0, 0, 0.0), (1, 0, 0.0), (1, 1, 0.0)]);
    let later = share_where(&map, |query, key| key > query);
    assert_eq!(later, None);
}

#[test]
fn weights_that_are_no_map_are_refused() {
    assert_eq!(Map::new(2, 2, &[1.0; 3]), Err(MapError::Size { queries: 2, keys: 2, found: 3 }));
    let weight = |weight| Map::new(1, 2, &[1.0, weight]).unwrap_err().to_string();
    assert_eq!(weight(-1.0), "query 0, key 1 weighs -1; a weight is at least 0 and finite");
    assert_eq!(weight(f64::NAN), "query 0, key 1 weighs NaN; a weight is at least 0 and finite");
    let outside = Map::hidden(1, 2).put(0, 1, 1, [1.0, 1.0]).unwrap_err();
    assert_eq!(outside.to_string(), "query 0, key 2 is outside of a map of 1 queries and 2 keys");
    assert!(Map::new(usize::MAX, 2, &[]).is_err());
}

#[test]
fn a_map_without_cells_is_one() {
    for (queries, keys) in [(0, 0), (0, 3), (3, 0)] {
        let map = Map::new(queries, keys, &[]).unwrap();
        assert_eq!(map.live_rows().count(), 0, "{queries} queries, {keys} keys");
        assert_eq!(map.excess().count(), 0);
    }
}
