use heedful::{Mask, MultiHeadAttention, Scratch};

/// Two heads of 4, with working memory for four heads of 2.
fn attend(attention: &MultiHeadAttention<8, 2, 4>, scratch: &mut Scratch<5, 8, 4, 2>) {
    attention.forward(&[[0; 8]; 5], Mask::None, scratch);
}

fn main() {}
