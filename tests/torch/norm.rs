//! Layer norm and RMSNorm.

use crate::fixture::Case;
use crate::support::{Errors, leak};
use heedful::{LayerNorm, NormChannel, RmsNorm};

/// Scale of the int8 output: the fixture's weights over it are exact in `I8F8`.
const SCALE: f64 = 1.0 / 32.0;

/// What heedful gives and what PyTorch gives, both in units of the output.
fn norm<const S: usize, const E: usize>(file: &str, index: usize) -> Vec<(f64, f64)> {
    let case = Case::open(file, index);
    assert_eq!([case.number(0), case.number(1)], [S, E]);
    let gains = case.tensor("weight");
    let offsets = if file == "layer_norm" { case.tensor("bias") } else { vec![0.0; E] };
    let channel = |e: usize| NormChannel::from_real(gains[e] / SCALE, offsets[e] / SCALE).unwrap();
    let (channels, epsilon) = (leak(core::array::from_fn(channel)), case.number(2) as u32);
    let x: Vec<i16> = case.tensor("x").iter().map(|x| (x * 1024.0) as i16).collect();
    let x = x.as_chunks().0.first_chunk::<S>().unwrap();
    let mut out = [[0; E]; S];
    match file {
        "layer_norm" => LayerNorm::<E>::new(channels, epsilon).forward(x, &mut out),
        _ => RmsNorm::<E>::new(channels, epsilon).forward(x, &mut out),
    }
    let expected = case.tensor("y").into_iter().map(|y| (y / SCALE).clamp(-128.0, 127.0));
    out.as_flattened().iter().map(|&y| f64::from(y)).zip(expected).collect()
}

fn check(file: &str) {
    let all = [norm::<3, 48>(file, 0), norm::<5, 33>(file, 1), norm::<2, 1>(file, 2), norm::<4, 256>(file, 3)];
    Errors::of(all.concat()).within(0.05, 0.31, 0.52);
}

#[test]
fn layer_norm() {
    check("layer_norm");
}

#[test]
fn rms_norm() {
    check("rms_norm");
}
