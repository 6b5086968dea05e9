use heedful::HeadScale;

static HEADS: [HeadScale; 1] = [HeadScale::from_real(0.01, 40.0).unwrap()];

fn main() {
    let _ = HEADS[0].value();
}
