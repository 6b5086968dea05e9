use heedful::{Channel, HeadScale, MultiHeadAttention, Projection, Scale};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };

fn main() {
    // 128 heads of 256 is what the accumulator holds.
    let projection = Projection::new(&[[[1]; 256]; 129], &[[CHANNEL; 256]; 129]);
    let head = const { HeadScale::from_real(0.01, 1.0).unwrap() };
    let heads = Box::leak(Box::new([head; 129]));
    let _: MultiHeadAttention<1, 129, 256> =
        MultiHeadAttention::new(projection, projection, projection, &[[[1; 256]; 129]], &[CHANNEL], heads);
}
