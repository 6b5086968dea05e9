//! Probes and their intervals.

use super::{FIXTURES, assert_near, counts, list, numbers};
use heedful_lab::augment::draw;
use heedful_lab::inspect::measures::probe::{
    Interval, ProbeError, ProbeSums, bootstrap_by_group, control_labels, cross_probe, folds, held_back, probe, wilson,
};
use rand::RngExt;

#[test]
fn a_probe_judges_as_the_densities_do() {
    let fixture = &FIXTURES["probe"];
    let (features, labels) = (numbers(&fixture["features"]), counts(&fixture["labels"]));
    let (width, train) = (counts(&fixture["width"])[0], counts(&fixture["train"])[0]);
    let items: Vec<&[f64]> = features.chunks_exact(width).collect();
    let mut sums = ProbeSums::new(width, 3);
    for (item, &label) in items.iter().zip(&labels).take(train) {
        sums.add(item, label).unwrap();
    }
    let found = sums.solve(numbers(&fixture["ridge"])[0]).unwrap();
    let predictions: Vec<usize> = items[train..].iter().map(|item| found.predict(item)).collect();
    assert_eq!(predictions, counts(&fixture["predictions"]));
    // By how much each class is more likely than the first.
    let margins = items[train..].iter().flat_map(|item| {
        let scores = [0, 1, 2].map(|class| {
            let (weights, bias) = found.class(class);
            weights.iter().zip(*item).map(|(w, x)| w * x).sum::<f64>() + bias
        });
        scores.map(|score| score - scores[0])
    });
    for (found, expected) in margins.zip(numbers(&fixture["margins"])) {
        assert_near(found, expected, "margin");
    }
}

#[test]
fn a_class_between_others_is_found() {
    // Positions in a row: least squares on one-hot classes would never say the middle one.
    let mut sums = ProbeSums::new(1, 3);
    for item in 0..30 {
        sums.add(&[f64::from(item % 3) + 0.01 * f64::from(item)], item as usize % 3).unwrap();
    }
    let found = sums.solve(1e-3).unwrap();
    assert_eq!([0.1, 1.1, 2.1].map(|x| found.predict(&[x])), [0, 1, 2]);
}

#[test]
fn probes_take_what_does_not_vary() {
    // Items equal within their classes, a feature that never changes, and more features than items.
    let mut sums = ProbeSums::new(4, 3);
    for class in [0, 2, 0, 2] {
        sums.add(&[class as f64, 7.0, 0.0, 0.0], class).unwrap();
    }
    let found = sums.solve(0.0).unwrap();
    assert_eq!((found.predict(&[0.1, 7.0, 0.0, 0.0]), found.predict(&[1.9, 7.0, 0.0, 0.0])), (0, 2));
    let mut zeros = ProbeSums::new(1, 2);
    [0, 1, 1].into_iter().for_each(|class| zeros.add(&[0.0], class).unwrap());
    assert_eq!(zeros.solve(0.0).unwrap().predict(&[0.0]), 1);
}

/// Items of ten groups whose features tell the label as clearly as said.
fn items(clear: f64, seed: u64) -> (Vec<f64>, Vec<usize>, Vec<usize>) {
    let mut random = draw(seed, 0, 0);
    let labels: Vec<usize> = (0..400).map(|_| random.random_range(0..4)).collect();
    let features = labels.iter().flat_map(|&label| {
        let corner = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)][label];
        [corner.0 * clear + random.random_range(0.0..1.0), corner.1 * clear + random.random_range(0.0..1.0)]
    });
    (features.collect(), labels, (0..400).map(|item| item / 40).collect())
}

#[test]
fn a_probe_reads_what_is_there_and_nothing_else() {
    let types: Vec<usize> = (0..400).map(|item| item % 50).collect();
    let (features, labels, groups) = items(2.0, 1);
    let clear = probe(&features, 2, &labels, &groups, Some(&types), 1).unwrap();
    assert_eq!((clear.accuracy, clear.items), (1.0, 120));
    assert!(clear.control.unwrap() < 0.5 && clear.selectivity().unwrap() > 0.5, "{clear:?}");
    assert!(clear.majority < 0.45, "{clear:?}");

    let (features, labels, groups) = items(0.0, 2);
    let blind = probe(&features, 2, &labels, &groups, None, 1).unwrap();
    assert!(blind.accuracy < 0.4 && blind.interval.low < 0.3, "{blind:?}");
    assert!(blind.interval.low <= blind.accuracy && blind.accuracy <= blind.interval.high);
    assert_eq!(blind.selectivity(), None);
    assert_eq!(probe(&features, 2, &labels, &groups, None, 1).unwrap(), blind);
}

#[test]
fn what_a_probe_learns_by_heart_shows_in_its_control() {
    // The features name the type, so that any labels of types can be learnt.
    let types: Vec<usize> = (0..200).map(|item| item % 5).collect();
    let features: Vec<f64> =
        types.iter().flat_map(|&kind| (0..5).map(move |k| f64::from(u8::from(k == kind)))).collect();
    let groups: Vec<usize> = (0..200).map(|item| item / 20).collect();
    let labels: Vec<usize> = types.iter().map(|kind| kind % 2).collect();
    let seed = (0..1000).find(|&seed| {
        let control = control_labels(&types, &labels, seed);
        control.contains(&0) && control.contains(&1)
    });
    let result = probe(&features, 5, &labels, &groups, Some(&types), seed.unwrap()).unwrap();
    assert_eq!((result.accuracy, result.control, result.selectivity()), (1.0, Some(1.0), Some(0.0)));
}

#[test]
fn control_labels_keep_to_their_types() {
    let types: Vec<usize> = (0..3000).map(|item| item % 1000).collect();
    let labels: Vec<usize> = (0..3000).map(|item| usize::from(item % 10 == 0)).collect();
    let control = control_labels(&types, &labels, 5);
    assert!((0..1000).all(|kind| control[kind] == control[kind + 1000] && control[kind] == control[kind + 2000]));
    let ones = control.iter().sum::<usize>() as f64 / 3000.0;
    assert!((ones - 0.1).abs() < 0.04, "as frequent as before: {ones}");
    assert_eq!(control, control_labels(&types, &labels, 5));
    assert!(control_labels(&[], &[], 1).is_empty());
}

#[test]
fn groups_are_never_on_both_sides() {
    let groups: Vec<usize> = (0..100).map(|item| item % 10).collect();
    let test = held_back(&groups, 3).unwrap();
    assert_eq!(test.len(), 3);
    assert!((0..9).any(|seed| held_back(&groups, seed) != Ok(test.clone())), "every seed draws the same");
    assert_eq!(held_back(&[4, 9, 4], 1).unwrap().len(), 1);
    assert_eq!(held_back(&[4, 4], 1), Err(ProbeError::Groups { groups: 1 }));
    assert_eq!(held_back(&[], 1), Err(ProbeError::Groups { groups: 0 }));
}

#[test]
fn what_cannot_be_probed_is_refused() {
    let mut sums = ProbeSums::new(2, 2);
    assert_eq!(sums.add(&[1.0], 0), Err(ProbeError::Width { width: 2, found: 1 }));
    assert_eq!(sums.add(&[1.0, 2.0], 2), Err(ProbeError::Class { class: 2, classes: 2 }));
    assert_eq!(sums.add(&[1.0, f64::INFINITY], 0), Err(ProbeError::NotFinite));
    sums.add(&[1.0, 2.0], 0).unwrap();
    assert_eq!(sums.solve(1.0), Err(ProbeError::Classes { found: 1 }));
    let probe = |width, labels: &[usize], groups: &[usize]| probe(&[1.0, 2.0], width, labels, groups, None, 1);
    assert_eq!(probe(1, &[0, 1, 1], &[0, 1, 1]), Err(ProbeError::Items { items: 3, found: 2 }));
    assert_eq!(probe(1, &[0, 1], &[0]), Err(ProbeError::Items { items: 2, found: 1 }));
    assert_eq!(probe(0, &[0, 1], &[0, 1]), Err(ProbeError::Items { items: 2, found: 0 }));
    assert_eq!(probe(1, &[0, 1], &[0, 1]), Err(ProbeError::Classes { found: 1 }));
}

#[test]
fn wilson_intervals_are_those_of_scipy() {
    for case in list(&FIXTURES["probe"]["wilson"]) {
        let case = numbers(case);
        let found = wilson(case[0] as usize, case[1] as usize);
        assert_near(found.low, case[2], "low");
        assert_near(found.high, case[3], "high");
    }
    assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
}

#[test]
fn the_bootstrap_draws_whole_groups() {
    let correct: Vec<bool> = (0..400).map(|item| item % 4 != 0).collect();
    let alone: Vec<usize> = (0..400).collect();
    let found = bootstrap_by_group(&correct, &alone, 2000, 1);
    // Items of their own: the normal interval of 0.75, off by the binomial's steps and the draw.
    let half = 1.96 * (0.75f64 * 0.25 / 400.0).sqrt();
    assert!((found.low - (0.75 - half)).abs() < 0.006 && (found.high - (0.75 + half)).abs() < 0.006, "{found:?}");
    // Groups that are all right or all wrong say as little as their number.
    let groups: Vec<usize> = (0..400).map(|item| item % 4).collect();
    let few = bootstrap_by_group(&correct, &groups, 2000, 1);
    assert!(few.low <= 0.25 && few.high == 1.0, "{few:?}");
    assert_eq!(bootstrap_by_group(&[true], &[0], 10, 1), Interval { low: 1.0, high: 1.0 });
    assert_eq!(bootstrap_by_group(&[], &[], 10, 1), Interval { low: 0.0, high: 1.0 });
}

/// Each group is tested once, and none in two parts.
#[test]
fn every_group_is_tested_once() {
    let groups: Vec<usize> = (0..60).map(|item| item / 5 + 3).collect();
    let parts = folds(&groups, 5, 1).unwrap();
    assert_eq!(parts.len(), 5);
    let mut all: Vec<usize> = parts.iter().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (3..15).collect::<Vec<_>>());
    assert_eq!(folds(&[1, 1, 2], 5, 1).unwrap().len(), 2);
    // A feature that is the label is read in all of them.
    let labels: Vec<usize> = (0..60).map(|item| item % 2).collect();
    let features: Vec<f64> = labels.iter().map(|&label| label as f64 * 4.0).collect();
    let found = cross_probe(&features, 1, &labels, &groups, None, 1).unwrap();
    assert_eq!((found.accuracy, found.items), (1.0, 60));
    assert!(folds(&[7, 7], 5, 1).is_err());
}
