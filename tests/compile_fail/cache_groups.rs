use heedful::{Channel, HeadScale, MultiHeadAttention, Projection, Scale, Wide};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
const HEAD: HeadScale = HeadScale::from_real(0.01, 1.0).unwrap();

fn main() {
    // Three heads cannot share two sets of keys and values.
    let query = Projection::new(&[[[1; 8]; 4]; 3], &[[CHANNEL; 4]; 3]);
    let key = Projection::new(&[[[1; 8]; 4]; 2], &[[CHANNEL; 4]; 2]);
    let _: MultiHeadAttention<8, 3, 4, Wide, 2> =
        MultiHeadAttention::new(query, key, key, &[[[1; 4]; 3]; 8], &[CHANNEL; 8], &[HEAD; 3]);
}
