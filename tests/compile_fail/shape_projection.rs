use heedful::{Channel, HeadScale, MultiHeadAttention, Projection};

/// Keys of four heads of 2, for queries of two heads of 4.
fn build(
    query: Projection<8, 2, 4>,
    key: Projection<8, 4, 2>,
    value: Projection<8, 2, 4>,
    output: &'static [[[i8; 4]; 2]; 8],
    channels: &'static [Channel; 8],
    heads: &'static [HeadScale; 2],
) {
    MultiHeadAttention::<8, 2, 4>::new(query, key, value, output, channels, heads);
}

fn main() {}
