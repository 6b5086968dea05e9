//! Odd models and recordings.

use crate::made::{Head, NOISE, layer, model, recordings, report, write};
use heedful::dynamic::Heard;
use heedful::format::OutputKind;
use heedful::format::write::{AttentionModel, PartModel, PatternModel};
use heedful::{HeadScale, Patches, PoolKind, Scale, Steepness};
use heedful_lab::inspect::{page, tables, text, write as files};

/// All forms of a report, none of which may panic.
fn forms(report: &heedful_lab::inspect::Report) -> String {
    assert!(!text::text(report).is_empty() && tables::json(report).is_object());
    assert!(files::csv(report).is_ok_and(|tables| tables.iter().all(|(_, bytes)| !bytes.is_empty())));
    assert!(files::pictures(report).iter().all(|(_, bytes)| bytes.ends_with(b"</svg>\n")));
    page::page(report)
}

fn twins() -> [Head; 2] {
    [Head { query: Some(NOISE[0]), key: Some(NOISE[1]), value: NOISE[0], to: Some(6), previous: false }; 2]
}

#[test]
fn labels_are_text() {
    let label = "</script><img src=x onerror=alert(1)>&\"'";
    let mut all = recordings(6);
    all[1].name = label.to_owned();
    let page = forms(&report(&model(&twins(), 6, [label, "b"]), all));
    assert!(!page.contains("<img src=x") && !page.contains("</script><img"));
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains("&lt;/script&gt;&lt;img src=x"));
}

#[test]
fn few_recordings() {
    let model = model(&twins(), 6, ["a", "b"]);
    for count in [1, 2, 3] {
        let found = report(&model, recordings(count));
        assert_eq!(found.collected.recordings, count);
        forms(&found);
    }
    // One class alone.
    let of_one = recordings(12).into_iter().filter(|recording| recording.class == Some(1)).collect();
    let found = report(&model, of_one);
    assert!(found.importance.alone[0].classes[0].is_nan());
    assert!(forms(&found).contains("A card for each head"));
}

/// Where nobody knows the class, what the whole model says counts.
#[test]
fn without_classes() {
    let mut all = recordings(10);
    all.iter_mut().for_each(|recording| recording.class = None);
    let found = report(&model(&twins(), 6, ["a", "b"]), all);
    assert!(found.collected.confusion.is_none());
    assert_eq!(found.importance.whole.right, 1.0);
    let page = forms(&found);
    assert!(page.contains("agreement with all heads") && page.contains("No class is known"));
}

#[test]
fn five_hundred_heads() {
    // Without optimisation, eigenvalues of as many take minutes.
    let heads = if cfg!(debug_assertions) { 60 } else { 250 };
    let (width, positions) = (4, 6);
    let scale = Scale::from_real(1.0 / 16.0).unwrap();
    let rows = || PartModel::Rows(vec![heedful::Channel { bias: 0, scale }; width]);
    let mut parts = vec![
        PartModel::Positions { count: positions, width, class_tokens: 0, values: vec![] },
        PartModel::Stem {
            class_tokens: 0,
            patches: Patches::of_series(positions, 3, 1),
            layer: layer([width, 3], 0.24, &[(0, 0, 60), (1, 1, 60), (2, 2, 60)], &[]),
            fine: vec![],
        },
    ];
    for _ in 0..2 {
        let each = |to: usize| (0..heads).map(|head| (head, (head + to) % width, 90)).collect::<Vec<_>>();
        let back: Vec<_> = (0..heads).map(|head| (head % width, head, 2)).collect();
        parts.extend([
            rows(),
            PartModel::Attention(AttentionModel {
                heads: vec![HeadScale::from_real(0.001, 1.0).unwrap(); heads],
                key_heads: heads,
                head_dim: 1,
                reduce: None,
                query: layer([heads, width], 0.01, &each(0), &[]),
                key: Some(layer([heads, width], 0.01, &each(1), &[])),
                value: layer([heads, width], 0.01, &each(2), &[]),
                output: layer([width, heads], 0.05, &back, &[]),
                pattern: PatternModel::default(),
                memory: None,
            }),
        ]);
    }
    let scale = Scale::from_real(1.0 / positions as f64).unwrap();
    parts.extend([
        rows(),
        PartModel::Pool { width, kind: PoolKind::Mean, count: positions, scale },
        PartModel::Output {
            width,
            kind: OutputKind::Classes,
            logit: Steepness::from_real(0.002).unwrap(),
            step: 0.001_4,
            layer: Some(layer([2, width], 0.24, &[(0, 0, 50), (1, 1, 50)], &[])),
        },
    ]);
    let mut all = recordings(6);
    for recording in &mut all {
        if let Heard::Features(values) = &mut recording.heard {
            values.truncate(3 * positions);
        }
    }
    let found = report(&write(parts, positions, ["a", "b"]), all);
    assert_eq!(found.count(), 2 * heads);
    assert_eq!(found.number(2 * heads - 1), format!("1.{}", heads - 1));
    // To try them one after the other would take too long.
    assert!(found.importance.greedy.is_empty());
    let page = forms(&found);
    assert!(page.len() < 8_000_000, "{}", page.len());
}
