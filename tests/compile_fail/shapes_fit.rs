use heedful::fixed::types::I8F8;
use heedful::{
    Channel, HeadScale, LayerNorm, Linear, Mask, MultiHeadAttention, NormChannel, Projection, Scale, Scratch, Steepness,
};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
static ATTENTION: MultiHeadAttention<8, 2, 4> = MultiHeadAttention::new(
    Projection::new(&[[[1; 8]; 4]; 2], &[[CHANNEL; 4]; 2]),
    Projection::new(&[[[1; 8]; 4]; 2], &[[CHANNEL; 4]; 2]),
    Projection::new(&[[[1; 8]; 4]; 2], &[[CHANNEL; 4]; 2]),
    &[[[1; 4]; 2]; 8],
    &[CHANNEL; 8],
    &[HeadScale::new(Steepness::from_real(0.01).unwrap(), Scale::from_real(0.004).unwrap()).unwrap(); 2],
);
static LAYER: Linear<8, 3> = Linear::new(&[[1; 8]; 3], &[CHANNEL; 3]);
static NORM: LayerNorm<8> =
    LayerNorm::new(&[NormChannel { gain: I8F8::ONE, offset: I8F8::ONE }; 8], 1);

fn main() {
    let mut scratch = Scratch::new();
    let mut normed = [[0; 8]; 5];
    NORM.forward(&[[1; 8]; 5], &mut normed);
    let y = ATTENTION.forward(&normed, Mask::Causal, &mut scratch);
    let mut out = [[0; 3]; 5];
    LAYER.forward(y, &mut out);
}
