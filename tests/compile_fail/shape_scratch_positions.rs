use heedful::{Mask, MultiHeadAttention, Scratch};

/// Five positions, with working memory for six.
fn attend(attention: &MultiHeadAttention<8, 2, 4>, scratch: &mut Scratch<6, 8, 2, 4>) {
    attention.forward(&[[0; 8]; 5], Mask::None, scratch);
}

fn main() {}
