use heedful::{Channel, GatedFeedForward, Scale};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };

fn main() {
    let up = &[[1]; 769];
    let channels = &[CHANNEL; 769];
    let product = const { Scale::from_real(0.001).unwrap() };
    let wide = GatedFeedForward::<1, 769>::new(up, channels, up, channels, &[0; 256], product, &[[1; 769]], &[CHANNEL]);
    let _ = wide.with_15_bit_hidden();
}
