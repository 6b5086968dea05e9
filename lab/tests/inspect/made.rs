//! Models made by hand, and recordings for them.

use heedful::dynamic::{Heard, Model};
use heedful::format::write::{
    AttentionModel, ChainModel, ChannelModel, InputModel, LinearModel, PartModel, PatternModel,
};
use heedful::format::{OutputKind, Softmax};
use heedful::{Channel, HeadScale, Patches, PoolKind, Scale, Steepness};
use heedful_lab::augment::draw;
use heedful_lab::inspect::{Asked, Recording, Report, Source, inspect};
use rand::RngExt;

pub const POSITIONS: usize = 24;
pub const WIDTH: usize = 8;
pub const DIM: usize = 4;
/// What a recording has at each position: a cue, and two channels of noise.
pub const CHANNELS: usize = 3;

/// Values of the residual stream, by what is in them.
pub const FIRST: usize = 0;
pub const CUE: usize = 1;
pub const NOISE: [usize; 2] = [2, 3];

fn channel(bias: i32, scale: f64) -> Channel {
    Channel { bias, scale: Scale::from_real(scale).unwrap() }
}

/// A layer of so many outputs and inputs, of weights `(output, input, weight)` and biases `(output, bias)`.
pub fn layer(
    [outputs, inputs]: [usize; 2],
    scale: f64,
    weights: &[(usize, usize, i8)],
    biases: &[(usize, i32)],
) -> LinearModel {
    let mut layer = LinearModel { weights: vec![0; outputs * inputs], channels: vec![channel(0, scale); outputs] };
    weights.iter().for_each(|&(output, input, weight)| layer.weights[output * inputs + input] = weight);
    biases.iter().for_each(|&(output, bias)| layer.channels[output].bias = bias);
    layer
}

/// A head by hand: values of the residual stream that its query, key and values are, and where its values go.
#[derive(Clone, Copy, Default)]
pub struct Head {
    /// None for a constant.
    pub query: Option<usize>,
    /// None for 0, so that no key is preferred.
    pub key: Option<usize>,
    pub value: usize,
    /// None for nowhere.
    pub to: Option<usize>,
    /// Whether it prefers the position before.
    pub previous: bool,
}

/// A model of one block with these heads; classes are told apart by the mean of `read`: above 0 is the second.
pub fn model(heads: &[Head], read: usize, labels: [&str; 2]) -> (Model, Vec<u8>) {
    let rows = heads.len() * DIM;
    let (mut query, mut key, mut value, mut output, mut constant) = (vec![], vec![], vec![], vec![], vec![]);
    for (at, head) in heads.iter().enumerate() {
        match head.query {
            Some(from) => query.push((at * DIM, from, 100)),
            None => constant.push((at * DIM, 10_000)),
        }
        key.extend(head.key.map(|from| (at * DIM, from, 100)));
        value.push((at * DIM, head.value, 100));
        output.extend(head.to.map(|to| (to, at * DIM, 64)));
    }
    let table = |head: &Head| if head.previous { [0, 12_000, 0, 0] } else { [0; 4] };
    let pattern = PatternModel { relative: Some((4, heads.iter().flat_map(table).collect())), ..Default::default() };
    let attention = AttentionModel {
        heads: vec![HeadScale::from_real(0.001, 1.0).unwrap(); heads.len()],
        key_heads: heads.len(),
        head_dim: DIM,
        reduce: None,
        query: layer([rows, WIDTH], 0.01, &query, &constant),
        key: Some(layer([rows, WIDTH], 0.01, &key, &[])),
        value: layer([rows, WIDTH], 0.01, &value, &[]),
        output: layer([WIDTH, rows], 0.24, &output, &[]),
        pattern,
        memory: None,
    };
    let mut positions = vec![0; POSITIONS * WIDTH];
    positions[FIRST] = 1600;
    let stem = layer([WIDTH, CHANNELS], 0.24, &[(CUE, 0, 66), (NOISE[0], 1, 66), (NOISE[1], 2, 66)], &[]);
    let to_rows = || PartModel::Rows(vec![channel(0, 1.0 / 16.0); WIDTH]);
    let parts = vec![
        PartModel::Positions { count: POSITIONS, width: WIDTH, class_tokens: 0, values: positions },
        PartModel::Stem {
            class_tokens: 0,
            patches: Patches::of_series(POSITIONS, CHANNELS, 1),
            layer: stem,
            fine: vec![],
        },
        to_rows(),
        PartModel::Attention(attention),
        to_rows(),
        PartModel::Pool {
            width: WIDTH,
            kind: PoolKind::Mean,
            count: POSITIONS,
            scale: Scale::from_real(1.0 / POSITIONS as f64).unwrap(),
        },
        PartModel::Output {
            width: WIDTH,
            kind: OutputKind::Classes,
            logit: Steepness::from_real(0.002).unwrap(),
            step: 0.001_4,
            layer: Some(layer([2, WIDTH], 0.24, &[(0, read, -100), (1, read, 100)], &[(0, 3000), (1, -3000)])),
        },
    ];
    write(parts, POSITIONS, labels)
}

/// A model of these parts, over so many positions.
pub fn write(parts: Vec<PartModel>, steps: usize, labels: [&str; 2]) -> (Model, Vec<u8>) {
    let channels = vec![ChannelModel::of_unit(1.0); CHANNELS];
    let input = InputModel::Features { steps, columns: 1, fine: false, millihertz: 50_000, channels };
    let labels = labels.map(str::to_owned).to_vec();
    let chain = ChainModel { softmax: Softmax::Wide, input, parts, labels, unit: String::new(), tokens: vec![] };
    let bytes = chain.to_bytes().unwrap();
    (Model::load(&bytes).unwrap(), bytes)
}

/// Recordings of noise; every other one has a cue somewhere, and is of the second class.
pub fn recordings(count: usize) -> Vec<Recording> {
    let one = |number: usize| {
        let draw = &mut draw(7, 0, number as u64);
        let mut values: Vec<i8> = (0..POSITIONS * CHANNELS).map(|_| draw.random_range(-60..=60)).collect();
        values.iter_mut().step_by(CHANNELS).for_each(|cue| *cue = 0);
        let class = number % 2;
        if class == 1 {
            values[draw.random_range(1..POSITIONS) * CHANNELS] = 100;
        }
        let name = format!("{number}.wav");
        Recording {
            name,
            class: Some(class),
            heard: Heard::Features(values),
            wave: vec![],
            columns: vec![],
            group: None,
        }
    };
    (0..count).map(one).collect()
}

/// What is found.
pub fn report((model, bytes): &(Model, Vec<u8>), recordings: Vec<Recording>) -> Report {
    let asked =
        Asked { title: "made.heed".to_owned(), model: (model, bytes), float: None, heads: &[], inferences: 3000 };
    inspect(asked, &Source::given(recordings), &()).unwrap()
}
