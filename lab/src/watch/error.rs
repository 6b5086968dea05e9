//! Why rows are not what a model or this program can take.

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The firmware is newer or older than this program.
    #[error("frames of version {found}; this program reads version {}", heedful::watch::VERSION)]
    Version {
        /// The frames' version.
        found: u8,
    },
    /// A frame of this version says what this program does not know.
    #[error("a frame of kind {found}, which this program does not know, or whose content it cannot read")]
    Kind {
        /// The kind.
        found: u8,
    },
    /// The firmware contains another file.
    #[error("the rows come from another model file: its checksum is {found:#010x}, that of this one {expected:#010x}")]
    OtherFile {
        /// Of this file.
        expected: u32,
        /// What the device tells.
        found: u32,
    },
    /// The model has fewer attention parts.
    #[error("a row of layer {found}; the model has {layers} layers, counted from 0")]
    Layer {
        /// The row's.
        found: usize,
        /// The model's.
        layers: usize,
    },
    /// The layer has fewer heads.
    #[error("a row of head {found} in layer {layer}; the model has {heads} heads there, counted from 0")]
    Head {
        /// The row's layer.
        layer: usize,
        /// The row's head.
        found: usize,
        /// The model's heads there.
        heads: usize,
    },
    /// The model has fewer positions.
    #[error("a row of head {layer}.{head} has {what} {found}; there are {positions} positions, counted from 0")]
    Position {
        /// The row's layer.
        layer: usize,
        /// The row's head.
        head: usize,
        /// Query or key.
        what: &'static str,
        /// The position of it.
        found: usize,
        /// The model's positions.
        positions: usize,
    },
    /// The softmax has other weights.
    #[error("the rows have weights up to {found}; those of the model go up to {expected}")]
    Weights {
        /// Full scale of the model's.
        expected: u16,
        /// Full scale of the rows'.
        found: u16,
    },
    /// Another number comes out.
    #[error("an inference gives {found} outputs; the model has {expected}")]
    Outputs {
        /// The model's.
        expected: usize,
        /// The inference's.
        found: usize,
    },
    /// There was no frame at all.
    #[error("no frames came; the firmware writes them with heedful::watch::Frames")]
    Nothing,
    /// There were frames, but nothing to report.
    #[error("no inference came whole, with all heads, as a report needs: {inferences} began, {lost} rows were lost")]
    NoneWhole {
        /// Those that began.
        inferences: usize,
        /// Rows lost.
        lost: u64,
    },
}
