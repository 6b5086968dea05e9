//! Requantisation, linear layers, activations, positions.

use crate::support::{Errors, Random, leak};
use heedful::internals::{Epilogue, Layer, Matrix, Portable, Rows, linear};
use heedful::{Activation, Channel, Linear, MAX_BIAS, MAX_INPUTS, RELU, Scale, gelu, sinusoidal, table};

/// The product with the real factor, rounded once: half a unit, and the factor's 2^-27.
#[test]
fn requantise() {
    let mut random = Random(1);
    let mut pairs = Vec::new();
    for _ in 0..200_000 {
        // Every shift, and accumulators of every size.
        let factor = (-2.0 - 30.0 * random.uniform()).exp2() * (1.0 - 1e-9);
        let acc = (random.next() as i32) >> random.int(0, 30);
        let scale = Scale::from_real(factor.max(1.0 / 4_294_967_296.0)).unwrap();
        let exact = f64::from(acc) * factor;
        if exact.abs() < 32768.0 {
            pairs.push((f64::from(scale.requantise(acc)), exact));
        }
        assert_eq!(f64::from(scale.to_i8(acc)), f64::from(scale.requantise(acc)).clamp(-128.0, 127.0));
        assert_eq!(f64::from(scale.to_i16(acc)), f64::from(scale.requantise(acc)).clamp(-32768.0, 32767.0));
    }
    assert!(pairs.len() > 150_000);
    Errors::of(pairs).within(0.002, 0.29, 0.5 + 32768.0 / 134_217_728.0);
}

/// One random layer of any shape, rows of weights `stride` apart.
struct Case {
    x: Vec<i8>,
    rows: usize,
    weights: Vec<i8>,
    inputs: usize,
    stride: usize,
    /// Real factors, before they are rounded to a [`Scale`].
    factors: Vec<f64>,
    channels: Vec<Channel>,
}

impl Case {
    fn new(random: &mut Random, pattern: f64) -> Self {
        let (rows, inputs, outputs) =
            (random.int(1, 5) as usize, random.int(1, 300) as usize, random.int(1, 9) as usize);
        let stride = inputs + random.int(0, 5) as usize;
        // The sum's standard deviation times the factor is about `pattern`.
        let factor = |r: &mut Random| pattern * (0.5 + r.uniform()) / (74.0 * 73.0 * (inputs as f64).sqrt());
        let factors: Vec<f64> = (0..outputs).map(|_| factor(random).min(0.249)).collect();
        let channel = |random: &mut Random, &f: &f64| Channel {
            bias: random.int(-20_000, 20_000) as i32,
            scale: Scale::from_real(f).unwrap(),
        };
        Self {
            x: (0..rows * inputs).map(|_| random.next() as i8).collect(),
            rows,
            // What lies between the rows must not count.
            weights: random.i8s(outputs * stride, 127),
            inputs,
            stride,
            channels: factors.iter().map(|f| channel(random, f)).collect(),
            factors,
        }
    }

    fn exact(&self, row: usize, output: usize) -> f64 {
        let x = &self.x[row * self.inputs..][..self.inputs];
        let w = &self.weights[output * self.stride..][..self.inputs];
        let dot: i64 = x.iter().zip(w).map(|(&x, &w)| i64::from(x) * i64::from(w)).sum();
        (dot + i64::from(self.channels[output].bias)) as f64 * self.factors[output]
    }

    fn run(&self, epilogue: Epilogue<'_>) {
        let weights = Matrix { data: &self.weights, inputs: self.inputs, stride: self.stride };
        let layer = Layer { weights, channels: &self.channels, epilogue };
        linear::<Portable>(Rows::new(&self.x, self.inputs), &mut [layer]);
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let outputs = self.channels.len();
        (0..self.rows * outputs).map(move |i| (i / outputs, i % outputs))
    }
}

#[test]
fn linear_to_int8() {
    let mut random = Random(2);
    let mut pairs = Vec::new();
    for transposed in [false, true].repeat(150) {
        let case = Case::new(&mut random, 60.0);
        let outputs = case.channels.len();
        let mut out = vec![0; case.rows * outputs];
        let (row_stride, output_stride) = if transposed { (1, case.rows) } else { (outputs, 1) };
        case.run(Epilogue::Store { out: &mut out, row_stride, output_stride });
        pairs.extend(case.places().map(|(row, output)| {
            let found = out[row * row_stride + output * output_stride];
            (f64::from(found), case.exact(row, output).clamp(-128.0, 127.0))
        }));
    }
    Errors::of(pairs).within(0.01, 0.29, 0.5 + 1e-5);
}

#[test]
fn linear_onto_the_residual() {
    let mut random = Random(3);
    let mut pairs = Vec::new();
    for _ in 0..300 {
        let case = Case::new(&mut random, 9000.0);
        let outputs = case.channels.len();
        let before: Vec<i16> = (0..case.rows * outputs).map(|_| random.next() as i16).collect();
        let mut out = before.clone();
        case.run(Epilogue::Add { out: &mut out, width: outputs });
        pairs.extend(case.places().map(|(row, output)| {
            let at = row * outputs + output;
            let added = case.exact(row, output).clamp(-32768.0, 32767.0);
            (f64::from(out[at]), (f64::from(before[at]) + added).clamp(-32768.0, 32767.0))
        }));
    }
    Errors::of(pairs).within(0.01, 0.29, 0.5 + 1e-3);
}

/// The largest sums that the bounds allow.
#[test]
fn linear_at_its_bounds() {
    static HIGH: [[i8; MAX_INPUTS]; 2] = [[127; MAX_INPUTS], [-128; MAX_INPUTS]];
    for (x, bias) in [(127, MAX_BIAS), (-128, MAX_BIAS), (127, -MAX_BIAS), (-128, -MAX_BIAS), (0, 0)] {
        let channel = Channel { bias, scale: Scale::from_real(1e-5).unwrap() };
        let layer: Linear<MAX_INPUTS, 2> = Linear::new(&HIGH, leak([channel; 2]));
        let x = leak([[x; MAX_INPUTS]]);
        let mut out = [[0i16; 2]];
        layer.accumulate(x, &mut out);
        for (found, w) in out[0].into_iter().zip([127.0, -128.0]) {
            let acc = f64::from(x[0][0]) * w * MAX_INPUTS as f64 + f64::from(bias);
            assert!((f64::from(found) - (acc * 1e-5).clamp(-32768.0, 32767.0)).abs() <= 0.501, "{found}");
        }
        let mut out = [[0i8; 2]];
        layer.forward(x, &mut out);
        assert!(out[0].iter().all(|&y| if bias == 0 { y == 0 } else { y == (if bias > 0 { 127 } else { -128 }) }));
    }
}

/// The error function by its series (Abramowitz and Stegun 7.1.6).
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= 2.0 * x * x / f64::from(2 * n + 1);
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

#[test]
fn activations() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    type Function<'f> = &'f dyn Fn(f64) -> f64;
    let functions: [(&str, Function<'_>, f64); 4] = [
        // The form with tanh lies within 0.0005 of the one with erf: 0.02 units of the finest scale here.
        ("gelu", &|x| 0.5 * x * (1.0 + erf(x / 2f64.sqrt())), 0.02),
        ("silu", &|x| x * sigmoid(x), 0.0),
        ("sigmoid", &sigmoid, 0.0),
        ("tanh", &f64::tanh, 0.0),
    ];
    for (name, exact, slack) in functions {
        let mut pairs = Vec::new();
        for (scale_in, scale_out) in [(1.0 / 32.0, 1.0 / 32.0), (0.05, 0.03), (0.01, 0.04), (0.08, 1.0 / 25.0)] {
            let table =
                if name == "gelu" { table(gelu, scale_in, scale_out) } else { table(exact, scale_in, scale_out) };
            let inputs: Vec<i8> = (-128..=127).collect();
            let mut outputs = inputs.clone();
            Activation(&table).forward(&mut outputs);
            pairs.extend(
                inputs
                    .iter()
                    .zip(outputs)
                    .map(|(&q, y)| (f64::from(y), (exact(f64::from(q) * scale_in) / scale_out).clamp(-128.0, 127.0))),
            );
        }
        print!("{name}: ");
        Errors::of(pairs).within(0.05, 0.29, 0.5 + slack);
    }
    let mut all: Vec<i8> = (-128..=127).collect();
    Activation(&RELU).forward(&mut all);
    assert!(all.iter().zip(-128i8..=127).all(|(&y, x)| y == x.max(0)));
}

#[test]
fn positions() {
    fn pairs<const S: usize, const E: usize>(per_one: f64) -> Vec<(f64, f64)> {
        let table: [[i16; E]; S] = sinusoidal(per_one);
        let exact = |s: usize, e: usize| {
            let phase = s as f64 / 10000f64.powf((e - e % 2) as f64 / E as f64);
            per_one * if e.is_multiple_of(2) { phase.sin() } else { phase.cos() }
        };
        (0..S * E).map(|i| (i / E, i % E)).map(|(s, e)| (f64::from(table[s][e]), exact(s, e))).collect()
    }
    let mut all = pairs::<25, 48>(512.0);
    all.extend(pairs::<1000, 7>(32767.0));
    all.extend(pairs::<3000, 2>(0.8));
    all.extend(pairs::<1, 1>(100.0));
    Errors::of(all).within(0.01, 0.32, 0.5 + 1e-6);
}
