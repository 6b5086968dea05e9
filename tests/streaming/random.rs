//! Generated chains: a token at a time gives the bits of a pass over all tokens.

use crate::chain::{Given, input, streaming};
use crate::support::Random;
use heedful::dynamic::Model;
use heedful::format::write::{ChainModel, PartModel};
use heedful::internals::{Active, Kernels, Portable, Wide};
use heedful::{Input, PoolKind};

const CHAINS: u64 = if cfg!(miri) { 4 } else { 300 };

/// Whether a chain pools its rows; and the same chain without that.
fn unpooled(chain: &ChainModel) -> (bool, ChainModel) {
    let is_pool = |part: &PartModel| matches!(part, PartModel::Pool { kind: PoolKind::Last, .. });
    let parts = chain.parts.iter().filter(|part| !is_pool(part)).cloned().collect();
    (chain.parts.iter().any(is_pool), ChainModel { parts, ..chain.clone() })
}

fn load(chain: &ChainModel, number: u64) -> Model {
    let bytes = chain.to_bytes().unwrap_or_else(|error| panic!("chain {number}: {error}"));
    Model::load(&bytes).unwrap_or_else(|error| panic!("chain {number}: {error}"))
}

/// An input token by token, as the model takes it.
fn tokens<'g>(given: &'g Given, values: usize) -> Vec<Input<'g>> {
    match given {
        Given::Narrow(all) => all.chunks_exact(values).map(Input::Features).collect(),
        Given::Fine(all) => all.chunks_exact(values).map(Input::FineFeatures).collect(),
        Given::Readings(all) => all.chunks_exact(values).map(Input::Readings).collect(),
        _ => panic!("no input of a series"),
    }
}

/// Each row of a pass over all tokens, by these kernels, and each token by the same.
fn agrees<K: Kernels>() {
    let (mut pooled, mut longest, mut differ) = (0, 0, 0);
    for number in 0..CHAINS {
        let mut random = Random(number);
        let chain = streaming::chain(&mut random, number);
        let model = load(&chain, number);
        let (pools, whole) = unpooled(&chain);
        pooled += u64::from(pools);
        let whole = load(&whole, number);
        let mut stream = model.streaming().unwrap_or_else(|error| panic!("chain {number}: {error}"));
        assert_eq!(stream.shape().rows, 1);
        // What the caches held before does not matter.
        for _ in 0..2 {
            let given = input(&mut random, whole.shape());
            let rows = whole.infer_on::<K>(given.input(), &[]);
            let values = stream.shape().outputs;
            for (at, (token, row)) in tokens(&given, stream.token()).into_iter().zip(rows.chunks(values)).enumerate() {
                let found = stream.step_on::<K>(token);
                assert_eq!(found.logits(), row, "chain {number}, token {at} of {}", whole.shape().positions);
                differ += usize::from(row != &rows[..values]);
            }
            assert_eq!(stream.seen(), whole.shape().positions as u64, "chain {number}");
            assert!(stream.is_full());
            longest = longest.max(stream.seen() as usize - stream.window().min(stream.seen() as usize));
            if pools {
                let last = &rows[rows.len() - values..];
                assert_eq!(model.infer_on::<K>(given.input(), &[]), last, "chain {number}");
            }
            stream.reset();
            assert!(!stream.is_full());
        }
    }
    println!("{pooled} of {CHAINS} pool, {longest} tokens beyond a window, {differ} rows unlike the first");
    if !cfg!(miri) {
        assert!(pooled > CHAINS / 3 && pooled < CHAINS && longest > 20 && differ > 5000);
    }
}

#[test]
fn a_token_at_a_time_gives_the_bits_of_the_whole() {
    agrees::<Active>();
}

#[test]
fn and_so_it_does_with_other_kernels() {
    agrees::<Portable>();
    agrees::<Wide>();
}

/// Costs and memory of a token do not depend on how many positions the file has.
#[test]
fn length_does_not_matter() {
    for number in 0..CHAINS / 10 {
        let mut random = Random(number);
        let short = streaming::chain(&mut random, number);
        let mut long = short.clone();
        lengthen(&mut long, 5000);
        let (short, long) = (load(&short, number), load(&long, number));
        let (a, b) = (short.streaming().unwrap(), long.streaming().unwrap());
        assert_eq!((a.memory(), a.window(), a.shape().macs), (b.memory(), b.window(), b.shape().macs));
        assert!(short.macs() < long.macs());
    }
}

/// The same model for so many tokens.
pub fn lengthen(chain: &mut ChainModel, tokens: usize) {
    use heedful::format::write::InputModel;
    let mut of_steps = 0;
    for part in &mut chain.parts {
        match part {
            PartModel::Positions { count, .. } => *count = tokens,
            PartModel::Stem { patches, .. } => {
                patches.input[0] = tokens * patches.kernel[0];
                of_steps = patches.input[0];
            }
            _ => {}
        }
    }
    match &mut chain.input {
        InputModel::Features { steps, .. } => *steps = of_steps,
        InputModel::Audio { frames, .. } => *frames = of_steps,
        InputModel::Tokens { .. } => {}
    }
}
