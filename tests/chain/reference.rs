//! What parts compute, in f64: each rounds what it reads to integers, as the library does, and gives real numbers.

use crate::chain::{Given, outputs};
use crate::support::{Errors, Random};
use heedful::dynamic::Model;
use heedful::format::write::{ChainModel, ChannelModel, InputModel, LinearModel, PartModel};
use heedful::format::{OutputKind, Softmax};
use heedful::{Channel, NormChannel, Patches, PoolKind, Scale, Steepness};

/// A row of real numbers for each position.
pub type Table = Vec<Vec<f64>>;

/// A chain without its end, and an input.
#[derive(Clone, Debug)]
pub struct Start {
    pub softmax: Softmax,
    pub input: InputModel,
    pub given: Given,
    pub parts: Vec<PartModel>,
}

/// The two tensors.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    pub residual: Table,
    pub rows: Table,
}

pub fn scale(x: f64) -> Scale {
    Scale::from_real(x).unwrap()
}

/// To nearest, halves up.
pub fn nearest(x: f64) -> f64 {
    (x + 0.5).floor()
}

pub fn sat8(x: f64) -> f64 {
    x.clamp(-128.0, 127.0)
}

pub fn sat16(x: f64) -> f64 {
    x.clamp(-32_768.0, 32_767.0)
}

/// Features whose channels are all alike.
pub fn features(steps: usize, columns: usize, fine: bool, channels: usize) -> InputModel {
    let channels = vec![ChannelModel::of_unit(1.0); channels];
    InputModel::Features { steps, columns, fine, millihertz: 0, channels }
}

impl Start {
    /// A residual stream of these values, and nothing added to it.
    pub fn of(values: &[i16], width: usize) -> Self {
        let count = values.len() / width;
        let patches = Patches::of_series(count, 1, 1);
        let channels = vec![Channel { bias: 0, scale: scale(0.1) }; width];
        let layer = LinearModel { weights: vec![0; width], channels };
        Self {
            softmax: Softmax::Wide,
            input: features(count, 1, false, 1),
            given: Given::Narrow(vec![7; count]),
            parts: vec![
                PartModel::Positions { count, width, class_tokens: 0, values: values.to_vec() },
                PartModel::Stem { class_tokens: 0, patches, layer, fine: vec![] },
            ],
        }
    }

    /// Rows of these values, and a residual stream of eight times as much.
    pub fn of_rows(values: &[i8], width: usize) -> Self {
        let eightfold: Vec<i16> = values.iter().map(|&x| 8 * i16::from(x)).collect();
        Self::of(&eightfold, width).then(PartModel::Rows(vec![Channel { bias: 0, scale: scale(0.125) }; width]))
    }

    #[must_use]
    pub fn then(mut self, part: PartModel) -> Self {
        self.parts.push(part);
        self
    }

    /// What comes out when this is all, and rows of so many values are the outputs.
    pub fn rows(&self, width: usize) -> Vec<f64> {
        self.end(width, None)
    }

    /// The model of which rows of so many values are the outputs.
    pub fn model(&self, width: usize) -> Model {
        self.ended(width, None)
    }

    /// What comes out with this last part.
    pub fn end(&self, width: usize, layer: Option<LinearModel>) -> Vec<f64> {
        outputs(&self.ended(width, layer), &self.given).into_iter().map(f64::from).collect()
    }

    fn ended(&self, width: usize, layer: Option<LinearModel>) -> Model {
        let logit = Steepness::from_real(0.001).unwrap();
        let mut parts = self.parts.clone();
        parts.push(PartModel::Output { width, kind: OutputKind::Values, logit, step: 1.0, layer });
        let chain = ChainModel {
            softmax: self.softmax,
            input: self.input.clone(),
            parts,
            labels: vec![],
            unit: String::new(),
            tokens: vec![],
        };
        Model::load(&chain.to_bytes().unwrap()).unwrap()
    }

    /// The residual stream, up to 2000 either way: the rows of a 16th of it, with biases of 0 to 15, add up to
    /// it.
    pub fn residual(&self, width: usize) -> Vec<f64> {
        let part = |bias| PartModel::Rows(vec![Channel { bias, scale: scale(1.0 / 16.0) }; width]);
        let mut sums = vec![-8.0; 0];
        for bias in 0..16 {
            let rows = self.clone().then(part(bias)).rows(width);
            let largest = rows.iter().fold(0.0, |most: f64, row| most.max(row.abs()));
            assert!(largest < 127.0, "the residual stream is beyond what can be read");
            sums.resize(rows.len(), -8.0);
            sums.iter_mut().zip(rows).for_each(|(sum, row)| *sum += row);
        }
        sums
    }

    /// The same in f64.
    pub fn exact(&self) -> Tensors {
        self.parts.iter().fold(Tensors::default(), |tensors, part| tensors.after(part, &self.given))
    }
}

/// The values of all rows, one after the other.
pub fn flat(table: &Table) -> impl Iterator<Item = f64> {
    table.iter().flatten().copied()
}

fn rounded(table: &Table, saturate: fn(f64) -> f64) -> Table {
    table.iter().map(|row| row.iter().map(|&x| saturate(nearest(x))).collect()).collect()
}

/// `Σ w·x + bias` times the stored factor, for each output.
pub fn sums(layer: &LinearModel, x: &[f64]) -> Vec<f64> {
    sums_with(&layer.weights, &layer.channels, x)
}

fn sums_with(weights: &[i8], channels: &[Channel], x: &[f64]) -> Vec<f64> {
    let dot = |row: &[i8]| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum::<f64>();
    let rows = weights.chunks(x.len()).zip(channels);
    rows.map(|(row, c)| (dot(row) + f64::from(c.bias)) * c.scale.to_real()).collect()
}

/// What a layer norm or RMSNorm makes of a row.
pub fn normalised(x: &[f64], channels: &[NormChannel], epsilon: u32, rms: bool) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = if rms { 0.0 } else { x.iter().sum::<f64>() / n };
    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    let deviation = (variance + f64::from(epsilon)).sqrt();
    let channel =
        |(x, c): (&f64, &NormChannel)| (x - mean) / deviation * c.gain.to_num::<f64>() + c.offset.to_num::<f64>();
    x.iter().zip(channels).map(channel).collect()
}

impl Tensors {
    fn after(mut self, part: &PartModel, given: &Given) -> Self {
        let (residual, rows) = (rounded(&self.residual, sat16), rounded(&self.rows, sat8));
        let each = |of: &dyn Fn(&Vec<f64>) -> Vec<f64>, table: &Table| -> Table { table.iter().map(of).collect() };
        match part {
            PartModel::Positions { count, width, class_tokens, values } => {
                let count = if let Given::Tokens(tokens, _) = given {
                    (tokens.len() + class_tokens).min(*count)
                } else {
                    *count
                };
                let row =
                    |p: usize| (0..*width).map(move |i| f64::from(values.get(p * width + i).copied().unwrap_or(0)));
                self.residual = (0..count).map(|p| row(p).collect()).collect();
            }
            PartModel::Stem { class_tokens, patches, layer, fine } => {
                for patch in 0..patches.total() {
                    let added = stem(patches, layer, fine, patch, given);
                    self.residual[class_tokens + patch].iter_mut().zip(added).for_each(|(to, y)| *to += y);
                }
            }
            PartModel::Embedding { class_tokens, factor, layer } => {
                let Given::Tokens(tokens, _) = given else { panic!("tokens") };
                let width = layer.weights.len() / layer.channels.len();
                for (&token, to) in tokens.iter().zip(&mut self.residual[*class_tokens..]) {
                    let row = layer.weights.chunks(width).nth(token.into()).unwrap_or(&[]);
                    for (to, &w) in to.iter_mut().zip(row) {
                        *to += f64::from(w) * f64::from(*factor) * layer.channels[usize::from(token)].scale.to_real();
                    }
                }
            }
            PartModel::TokenTypes { class_tokens, width, values } => {
                let Given::Tokens(_, types) = given else { panic!("tokens") };
                for (i, to) in self.residual.iter_mut().skip(*class_tokens).enumerate() {
                    let of = types.get(i).map_or(0, |&of| of.into());
                    let row = values.chunks(*width).nth(of).unwrap_or(&[]);
                    to.iter_mut().zip(row).for_each(|(to, &x)| *to += f64::from(x));
                }
            }
            PartModel::Norm { norm, rms, carry } => {
                self.rows = each(&|row| normalised(row, &norm.channels, norm.epsilon, *rms), &residual);
                if let Some((channels, scale)) = carry {
                    let factor = 65_536.0 * scale.to_real();
                    let carried = |row: &Vec<f64>| normalised(row, channels, norm.epsilon, *rms);
                    self.residual = each(&|row| carried(row).iter().map(|y| y * factor).collect(), &residual);
                }
            }
            PartModel::Rows(channels) => {
                let value = |(x, c): (&f64, &Channel)| (x + f64::from(c.bias)) * c.scale.to_real();
                self.rows = each(&|row| row.iter().zip(channels).map(value).collect(), &residual);
            }
            PartModel::Residual { scale, .. } => {
                let factor = f64::from(scale.to_word()) / 256.0;
                self.residual = each(&|row| row.iter().map(|x| x * factor).collect(), &rows);
            }
            PartModel::Pool { kind, count, scale, .. } => {
                let column = |i: usize| rows.iter().map(move |row| row[i]);
                let all = (*count).min(rows.len());
                let pooled = |i: usize| match kind {
                    // Of fewer rows the sum is rounded, too.
                    PoolKind::Mean => {
                        nearest(column(i).take(all).sum::<f64>() * *count as f64 / all as f64) * scale.to_real()
                    }
                    PoolKind::First => rows[0][i],
                    PoolKind::Last => rows[rows.len() - 1][i],
                    PoolKind::Max => column(i).fold(f64::NEG_INFINITY, f64::max),
                    #[allow(unreachable_patterns)] // What these tests do not know.
                    _ => panic!("{kind:?}"),
                };
                self.rows = vec![(0..rows[0].len()).map(pooled).collect()];
            }
            PartModel::Dense { layer, activation } => {
                self.rows = each(&|row| sums(layer, row), &rows);
                if let Some(table) = activation {
                    let value = |x: &f64| f64::from(table[usize::from(sat8(nearest(*x)) as i8 as u8)]);
                    self.rows = each(&|row| row.iter().map(value).collect(), &self.rows);
                }
            }
            PartModel::FeedForward { .. } | PartModel::FineFeedForward { .. } | PartModel::Gated { .. } => {
                let added: Table = rows.iter().map(|row| feed_forward(part, row)).collect();
                self.residual = residual;
                for (to, added) in self.residual.iter_mut().zip(added) {
                    to.iter_mut().zip(added).for_each(|(to, y)| *to += y);
                }
            }
            other => panic!("{other:?}"),
        }
        self
    }
}

/// What a stem adds to the position of a patch.
fn stem(patches: &Patches, layer: &LinearModel, fine: &[Channel], index: usize, given: &Given) -> Vec<f64> {
    let patch = patch(patches, index, &real(given));
    if fine.is_empty() { sums(layer, &patch) } else { fine_sums(layer, fine, &patch) }
}

/// Features as real numbers; of 15 bits, in units of their upper 8 bits.
pub fn real(given: &Given) -> Vec<f64> {
    match given {
        Given::Narrow(values) => values.iter().map(|&x| f64::from(x)).collect(),
        Given::Fine(values) => values.iter().map(|&x| f64::from(x) / 128.0).collect(),
        other => panic!("{other:?}"),
    }
}

/// The values `[kernel rows][kernel columns][channels]` of a patch.
pub fn patch(patches: &Patches, patch: usize, values: &[f64]) -> Vec<f64> {
    let [rows, columns, channels] = patches.input;
    let across = (columns + 2 * patches.padding[1] - patches.kernel[1]) / patches.stride[1] + 1;
    let corner = [patch / across * patches.stride[0], patch % across * patches.stride[1]];
    let mut inputs = Vec::new();
    for y in corner[0]..corner[0] + patches.kernel[0] {
        for x in corner[1]..corner[1] + patches.kernel[1] {
            let inside = (patches.padding[0]..rows + patches.padding[0]).contains(&y)
                && (patches.padding[1]..columns + patches.padding[1]).contains(&x);
            let at = |c: usize| ((y - patches.padding[0]) * columns + x - patches.padding[1]) * channels + c;
            inputs.extend((0..channels).map(|c| if inside { values[at(c)] } else { f64::from(patches.zero) }));
        }
    }
    inputs
}

/// Sums of values of 15 bits: the upper 8 and the lower 7 bits apart.
pub fn fine_sums(layer: &LinearModel, fine: &[Channel], x: &[f64]) -> Vec<f64> {
    let high: Vec<f64> = x.iter().map(|x| x.floor()).collect();
    let low: Vec<f64> = x.iter().map(|x| (x - x.floor()) * 128.0).collect();
    let low = sums_with(&layer.weights, fine, &low);
    sums(layer, &high).iter().zip(low).map(|(high, low)| high + low).collect()
}

/// The map that a convolution makes, not yet rounded.
pub fn convolution(part: &PartModel, values: &[f64]) -> Vec<f64> {
    let PartModel::Convolution { patches, depthwise, layer, fine, table } = part else { panic!("{part:?}") };
    let (channels, outputs) = (patches.input[2], layer.channels.len());
    let each = |layer: &LinearModel, fine: &[Channel], x: &[f64]| {
        if fine.is_empty() { sums(layer, x) } else { fine_sums(layer, fine, x) }
    };
    let own = |output: usize, x: &[f64]| {
        let inputs = x.len() / channels;
        let weights = layer.weights[output * inputs..][..inputs].to_vec();
        let layer = LinearModel { weights, channels: vec![layer.channels[output]] };
        let x: Vec<f64> = x.iter().skip(output / (outputs / channels)).step_by(channels).copied().collect();
        each(&layer, fine.get(output..=output).unwrap_or(&[]), &x)[0]
    };
    (0..patches.total())
        .map(|index| patch(patches, index, values))
        .flat_map(|x| if *depthwise { (0..outputs).map(|i| own(i, &x)).collect() } else { each(layer, fine, &x) })
        .map(|x| interpolated(table, x) / 256.0)
        .collect()
}

/// What a fine table makes of an argument.
fn interpolated(table: &[i16; 258], x: f64) -> f64 {
    let x = sat16(x) + 32_768.0;
    let (i, rest) = ((x / 256.0) as usize, x % 256.0 / 256.0);
    f64::from(table[i]) * (1.0 - rest) + f64::from(table[i + 1]) * rest
}

/// What feed-forward layers add for a row.
fn feed_forward(part: &PartModel, x: &[f64]) -> Vec<f64> {
    let byte = |x: f64| usize::from(sat8(nearest(x)) as i8 as u8);
    let (hidden, last): (Vec<f64>, _) = match part {
        PartModel::FeedForward { expand, activation, contract } => {
            (sums(expand, x).iter().map(|&x| f64::from(activation[byte(x)])).collect(), contract)
        }
        PartModel::FineFeedForward { expand, table, contract } => {
            // Rounded to 256ths first.
            let fine = |x: f64| sat8(nearest(nearest(interpolated(table, nearest(x))) / 256.0));
            (sums(expand, x).iter().map(|&x| fine(x)).collect(), contract)
        }
        PartModel::Gated { gate, up, table, product, down, hidden15 } => {
            let halves = sums(gate, x).into_iter().zip(sums(up, x));
            let product = |(gate, up): (f64, f64)| f64::from(table[byte(gate)]) * sat8(nearest(up)) * product.to_real();
            let fine = |y: f64| nearest(y * 128.0).clamp(-16_384.0, 16_383.0) / 128.0;
            let round = |y: f64| if *hidden15 { fine(y) } else { sat8(nearest(y)) };
            (halves.map(|halves| round(product(halves))).collect(), down)
        }
        other => panic!("{other:?}"),
    };
    sums(last, &hidden)
}

/// Found values beside exact ones, saturated.
pub fn beside(found: Vec<f64>, exact: &Table, saturate: fn(f64) -> f64) -> Vec<(f64, f64)> {
    let exact: Vec<f64> = flat(exact).map(saturate).collect();
    assert_eq!(found.len(), exact.len());
    found.into_iter().zip(exact).collect()
}

/// Asserts the mean, root mean square and maximum of the errors, with a name to read them by.
#[track_caller]
pub fn hold(name: &str, pairs: Vec<(f64, f64)>, [mean, rms, max]: [f64; 3]) {
    print!("{name}, {} values: ", pairs.len());
    Errors::of(pairs).within(mean, rms, max);
}

/// Rows of any int8 values.
pub fn any_rows(random: &mut Random, positions: usize, width: usize) -> Vec<i8> {
    random.i8s(positions * width, 127)
}
