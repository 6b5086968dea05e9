use heedful::{Mask, MultiHeadAttention, Scratch};

/// Positions of width 9, in a model of width 8.
fn attend(attention: &MultiHeadAttention<8, 2, 4>, scratch: &mut Scratch<5, 8, 2, 4>) {
    attention.forward(&[[0; 9]; 5], Mask::None, scratch);
}

fn main() {}
