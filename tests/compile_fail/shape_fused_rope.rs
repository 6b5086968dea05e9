use heedful::{FusedAttention, Mask, Pairing, Rope, Scratch, Wide};

/// Keys that are rows of the sequence, to be turned by their positions.
fn look(
    attention: &FusedAttention<4, 2, 16>,
    x: &[[i8; 4]; 3],
    scratch: &mut Scratch<3, 4, 2, 16, Wide, 3, 3, 4>,
) {
    let rope = Rope { pairing: Pairing::Halves, frequencies: &[1 << 28, 1 << 20] };
    attention.forward(x, (Mask::Causal, rope), scratch);
}

fn main() {
    std::hint::black_box(look as fn(&_, &_, &mut _));
}
