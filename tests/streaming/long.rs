//! Long runs.

use crate::chain::streaming;
use crate::support::Random;
use heedful::Input;
use heedful::dynamic::Model;
use heedful::format::write::{InputModel, PartModel};

/// Tokens that are given over and over.
const ROUND: u64 = 997;

/// After millions of tokens, what comes out is what a model that begins with the last of them gives: nothing drifts,
/// and nothing that has left the windows is remembered. In a build without optimisation, fewer.
#[test]
fn millions_of_tokens() {
    let tokens = if cfg!(miri) { 200 } else { 3_000 * if cfg!(debug_assertions) { 1 } else { 400 } };
    let mut tried = 0;
    for number in 0..400 {
        let mut random = Random(number);
        let chain = streaming::chain(&mut random, number);
        // What comes first is remembered for good, or rotations are rounded otherwise at another position.
        let depends = |part: &PartModel| match part {
            PartModel::Attention(attention) => {
                let pattern = &attention.pattern;
                pattern.rope.is_some() || pattern.windows.iter().any(|window| window.sinks > 0)
            }
            _ => false,
        };
        let model = Model::load(&chain.to_bytes().unwrap()).unwrap();
        let (mut run, mut late) = (model.streaming().unwrap(), model.streaming().unwrap());
        let is_small = run.shape().macs < 2000 && model.shape().heads > 0;
        let is_narrow = matches!(chain.input, InputModel::Features { fine: false, .. });
        if !is_narrow || !is_small || chain.parts.iter().any(depends) {
            continue;
        }
        tried += 1;
        let length = run.token();
        let values = random.i8s(length * ROUND as usize, 128);
        let token = |at: u64| Input::Features(&values[(at % ROUND) as usize * length..][..length]);
        for at in 0..tokens - 100 {
            run.step(token(at));
        }
        for at in tokens - 100..tokens {
            let (expected, found) = (late.step(token(at)), run.step(token(at)));
            // Further back than any chain looks.
            if at >= tokens - 50 {
                assert_eq!(found.logits(), expected.logits(), "chain {number}, token {at}");
            }
        }
        assert_eq!(run.seen(), tokens);
        if tried == 3 {
            return;
        }
    }
    panic!("{tried} chains");
}
