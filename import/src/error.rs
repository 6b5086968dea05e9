//! Why a published model cannot be taken over.

/// What is wrong with a checkpoint, a tokenizer, or the pair of them.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file ends before it should.
    #[error("truncated: {found} bytes, expected {expected}")]
    Truncated {
        /// Bytes that the header asks for, as far as known.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The file goes on after its end.
    #[error("{found} bytes, expected {expected}")]
    Trailing {
        /// Bytes that the header asks for.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// A file of another kind; those of llama2.c's version 0 begin with their shape.
    #[error("not a llama2.c checkpoint of version 0: it begins with {0}")]
    Magic(&'static str),
    /// A number of the header is none that a model can have.
    #[error("not a llama2.c checkpoint of version 0: {field} is {found}, expected {expected}")]
    Header {
        /// Its name.
        field: &'static str,
        /// Its value.
        found: i32,
        /// What it has to be.
        expected: String,
    },
    /// The output layer has weights of its own (`vocab_size` is negative).
    #[error("the output layer does not share the embedding's weights; only models where it does can be imported")]
    Untied,
    /// The tables of RoPE turn a pair otherwise than by the same angle from one position to the next.
    #[error(
        "the tables of RoPE are no rotation: pair {pair} at position {position} has cosine {cosine} and sine {sine}, \
         expected about {expected:.4?}; frequencies that change with the position cannot be imported"
    )]
    Rope {
        /// The pair.
        pair: usize,
        /// Where.
        position: usize,
        /// What the table of cosines has there.
        cosine: f32,
        /// What that of sines has.
        sine: f32,
        /// Cosine and sine of the angle that the positions before it ask for.
        expected: [f32; 2],
    },
    /// A weight is infinite or not a number.
    #[error("weight {index} of {tensor} is not finite")]
    NotFinite {
        /// The tensor.
        tensor: &'static str,
        /// Index in it.
        index: usize,
    },
    /// A token has no length, more bytes than a `.heed` file holds, or a score that is not finite.
    #[error("not a llama2.c tokenizer: token {token}: {reason}")]
    Token {
        /// Which one.
        token: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The tokenizer was made for another model.
    #[error("the tokenizer has {tokenizer} tokens, the checkpoint {checkpoint}")]
    Vocabulary {
        /// Tokens of the tokenizer.
        tokenizer: usize,
        /// Tokens of the checkpoint.
        checkpoint: usize,
    },
    /// There is nothing to calibrate on.
    #[error("the text for calibration is empty")]
    NoText,
    /// A value does not fit the integer formats.
    #[error("{site}: {reason}")]
    Range {
        /// Where in the model.
        site: String,
        /// Which limit it breaks.
        reason: String,
    },
    /// The integers are refused by the `.heed` format.
    #[error(transparent)]
    Heed(#[from] heedful::Error),
}
