//! Ranges that hold for any map.

use heedful_lab::inspect::measures::diversity::{OutputSums, PatternSums, divergence, effective_number};
use heedful_lab::inspect::measures::flow::{attention_flow, rollout};
use heedful_lab::inspect::measures::head::{
    HeadSums, PatternShares, Place, Recording, breadth, confidence, distance, effective_rank, entropy, relative_entropy,
};
use heedful_lab::inspect::measures::ranking::{kendall, shapley, spearman};
use heedful_lab::inspect::measures::{Map, Share};
use proptest::prelude::*;
use std::convert::Infallible;

/// Any weights, many of them 0, under any mask.
fn any_map(queries: usize, keys: usize) -> impl Strategy<Value = Map> {
    let weight = prop_oneof![Just(0.0), 0.0..1.0f64, Just(1e-300), Just(1e6)];
    let cells = prop::collection::vec((weight, prop::bool::weighted(0.8)), queries * keys);
    cells.prop_map(move |cells| {
        let weights: Vec<f64> = cells.iter().map(|cell| cell.0).collect();
        Map::masked(queries, keys, &weights, |query, key| cells[query * keys + key].1).unwrap()
    })
}

fn shaped() -> impl Strategy<Value = Map> {
    (1..8usize, 1..8usize).prop_flat_map(|(queries, keys)| any_map(queries, keys))
}

fn within(value: Option<f64>, low: f64, high: f64) -> Result<(), TestCaseError> {
    let slack = 1e-9;
    prop_assert!(value.is_none_or(|value| value >= low - slack && value <= high + slack), "{value:?}");
    Ok(())
}

proptest! {
    #[test]
    fn measures_keep_to_their_ranges(map in shaped()) {
        let (queries, keys) = (map.queries() as f64, map.keys() as f64);
        let live = map.live_rows().count();
        within(entropy(&map), 0.0, keys.ln())?;
        within(relative_entropy(&map), 0.0, 1.0)?;
        within(breadth(&map), 0.0, 1.0)?;
        within(confidence(&map), 1.0 / keys, 1.0)?;
        within(Some(effective_rank(&map)), f64::from(u8::from(live > 0)), queries.min(keys))?;
        if let Some(found) = distance(&map) {
            let far = queries.max(keys) - 1.0;
            within(Some(found.mean), 0.0, far)?;
            within(Some(found.spread), 0.0, far)?;
            within(Some(found.offset), -found.mean, found.mean)?;
            within(Some(found.chance), 0.0, far)?;
        }
        for place in [Place::Itself, Place::Previous, Place::Next, Place::First, Place::Near(2)] {
            if let Some(Share { share, chance, rows }) = place.share(&map) {
                within(Some(share), 0.0, 1.0)?;
                within(Some(chance), 0.0, 1.0)?;
                prop_assert!(rows <= live && chance > 0.0);
            }
        }
        let shares = PatternShares::of(&map);
        for share in [shares.vertical, shares.diagonal, shares.block] {
            within(Some(share), -1.0, 1.0)?;
        }
    }

    #[test]
    fn summaries_are_finite(maps in prop::collection::vec(shaped(), 0..4)) {
        let mut sums = HeadSums::new(7, 2, &["cue"]);
        for map in &maps {
            sums.add(map, &Recording { class: Some(1), activity: Some(1.0), output: None, cues: &[&[true]] });
        }
        let summary = sums.summary();
        within(summary.position_r2, -1.0, 1.0)?;
        within(summary.strongest_lag.map(|(_, share)| share.share), 0.0, 1.0)?;
        within(summary.strongest_key.map(|(_, share)| share.share), 0.0, 1.0)?;
        within(summary.period.map(|period| period.strength), 0.5, 1.0)?;
        prop_assert!(sums.lags().autocorrelation().iter().all(|r| r.is_finite() && r.abs() <= 1.0 + 1e-9));
        prop_assert_eq!(summary.response, None);
    }

    #[test]
    fn heads_compare_both_ways_alike(a in any_map(5, 6), b in any_map(5, 6), c in any_map(5, 6)) {
        within(divergence(&a, &b), 0.0, std::f64::consts::LN_2)?;
        prop_assert_eq!(divergence(&a, &b), divergence(&b, &a));
        let mut sums = PatternSums::new(3);
        sums.add(&[&a, &b, &c]).unwrap();
        let (correlation, divergences) = (sums.correlation(), sums.divergence());
        for (row, column) in (0..3).flat_map(|row| (0..3).map(move |column| (row, column))) {
            let (one, other) = (correlation[(row, column)], correlation[(column, row)]);
            prop_assert!(one == other || one.is_nan() && other.is_nan());
            within(Some(one).filter(|x| !x.is_nan()), -1.0, 1.0)?;
            within(Some(divergences[(row, column)]).filter(|x| !x.is_nan()), 0.0, std::f64::consts::LN_2)?;
        }
        within(Some(effective_number(&correlation)), 1.0, 3.0)?;
        within(sums.position_disagreement(), -1.0, 0.0)?;
    }

    #[test]
    fn outputs_compare_within_bounds(values in prop::collection::vec(-1e3..1e3f64, 24)) {
        let mut sums = OutputSums::new(&[2, 2]);
        sums.add(&[&values[..4], &values[4..8]]).unwrap();
        sums.add(&[&values[8..16], &values[16..]]).unwrap();
        within(Some(sums.cka()[(0, 1)]).filter(|x| !x.is_nan()), 0.0, 1.0)?;
        within(sums.disagreement(), -1.0, 1.0)?;
    }

    #[test]
    fn what_flows_in_is_shared_out(layers in prop::collection::vec(any_map(4, 4), 1..4), residual in 0.0..1.0f64) {
        let layers: Vec<&Map> = layers.iter().collect();
        let rolled = rollout(&layers, residual).unwrap();
        let flow = attention_flow(&layers, residual, 3).unwrap();
        for input in 0..4 {
            // A flow takes the narrowest of each way, a product all of them: it is never less.
            prop_assert!(flow[input] >= rolled.row(3)[input] - 1e-9, "{flow:?} {:?}", rolled.row(3));
            within(Some(flow[input]), 0.0, 1.0)?;
        }
    }

    #[test]
    fn shapley_values_share_out_the_whole(game in prop::collection::vec(-1.0..1.0f64, 16), seed: u64) {
        let value = |present: &[bool]| {
            Ok::<_, Infallible>(game[present.iter().fold(0, |set, &present| set * 2 + usize::from(present))])
        };
        let Ok(found) = shapley(4, 2, seed, value);
        prop_assert!((found.values.iter().sum::<f64>() - (game[15] - game[0])).abs() < 1e-9);
    }

    #[test]
    fn rankings_agree_within_bounds(pairs in prop::collection::vec((0..5u8, 0..5u8), 0..9)) {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
        for both in [spearman, kendall] {
            within(both(&a, &b), -1.0, 1.0)?;
            let itself = both(&a, &a);
            prop_assert!(itself.is_none_or(|itself| (itself - 1.0).abs() < 1e-9), "{itself:?}");
        }
    }
}
