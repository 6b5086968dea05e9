//! Shapes held against each other, and every number of a model looked at.

use super::{
    Attention, Block, Convolution, Dense, FeedForward, GraphError, HeadLayer, Input, Matrix, Memory, Model, Norm,
    Output, Pool, Positions, Stem,
};
use crate::graph::stem::{grids, picture};

/// A size that is not what it has to be.
fn size(layer: &str, what: &'static str, found: usize, expected: usize) -> Result<(), GraphError> {
    let expected_text = || expected.to_string();
    if found == expected { Ok(()) } else { Err(wrong(layer, what, found, expected_text())) }
}

fn wrong(layer: &str, what: &'static str, found: usize, expected: impl Into<String>) -> GraphError {
    GraphError::Size { layer: layer.to_string(), what, found, expected: expected.into() }
}

fn unsupported(layer: &str, reason: impl Into<String>) -> GraphError {
    GraphError::Unsupported { layer: layer.to_string(), reason: reason.into() }
}

fn finite(layer: &str, values: &[f32]) -> Result<(), GraphError> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(index) => Err(GraphError::Weight { layer: layer.to_string(), index, value: values[index] }),
    }
}

impl Matrix {
    fn check(&self, layer: &str) -> Result<(), GraphError> {
        size(layer, "numbers of the matrix", self.values.len(), self.rows.saturating_mul(self.columns))?;
        finite(layer, &self.values)
    }
}

impl Dense {
    /// Of `inputs`; `outputs` if they are known.
    fn check(&self, layer: &str, inputs: usize, outputs: Option<usize>) -> Result<(), GraphError> {
        self.weight.check(layer)?;
        size(layer, "inputs", self.inputs(), inputs)?;
        size(layer, "outputs", self.outputs(), outputs.unwrap_or(self.outputs()))?;
        if self.outputs() == 0 {
            return Err(wrong(layer, "outputs", 0, "at least 1"));
        }
        if self.weight.values.iter().all(|&x| x == 0.0) {
            return Err(GraphError::Zero { layer: layer.to_string() });
        }
        if let Some(bias) = &self.bias {
            size(layer, "biases", bias.len(), self.outputs())?;
            finite(layer, bias)?;
        }
        Ok(())
    }
}

impl Norm {
    fn check(&self, layer: &str, width: usize) -> Result<(), GraphError> {
        size(layer, "gains", self.gain.len(), width)?;
        finite(layer, &self.gain)?;
        if let Some(bias) = &self.bias {
            size(layer, "biases", bias.len(), width)?;
            finite(layer, bias)?;
        }
        if self.epsilon > 0.0 && self.epsilon.is_finite() {
            return Ok(());
        }
        Err(unsupported(layer, format!("epsilon {}, expected a number above 0", self.epsilon)))
    }
}

impl Attention {
    fn check(&self, layer: &str, width: usize, memory: Option<Memory>) -> Result<(), GraphError> {
        for (what, found) in [("heads", self.heads), ("heads of keys", self.kv_heads), ("head_dim", self.head_dim)] {
            if found == 0 {
                return Err(wrong(layer, what, 0, "at least 1"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            let expected = format!("a divisor of the {} heads", self.heads);
            return Err(wrong(layer, "heads of keys", self.kv_heads, expected));
        }
        let (wide, narrow) = (self.heads.saturating_mul(self.head_dim), self.kv_heads.saturating_mul(self.head_dim));
        self.query.check(&format!("{layer}: query"), width, Some(wide))?;
        let source = match (self.cross, memory) {
            (false, _) => width,
            (true, Some(memory)) => memory.channels,
            (true, None) => return Err(unsupported(layer, "looks at a memory, and the model has none")),
        };
        if self.cross && (self.causal || !self.windows.is_empty()) {
            return Err(unsupported(layer, "a memory is looked at as a whole: neither causal nor in windows"));
        }
        self.key.check(&format!("{layer}: key"), source, Some(narrow))?;
        self.value.check(&format!("{layer}: value"), source, Some(narrow))?;
        self.out.check(&format!("{layer}: out"), wide, Some(width))?;
        size(layer, "scales", self.scales.len(), self.heads)?;
        if let Some(scale) = self.scales.iter().find(|&&scale| !(scale > 0.0 && scale.is_finite())) {
            return Err(unsupported(layer, format!("scale {scale}, expected a number above 0")));
        }
        if !self.windows.is_empty() {
            size(layer, "windows", self.windows.len(), self.heads)?;
        }
        if self.windows.iter().any(|window| window.dilation == 0) {
            return Err(wrong(layer, "dilation", 0, "at least 1"));
        }
        Ok(())
    }
}

impl FeedForward {
    fn check(&self, layer: &str, width: usize) -> Result<(), GraphError> {
        self.up.check(&format!("{layer}: up"), width, None)?;
        let hidden = self.up.outputs();
        if let Some(gate) = &self.gate {
            gate.check(&format!("{layer}: gate"), width, Some(hidden))?;
        }
        self.down.check(&format!("{layer}: down"), hidden, Some(width))
    }
}

impl Block {
    fn check(&self, index: usize, width: usize, memory: Option<Memory>) -> Result<(), GraphError> {
        let layer = |what: &str| format!("block {index}: {what}");
        self.first_norm.check(&layer("first norm"), width)?;
        self.attention.check(&layer("attention"), width, memory)?;
        self.second_norm.check(&layer("second norm"), width)?;
        self.feed_forward.check(&layer("feed-forward"), width)
    }
}

impl Convolution {
    fn check(&self, layer: &str, channels: usize) -> Result<(), GraphError> {
        size(layer, "channels", self.inputs, channels)?;
        let depthwise = self.groups == self.inputs && self.dense.outputs().is_multiple_of(self.groups.max(1));
        if self.groups != 1 && !depthwise {
            let expected = format!("1, or {} (depthwise) with outputs that they divide", self.inputs);
            return Err(wrong(layer, "groups", self.groups, expected));
        }
        let inputs = self.inputs / self.groups * self.window.kernel.area();
        self.dense.check(layer, inputs, None)
    }
}

impl Stem {
    fn check(&self, input: &Input) -> Result<(), GraphError> {
        match self {
            Self::Frames { kernel, dense, .. } => {
                let Input::Features { channels, .. } = input else {
                    return Err(GraphError::Input { found: input.kind(), stem: self.kind() });
                };
                dense.check("stem", kernel.saturating_mul(*channels), None)
            }
            Self::Patches { window, dense } => {
                dense.check("stem", picture(input, true).0.saturating_mul(window.kernel.area()), None)
            }
            Self::Embedding { tokens, types } => {
                tokens.check("embedding")?;
                if let Input::Tokens { vocabulary, .. } = input {
                    size("embedding", "rows", tokens.rows, *vocabulary)?;
                }
                if let Some(types) = types {
                    types.check("token types")?;
                    size("token types", "width", types.columns, tokens.columns)?;
                }
                Ok(())
            }
            Self::Convolutions { image, layers, rows, dense } => {
                let (mut channels, grid) = picture(input, *image);
                for (index, layer) in layers.iter().enumerate() {
                    layer.check(&format!("convolution {index}"), channels)?;
                    channels = layer.dense.outputs();
                }
                let grid = grids(layers, grid)?.last().copied().unwrap_or(grid);
                let inputs = if *rows { channels * grid.columns } else { channels };
                match dense {
                    Some(dense) => dense.check("stem", inputs, None),
                    None if *rows => Err(unsupported("stem", "rows of convolutions go through a linear layer")),
                    None if layers.is_empty() => Err(wrong("stem", "convolutions", 0, "at least 1")),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Positions {
    fn check(&self, tokens: usize, width: usize, attention: &Attention) -> Result<(), GraphError> {
        let layer = "positions";
        if attention.cross && !matches!(self, Self::None | Self::Table(_)) {
            return Err(unsupported(layer, "queries and a memory have no distance: none or a table"));
        }
        match self {
            Self::None => Ok(()),
            Self::Table(table) => {
                table.check(layer)?;
                size(layer, "width", table.columns, width)?;
                if table.rows >= tokens {
                    return Ok(());
                }
                Err(wrong(layer, "rows", table.rows, format!("at least the {tokens} tokens, class tokens among them")))
            }
            Self::Rotary { frequencies, .. } => {
                let pairs = frequencies.len();
                if pairs == 0 || 2 * pairs > attention.head_dim {
                    let expected = format!("1 to half of the head's {} values", attention.head_dim);
                    return Err(wrong(layer, "pairs", pairs, expected));
                }
                let right = |x: &f64| x.is_finite() && *x > 0.0 && *x <= 1.0;
                match frequencies.iter().find(|x| !right(x)) {
                    None => Ok(()),
                    Some(x) => Err(unsupported(layer, format!("a frequency of {x}, expected above 0 and at most 1"))),
                }
            }
            Self::Alibi { slopes } => size(layer, "slopes", slopes.len(), attention.heads),
            Self::Relative { table } => {
                table.check(layer)?;
                size(layer, "heads of the table", table.rows, attention.heads)?;
                if table.columns % 2 == 1 {
                    return Ok(());
                }
                Err(wrong(layer, "distances", table.columns, "an odd number"))
            }
        }
    }
}

impl Model {
    /// Whether all shapes fit together, and all numbers are finite.
    ///
    /// # Errors
    /// The first layer that does not fit, named.
    pub fn check(&self) -> Result<(), GraphError> {
        if self.input.is_empty() {
            return Err(wrong("input", "values", 0, "at least 1"));
        }
        if let Some(Memory { steps, channels }) = self.memory.filter(|memory| memory.steps * memory.channels == 0) {
            return Err(wrong("memory", "values", steps * channels, "at least 1"));
        }
        let tokens = self.tokens()?;
        self.stem.check(&self.input)?;
        let width = self.width();
        if let Some(class) = &self.class_tokens {
            class.check("class tokens")?;
            size("class tokens", "width", class.columns, width)?;
        }
        if self.blocks.is_empty() {
            return Err(wrong("model", "blocks", 0, "at least 1"));
        }
        for (index, block) in self.blocks.iter().enumerate() {
            block.check(index, width, self.memory)?;
            self.positions.check(tokens, width, &block.attention)?;
        }
        for (layer, norm) in [("embedding norm", &self.embedding_norm), ("final norm", &self.final_norm)] {
            norm.as_ref().map_or(Ok(()), |norm| norm.check(layer, width))?;
        }
        self.check_head(tokens, width)
    }

    fn check_head(&self, tokens: usize, width: usize) -> Result<(), GraphError> {
        match &self.pool {
            Pool::First(count) if *count == 0 || *count > tokens => {
                return Err(wrong("pool", "tokens", *count, format!("1 to {tokens}")));
            }
            Pool::Weighted(score) => score.check("pool", width, Some(1))?,
            _ => {}
        }
        let mut inputs = width;
        for (index, layer) in self.head.iter().enumerate() {
            let name = format!("head {index}");
            match layer {
                HeadLayer::Norm(norm) => norm.check(&name, inputs)?,
                HeadLayer::Dense(dense) => {
                    dense.check(&name, inputs, None)?;
                    inputs = dense.outputs();
                }
                HeadLayer::Activation(_) => {}
            }
        }
        if let Output::NextToken { tied } = self.output {
            let Stem::Embedding { tokens, .. } = &self.stem else {
                return Err(unsupported("output", "next tokens are of models that take tokens"));
            };
            let expected = if tied { width } else { tokens.rows };
            size("output", "values before the logits", inputs, expected)?;
            if self.pool != Pool::Every && self.pool != Pool::Last {
                return Err(unsupported("pool", "next tokens are told from the last position, or from every one"));
            }
        }
        let names = self.output.names().len();
        if names == 0 { Ok(()) } else { size("output", "names", names, inputs) }
    }
}
