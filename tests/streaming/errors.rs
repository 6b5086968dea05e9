//! What a model has that cannot be taken a token at a time, or lacks, is an error that says so.

use crate::chain::streaming;
use crate::support::Random;
use heedful::audio::{Level, Params, Tables};
use heedful::dynamic::Model;
use heedful::format::write::{ChainModel, InputModel, PartModel};
use heedful::{PoolKind, Window};

/// A chain of sound that can, with a head in each attention.
fn chain() -> ChainModel {
    let with_heads = |part: &PartModel| match part {
        PartModel::Attention(attention) => !attention.heads.is_empty(),
        _ => true,
    };
    let pools = |part: &PartModel| matches!(part, PartModel::Pool { .. });
    let is_long = |part: &PartModel| match part {
        PartModel::Stem { patches, fine, .. } => patches.kernel[0] > 1 && patches.counts()[0] > 1 && fine.is_empty(),
        _ => true,
    };
    (0..)
        .map(|number| streaming::chain(&mut Random(number), 3 * number))
        .find(|chain| chain.parts.iter().all(|part| with_heads(part) && is_long(part)) && chain.parts.iter().any(pools))
        .unwrap()
}

/// Why the chain cannot, after this was done to its parts.
fn why(alter: impl Fn(&mut PartModel)) -> String {
    let mut chain = chain();
    chain.parts.iter_mut().for_each(alter);
    refused(&chain)
}

fn refused(chain: &ChainModel) -> String {
    let model = Model::load(&chain.to_bytes().unwrap()).unwrap();
    model.streaming().err().map_or_else(String::new, |error| error.to_string())
}

#[test]
fn what_cannot_be() {
    assert_eq!(why(|_| ()), "");
    let said = why(|part| {
        if let PartModel::Positions { count, width, values, .. } = part {
            *values = vec![1; *count * *width];
        }
    });
    assert!(said.contains("learned positions of a model that takes a token at a time"), "{said}");
    let said = why(|part| {
        if let PartModel::Attention(attention) = part {
            attention.pattern.causal = false;
            attention.pattern.windows.fill(Window::around(2));
        }
    });
    assert!(said.contains("heads that look ahead"), "{said}");
    let said = why(|part| {
        if let PartModel::Attention(attention) = part {
            attention.pattern.causal = false;
            attention.pattern.windows.fill(Window::back(2).with_sinks(2));
        }
    });
    assert!(said.contains("heads that look ahead"), "{said}");
    let said = why(|part| {
        if let PartModel::Attention(attention) = part {
            (attention.pattern.causal, attention.pattern.windows) = (false, vec![]);
        }
    });
    assert!(said.contains("heads that look ahead"), "{said}");
    let said = why(|part| {
        if let PartModel::Attention(attention) = part {
            (attention.pattern.causal, attention.pattern.windows) = (true, vec![]);
        }
    });
    assert!(said.contains("heads without a window"), "{said}");
    let said = why(|part| {
        if let PartModel::Attention(attention) = part {
            attention.pattern.windows.fill(Window::back(usize::MAX));
        }
    });
    assert!(said.contains("tokens that a head looks back"), "{said}");
    for other in [PoolKind::Mean, PoolKind::First, PoolKind::Max] {
        let said = why(|part| {
            if let PartModel::Pool { kind, .. } = part {
                *kind = other;
            }
        });
        assert!(said.contains("poolings of more than the last row"), "{said}");
    }
}

/// Patches that share steps, or leave some out.
#[test]
fn tokens_that_do_not_follow_one_another() {
    for gap in [-1, 1] {
        let mut chain = chain();
        let mut of_steps = 0;
        for part in &mut chain.parts {
            if let PartModel::Stem { patches, .. } = part {
                let count = patches.counts()[0];
                patches.stride[0] = patches.kernel[0].checked_add_signed(gap).filter(|&stride| stride > 0).unwrap();
                patches.input[0] = (count - 1) * patches.stride[0] + patches.kernel[0];
                of_steps = patches.input[0];
            }
        }
        let InputModel::Audio { frames, .. } = &mut chain.input else { panic!("no sound") };
        *frames = of_steps;
        let said = refused(&chain);
        assert!(said.contains("overlapping patches of a model that takes a token at a time"), "{said}");
    }
}

/// Texts are for language models.
#[test]
fn tokens_of_a_text() {
    let bytes = include_bytes!("../models/chain_tokens.heed");
    let said = Model::load(bytes).unwrap().streaming().err().unwrap().to_string();
    println!("{said}");
    assert!(said.contains("token"), "{said}");
}

/// Bands above the mean of the whole window are not known when a token comes.
#[test]
fn features_relative_to_the_window() {
    let mut chain = chain();
    let InputModel::Audio { tables, .. } = &mut chain.input else { panic!("no sound") };
    *tables = Tables::design(Params { level: Level::Mean, ..tables.params }).unwrap();
    let said = refused(&chain);
    assert!(said.contains("features relative to the mean of a whole window"), "{said}");
}
