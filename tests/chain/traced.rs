//! What tools see of an inference: weights, outputs of heads, what each adds.

use crate::support::Random;
use heedful::Input;
use heedful::dynamic::Model;
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
