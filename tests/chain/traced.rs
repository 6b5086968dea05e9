//! What tools see of an inference: weights, outputs of heads, what each adds.

use crate::support::Random;
use heedful::Input;
use heedful::dynamic::{Change, Model};
use std::collections::BTreeMap;

#[test]
fn heads_add_up() {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/digits.heed")).unwrap();
    let model = Model::load(&bytes).unwrap();
    let shape = *model.shape();
    let features = Random(3).i8s(shape.positions * shape.inputs, 60);
    for off in [&[][..], &[(0, 1), (2, 0)]] {
        let (mut rows, mut layers, mut before) = (0, vec![], vec![]);
        let outcome = model.infer_traced(
            Input::Features(&features),
            off,
            |row| {
                let sum: f32 = row.weights.iter().sum();
                let is_off = off.contains(&(row.layer, row.head));
                assert!(if is_off { row.weights.is_empty() } else { (sum - 1.0).abs() < 1e-5 });
                rows += 1;
            },
            |trace| {
                if let Some(layer) = trace.attention {
                    let heads = model.heads()[layer];
                    assert_eq!(trace.heads.len(), shape.positions * heads * shape.head_dim);
                    let added: Vec<Vec<f32>> = (0..heads).map(|head| trace.added(head)).collect();
                    assert!(trace.added(heads).is_empty());
                    for (head, added) in added.iter().enumerate() {
                        assert_eq!(added.iter().all(|&x| x == 0.0), off.contains(&(layer, head)), "{layer}.{head}");
                    }
                    // What the stream gained is the sum of the heads, rounded, and a bias of each value.
                    let mut biases = BTreeMap::<usize, Vec<f32>>::new();
                    for (at, (&after, &before)) in trace.residual.iter().zip(&before).enumerate() {
                        let sum: f32 = added.iter().map(|added| added[at]).sum();
                        let rest = f32::from(after) - f32::from(before) - sum;
                        biases.entry(at % shape.width).or_default().push(rest);
                    }
                    for rest in biases.values() {
                        let (low, high) = rest.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
                        assert!(high - low <= 1.01, "{rest:?}");
                    }
                    layers.push(layer);
                } else {
                    assert!(trace.heads.is_empty() && trace.added(0).is_empty());
                }
                before = trace.residual.to_vec();
            },
        );
        assert_eq!(outcome, model.infer_without(Input::Features(&features), off));
        assert_eq!(layers, [0, 1, 2]);
        assert_eq!(rows, 9 * shape.positions);
    }
    assert_eq!(model.grid(), Some([25, 1]));
}

/// An inference with what its heads read, gave and weighed.
struct Traced {
    /// `[attention][head][query][key]`
    weights: Vec<Vec<Vec<Vec<f32>>>>,
    /// `[attention][head]`
    heads: Vec<Vec<Head>>,
}

/// Values, outputs, and steps of these for a step of those.
type Head = (Vec<i8>, Vec<i8>, f64);

fn traced(model: &Model, input: Input<'_>) -> Traced {
    let count = model.shape().positions;
    let none = |heads: &usize| vec![vec![vec![0.0; count]; count]; *heads];
    let mut weights: Vec<_> = model.heads().iter().map(none).collect();
    let mut heads = vec![];
    let see_row = |row: heedful::Row<'_, f32>| {
        let keys = (row.first..).step_by(row.dilation);
        keys.zip(row.weights).for_each(|(key, &w)| weights[row.layer][row.head][row.query][key] = w);
    };
    _ = model.infer_traced(input, &[], see_row, |trace| {
        let Some(layer) = trace.attention else { return };
        let (all, dim) = (model.heads()[layer], trace.heads.len() / count / model.heads()[layer]);
        let output =
            |head: usize| trace.heads.chunks(all * dim).flat_map(move |row| &row[head * dim..][..dim]).copied();
        let one = |head| (trace.values(head), output(head).collect(), trace.value_step(head));
        heads.push((0..all).map(one).collect());
        // What a head adds is its outputs through its part of the layer.
        let (added, outputs) = (trace.added(0), output(0).collect::<Vec<i8>>());
        let projection = trace.projection(0);
        for (row, outputs) in added.chunks(model.shape().width).zip(outputs.chunks(dim)) {
            for (&found, weights) in row.iter().zip(projection.chunks(dim)) {
                let expected: f32 = outputs.iter().zip(weights).map(|(&x, w)| f32::from(x) * w).sum();
                assert!((found - expected).abs() < 1e-3 + 1e-5 * expected.abs(), "{found} {expected}");
            }
        }
        assert!(trace.values(all).is_empty() && trace.projection(all).is_empty());
    });
    Traced { weights, heads }
}

/// Outputs of a head, worked out from weights and values, `gone` left out.
fn outputs(weights: &[Vec<f32>], values: &[i8], step: f64, gone: Option<usize>) -> Vec<i8> {
    let dim = values.len() / weights.len();
    let value = |key: usize, at: usize| if gone == Some(key) { 0.0 } else { f64::from(values[key * dim + at]) };
    let one = |row: &Vec<f32>, at| row.iter().enumerate().map(|(key, &w)| f64::from(w) * value(key, at)).sum::<f64>();
    let all = weights.iter().flat_map(|row| (0..dim).map(move |at| one(row, at) * step));
    all.map(|x| x.round().clamp(-128.0, 127.0) as i8).collect()
}

fn far(a: &[i8], b: &[i8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn changes() {
    for name in ["models/digits.heed", "models/sounds.heed", "models/commands.heed"] {
        let bytes = std::fs::read(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let model = Model::load(&bytes).unwrap();
        let shape = model.shape().input;
        let features = Random(5).i8s(shape.steps * shape.columns * shape.channels, 60);
        let input = Input::Features(&features);
        let whole = model.infer_input(input, &[]);
        assert_eq!(model.infer_changed(input, &[]), whole);
        let traced = traced(&model, input);
        for (layer, heads) in traced.heads.iter().enumerate() {
            for (head, (values, found, step)) in heads.iter().enumerate() {
                let expected = outputs(&traced.weights[layer][head], values, *step, None);
                assert!(far(&expected, found) <= 1, "{name} {layer}.{head}");
                // Its own outputs change nothing, and those of nothing are the head switched off.
                let own = Change::Output { attention: layer, head, values: found };
                assert_eq!(model.infer_changed(input, &[own]), whole);
                let nothing = vec![0; found.len()];
                let off = Change::Output { attention: layer, head, values: &nothing };
                assert_eq!(model.infer_changed(input, &[off]), model.infer_without(input, &[(layer, head)]));
            }
        }
        // Values of 0 everywhere: all heads of the layer switched off.
        let count = model.shape().positions;
        let all: Vec<Change<'_>> = (0..count).map(|position| Change::Value { attention: 0, position }).collect();
        let off: Vec<(usize, usize)> = (0..model.heads()[0]).map(|head| (0, head)).collect();
        assert_eq!(model.infer_changed(input, &all), model.infer_without(input, &off));
        // Of one position, in the last layer: what comes out with outputs that are worked out here.
        let (layer, position) = (traced.heads.len() - 1, count / 2);
        let without = |head: usize| {
            let (values, _, step) = &traced.heads[layer][head];
            outputs(&traced.weights[layer][head], values, *step, Some(position))
        };
        let given: Vec<Vec<i8>> = (0..model.heads()[layer]).map(without).collect();
        let given: Vec<Change<'_>> = (given.iter().enumerate())
            .map(|(head, values)| Change::Output { attention: layer, head, values })
            .collect();
        let [found, expected] = [&[Change::Value { attention: layer, position }][..], &given]
            .map(|changes| model.real(model.infer_changed(input, changes).logits()));
        let whole = model.real(whole.logits());
        let apart = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart(&found, &expected) <= 0.05 + apart(&whole, &expected) / 4.0, "{name}");
        let nowhere = [Change::Value { attention: 99, position: 0 }, Change::Value { attention: 0, position: 9999 }];
        assert_eq!(model.real(model.infer_changed(input, &nowhere).logits()), whole);
    }
}

#[test]
fn what_outputs_are_made_of() {
    let pooled = |name: &str| {
        let bytes = std::fs::read(format!("{}/models/{name}.heed", env!("CARGO_MANIFEST_DIR"))).unwrap();
        Model::load(&bytes).unwrap().pooled().unwrap()
    };
    assert_eq!(pooled("digits"), [0.04; 25]);
    let commands = pooled("commands");
    assert_eq!((commands[0], commands.len(), commands.iter().sum::<f32>()), (1.0, 99, 1.0));
}
