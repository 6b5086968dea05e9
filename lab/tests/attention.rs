//! The integer attention against burn's own multi-head attention in float, over shapes, masks and
//! seeds. The weights of both are the int8 ones, so that what is compared is the engine's
//! arithmetic. Rounding five tensors to int8 (query, key, value, heads, output) costs most of it;
//! how much is found with burn's exact softmax between the same roundings, and the engine may
//! lose hardly more.

use burn::module::Param;
use burn::nn::Linear;
use burn::nn::attention::{
    MhaInput, MultiHeadAttention as Burn, MultiHeadAttentionConfig, generate_autoregressive_mask,
};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use heedful::{
    Channel, HeadScale, Mask, MultiHeadAttention, Narrow, Projection, Scale, Scratch, Steepness, Weight, Wide,
};
use heedful_lab::augment::{Draw, draw};
use heedful_lab::fake_quant;
use rand::RngExt;

/// A linear layer twice: integers for the engine, the same values as floats for burn.
struct Layer {
    steps: Vec<i8>,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl Layer {
    fn random(width: usize, draw: &mut Draw) -> Self {
        let mut layer = Self { steps: Vec::new(), scales: Vec::new(), biases: Vec::new() };
        for _ in 0..width {
            let row: Vec<f32> = (0..width).map(|_| draw.random_range(-0.5..0.5)).collect();
            let (steps, scale) = fake_quant::channel(&row);
            layer.steps.extend(steps);
            layer.scales.push(scale);
            layer.biases.push(draw.random_range(-0.5..0.5));
        }
        layer
    }

    fn burn(&self, device: &Device) -> Linear {
        let width = self.biases.len();
        let row = |(row, scale): (&[i8], &f32)| row.iter().map(|&w| f32::from(w) * scale).collect::<Vec<_>>();
        let weights: Vec<f32> = self.steps.chunks_exact(width).zip(&self.scales).flat_map(row).collect();
        let weight = Tensor::<2>::from_data(TensorData::new(weights, [width, width]), device).transpose();
        let bias = Tensor::<1>::from_data(TensorData::new(self.biases.clone(), [width]), device);
        Linear { weight: Param::from_tensor(weight), bias: Some(Param::from_tensor(bias)) }
    }

    fn channels(&self, input: f32, output: f32) -> Vec<Channel> {
        let channel = |(scale, bias): (&f32, &f32)| {
            let unit = f64::from(input) * f64::from(*scale);
            let scale = Scale::from_real(unit / f64::from(output)).unwrap();
            Channel { bias: (f64::from(*bias) / unit).round() as i32, scale }
        };
        self.scales.iter().zip(&self.biases).map(channel).collect()
    }
}

/// For the rest of the test's life, as firmware keeps its weights in flash.
fn leak<const A: usize, const B: usize, const C: usize, T: Copy>(data: &[T]) -> &'static [[[T; A]; B]; C] {
    let rows = data.as_chunks::<A>().0.to_vec();
    let planes = rows.as_chunks::<B>().0.to_vec();
    Box::leak(planes.as_chunks::<C>().0.to_vec().into_boxed_slice()).first().unwrap()
}

fn numbers<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().iter::<f32>().collect()
}

/// The finest int8 scale that holds all values.
fn scale_of(values: &[f32]) -> f32 {
    values.iter().fold(0f32, |m, x| m.max(x.abs())) / 127.0
}

/// True where a query (row) must not look.
fn hidden(mask: Mask, positions: usize, device: &Device) -> Tensor<3, Bool> {
    match mask {
        Mask::None => hidden(Mask::Length(positions), positions, device),
        Mask::Causal => generate_autoregressive_mask(1, positions, device),
        Mask::Length(n) => {
            let padding: Vec<bool> = (0..positions * positions).map(|i| i % positions >= n).collect();
            Tensor::from_data(TensorData::new(padding, [1, positions, positions]), device)
        }
        other => panic!("no reference for {other:?}"),
    }
}

/// burn's attention with an exact softmax, rounded to int8 where the engine is.
fn rounded(burn: &Burn, x: Tensor<3>, hidden: Tensor<3, Bool>, [q, k, v, h, y]: [f32; 5]) -> Tensor<3> {
    let [_, positions, width] = x.dims();
    let dim = width / burn.n_heads;
    let project = |layer: &Linear, scale| {
        let all = fake_quant::activation(layer.forward(x.clone()), scale);
        all.reshape([1, positions, burn.n_heads, dim]).swap_dims(1, 2)
    };
    let scores = project(&burn.query, q).matmul(project(&burn.key, k).transpose()).div_scalar((dim as f32).sqrt());
    let scores = scores.mask_fill(hidden.reshape([1, 1, positions, positions]), -1e4);
    let heads = softmax(scores, 3).matmul(project(&burn.value, v)).swap_dims(1, 2).reshape([1, positions, width]);
    fake_quant::activation(burn.output.forward(fake_quant::activation(heads, h)), y)
}

/// Power of the signal, of the engine's noise and of the noise that rounding alone makes, in one random
/// attention.
fn powers<W: Weight, const S: usize, const E: usize, const H: usize, const P: usize>(
    seed: u64,
    mask: Mask,
) -> [f64; 3] {
    let device = Device::flex();
    let mut draw = draw(seed, E as u64, S as u64);
    let input = 0.025;
    let x: [[i8; E]; S] = std::array::from_fn(|_| std::array::from_fn(|_| draw.random_range(-127..=127)));
    let [query, key, value, output] = std::array::from_fn(|_| Layer::random(E, &mut draw));

    let burn = Burn {
        query: query.burn(&device),
        key: key.burn(&device),
        value: value.burn(&device),
        output: output.burn(&device),
        ..MultiHeadAttentionConfig::new(E, H).with_dropout(0.0).init(&device)
    };
    let real: Vec<f32> = x.as_flattened().iter().map(|&x| f32::from(x) * input).collect();
    let real = Tensor::<3>::from_data(TensorData::new(real, [1, S, E]), &device);
    let hidden = hidden(mask, S, &device);
    let arguments = MhaInput::self_attn(real.clone()).mask_attn(hidden.clone());
    let expected = numbers(&burn.forward(arguments.clone()).context);
    // Scales, as calibration would find them; the heads' from an identity for the output.
    let identity = Tensor::<2>::eye(E, &device);
    let bare = Burn { output: Linear { weight: Param::from_tensor(identity), bias: None }, ..burn.clone() };
    let [q, k, v] = [&bare.query, &bare.key, &bare.value].map(|l| scale_of(&numbers(&l.forward(real.clone()))));
    let (h, y) = (scale_of(&numbers(&bare.forward(arguments).context)), scale_of(&expected));
    let ideal = numbers(&rounded(&burn, real, hidden, [q, k, v, h, y]));

    let project = |layer: &Layer, output| {
        Projection::new(leak::<E, P, H, _>(&layer.steps), &leak::<P, H, 1, _>(&layer.channels(input, output))[0])
    };
    let octaves = std::f64::consts::LOG2_E / (P as f64).sqrt() * f64::from(q) * f64::from(k);
    let head = HeadScale::new(
        Steepness::from_real(octaves).unwrap(),
        Scale::from_real(f64::from(v) / f64::from(h) / 256.0).unwrap(),
    )
    .unwrap();
    let attention = MultiHeadAttention::<E, H, P, W>::new(
        project(&query, q),
        project(&key, k),
        project(&value, v),
        leak::<P, H, E, _>(&output.steps),
        &leak::<E, 1, 1, _>(&output.channels(h, y))[0][0],
        &leak::<H, 1, 1, _>(&[head; H])[0][0],
    );
    let mut scratch = Box::new(Scratch::new());
    let found = attention.forward(&x, mask, &mut scratch).as_flattened();
    let found: Vec<f32> = found.iter().map(|&found| f32::from(found) * y).collect();
    let noise = |of: &[f32]| of.iter().zip(&expected).map(|(x, e)| f64::from(x - e).powi(2)).sum();
    [expected.iter().map(|e| f64::from(*e).powi(2)).sum(), noise(&found), noise(&ideal)]
}

/// Holds the engine's signal-to-noise ratio over several seeds to that of rounding alone, less `loss` dB.
fn check<W: Weight, const S: usize, const E: usize, const H: usize, const P: usize>(mask: Mask, loss: f64) {
    let mut sums = [0.0; 3];
    for seed in 0..8 {
        let powers = powers::<W, S, E, H, P>(seed, mask);
        sums.iter_mut().zip(powers).for_each(|(sum, power)| *sum += power);
    }
    let [signal, engine, rounding] = sums;
    let [engine, rounding] = [engine, rounding].map(|noise: f64| 10.0 * (signal / noise).log10());
    println!("{S:>3} positions, {H} heads of {P:>2}, {mask:?}: {engine:.2} dB, rounding alone {rounding:.2} dB");
    assert!(rounding > 25.0 && engine >= rounding - loss, "{engine} dB, rounding alone {rounding} dB");
}

#[test]
fn agrees_with_burn() {
    check::<Wide, 16, 32, 2, 16>(Mask::None, 0.3);
    check::<Wide, 25, 48, 3, 16>(Mask::None, 0.3);
    check::<Wide, 128, 24, 2, 12>(Mask::None, 0.3);
    check::<Wide, 40, 64, 4, 16>(Mask::Causal, 0.3);
    check::<Wide, 33, 20, 5, 4>(Mask::Causal, 0.3);
    check::<Wide, 40, 32, 2, 16>(Mask::Length(17), 0.3);
    check::<Narrow, 25, 48, 3, 16>(Mask::None, 0.5);
    check::<Narrow, 128, 24, 2, 12>(Mask::Causal, 0.5);
}
