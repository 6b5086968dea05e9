//! Heads that are known by construction are found, and those of chance are not.

use crate::made::{CHANNELS, CUE, DIM, FIRST, Head, NOISE, POSITIONS, WIDTH, model, recordings, report};
use heedful_lab::inspect::measures::diversity::Warning;
use heedful_lab::inspect::{Report, page, text};

const PREVIOUS: usize = 0;
const SINK: usize = 1;
const IDLE: usize = 2;
const TWINS: [usize; 2] = [3, 4];
const DETECTOR: usize = 5;

fn planted() -> [Head; 6] {
    let twin = Head { query: Some(NOISE[0]), key: Some(NOISE[1]), value: NOISE[0], to: Some(6), previous: false };
    [
        Head { query: Some(WIDTH - 1), key: None, value: NOISE[0], to: Some(4), previous: true },
        Head { query: None, key: Some(FIRST), value: FIRST, to: Some(5), previous: false },
        Head { query: Some(NOISE[1]), key: Some(NOISE[0]), value: NOISE[1], to: None, previous: false },
        twin,
        twin,
        Head { query: None, key: Some(CUE), value: CUE, to: Some(7), previous: false },
    ]
}

/// A place in a ranking by importance, the most important first.
fn first_of(values: &[f64]) -> usize {
    (0..values.len()).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap()
}

#[test]
fn all_are_named() {
    let report = report(&model(&planted(), 7, ["silence", "cue"]), recordings(80));
    let name = |head: usize| report.names[head].as_str();
    assert_eq!(name(PREVIOUS), "previous position");
    assert_eq!(name(SINK), "first position");
    assert_eq!(name(IDLE), "idle");
    assert!(name(DETECTOR).ends_with("answers to cue"), "{}", name(DETECTOR));
    assert_eq!(report.number(DETECTOR), "0.5");
    let confusion = report.collected.confusion.as_ref().unwrap();
    assert_eq!(confusion.accuracy(), 1.0, "{confusion}");

    let pairs: Vec<(usize, usize)> = report
        .warnings
        .iter()
        .filter_map(|warning| if let Warning::Redundant { heads, .. } = warning { Some(*heads) } else { None })
        .collect();
    assert_eq!(pairs, [(TWINS[0], TWINS[1])]);
    let idle: Vec<&Warning> =
        report.warnings.iter().filter(|warning| matches!(warning, Warning::Idle { .. })).collect();
    assert_eq!(idle, [&Warning::Idle { head: IDLE }]);
    // What the sink gives is the same everywhere.
    assert!(report.warnings.iter().any(|warning| matches!(warning, Warning::Collapsed { head: SINK, .. })));
    assert!((report.collected.correlation[(TWINS[0], TWINS[1])] - 1.0).abs() < 1e-9);
    assert!(report.collected.divergence[(TWINS[0], TWINS[1])].abs() < 1e-9);
}

#[test]
fn the_detector_matters_most() {
    let report = report(&model(&planted(), 7, ["silence", "cue"]), recordings(80));
    let importance = &report.importance;
    for ranking in &report.rankings[..3] {
        assert_eq!(first_of(&ranking.values), DETECTOR, "{}", ranking.name);
    }
    // Without it, all is silence: half the recordings.
    let lost = importance.alone[DETECTOR].accuracy;
    assert_eq!(lost.mean, 0.5);
    // The standard error of a share of one half among 80, by hand.
    assert!((lost.error - (0.25f64 / 79.0).sqrt()).abs() < 1e-9, "{lost:?}");
    // The class that it detects needs it; the other one is better off.
    assert!(importance.alone[DETECTOR].classes[1] > 1.0 && importance.alone[DETECTOR].classes[0] <= 1e-9);
    for head in [PREVIOUS, SINK, IDLE, TWINS[0], TWINS[1]] {
        assert_eq!(importance.alone[head].accuracy.mean, 0.0);
        assert!(importance.alone[head].loss.mean.abs() < 1e-6 && importance.shapley[head].loss.mean.abs() < 1e-6);
    }
    // All Shapley values add up to what the heads contribute, and here one head contributes all of it.
    let sum: f64 = importance.shapley.iter().map(|shapley| shapley.loss.mean).sum();
    let judged = importance.orders.1;
    assert!(judged == 80 && (sum - (importance.none.loss - importance.whole.loss)).abs() < 1e-9);
    assert_eq!(importance.greedy.last().unwrap().head, DETECTOR);
    assert_eq!(importance.own[DETECTOR].right, 1.0);
    assert_eq!(importance.own[SINK].right, 0.5);
    assert_eq!(importance.greedy[4].left.right, 1.0);
    assert_eq!(report.weakest.last(), Some(&DETECTOR));
    let costs = &report.costs;
    assert!(costs.windows(2).all(|pair| pair[0].flash > pair[1].flash && pair[0].macs > pair[1].macs));
}

/// Where the cue is, of the input and of values: nothing else is what the second class is told by.
#[test]
fn the_cue_is_found() {
    let all = recordings(80);
    let place = |name: &str| {
        let heedful::dynamic::Heard::Features(values) =
            &all.iter().find(|recording| recording.name == name).unwrap().heard
        else {
            unreachable!()
        };
        values.iter().step_by(CHANNELS).position(|&cue| cue > 50).unwrap()
    };
    let report = report(&model(&planted(), 7, ["silence", "cue"]), all.clone());
    let mut found = 0;
    for shown in report.collected.shown.iter().filter(|shown| shown.class == Some(1)) {
        let curve = |name: &str| &shown.flow.iter().find(|curve| curve.name == name).unwrap().values;
        let (cue, occlusion) = (place(&shown.name), curve("occlusion"));
        assert_eq!(first_of(curve("value zeroing")), cue, "{}", shown.name);
        // The stretch round each position is three long.
        let most = occlusion[cue];
        assert!(most > 1.0 && occlusion.iter().enumerate().all(|(at, &x)| (x > most / 2.0) == (at.abs_diff(cue) <= 1)));
        assert_eq!(curve("rollout").iter().sum::<f64>().round(), 1.0);
        found += 1;
    }
    assert!(found > 5);
    let patching = &report.patching;
    assert!((patching.heads[DETECTOR].mean - 1.0).abs() < 1e-6 && patching.pairs > 20, "{patching:?}");
    for head in [PREVIOUS, SINK, IDLE, TWINS[0], TWINS[1]] {
        assert!(patching.heads[head].mean.abs() < 1e-6, "{head}: {patching:?}");
    }
    assert!((patching.blocks[0].mean - 1.0).abs() < 1e-6);
}

/// Weights by chance: three heads in two blocks.
fn random(seed: u64) -> Report {
    use crate::made::{layer, write};
    use heedful::dynamic::Heard;
    use heedful::format::OutputKind;
    use heedful::format::write::{AttentionModel, PartModel, PatternModel};
    use heedful::{Channel, HeadScale, Patches, PoolKind, Scale, Steepness};
    use rand::RngExt;
    let draw = &mut heedful_lab::augment::draw(seed, 1, 2);
    let mut layer = |outputs: usize, inputs: usize, scale: f64| {
        let mut layer = layer([outputs, inputs], scale, &[], &[]);
        layer.weights.iter_mut().for_each(|weight| *weight = draw.random_range(-100..=100));
        layer
    };
    let heads = 3;
    let rows = || PartModel::Rows(vec![Channel { bias: 0, scale: Scale::from_real(1.0 / 32.0).unwrap() }; WIDTH]);
    let (width, patches) = (WIDTH, Patches::of_series(POSITIONS, CHANNELS, 1));
    let mut parts = vec![
        PartModel::Positions { count: POSITIONS, width, class_tokens: 0, values: vec![] },
        PartModel::Stem { class_tokens: 0, patches, layer: layer(WIDTH, CHANNELS, 0.2), fine: vec![] },
    ];
    for _ in 0..2 {
        let attention = AttentionModel {
            heads: vec![HeadScale::from_real(0.004, 1.0).unwrap(); heads],
            key_heads: heads,
            head_dim: DIM,
            reduce: None,
            query: layer(heads * DIM, WIDTH, 0.005),
            key: Some(layer(heads * DIM, WIDTH, 0.005)),
            value: layer(heads * DIM, WIDTH, 0.005),
            output: layer(WIDTH, heads * DIM, 0.05),
            pattern: PatternModel::default(),
            memory: None,
        };
        parts.extend([rows(), PartModel::Attention(attention)]);
    }
    let scale = Scale::from_real(1.0 / POSITIONS as f64).unwrap();
    let logit = Steepness::from_real(0.002).unwrap();
    parts.extend([
        rows(),
        PartModel::Pool { width, kind: PoolKind::Mean, count: POSITIONS, scale },
        PartModel::Output { width, kind: OutputKind::Classes, logit, step: 0.001_4, layer: Some(layer(2, WIDTH, 0.2)) },
    ]);
    // Classes by chance, too: without cues.
    let mut all = recordings(60);
    for recording in &mut all {
        if let Heard::Features(values) = &mut recording.heard {
            values.iter_mut().step_by(CHANNELS).for_each(|cue| *cue = draw.random_range(-60..=60));
        }
    }
    report(&write(parts, POSITIONS, ["a", "b"]), all)
}

#[test]
fn chance_has_no_name() {
    for seed in 0..6 {
        let report = random(seed);
        assert!(report.names.iter().all(|name| name == "mixed"), "{seed}: {:?}", report.names);
        let words: Vec<String> = report.warnings.iter().map(|warning| report.warning(warning)).collect();
        assert!(words.is_empty(), "{seed}: {words:?}");
    }
}

#[test]
fn forms_say_it() {
    let report = report(&model(&planted(), 7, ["silence", "cue"]), recordings(20));
    let said = text::text(&report);
    assert!(said.contains("0.3 and 0.4 do the same") && said.contains("0.0    previous position"), "{said}");
    let page = page::page(&report);
    for text in ["0.3 and 0.4 do the same", "0.2 is idle", "previous position", "answers to cue", "aria-label="] {
        assert!(page.contains(text), "{text}");
    }
    // A page that needs nothing else.
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http") && !page.contains("url("));
}
