//! Heads made to be what they are called, and heads made of noise, which must have no name.

use super::{pointed_map, random_map};
use heedful_lab::inspect::measures::Map;
use heedful_lab::inspect::measures::diversity::{OutputSums, PatternSums, Warning, warnings};
use heedful_lab::inspect::measures::head::{HeadSummary, HeadSums, Looks, Name, Recording};

const POSITIONS: usize = 16;

/// A head over ten recordings.
fn head(map: impl Fn(u64) -> Map, recording: impl Fn(u64) -> Recording<'static>) -> HeadSummary {
    let mut sums = HeadSums::new(POSITIONS, 2, &["onset"]);
    (0..10).for_each(|seed| sums.add(&map(seed), &recording(seed)));
    sums.summary()
}

fn looks(map: impl Fn(u64) -> Map) -> Looks {
    Name::of(&head(map, |_| Recording::default())).looks
}

#[test]
fn planted_heads_are_named() {
    let pointed = |key: fn(usize) -> usize| looks(|_| pointed_map(POSITIONS, 0.7, key));
    assert_eq!(pointed(|query| query.saturating_sub(1)), Looks::Back(1));
    assert_eq!(pointed(|query| query.saturating_sub(3)), Looks::Back(3));
    assert_eq!(pointed(|query| query), Looks::Itself);
    assert_eq!(pointed(|query| (query + 1).min(POSITIONS - 1)), Looks::Ahead(1));
    assert_eq!(pointed(|query| (query + 2).min(POSITIONS - 1)), Looks::Ahead(2));
    assert_eq!(pointed(|_| 0), Looks::First);
    assert_eq!(pointed(|_| 9), Looks::Position(9));
    assert_eq!(looks(|_| Map::new(POSITIONS, POSITIONS, &[1.0; POSITIONS * POSITIONS]).unwrap()), Looks::Everywhere);
    assert_eq!(looks(|_| Map::causal(POSITIONS, POSITIONS, &[1.0; POSITIONS * POSITIONS]).unwrap()), Looks::Everywhere);
    assert_eq!(looks(|_| Map::hidden(POSITIONS, POSITIONS)), Looks::Idle);
}

#[test]
fn the_larger_share_names_a_head() {
    // On a short recording the first position is often the previous one, and both have most of the attention.
    let looks = |first: f64| {
        let mut weights = vec![0.0; 64];
        for query in 1..8 {
            weights[query * 8] += first;
            weights[query * 8 + query - 1] += 1.0 - first;
        }
        let mut sums = HeadSums::new(8, 0, &[]);
        (0..10).for_each(|_| sums.add(&Map::new(8, 8, &weights).unwrap(), &Recording::default()));
        let summary = sums.summary();
        assert!(summary.first.unwrap().is_marked() && summary.previous.unwrap().is_marked());
        Name::of(&summary).looks
    };
    assert_eq!(looks(0.55), Looks::First);
    assert_eq!(looks(0.45), Looks::Back(1));
}

#[test]
fn heads_that_look_near_or_in_steps_are_named() {
    let weights = |of: fn(usize, usize) -> bool| -> Vec<f64> {
        let cells = (0..POSITIONS).flat_map(|query| (0..POSITIONS).map(move |key| (query, key)));
        cells.map(|(query, key)| if of(query, key) { 1.0 } else { 0.01 }).collect()
    };
    let looks = |of| looks(|_| Map::new(POSITIONS, POSITIONS, &weights(of)).unwrap());
    assert_eq!(looks(|query, key| query.abs_diff(key) <= 1), Looks::Near);
    assert_eq!(looks(|query, key| query.abs_diff(key) % 4 == 0), Looks::Every(4));
}

#[test]
fn a_head_that_follows_a_cue_is_named_after_it() {
    const ONSETS: [[bool; POSITIONS]; POSITIONS] = {
        let mut onsets = [[false; POSITIONS]; POSITIONS];
        let mut at = 0;
        while at < POSITIONS {
            onsets[at][at] = true;
            at += 1;
        }
        onsets
    };
    static CUES: [[&[bool]; 1]; 3] = [[&ONSETS[3]], [&ONSETS[6]], [&ONSETS[11]]];
    let onset = [3, 6, 11];
    let summary = head(
        |seed| pointed_map(POSITIONS, 0.7, |_| onset[seed as usize % 3]),
        |seed| Recording { cues: &CUES[seed as usize % 3], ..Recording::default() },
    );
    let name = Name::of(&summary);
    assert_eq!(name.looks, Looks::Cue("onset".to_owned()));
    assert_eq!(name.text("frame", &[]), "onset");
}

#[test]
fn a_head_that_adds_nothing_is_idle_wherever_it_looks() {
    let output = |output| {
        let recording = move |_| Recording { output: Some(output), ..Recording::default() };
        Name::of(&head(|_| pointed_map(POSITIONS, 0.9, |_| 0), recording)).looks
    };
    assert_eq!(output(0.01), Looks::Idle);
    assert_eq!(output(0.5), Looks::First);
}

#[test]
fn a_class_detector_is_named_after_its_class() {
    let even = |_| Map::new(POSITIONS, POSITIONS, &[1.0; POSITIONS * POSITIONS]).unwrap();
    let recording = |clear: f64| {
        move |seed: u64| {
            let class = usize::from(seed % 2 == 1);
            let noise = f64::from(u32::try_from(seed * 7 % 5).unwrap()) / 5.0;
            let activity = Some(noise + clear * class as f64);
            Recording { class: Some(class), activity, ..Recording::default() }
        }
    };
    let name = Name::of(&head(even, recording(3.0)));
    assert_eq!(name, Name { looks: Looks::Everywhere, class: Some(1) });
    let labels = ["zero".to_owned(), "one".to_owned()];
    assert_eq!(name.text("frame", &labels), "global average, answers to one");
    assert_eq!(Name::of(&head(even, recording(0.0))).class, None);
}

#[test]
fn names_read_well() {
    let texts = [
        (Looks::Back(1), "previous token"),
        (Looks::Back(3), "looks 3 tokens back"),
        (Looks::Ahead(1), "next token"),
        (Looks::Ahead(2), "looks 2 tokens ahead"),
        (Looks::First, "first token"),
        (Looks::Itself, "same token"),
        (Looks::Position(4), "always token 4"),
        (Looks::Every(4), "every 4 tokens"),
        (Looks::Everywhere, "global average"),
        (Looks::Near, "nearby tokens"),
        (Looks::Idle, "idle"),
        (Looks::Mixed, "mixed"),
    ];
    for (looks, text) in texts {
        assert_eq!(looks.text("token"), text);
    }
}

/// Softer noise than this is an average, and is called so.
#[test]
fn noise_has_no_name() {
    for case in 0..120u64 {
        let (sharpness, causal) = ([3.0, 6.0, 12.0, 40.0][case as usize % 4], case % 8 < 4);
        for positions in [4, 8, POSITIONS] {
            // One recording is the hardest: nothing averages out.
            let mut sums = HeadSums::new(positions, 2, &["onset"]);
            let marks: Vec<bool> = (0..positions).map(|position| position == positions / 2).collect();
            let recordings = [1, 2, 10][case as usize / 8 % 3];
            for seed in 0..recordings {
                let map = random_map(positions, sharpness, causal, case * 100 + seed);
                sums.add(&map, &Recording { cues: &[&marks], ..Recording::default() });
            }
            let name = Name::of(&sums.summary());
            let about = format!("case {case}, {positions} positions, {recordings} recordings");
            assert_eq!(name, Name { looks: Looks::Mixed, class: None }, "{about}");
        }
    }
}

#[test]
fn a_period_in_noise_is_no_name() {
    let found = (0..500).find_map(|seed| {
        let mut sums = HeadSums::new(POSITIONS, 0, &[]);
        sums.add(&random_map(POSITIONS, 4.0, false, seed), &Recording::default());
        Some(sums.summary()).filter(|summary| summary.period.is_some())
    });
    let found = found.expect("a period by chance");
    assert_eq!(Name::of(&found).looks, Looks::Mixed, "{found:?}");
}

#[test]
fn equal_heads_are_redundant_and_random_ones_are_not() {
    let (mut patterns, mut outputs) = (PatternSums::new(4), OutputSums::new(&[2; 4]));
    let mut heads: Vec<HeadSums> = (0..4).map(|_| HeadSums::new(POSITIONS, 2, &[])).collect();
    for seed in 0..10 {
        // The last is the second again.
        let maps: Vec<Map> =
            [0, 1, 2, 1].iter().map(|head| random_map(POSITIONS, 4.0, false, seed * 3 + head)).collect();
        patterns.add(&maps.iter().collect::<Vec<_>>()).unwrap();
        let out: Vec<Vec<f64>> = maps.iter().map(|map| map.weights()[..2 * POSITIONS].to_vec()).collect();
        outputs.add(&out.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        heads.iter_mut().zip(&maps).for_each(|(head, map)| head.add(map, &Recording::default()));
    }
    let heads: Vec<HeadSummary> = heads.iter().map(HeadSums::summary).collect();
    let correlation = patterns.correlation();
    for cka in [None, Some(outputs.cka())] {
        let found = warnings(&heads, &correlation, cka.as_ref());
        assert!(matches!(found[..], [Warning::Redundant { heads: (1, 3), .. }]), "{found:?}");
    }
    // Heads that attend alike but put out something else are no pair.
    assert_eq!(warnings(&heads, &correlation, Some(&nalgebra::DMatrix::identity(4, 4))), []);
}

#[test]
fn noise_has_no_redundant_pair() {
    for (positions, sharpness, causal) in [(8, 3.0, false), (8, 40.0, true), (POSITIONS, 12.0, true)] {
        let maps: Vec<Map> = (0..20).map(|seed| random_map(positions, sharpness, causal, seed)).collect();
        let mut patterns = PatternSums::new(maps.len());
        patterns.add(&maps.iter().collect::<Vec<_>>()).unwrap();
        let heads: Vec<HeadSummary> = maps.iter().map(|map| head(|_| map.clone(), |_| Recording::default())).collect();
        assert_eq!(warnings(&heads, &patterns.correlation(), None), [], "{positions} positions, {sharpness}, {causal}");
    }
}

#[test]
fn collapsed_and_idle_heads_are_told() {
    let sink = head(|_| pointed_map(POSITIONS, 1.0, |_| 0), |_| Recording::default());
    let idle = head(|_| Map::hidden(POSITIONS, POSITIONS), |_| Recording::default());
    let sound = head(|seed| random_map(POSITIONS, 4.0, false, seed), |_| Recording::default());
    let unknown = nalgebra::DMatrix::from_element(3, 3, f64::NAN);
    let found = warnings(&[sink, idle, sound], &unknown, None);
    assert!(matches!(found[..], [Warning::Collapsed { head: 0, .. }, Warning::Idle { head: 1 }]), "{found:?}");
    assert_eq!(warnings(&[], &unknown, None), []);
    // An idle head is no half of a pair.
    let sound = |output| {
        let recording = move |_| Recording { output: Some(output), ..Recording::default() };
        head(|seed| random_map(POSITIONS, 4.0, false, seed), recording)
    };
    let alike = nalgebra::DMatrix::from_element(2, 2, 1.0);
    assert_eq!(warnings(&[sound(1.0), sound(0.0)], &alike, None), [Warning::Idle { head: 1 }]);
}
