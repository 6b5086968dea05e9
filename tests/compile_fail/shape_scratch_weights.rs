use heedful::{Mask, MultiHeadAttention, Narrow, Scratch, Wide};

/// Wide softmax weights, with working memory for narrow ones.
fn attend(attention: &MultiHeadAttention<8, 2, 4, Wide>, scratch: &mut Scratch<5, 8, 2, 4, Narrow>) {
    attention.forward(&[[0; 8]; 5], Mask::None, scratch);
}

fn main() {}
