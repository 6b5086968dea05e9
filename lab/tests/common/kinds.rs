//! Small models of all kinds that can be trained, with random weights.
#![allow(dead_code)] // Each test uses a part.

use heedful::Window;
use heedful_import::graph::{Activation, Input, Order, Output, Pool, Unfolded};
use heedful_import::graph::{BatchNorm, Dense, HeadLayer, Norm, NormKind, Stem};
use heedful_lab::augment::{Draw, draw};
use heedful_lab::network::Description;
use rand::RngExt;

/// A model and what is special about it.
pub struct Kind {
    pub name: String,
    pub unfolded: Unfolded,
}

const SERIES: Input = Input::Features { steps: 22, channels: 5 };
const IMAGE: Input = Input::Image { channels: 3, height: 9, width: 8 };

/// Random inputs, whose channels differ in size.
pub fn inputs(input: &Input, count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut random = draw(seed, 7, 7);
    let size = |at: usize| match *input {
        Input::Features { channels, .. } => 0.5 + (at % channels) as f32 / channels as f32,
        _ => 1.0,
    };
    let mut values = || (0..input.len()).map(|at| size(at) * random.random_range(-1.0..1.0)).collect();
    (0..count).map(|_| values()).collect()
}

/// As integer models take them.
pub fn channels_last(input: &Input, values: &[f32]) -> Vec<f32> {
    let Input::Image { channels, height, width } = *input else { return values.to_vec() };
    let area = height * width;
    (0..area * channels).map(|i| values[i % channels * area + i / channels]).collect()
}

/// A model of a description, of which nothing is as neutral as training begins with.
pub fn model(text: &str, input: Input, seed: u64) -> Unfolded {
    let description: Description = serde_json::from_str(text).unwrap();
    let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let mut unfolded = description.initial(input, Output::Classes(names), 4, seed).unwrap();
    let random = &mut draw(seed, 3, 3);
    let model = &mut unfolded.model;
    for block in &mut model.blocks {
        // Heads that look at some tokens more than at others.
        let attention = &mut block.attention;
        for layer in [&mut attention.query, &mut attention.key, &mut attention.out] {
            scale(layer, 2.0);
        }
        stir(&mut block.first_norm, random);
        stir(&mut block.second_norm, random);
    }
    model.final_norm.iter_mut().for_each(|norm| stir(norm, random));
    unfolded.batch_norms.iter_mut().flatten().for_each(|norm| stir_batch(norm, random));
    for values in unfolded.log_temperatures.iter_mut().flatten() {
        values.iter_mut().for_each(|x| *x = random.random_range(-0.7..0.3));
    }
    unfolded
}

fn scale(layer: &mut Dense, by: f32) {
    layer.weight.values.iter_mut().for_each(|x| *x *= by);
}

fn stir(norm: &mut Norm, random: &mut Draw) {
    norm.gain.iter_mut().for_each(|x| *x += random.random_range(-0.4..0.4));
    norm.bias.iter_mut().flatten().for_each(|x| *x += random.random_range(-0.4..0.4));
}

fn stir_batch(norm: &mut BatchNorm, random: &mut Draw) {
    norm.gain.iter_mut().for_each(|x| *x += random.random_range(-0.4..0.4));
    norm.offset.iter_mut().for_each(|x| *x += random.random_range(-0.3..0.3));
    norm.mean.iter_mut().for_each(|x| *x += random.random_range(-0.3..0.3));
    norm.variance.iter_mut().for_each(|x| *x *= random.random_range(0.3..1.0));
}

fn text(more: &str) -> String {
    format!(
        r#"{{ "width": 16, "heads": 2, "hidden": 20, "blocks": 2{}{more} }}"#,
        if more.is_empty() { "" } else { ", " }
    )
}

/// All kinds.
pub fn all() -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut put = |name: &str, unfolded: Unfolded| kinds.push(Kind { name: name.to_owned(), unfolded });
    let series = |more: &str| model(&text(more), SERIES, 11);
    let image = |more: &str| model(&text(more), IMAGE, 12);

    put("frames", series(r#""frames_per_token": 2"#));
    put("frames with a rest", series(r#""frames_per_token": 4, "positions": "none""#));
    let mut overlapping = series(r#""frames_per_token": 3, "positions": "none""#);
    if let Stem::Frames { stride, padding, .. } = &mut overlapping.model.stem {
        (*stride, *padding) = (2, 1);
    }
    put("frames that overlap, padded", overlapping);
    for positions in ["sinusoidal", "rope", "alibi", "relative"] {
        put(positions, series(&format!(r#""frames_per_token": 2, "positions": "{positions}""#)));
    }
    put("rope of several blocks of pairs", series(r#""head_width": 12, "positions": "rope""#));
    put("post-norm", series(r#""frames_per_token": 2, "norm_first": false"#));
    let mut embedding_norm = series(r#""frames_per_token": 2, "norm_first": false, "activation": "relu""#);
    embedding_norm.model.embedding_norm = Some(embedding_norm.model.blocks[0].first_norm.clone());
    put("a norm of the embedding", embedding_norm);
    put("RMSNorm", series(r#""frames_per_token": 2, "norm": "rms""#));
    put("grouped queries", series(r#""key_heads": 1, "head_width": 6"#));
    put("causal", series(r#""causal": true, "pool": "last""#));
    for positions in ["none", "alibi", "relative", "rope"] {
        let keys = r#""frames_per_token": 2, "causal": true, "window": 3, "pool": "last""#;
        put(&format!("a causal window, {positions}"), series(&format!(r#"{keys}, "positions": "{positions}""#)));
    }
    put("temperatures", series(r#""frames_per_token": 2, "temperature": true"#));
    let mut windows = series("");
    let window = |back, ahead, dilation, sinks| Window { back, ahead, dilation, sinks };
    for block in &mut windows.model.blocks {
        block.attention.windows = vec![window(4, 2, 2, 0), window(3, usize::MAX, 1, 2)];
        block.attention.scales = vec![0.2, 0.4];
    }
    put("windows, and scales of heads", windows);
    for activation in Activation::ALL {
        let name = activation.name();
        put(name, series(&format!(r#""frames_per_token": 2, "activation": "{name}""#)));
        put(
            &format!("gated {name}"),
            series(&format!(r#""frames_per_token": 2, "gated": true, "activation": "{name}""#)),
        );
    }
    for pool in ["first", "last", "max", "weighted"] {
        put(&format!("pool {pool}"), series(&format!(r#""frames_per_token": 2, "pool": "{pool}""#)));
    }
    let mut several = series(r#""frames_per_token": 2, "pool": "first""#);
    several.model.pool = Pool::First(3);
    put("the first three", several);
    for pool in ["mean", "max"] {
        let mut bare = series(&format!(r#""frames_per_token": 2, "pool": "{pool}""#));
        bare.model.final_norm = None;
        put(&format!("no final norm, pool {pool}"), bare);
    }
    let mut head = series(r#""frames_per_token": 2"#);
    let last = head.model.head.remove(0);
    let wide = Dense { weight: head.model.blocks[0].feed_forward.up.weight.clone(), bias: None };
    let back = head.model.blocks[0].feed_forward.down.clone();
    let norm = head.model.blocks[1].first_norm.clone();
    head.model.head = vec![
        HeadLayer::Dense(wide),
        HeadLayer::Activation(Activation::Gelu),
        HeadLayer::Dense(back),
        HeadLayer::Norm(norm),
        last,
    ];
    put("a deeper head", head);
    let mut values = series("");
    values.model.output = Output::Values { names: vec![], unit: "m/s".into() };
    put("values", values);
    let mut labels = series("");
    labels.model.output = Output::Labels(vec![]);
    put("labels", labels);
    put("patches", image(r#""patch": [3, 2]"#));
    let mut padded = image(r#""patch": 3, "positions": "none""#);
    if let Stem::Patches { window, .. } = &mut padded.model.stem {
        (window.stride.rows, window.stride.columns, window.padding.columns) = (2, 1, 1);
    }
    put("patches that overlap, padded", padded);
    let wide = r#"{ "channels": 8, "kernel": 3, "stride": 2, "norm": "batch", "activation": "relu" }"#;
    let deep = r#"{ "kernel": 3, "depthwise": true, "norm": "batch", "activation": "silu" }"#;
    let point = r#"{ "channels": 12, "kernel": 1, "padding": 0, "activation": "tanh" }"#;
    put("convolutions of an image", image(&format!(r#""stem": [{wide}, {deep}, {point}]"#)));
    put("a depthwise convolution first", image(&format!(r#""stem": [{deep}, {wide}]"#)));
    put("channels of convolutions as tokens", image(&format!(r#""stem": [{}]"#, wide.replace("8", "16"))));
    put("convolutions along a series", series(&format!(r#""stem": [{wide}, {deep}]"#)));
    let two = wide.replace("\"kernel\": 3", "\"kernel\": [3, 2]").replace("\"stride\": 2", "\"stride\": [2, 1]");
    put("convolutions of a spectrogram", series(&format!(r#""stem": [{two}, {deep}], "norm": "rms""#)));
    for kind in &kinds {
        let model = kind.unfolded.fold();
        model.check().unwrap_or_else(|error| panic!("{}: {error}", kind.name));
    }
    let orders = |order| kinds.iter().any(|kind| kind.unfolded.model.blocks[0].order == order);
    assert!(orders(Order::PreNorm) && orders(Order::PostNorm));
    let norms = |of| kinds.iter().any(|kind| kind.unfolded.model.blocks[0].first_norm.kind == of);
    assert!(norms(NormKind::Layer) && norms(NormKind::Rms));
    kinds
}
