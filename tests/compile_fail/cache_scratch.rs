use heedful::{KvCache, Mask, MultiHeadAttention, StepScratch};

/// A cache of sixteen positions, with working memory for eight.
fn attend(
    attention: &MultiHeadAttention<8, 2, 4>,
    cache: &mut KvCache<16, 2, 4>,
    scratch: &mut StepScratch<8, 8, 2, 4>,
) {
    attention.step(&[0; 8], Mask::None, cache, scratch);
}

fn main() {}
