use heedful::{Channel, HeadScale, KvCache, Mask, MultiHeadAttention, Projection, Scale, StepScratch, Wide};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };
const HEAD: HeadScale = HeadScale::from_real(0.01, 1.0).unwrap();
static ATTENTION: MultiHeadAttention<8, 4, 4, Wide, 2> = MultiHeadAttention::new(
    Projection::new(&[[[1; 8]; 4]; 4], &[[CHANNEL; 4]; 4]),
    Projection::new(&[[[1; 8]; 4]; 2], &[[CHANNEL; 4]; 2]),
    Projection::new(&[[[1; 8]; 4]; 2], &[[CHANNEL; 4]; 2]),
    &[[[1; 4]; 4]; 8],
    &[CHANNEL; 8],
    &[HEAD; 4],
);

fn main() {
    let mut cache = KvCache::<4, 2, 4, 3>::new();
    let mut scratch = StepScratch::new();
    ATTENTION.step(&[1; 8], Mask::None, &mut cache, &mut scratch);
}
