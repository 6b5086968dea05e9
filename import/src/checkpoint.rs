//! The checkpoint file of llama2.c, version 0: seven little-endian i32, then f32 tensors, each for all layers in
//! turn.

use crate::{Error, rope_tables};

/// The model's numbers, as the header gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Values per token in the residual stream.
    pub width: usize,
    /// Values of the feed-forward layers.
    pub hidden: usize,
    /// Decoder blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads, each for `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Tokens known.
    pub vocabulary: usize,
    /// Positions that the model was trained with.
    pub context: usize,
}

impl Shape {
    /// Values of one head.
    #[must_use]
    pub fn head_dim(&self) -> usize {
        self.width / self.heads
    }

    /// Values of all keys (or values) of one position.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim()
    }
}

/// One decoder block. Matrices are row-major `[outputs][inputs]`, without biases.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Gain of the norm before the attention, `[width]`.
    pub attention_norm: Vec<f32>,
    /// `[width][width]`
    pub query: Vec<f32>,
    /// `[kv_width][width]`
    pub key: Vec<f32>,
    /// `[kv_width][width]`
    pub value: Vec<f32>,
    /// `[width][width]`
    pub output: Vec<f32>,
    /// Gain of the norm before the feed-forward layers, `[width]`.
    pub hidden_norm: Vec<f32>,
    /// `[hidden][width]`, through SiLU; llama2.c's `w1`.
    pub gate: Vec<f32>,
    /// `[width][hidden]`; `w2`.
    pub down: Vec<f32>,
    /// `[hidden][width]`; `w3`.
    pub up: Vec<f32>,
}

/// A model in f32. The output layer shares the embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Its numbers.
    pub shape: Shape,
    /// `[vocabulary][width]`
    pub embedding: Vec<f32>,
    /// First to last.
    pub layers: Vec<Layer>,
    /// Gain of the final norm, `[width]`.
    pub norm: Vec<f32>,
    /// Radians that each pair of a head's values turns per position; `None`: those of base 10,000.
    pub frequencies: Option<Vec<f64>>,
}

const HEADER: usize = 7 * 4;
/// Values that no model for a microcontroller comes near; above them a file is taken for something else.
const LARGEST: i32 = 1 << 20;
/// Tokens are `u16` in firmware.
const LARGEST_VOCABULARY: i32 = 1 << 16;

impl Checkpoint {
    /// Takes a whole file apart.
    ///
    /// # Errors
    /// If it is of another kind, has an implausible header, another length than the header asks for,
    /// an output layer of its own, a weight that is not finite, or tables of RoPE that are no rotations.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        foreign(bytes)?;
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(Error::Truncated { expected: HEADER as u64, found: bytes.len() as u64 });
        };
        let shape = shape(header)?;
        let sizes = Sizes::new(&shape)?;
        let (expected, found) = (sizes.file, bytes.len() as u64);
        if found < expected {
            return Err(Error::Truncated { expected, found });
        }
        if found > expected {
            return Err(Error::Trailing { expected, found });
        }
        let mut tensors = Tensors { rest };
        let n = shape.layers;
        let embedding = tensors.take("the embedding", sizes.embedding)?;
        let mut attention_norm = tensors.layers("the attention norm", n, shape.width)?;
        let mut query = tensors.layers("the query projection", n, sizes.square)?;
        let mut key = tensors.layers("the key projection", n, sizes.kv)?;
        let mut value = tensors.layers("the value projection", n, sizes.kv)?;
        let mut output = tensors.layers("the output projection", n, sizes.square)?;
        let mut hidden_norm = tensors.layers("the feed-forward norm", n, shape.width)?;
        let mut gate = tensors.layers("the feed-forward gate", n, sizes.hidden)?;
        let mut down = tensors.layers("the second feed-forward layer", n, sizes.hidden)?;
        let mut up = tensors.layers("the first feed-forward layer", n, sizes.hidden)?;
        let layers = (0..n)
            .map(|layer| Layer {
                attention_norm: std::mem::take(&mut attention_norm[layer]),
                query: std::mem::take(&mut query[layer]),
                key: std::mem::take(&mut key[layer]),
                value: std::mem::take(&mut value[layer]),
                output: std::mem::take(&mut output[layer]),
                hidden_norm: std::mem::take(&mut hidden_norm[layer]),
                gate: std::mem::take(&mut gate[layer]),
                down: std::mem::take(&mut down[layer]),
                up: std::mem::take(&mut up[layer]),
            })
            .collect();
        let norm = tensors.take("the final norm", shape.width)?;
        let angles = shape.context * shape.head_dim() / 2;
        let cosines = tensors.take("the cosines of RoPE", angles)?;
        let sines = tensors.take("the sines of RoPE", angles)?;
        let frequencies = rope_tables::frequencies(shape.head_dim(), &cosines, &sines)?;
        Ok(Self { shape, embedding, layers, norm, frequencies })
    }
}

/// Refuses files that say that they are of another kind.
fn foreign(bytes: &[u8]) -> Result<(), Error> {
    const KINDS: [(&[u8], &str); 5] = [
        (b"24ka", "the magic of a later version"),
        (b"GGUF", "the magic of GGUF"),
        (b"HEED", "the magic of a .heed file"),
        (b"PK\x03\x04", "the magic of a zip archive, as PyTorch writes"),
        (b"\x89HDF", "the magic of HDF5"),
    ];
    match KINDS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        Some((_, kind)) => Err(Error::Magic(kind)),
        None => Ok(()),
    }
}

fn shape(header: &[u8; HEADER]) -> Result<Shape, Error> {
    let mut values = header.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word));
    let mut field = |field, largest: i32| {
        let found = values.next().unwrap_or(0);
        match usize::try_from(found) {
            Ok(value) if value > 0 && found <= largest => Ok((value, found)),
            // The sign says that the output layer has weights of its own.
            _ if field == "vocab_size" && found < 0 && found >= -largest => Err(Error::Untied),
            _ => Err(Error::Header { field, found, expected: format!("1 to {largest}") }),
        }
    };
    let (width, width_found) = field("dim", LARGEST)?;
    let (hidden, _) = field("hidden_dim", LARGEST)?;
    let (layers, _) = field("n_layers", LARGEST)?;
    let (heads, heads_found) = field("n_heads", LARGEST)?;
    let (kv_heads, kv_heads_found) = field("n_kv_heads", LARGEST)?;
    let vocabulary = field("vocab_size", LARGEST_VOCABULARY);
    let (context, _) = field("seq_len", LARGEST)?;
    if width % heads != 0 || (width / heads) % 2 != 0 {
        let expected = format!("an even number of values for each of {heads_found} heads");
        return Err(Error::Header { field: "dim", found: width_found, expected });
    }
    if heads % kv_heads != 0 {
        let expected = format!("a divisor of {heads_found} heads");
        return Err(Error::Header { field: "n_kv_heads", found: kv_heads_found, expected });
    }
    // Last, so that a file of another kind is not called a model with an output layer of its own.
    let (vocabulary, _) = vocabulary?;
    Ok(Shape { width, hidden, layers, heads, kv_heads, vocabulary, context })
}

/// Values per tensor and layer, and bytes of the whole file.
struct Sizes {
    embedding: usize,
    square: usize,
    kv: usize,
    hidden: usize,
    file: u64,
}

impl Sizes {
    fn new(shape: &Shape) -> Result<Self, Error> {
        // Every factor is at most 2^20, so a sum of products of three stays below 2^64.
        let product = |factors: &[usize]| factors.iter().map(|&f| f as u64).product::<u64>();
        let embedding = product(&[shape.vocabulary, shape.width]);
        let square = product(&[shape.width, shape.width]);
        let kv = product(&[shape.kv_width(), shape.width]);
        let hidden = product(&[shape.hidden, shape.width]);
        let layer = 2 * shape.width as u64 + 2 * square + 2 * kv + 3 * hidden;
        let angles = product(&[shape.context, shape.head_dim()]);
        let values = u128::from(layer) * shape.layers as u128 + u128::from(embedding + shape.width as u64 + angles);
        let bytes = 4 * values + HEADER as u128;
        // What no address space holds, no file can hold either.
        let overflow = || Error::Truncated { expected: u64::MAX, found: 0 };
        let file = u64::try_from(bytes).ok().filter(|&b| usize::try_from(b).is_ok()).ok_or_else(overflow)?;
        let [embedding, square, kv, hidden] = [embedding, square, kv, hidden].map(|size| size as usize);
        Ok(Self { embedding, square, kv, hidden, file })
    }
}

/// The tensors that are still to be taken; the length of the file has been checked.
struct Tensors<'a> {
    rest: &'a [u8],
}

impl Tensors<'_> {
    fn take(&mut self, tensor: &'static str, count: usize) -> Result<Vec<f32>, Error> {
        let (taken, rest) = self.rest.split_at(4 * count);
        self.rest = rest;
        let values: Vec<f32> = taken.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(Error::NotFinite { tensor, index }),
            None => Ok(values),
        }
    }

    fn layers(&mut self, tensor: &'static str, layers: usize, count: usize) -> Result<Vec<Vec<f32>>, Error> {
        (0..layers).map(|_| self.take(tensor, count)).collect()
    }
}
