use heedful::{Channel, HeadScale, MultiHeadAttention, Projection, Scale, Steepness};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };

fn main() {
    let projection = Projection::new(&[[[1; 8]; 0]; 1], &[[CHANNEL; 0]; 1]);
    let head = const { HeadScale::new(Steepness::from_real(0.01).unwrap(), Scale::from_real(0.004).unwrap()).unwrap() };
    let heads = Box::leak(Box::new([head]));
    let _: MultiHeadAttention<8, 1, 0> =
        MultiHeadAttention::new(projection, projection, projection, &[[[1; 0]; 1]; 8], &[CHANNEL; 8], heads);
}
