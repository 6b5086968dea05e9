use heedful::{Activation, Channel, PlainFeedForward, RELU, Scale};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };

fn main() {
    // 32,768 hidden values is what the accumulator holds.
    let _: PlainFeedForward<1, 32_769> =
        PlainFeedForward::new(&[[1]; 32_769], &[CHANNEL; 32_769], Activation(&RELU), &[[1; 32_769]], &[CHANNEL]);
}
