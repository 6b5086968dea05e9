use heedful::{HeadScale, ResidualScale, NormChannel, Scale, Slope, Steepness};

const SCALE: Scale = Scale::from_real(0.2).unwrap();
const STEEPNESS: Steepness = Steepness::from_real(0.06).unwrap();
static HEADS: [HeadScale; 1] = [HeadScale::from_real(0.01, 31.9).unwrap()];
static CHANNELS: [NormChannel; 1] = [NormChannel::from_real(127.9, -128.0).unwrap()];
const SLOPE: Slope = Slope::from_real(0.5, STEEPNESS).unwrap();
const RESIDUAL_SCALE: ResidualScale = ResidualScale::from_real(255.0).unwrap();

fn main() {
    assert!(SCALE.shift() > 0 && STEEPNESS.to_real() > 0.0 && HEADS[0].value().shift() > 0);
    assert!(CHANNELS[0].gain > 127 && SLOPE.0 > 0);
    let _ = RESIDUAL_SCALE;
}
