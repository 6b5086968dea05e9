//! What makes tokens of the input.

use super::{Activation, Dense, GraphError, Input, Matrix};

/// A size in rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows: steps of a series.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl Grid {
    /// One by one.
    pub const ONE: Self = Self { rows: 1, columns: 1 };
    /// None by none.
    pub const ZERO: Self = Self { rows: 0, columns: 0 };

    /// Places.
    #[must_use]
    pub fn area(self) -> usize {
        self.rows * self.columns
    }
}

/// How a window of two dimensions goes over a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window2 {
    /// Its size.
    pub kernel: Grid,
    /// From one to the next; smaller than the kernel where windows overlap.
    pub stride: Grid,
    /// Zeros before and after.
    pub padding: Grid,
}

impl Window2 {
    /// Windows over a grid; `None` if there is no room for one, or they stand still.
    #[must_use]
    pub fn over(&self, grid: Grid) -> Option<Grid> {
        let along = |size: usize, kernel: usize, stride: usize, padding: usize| {
            let room = size.checked_add(padding.checked_mul(2)?)?.checked_sub(kernel)?;
            (kernel > 0).then(|| room.checked_div(stride))?.map(|steps| steps + 1)
        };
        let rows = along(grid.rows, self.kernel.rows, self.stride.rows, self.padding.rows)?;
        let columns = along(grid.columns, self.kernel.columns, self.stride.columns, self.padding.columns)?;
        Some(Grid { rows, columns })
    }
}

/// A convolution, with what followed it: BatchNorm is folded into its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// Its windows.
    pub window: Window2,
    /// Channels that it takes.
    pub inputs: usize,
    /// Groups of channels that do not mix: 1, or as many as there are inputs (depthwise).
    pub groups: usize,
    /// `[outputs][inputs / groups · kernel rows · kernel columns]`
    pub dense: Dense,
    /// After it.
    pub activation: Activation,
}

/// What makes tokens of the input.
#[derive(Clone, Debug, PartialEq)]
pub enum Stem {
    /// A linear layer per window over a series: of one frame, or of several that may overlap.
    Frames {
        /// Frames of a token.
        kernel: usize,
        /// From one token to the next.
        stride: usize,
        /// Frames of zeros before and after.
        padding: usize,
        /// `[width][kernel · channels]`, frame by frame.
        dense: Dense,
    },
    /// A linear layer per window over a picture, or over a series as a picture of one channel (rows are steps). Tokens
    /// come row by row.
    Patches {
        /// The windows.
        window: Window2,
        /// `[width][channels · kernel rows · kernel columns]`
        dense: Dense,
    },
    /// A row for each number of the vocabulary.
    Embedding {
        /// `[vocabulary][width]`
        tokens: Matrix,
        /// `[types][width]`, added by the type of a token; without types in the input, the first.
        types: Option<Matrix>,
    },
    /// Convolutions, in turn, then a linear layer. A series is a picture of `[channels][steps][1]`, or, as an `image`,
    /// of `[1][steps][channels]`.
    Convolutions {
        /// Whether a series is a picture of one channel.
        image: bool,
        /// The layers.
        layers: Vec<Convolution>,
        /// Whether a row is a token, its columns side by side (`[channels][columns]`); else each place is one.
        rows: bool,
        /// After the last, on each token.
        dense: Option<Dense>,
    },
}

impl Stem {
    /// Values of a token.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Frames { dense, .. } | Self::Patches { dense, .. } => dense.outputs(),
            Self::Embedding { tokens, .. } => tokens.columns,
            Self::Convolutions { dense: Some(dense), .. } => dense.outputs(),
            // With rows as tokens there is a layer after them.
            Self::Convolutions { layers, .. } => layers.last().map_or(0, |layer| layer.dense.outputs()),
        }
    }

    /// Tokens of a full input.
    ///
    /// # Errors
    /// If the stem does not fit the input.
    pub fn tokens(&self, input: &Input) -> Result<usize, GraphError> {
        match (self, input) {
            (Self::Embedding { .. }, Input::Tokens { length, .. }) => Ok(*length),
            (Self::Frames { kernel, stride, padding, .. }, Input::Features { steps, .. }) => {
                let one = |rows| Grid { rows, columns: 1 };
                let padding = Grid { rows: *padding, columns: 0 };
                let window = Window2 { kernel: one(*kernel), stride: one(*stride), padding };
                Ok(over("stem", &window, one(*steps))?.rows)
            }
            (Self::Patches { window, .. }, Input::Image { .. } | Input::Features { .. }) => {
                Ok(over("stem", window, picture(input, true).1)?.area())
            }
            (Self::Convolutions { image, layers, rows, .. }, Input::Image { .. } | Input::Features { .. }) => {
                let grid = grids(layers, picture(input, *image).1)?.last().copied().unwrap_or(Grid::ZERO);
                Ok(if *rows { grid.rows } else { grid.area() })
            }
            _ => Err(GraphError::Input { found: input.kind(), stem: self.kind() }),
        }
    }

    /// Multiply-accumulates of a full input.
    pub(super) fn multiplications(&self, input: &Input) -> Result<u64, GraphError> {
        let tokens = self.tokens(input)?;
        Ok(match self {
            Self::Frames { dense, .. } | Self::Patches { dense, .. } => (tokens * dense.weight.values.len()) as u64,
            Self::Embedding { .. } => 0,
            Self::Convolutions { image, layers, dense, .. } => {
                let grids = grids(layers, picture(input, *image).1)?;
                let layers = layers.iter().zip(&grids[1..]);
                let convolutions = layers.map(|(layer, grid)| (layer.dense.weight.values.len() * grid.area()) as u64);
                let last = dense.as_ref().map_or(0, |dense| dense.weight.values.len() * tokens);
                convolutions.sum::<u64>() + last as u64
            }
        })
    }

    /// Its name in messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Frames { .. } => "a linear layer over frames",
            Self::Patches { .. } => "patches",
            Self::Embedding { .. } => "an embedding of tokens",
            Self::Convolutions { .. } => "convolutions",
        }
    }
}

impl Input {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Features { .. } => "a series",
            Self::Image { .. } => "an image",
            Self::Tokens { .. } => "tokens",
        }
    }
}

/// The channels and the grid of an input that is no text; a series as one channel, or as a column of many.
pub(super) fn picture(input: &Input, image: bool) -> (usize, Grid) {
    match *input {
        Input::Image { channels, height, width } => (channels, Grid { rows: height, columns: width }),
        Input::Features { steps, channels } if image => (1, Grid { rows: steps, columns: channels }),
        Input::Features { steps, channels } => (channels, Grid { rows: steps, columns: 1 }),
        Input::Tokens { .. } => (0, Grid::ZERO),
    }
}

/// The grids before and after each layer.
pub(super) fn grids(layers: &[Convolution], input: Grid) -> Result<Vec<Grid>, GraphError> {
    let mut grids = vec![input];
    for (index, layer) in layers.iter().enumerate() {
        let layer = over(&format!("convolution {index}"), &layer.window, grids[index])?;
        grids.push(layer);
    }
    Ok(grids)
}

fn over(layer: &str, window: &Window2, grid: Grid) -> Result<Grid, GraphError> {
    window.over(grid).ok_or_else(|| GraphError::Windows { layer: layer.to_string(), window: *window, grid })
}
