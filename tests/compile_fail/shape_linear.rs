use heedful::{Channel, Linear, Scale};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };

fn main() {
    // 32,768 inputs is what the accumulator holds.
    let _: Linear<32_769, 1> = Linear::new(&[[1; 32_769]], &[CHANNEL]);
}
