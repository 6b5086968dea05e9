use heedful::{Channel, HeadScale, MultiHeadAttention, Projection};

/// Scales of three heads, for two.
fn build(
    projection: Projection<8, 2, 4>,
    output: &'static [[[i8; 4]; 2]; 8],
    channels: &'static [Channel; 8],
    heads: &'static [HeadScale; 3],
) {
    MultiHeadAttention::<8, 2, 4>::new(projection, projection, projection, output, channels, heads);
}

fn main() {}
