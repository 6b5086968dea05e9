use heedful::NormChannel;

fn main() {
    const { NormChannel::from_real(200.0, 0.0).unwrap() };
}
