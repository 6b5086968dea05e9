use heedful::{Activation, Channel, PlainFeedForward, RELU, Scale};

const CHANNEL: Channel = Channel { bias: 0, scale: Scale::from_real(0.01).unwrap() };

fn main() {
    let _: PlainFeedForward<0, 1> = PlainFeedForward::new(&[[]], &[CHANNEL], Activation(&RELU), &[], &[]);
}
