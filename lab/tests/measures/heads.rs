//! Measures of one head.

use super::{
    FIXTURES, assert_all_near, assert_near, assert_same, assert_share, counts, list, map, numbers, pointed_map,
    random_map,
};
use heedful_lab::inspect::measures::head::{
    ClassSums, HeadSums, LagSums, MapSums, Pattern, PatternCounts, PatternShares, Place, Recording, breadth,
    confidence, distance, effective_rank, entropy, marked, relative_entropy,
};
use heedful_lab::inspect::measures::{Map, Share};

#[test]
fn measures_of_one_map_are_those_of_numpy() {
    let places =
        [("itself", Place::Itself), ("previous", Place::Previous), ("next", Place::Next), ("first", Place::First)];
    for fixture in list(&FIXTURES["maps"]) {
        let (name, expected) = (&fixture["name"], &fixture["measures"]);
        let map = map(&fixture["map"]);
        let about = |measure: &str| format!("{measure} of {name}");
        assert_same(entropy(&map), &expected["entropy"], &about("entropy"));
        assert_same(relative_entropy(&map), &expected["relative_entropy"], &about("relative entropy"));
        assert_same(breadth(&map), &expected["breadth"], &about("breadth"));
        assert_same(confidence(&map), &expected["confidence"], &about("confidence"));
        assert_same(Some(effective_rank(&map)), &expected["effective_rank"], &about("effective rank"));
        for (place, is) in places.into_iter().chain([("near", Place::Near(2))]) {
            assert_share(is.share(&map), &expected[place], &about(place));
        }
        match distance(&map) {
            Some(found) => {
                let found = [found.mean, found.spread, found.offset, found.chance];
                assert_all_near(&found, &numbers(&expected["distance"]), &about("distance"));
            }
            None => assert!(expected["distance"].is_null(), "{name}"),
        }
        let shares = PatternShares::of(&map);
        let found = [shares.vertical, shares.diagonal, shares.block];
        assert_all_near(&found, &numbers(&expected["pattern"]), &about("pattern"));
    }
}

#[test]
fn an_even_row_and_one_key_are_the_ends_of_the_scales() {
    let even = Map::new(4, 4, &[1.0; 16]).unwrap();
    assert_near(entropy(&even).unwrap(), 4f64.ln(), "entropy");
    assert_eq!((relative_entropy(&even), breadth(&even)), (Some(1.0), Some(1.0)));
    assert_eq!(confidence(&even), Some(0.25));
    assert_near(effective_rank(&even), 1.0, "effective rank");
    // 0, 1, 2, 3; 1, 0, 1, 2 and so on: 20 over 16 cells.
    assert_near(distance(&even).unwrap().mean, 1.25, "distance");

    let itself = pointed_map(4, 1.0, |query| query);
    assert_eq!((entropy(&itself), relative_entropy(&itself), confidence(&itself)), (Some(0.0), Some(0.0), Some(1.0)));
    assert_eq!(breadth(&itself), Some(0.25));
    assert_near(effective_rank(&itself), 4.0, "effective rank");
    assert_eq!(Place::Itself.share(&itself), Some(Share { share: 1.0, chance: 0.25, rows: 4 }));
    assert_eq!(distance(&itself).unwrap().mean, 0.0);
}

#[test]
fn what_is_not_defined_is_nothing() {
    let masked = Map::hidden(3, 3);
    assert_eq!((entropy(&masked), relative_entropy(&masked), breadth(&masked)), (None, None, None));
    assert_eq!((confidence(&masked), distance(&masked), Place::First.share(&masked)), (None, None, None));
    assert_eq!(effective_rank(&masked), 0.0);
    // One position has no choice, and none before it.
    let one = Map::new(1, 1, &[1.0]).unwrap();
    assert_eq!((entropy(&one), relative_entropy(&one), breadth(&one)), (Some(0.0), None, None));
    assert_eq!((Place::Previous.share(&one), Place::First.share(&one)), (None, None));

    let mut sums = HeadSums::new(3, 2, &["onset"]);
    sums.add(&masked, &Recording::default());
    let summary = sums.summary();
    assert_eq!((summary.recordings, summary.entropy.mean(), summary.pattern), (1, None, None));
    assert_eq!(
        (summary.distance, summary.first, summary.strongest_lag, summary.strongest_key),
        (None, None, None, None)
    );
    assert_eq!((summary.position_r2, summary.period, summary.response), (None, None, None));
    assert_eq!(HeadSums::new(0, 0, &[]).summary().recordings, 0);
}

#[test]
fn cues_mark_positions() {
    let map = pointed_map(4, 0.5, |_| 2);
    assert_eq!(marked(&map, &[false, false, true]), Some(Share { share: 0.625, chance: 0.25, rows: 4 }));
    assert_eq!(marked(&map, &[]), None);
}

#[test]
fn sums_over_recordings_are_those_of_numpy() {
    let fixture = &FIXTURES["recordings"];
    let (mut cells, mut lags) = (MapSums::new(7, 7), LagSums::new(7));
    for value in list(&fixture["maps"]) {
        cells.add(&map(value));
        lags.add(&map(value));
    }
    assert_eq!(cells.recordings(), 5);
    assert_all_near(cells.mean().weights(), &numbers(&fixture["mean"]), "mean");
    assert_all_near(&cells.spread(), &numbers(&fixture["spread"]), "spread");
    assert_same(cells.position_r2(), &fixture["position_r2"], "position");
    assert_all_near(&lags.autocorrelation(), &numbers(&fixture["autocorrelation"]), "autocorrelation");
    for (lag, share) in fixture["lag_shares"].as_object().unwrap() {
        assert_near(lags.share(lag.parse().unwrap()).unwrap().share, share.as_f64().unwrap(), lag);
    }
    assert_eq!((lags.share(-1), lags.share(7), lags.share(-7)), (None, None, None));
}

#[test]
fn position_explains_all_of_a_fixed_map_and_nothing_of_a_random_one() {
    let r2 = |maps: &[Map]| {
        let mut sums = MapSums::new(12, 12);
        maps.iter().for_each(|map| sums.add(map));
        sums.position_r2()
    };
    let fixed = random_map(12, 3.0, true, 1);
    assert_near(r2(&[fixed.clone(), fixed.clone()]).unwrap(), 1.0, "fixed");
    let random: Vec<Map> = (0..20).map(|seed| random_map(12, 3.0, true, seed)).collect();
    assert!(r2(&random).unwrap().abs() < 0.05, "{:?}", r2(&random));
    // One recording cannot tell, nor can even rows.
    assert_eq!(r2(&[fixed]), None);
    let even = Map::new(12, 12, &[1.0; 144]).unwrap();
    assert_eq!(r2(&[even.clone(), even]), None);
}

#[test]
fn a_shorter_recording_counts_where_it_is() {
    let mut sums = MapSums::new(3, 3);
    sums.add(&pointed_map(3, 1.0, |_| 2));
    sums.add(&pointed_map(2, 1.0, |_| 1));
    // Longer ones do not fit, and are cut.
    sums.add(&pointed_map(5, 1.0, |_| 4));
    assert_eq!(sums.mean().row(2), [0.0, 0.0, 1.0]);
    assert_near(sums.mean().row(0)[1], (1.0 / 3.0) / (1.0 / 3.0 + 1.0 / 2.0), "key 1");
}

#[test]
fn the_strongest_lag_and_key_are_found() {
    let (mut lags, mut cells) = (LagSums::new(10), MapSums::new(10, 10));
    let map = pointed_map(10, 0.8, |query| query.saturating_sub(3));
    lags.add(&map);
    cells.add(&map);
    let (lag, share) = lags.strongest().unwrap();
    assert_eq!((lag, share.rows), (3, 7));
    assert_near(share.share, 0.82, "share");
    assert_near(share.chance, 0.1, "chance");
    // Queries 0 to 3 all look at key 0.
    let (key, share) = cells.strongest_key().unwrap();
    assert_eq!((key, share.rows), (0, 10));
    assert_near(share.share, 0.4 * 0.82 + 0.6 * 0.02, "share of the key");
}

#[test]
fn lags_and_keys_of_few_queries_do_not_count() {
    // Of lag 9, and of key 9 under the mask, there is one cell each, and it has all the weight.
    let (mut lags, mut cells) = (LagSums::new(10), MapSums::new(10, 10));
    let far = pointed_map(10, 1.0, |query| if query == 9 { 0 } else { query });
    lags.add(&far);
    assert_eq!(lags.strongest().map(|(lag, share)| (lag, share.rows)), Some((0, 10)));
    let last: Vec<f64> = (0..100).map(|cell| if cell == 99 { 1e9 } else { 1.0 }).collect();
    cells.add(&Map::causal(10, 10, &last).unwrap());
    assert_eq!(cells.strongest_key().map(|(key, share)| (key, share.rows)), Some((0, 10)));
}

#[test]
fn a_period_is_found_and_its_multiples_are_not_taken_for_it() {
    let period = |of: fn(usize, usize) -> bool| {
        let weights: Vec<f64> = (0..24 * 24).map(|cell| if of(cell / 24, cell % 24) { 1.0 } else { 0.05 }).collect();
        let mut lags = LagSums::new(24);
        lags.add(&Map::new(24, 24, &weights).unwrap());
        lags.period().map(|period| period.lag)
    };
    assert_eq!(period(|query, key| query.abs_diff(key) % 4 == 0), Some(4));
    assert_eq!(period(|query, key| (query + 24 - key) % 3 == 1), Some(3));
    assert_eq!(period(|query, key| query == key), None);
    assert_eq!(period(|query, key| query.abs_diff(key) < 4), None);
    assert_eq!(period(|_, _| true), None);
    assert!(LagSums::new(0).autocorrelation().is_empty() && LagSums::new(1).period().is_none());
}

#[test]
fn patterns_are_sorted_as_people_would() {
    let class = |weight: fn(usize, usize) -> f64| {
        let weights: Vec<f64> = (0..20 * 20).map(|cell| weight(cell / 20, cell % 20)).collect();
        PatternShares::of(&Map::new(20, 20, &weights).unwrap()).class()
    };
    assert_eq!(class(|_, key| if key == 0 || key == 13 { 1.0 } else { 0.02 }), Pattern::Vertical);
    assert_eq!(class(|query, key| if query == key + 1 { 1.0 } else { 0.02 }), Pattern::Diagonal);
    assert_eq!(class(|query, key| if query.abs_diff(key) < 2 { 1.0 } else { 0.02 }), Pattern::Diagonal);
    assert_eq!(class(|query, key| if query == key || key == 0 { 1.0 } else { 0.02 }), Pattern::VerticalDiagonal);
    assert_eq!(class(|query, key| if (query < 8) == (key < 8) { 1.0 } else { 0.02 }), Pattern::Block);
    assert_eq!(class(|query, key| if query / 7 == key / 7 { 1.0 } else { 0.02 }), Pattern::Block);
    assert_eq!(class(|_, _| 1.0), Pattern::Heterogeneous);
    for seed in 0..50 {
        let (sharpness, causal) = ([1.0, 4.0, 12.0][seed as usize % 3], seed % 2 == 1);
        let shares = PatternShares::of(&random_map(20, sharpness, causal, seed));
        assert_eq!(shares.class(), Pattern::Heterogeneous, "{shares:?}");
    }
}

#[test]
fn the_commonest_pattern_is_the_first_of_equals() {
    let mut counts = PatternCounts::default();
    assert_eq!(counts.commonest(), None);
    [Pattern::Block, Pattern::Diagonal].into_iter().for_each(|pattern| counts.add(pattern));
    assert_eq!(counts.commonest(), Some((Pattern::Diagonal, 0.5)));
    counts.add(Pattern::Block);
    assert_eq!(counts.commonest().unwrap().0.to_string(), "block");
}

#[test]
fn answers_to_classes_are_those_of_scipy() {
    let fixture = &FIXTURES["response"];
    let mut sums = ClassSums::new(3);
    for (label, activity) in counts(&fixture["labels"]).into_iter().zip(numbers(&fixture["activity"])) {
        sums.add(label, activity);
    }
    let response = sums.response().unwrap();
    assert_eq!(response.class, counts(&fixture["class"])[0]);
    assert_same(Some(response.explained), &fixture["explained"], "explained");
    assert_same(Some(response.selectivity), &fixture["selectivity"], "selectivity");
    let known = |values: Vec<Option<f64>>| values.into_iter().map(Option::unwrap).collect::<Vec<_>>();
    assert_all_near(&known(sums.means()), &numbers(&fixture["means"]), "mean");
    assert_all_near(&known(sums.spreads()), &numbers(&fixture["spreads"]), "spread");
}

#[test]
fn one_class_or_equal_activities_have_no_answer() {
    let response = |items: &[(usize, f64)]| {
        let mut sums = ClassSums::new(2);
        items.iter().for_each(|&(class, activity)| sums.add(class, activity));
        sums.response()
    };
    assert_eq!(response(&[]), None);
    assert_eq!(response(&[(0, 1.0), (0, 2.0)]), None);
    assert_eq!(response(&[(0, 1.0), (0, 2.0), (1, 1.0)]), None);
    assert_eq!(response(&[(0, 0.1), (0, 0.1), (1, 0.1), (1, 0.1)]), None);
    // Of no class, or no number.
    assert_eq!(response(&[(0, 1.0), (0, 2.0), (2, 1.0), (2, 3.0), (1, f64::NAN), (1, f64::NAN)]), None);
    let clear = response(&[(0, 1.0), (0, 1.0), (1, 2.0), (1, 2.0)]).unwrap();
    assert_eq!((clear.class, clear.selectivity, clear.explained), (1, f64::INFINITY, 1.0));
}
