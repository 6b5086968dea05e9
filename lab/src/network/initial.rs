//! A model of a description, with random weights to start from.

use super::{Description, NetworkError, StemNorm};
use crate::augment::{Draw, draw};
use heedful::{MAX_INPUTS, MAX_POSITIONS, Pairing, Window};
use heedful_import::graph::{
    AlibiRule, Attention, BatchNorm, Block, Convolution, Dense, FeedForward, Grid, HeadLayer, Input, Matrix, Model,
    Norm, NormKind, Order, Output, Pool, Positions, RopeScaling, Series, Stem, Unfolded, Window2, alibi_slopes,
    rope_frequencies, sinusoidal,
};
use heedful_import::torch::{Both, NormName, PoolName, PositionsName};
use rand::RngExt;

/// Positions and class tokens lie within this of 0.
const TABLE: f32 = 0.1;
/// The number in the norms that keeps them from dividing by 0.
const EPSILON: f32 = 1e-5;
/// The base of rotary and sinusoidal positions.
const BASE: f64 = 10_000.0;

impl Description {
    /// A model for an input that gives so many `outputs`. Matrices and their biases are uniform within ±1/sqrt(inputs),
    /// positions within ±0.1, norms and temperatures neutral; equal seeds give equal models.
    ///
    /// # Errors
    /// If the settings do not fit each other, or the input.
    pub fn initial(&self, input: Input, output: Output, outputs: usize, seed: u64) -> Result<Unfolded, NetworkError> {
        self.check()?;
        if !(1..=MAX_INPUTS).contains(&outputs) {
            return Err(NetworkError::setting("outputs", outputs, format!("1 to {MAX_INPUTS}")));
        }
        let mut random = Random(draw(seed, u64::MAX, 0));
        let (stem, batch_norms) = self.stem(&input, &mut random)?;
        let count = usize::from(self.pool == PoolName::First);
        let tokens = stem.tokens(&input)? + count;
        if tokens > MAX_POSITIONS {
            return Err(NetworkError::setting("tokens", tokens, format!("at most {MAX_POSITIONS}: a longer stride")));
        }
        let class_tokens = (count > 0).then(|| random.table(count, self.width));
        let positions = self.positions(tokens, &mut random);
        let blocks: Vec<Block> = (0..self.blocks).map(|_| self.block(&mut random)).collect();
        let pool = match self.pool {
            PoolName::Mean | PoolName::Every => Pool::Mean,
            PoolName::First => Pool::First(1),
            PoolName::Last => Pool::Last,
            PoolName::Max => Pool::Max,
            PoolName::Weighted => Pool::Weighted(random.dense(1, self.width)),
        };
        let head = vec![HeadLayer::Dense(random.dense(outputs, self.width))];
        let model = Model {
            input,
            series: Series::default(),
            memory: None,
            stem,
            class_tokens,
            positions,
            embedding_norm: None,
            blocks,
            final_norm: self.norm_first.then(|| self.norm()),
            pool,
            head,
            output,
        };
        model.check()?;
        let log_temperatures = vec![self.temperature.then(|| vec![0.0; self.heads]); self.blocks];
        let learned_positions = self.positions != PositionsName::Sinusoidal;
        Ok(Unfolded { model, batch_norms, log_temperatures, learned_positions })
    }

    fn norm(&self) -> Norm {
        let kind = if self.norm == NormName::Rms { NormKind::Rms } else { NormKind::Layer };
        let bias = (kind == NormKind::Layer).then(|| vec![0.0; self.width]);
        Norm { kind, gain: vec![1.0; self.width], bias, epsilon: EPSILON }
    }

    fn block(&self, random: &mut Random) -> Block {
        let (head_dim, kv_heads) = (self.head_width(), self.key_heads.unwrap_or(self.heads));
        let (wide, narrow) = (self.heads * head_dim, kv_heads * head_dim);
        let attention = Attention {
            heads: self.heads,
            kv_heads,
            head_dim,
            query: random.dense(wide, self.width),
            key: random.dense(narrow, self.width),
            value: random.dense(narrow, self.width),
            out: random.dense(self.width, wide),
            cross: false,
            causal: self.causal,
            windows: self.window.map_or(vec![], |tokens| vec![Window::back(tokens - 1); self.heads]),
            scales: Attention::plain_scales(self.heads, head_dim),
        };
        let feed_forward = FeedForward {
            up: random.dense(self.hidden, self.width),
            gate: self.gated.then(|| random.dense(self.hidden, self.width)),
            activation: self.activation.into(),
            down: random.dense(self.width, self.hidden),
        };
        let order = if self.norm_first { Order::PreNorm } else { Order::PostNorm };
        Block { order, first_norm: self.norm(), attention, second_norm: self.norm(), feed_forward }
    }

    fn positions(&self, tokens: usize, random: &mut Random) -> Positions {
        match self.positions {
            PositionsName::None => Positions::None,
            PositionsName::Learned => Positions::Table(random.table(tokens, self.width)),
            PositionsName::Sinusoidal => Positions::Table(sinusoidal(tokens, self.width, BASE)),
            PositionsName::Rope => {
                let frequencies = rope_frequencies(self.head_width() / 2, BASE, RopeScaling::None);
                Positions::Rotary { pairing: Pairing::Halves, frequencies }
            }
            PositionsName::Alibi => Positions::Alibi { slopes: alibi_slopes(self.heads, AlibiRule::Paper) },
            PositionsName::Relative => {
                // No two tokens that see each other are farther apart.
                let apart = self.window.map_or(tokens, |window| window.min(tokens));
                Positions::Relative { table: random.table(self.heads, 2 * apart - 1) }
            }
        }
    }

    fn stem(&self, input: &Input, random: &mut Random) -> Result<(Stem, Vec<Option<BatchNorm>>), NetworkError> {
        if !self.stem.is_empty() {
            return self.convolutions(input, random);
        }
        let stem = match *input {
            Input::Features { channels, .. } => {
                let kernel = self.frames_per_token;
                let dense = random.dense(self.width, kernel * channels);
                Stem::Frames { kernel, stride: kernel, padding: 0, dense }
            }
            Input::Image { channels, .. } => {
                let missing = "rows and columns of a token, or a `stem` of convolutions";
                let kernel = match self.patch.ok_or_else(|| NetworkError::setting("patch", "nothing", missing))? {
                    Both::One(both) => Grid { rows: both, columns: both },
                    Both::Two([rows, columns]) => Grid { rows, columns },
                };
                let window = Window2 { kernel, stride: kernel, padding: Grid::ZERO };
                Stem::Patches { window, dense: random.dense(self.width, channels * kernel.area()) }
            }
            Input::Tokens { .. } => {
                let (found, allowed) = ("inputs of tokens", "series and images");
                return Err(NetworkError::Unsupported { found, allowed });
            }
        };
        Ok((stem, vec![]))
    }

    fn convolutions(&self, input: &Input, random: &mut Random) -> Result<(Stem, Vec<Option<BatchNorm>>), NetworkError> {
        let flat = self.is_flat(input);
        let (mut inputs, mut grid) = match *input {
            Input::Image { channels, height, width } => (channels, Grid { rows: height, columns: width }),
            Input::Features { steps, channels } if flat => (channels, Grid { rows: steps, columns: 1 }),
            Input::Features { steps, channels } => (1, Grid { rows: steps, columns: channels }),
            Input::Tokens { .. } => (0, Grid::ZERO),
        };
        let (mut layers, mut norms) = (Vec::new(), Vec::new());
        for layer in &self.stem {
            let missing = || NetworkError::setting("channels", "nothing", "a number, unless the layer is depthwise");
            let outputs = layer.channels.or(layer.depthwise.then_some(inputs)).ok_or_else(missing)?;
            let window = layer.window(flat);
            let columns = if layer.depthwise { 1 } else { inputs } * window.kernel.area();
            if !(1..=MAX_INPUTS).contains(&outputs) || !(1..=MAX_INPUTS).contains(&columns) {
                let found = format!("{outputs} of {columns} values each");
                return Err(NetworkError::setting("channels", found, format!("1 to {MAX_INPUTS} of either")));
            }
            if window.stride.area() == 0 {
                return Err(NetworkError::setting("stride", 0, "at least 1"));
            }
            let mut dense = random.dense(outputs, columns);
            if layer.norm == Some(StemNorm::Batch) {
                // The norm has offsets of its own.
                dense.bias = None;
            }
            norms.push(layer.norm.map(|StemNorm::Batch| BatchNorm::new(outputs)));
            let room =
                || NetworkError::setting("kernel", format!("{:?}", layer.kernel), "one that fits what it goes over");
            grid = window.over(grid).ok_or_else(room)?;
            let groups = if layer.depthwise { inputs } else { 1 };
            layers.push(Convolution { window, inputs, groups, dense, activation: layer.activation() });
            inputs = outputs;
        }
        let image = !flat && matches!(input, Input::Features { .. });
        let values = if image { inputs * grid.columns } else { inputs };
        if values > MAX_INPUTS {
            return Err(NetworkError::setting(
                "stem",
                format!("{values} values a token"),
                format!("at most {MAX_INPUTS}"),
            ));
        }
        let dense = (image || inputs != self.width).then(|| random.dense(self.width, values));
        Ok((Stem::Convolutions { image, layers, rows: image, dense }, norms))
    }
}

/// Random numbers.
struct Random(Draw);

impl Random {
    fn values(&mut self, count: usize, bound: f32) -> Vec<f32> {
        (0..count).map(|_| self.0.random_range(-bound..bound)).collect()
    }

    fn table(&mut self, rows: usize, columns: usize) -> Matrix {
        Matrix::new(rows, columns, self.values(rows * columns, TABLE))
    }

    fn dense(&mut self, outputs: usize, inputs: usize) -> Dense {
        let bound = 1.0 / (inputs as f32).sqrt();
        let weight = Matrix::new(outputs, inputs, self.values(outputs * inputs, bound));
        Dense { weight, bias: Some(self.values(outputs, bound)) }
    }
}
