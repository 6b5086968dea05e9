use heedful::{KvCache, Mask, MultiHeadAttention, StepScratch, Wide};

/// Two heads with keys of their own, and a cache for one that they share.
fn attend(
    attention: &MultiHeadAttention<8, 2, 4, Wide, 2>,
    cache: &mut KvCache<16, 1, 4>,
    scratch: &mut StepScratch<16, 8, 2, 4>,
) {
    attention.step(&[0; 8], Mask::None, cache, scratch);
}

fn main() {}
