use heedful::{LayerNorm, NormChannel};

fn norm(channels: &'static [NormChannel; 2000]) -> LayerNorm<2000> {
    LayerNorm::new(channels, 1)
}

fn main() {
    let channel = NormChannel { gain: fixed::types::I8F8::ONE, offset: fixed::types::I8F8::ZERO };
    norm(Box::leak(Box::new([channel; 2000])));
}
