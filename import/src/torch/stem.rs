//! What makes tokens, and the input that it asks for.

use super::config::{Both, InputKind, PatchOrder};
use super::layout::Layout;
use super::{Config, convolutions};
use crate::ImportError;
use crate::graph::{BatchNorm, Dense, Grid, Input, Matrix, Stem, Window2};
use crate::weights::{Tensors, Wanted};

impl Both {
    /// As rows and columns; one number is for both, or for the rows of a series.
    pub(super) fn grid(self, series: bool) -> Grid {
        match self {
            Self::One(rows) if series => Grid { rows, columns: 1 },
            Self::One(both) => Grid { rows: both, columns: both },
            Self::Two([rows, columns]) => Grid { rows, columns },
        }
    }

    /// The first number: of a padding of a series, the columns have none.
    pub(super) fn padding(self, series: bool) -> Grid {
        match self {
            Self::One(rows) if series => Grid { rows, columns: 0 },
            both => both.grid(false),
        }
    }
}

/// A setting that there must be.
fn need(key: &str, value: Option<usize>) -> Result<usize, ImportError> {
    match value {
        Some(value) if value > 0 => Ok(value),
        Some(value) => Err(ImportError::setting(key, value, "at least 1")),
        None => Err(ImportError::setting(key, "nothing", "a number")),
    }
}

/// Refuses settings of other kinds of input.
fn only(config: &Config, allowed: &[&str]) -> Result<(), ImportError> {
    let input = &config.input;
    let given = [
        ("steps", input.steps),
        ("channels", input.channels),
        ("height", input.height),
        ("width", input.width),
        ("length", input.length),
    ];
    let wrong = given.into_iter().find(|(key, value)| value.is_some() && !allowed.contains(key));
    wrong.map_or(Ok(()), |(key, _)| {
        let expected = format!("nothing; inputs of this kind have {}", allowed.join(", "));
        Err(ImportError::setting(&format!("input.{key}"), "set", expected))
    })
}

/// The input, the stem, and the BatchNorms of its convolutions.
pub(super) struct StemOf {
    pub input: Input,
    pub stem: Stem,
    pub batch_norms: Vec<Option<BatchNorm>>,
}

impl From<(Input, Stem)> for StemOf {
    fn from((input, stem): (Input, Stem)) -> Self {
        Self { input, stem, batch_norms: vec![] }
    }
}

/// The input and the stem.
pub(super) fn read(tensors: &mut Tensors, config: &Config, layout: &Layout) -> Result<StemOf, ImportError> {
    match config.input.kind {
        InputKind::Tokens => {
            only(config, &["length"])?;
            tokens(tensors, config).map(StemOf::from)
        }
        InputKind::Series => {
            only(config, &["steps", "channels"])?;
            let steps = need("input.steps", config.input.steps)?;
            if config.convolutions.is_empty() {
                series(tensors, config, layout, steps).map(StemOf::from)
            } else {
                let channels = need("input.channels", config.input.channels)?;
                convolutions::read(tensors, config, Input::Features { steps, channels })
            }
        }
        InputKind::Image => {
            only(config, &["channels", "height", "width"])?;
            let height = need("input.height", config.input.height)?;
            let width = need("input.width", config.input.width)?;
            if config.convolutions.is_empty() {
                image(tensors, config, height, width).map(StemOf::from)
            } else {
                let channels = need("input.channels", config.input.channels)?;
                convolutions::read(tensors, config, Input::Image { channels, height, width })
            }
        }
    }
}

fn tokens(tensors: &mut Tensors, config: &Config) -> Result<(Input, Stem), ImportError> {
    let names = &config.names;
    let missing = || ImportError::setting("names.embedding", "nothing", "the embedding of the tokens");
    let name = tensors.full_name(names.embedding.as_ref().ok_or_else(missing)?, "weight");
    let tokens = tensors.matrix(&name, Wanted::Any, Wanted::Any)?;
    let types = match &names.token_types {
        Some(name) => Some(tensors.table(name, tokens.columns)?),
        None => None,
    };
    let rows =
        |name: &String| tensors.shape(&tensors.full_name(name, "weight")).and_then(|shape| shape.first()).copied();
    let learned = names.positions.as_ref().and_then(rows);
    let length = need("input.length", config.input.length.or(learned))?;
    Ok((Input::Tokens { vocabulary: tokens.rows, length }, Stem::Embedding { tokens, types }))
}

/// A linear layer over frames, a convolution in one dimension, or patches of the series as a picture.
fn series(tensors: &mut Tensors, config: &Config, layout: &Layout, steps: usize) -> Result<(Input, Stem), ImportError> {
    let channels = config.input.channels;
    let Some(name) = &config.names.embedding else {
        // The channels are the tokens.
        let norm = tensors.full_name(&format!("{}{}", layout.block(0), config.block_names().norm1), "weight");
        let width = tensors.shape(&norm).and_then(|shape| shape.first()).copied();
        let width = need("input.channels", channels.or(width))?;
        return Ok((Input::Features { steps, channels: width }, identity(width)));
    };
    let weight = tensors.full_name(name, "weight");
    let setting = |both: Option<Both>, default| both.map_or(default, |both| both.padding(true).rows);
    let (kernel, dense) = match tensors.shape(&weight).map(<[usize]>::len) {
        Some(3) => {
            let wanted = [Wanted::Any, channels.into(), Wanted::Any];
            let (shape, values) = tensors.take(&weight, &wanted)?;
            let weight = frame_by_frame(&shape, &values);
            let bias = tensors.bias(name, shape[0])?;
            (shape[2], Dense { weight, bias })
        }
        Some(4) => {
            let channels = need("input.channels", channels)?;
            let stem = patches(tensors, config, name, 1)?;
            return Ok((Input::Features { steps, channels }, stem));
        }
        _ => {
            let kernel = need("stem.kernel", Some(setting(config.stem.kernel, 1)))?;
            let inputs = channels.map(|channels| channels * kernel);
            (kernel, tensors.dense(name, Wanted::Any, inputs)?)
        }
    };
    let channels = dense.inputs() / kernel;
    if channels * kernel != dense.inputs() {
        let expected = format!("a divisor of the {} inputs of {weight}", dense.inputs());
        return Err(ImportError::setting("stem.kernel", kernel, expected));
    }
    let (stride, padding) = (setting(config.stem.stride, kernel), setting(config.stem.padding, 0));
    Ok((Input::Features { steps, channels }, Stem::Frames { kernel, stride, padding, dense }))
}

/// A stem that changes nothing.
fn identity(width: usize) -> Stem {
    let value = |at: usize| if at / width == at % width { 1.0 } else { 0.0 };
    let weight = Matrix::new(width, width, (0..width * width).map(value).collect());
    Stem::Frames { kernel: 1, stride: 1, padding: 0, dense: Dense { weight, bias: None } }
}

/// `[outputs][channels][kernel]` as `[outputs][kernel · channels]`.
fn frame_by_frame(shape: &[usize], values: &[f32]) -> Matrix {
    let (channels, kernel) = (shape[1], shape[2]);
    let rows = values.chunks_exact(channels * kernel);
    let turned = rows.flat_map(|row| Matrix::new(channels, kernel, row.to_vec()).transposed().values);
    Matrix::new(shape[0], channels * kernel, turned.collect())
}

fn image(tensors: &mut Tensors, config: &Config, height: usize, width: usize) -> Result<(Input, Stem), ImportError> {
    let missing = || ImportError::setting("names.embedding", "nothing", "the layer that makes tokens of patches");
    let name = config.names.embedding.as_ref().ok_or_else(missing)?;
    let weight = tensors.full_name(name, "weight");
    if tensors.shape(&weight).is_some_and(|shape| shape.len() == 4) {
        let channels = tensors.shape(&weight).map_or(1, |shape| shape[1]);
        let channels = config.input.channels.unwrap_or(channels);
        let stem = patches(tensors, config, name, channels)?;
        return Ok((Input::Image { channels, height, width }, stem));
    }
    let missing = || ImportError::setting("stem.kernel", "nothing", "rows and columns of a patch");
    let kernel = config.stem.kernel.ok_or_else(missing)?.grid(false);
    let area = need("stem.kernel", Some(kernel.area()))?;
    let inputs = config.input.channels.map(|channels| channels * area);
    let mut dense = tensors.dense(name, Wanted::Any, inputs)?;
    let channels = dense.inputs() / area;
    if channels * area != dense.inputs() {
        let expected = format!("sizes whose product divides the {} inputs of {weight}", dense.inputs());
        return Err(ImportError::setting("stem.kernel", area, expected));
    }
    if config.stem.order == PatchOrder::Pixels {
        let rows = dense.weight.values.chunks_exact(dense.weight.columns);
        let turned = rows.flat_map(|row| Matrix::new(area, channels, row.to_vec()).transposed().values);
        dense.weight.values = turned.collect();
    }
    let window = window(config, kernel);
    Ok((Input::Image { channels, height, width }, Stem::Patches { window, dense }))
}

/// A convolution in two dimensions.
fn patches(tensors: &mut Tensors, config: &Config, name: &str, channels: usize) -> Result<Stem, ImportError> {
    let weight = tensors.full_name(name, "weight");
    let (shape, values) = tensors.take(&weight, &[Wanted::Any, channels.into(), Wanted::Any, Wanted::Any])?;
    let weight = Matrix::new(shape[0], values.len() / shape[0], values);
    let bias = tensors.bias(name, shape[0])?;
    let window = window(config, Grid { rows: shape[2], columns: shape[3] });
    Ok(Stem::Patches { window, dense: Dense { weight, bias } })
}

fn window(config: &Config, kernel: Grid) -> Window2 {
    let stride = config.stem.stride.map_or(kernel, |both| both.grid(false));
    let padding = config.stem.padding.map_or(Grid::ZERO, |both| both.grid(false));
    Window2 { kernel, stride, padding }
}
