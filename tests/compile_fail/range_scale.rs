use heedful::Scale;

const SCALE: Scale = Scale::from_real(0.3).unwrap();

fn main() {
    SCALE.to_i8(1);
}
