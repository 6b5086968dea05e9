//! Projections to queries, keys and values as products of two matrices, `W = B·A`, where those of a trained model are
//! of low rank.
//!
//! What counts is not a matrix but what it makes of its inputs. With their covariance `C` and `W·C^½ = U·S·Vᵀ`, the
//! first `N` columns of `U` span what holds most of the outputs' variance in `N` values: `A = U_Nᵀ·W` and `B = U_N`.
//! The inputs' mean is taken off before and given back after, each reduced value has a scale of its own, and neither
//! costs anything on the target.

use crate::encoder::{Encoder, Pass, batch};
use crate::ranges::int8_scale;
use crate::weights::{Array, Weights};
use crate::{Config, Error};
use burn::tensor::Device;
use nalgebra::{DMatrix, DVector, SVD, SymmetricEigen};
use std::fmt;
use std::str::FromStr;

/// What `auto` lets go of: this share of the deviation of what a projection makes of the recordings. A rounding to int8
/// takes as much (the scale is about a 32nd of the deviation).
pub const TOLERANCE: f64 = 0.01;
/// The matrices that can be of low rank, in the order of the reduction's thirds.
pub const PARTS: [&str; 3] = ["query", "key", "value"];
/// Deviations below this share of the largest are rounding errors: inputs are f32.
const NOTHING: f64 = 1e-6;
/// Recordings per forward pass.
const BATCH: usize = 100;
/// What an output of a projection costs above its products if it is made from reduced values, in multiply-accumulates:
/// the three projections share no pass over the rows, and short rows take more turns. Counted on Cortex-M4 (7) and RV32
/// (8).
const APART: usize = 8;

/// The rank of a model's projections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rank {
    /// In each block the lowest within [`TOLERANCE`], where it saves bytes and instructions.
    #[default]
    Auto,
    /// Not reduced.
    Never,
    /// So much in all blocks.
    Fixed(usize),
}

impl FromStr for Rank {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "never" => Ok(Self::Never),
            _ => match text.parse() {
                Ok(rank) if rank > 0 => Ok(Self::Fixed(rank)),
                _ => Err("expected auto, never, or a number from 1 on"),
            },
        }
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Never => f.write_str("never"),
            Self::Fixed(rank) => write!(f, "{rank}"),
        }
    }
}

/// A projection's two matrices.
#[derive(Clone, PartialEq, Debug)]
pub struct Factors {
    /// `[rank, width]`, from the normalised rows to reduced int8 values, and `[rank]`.
    pub reduce: (Array, Array),
    /// `[heads * head_width, rank]`, from these to what the projection makes of the row, and `[heads * head_width]`.
    pub restore: (Array, Array),
    /// The share of the outputs' deviation that is lost.
    pub error: f64,
}

/// The projections of a block, in the order of [`PARTS`].
#[derive(Clone, PartialEq, Debug)]
pub struct LowRank {
    /// Values that each is reduced to.
    pub rank: usize,
    /// Their matrices.
    pub parts: [Factors; 3],
}

/// The highest rank that the projections of a model can have.
#[must_use]
pub fn full(config: &Config) -> usize {
    config.width.min(config.heads * config.head_width)
}

/// Refuses a rank that is higher than the projections of a model can have.
///
/// # Errors
/// If it is.
pub fn check(config: &Config, rank: usize) -> Result<(), Error> {
    let full = full(config);
    if rank > full {
        return Err(Error::Training(format!("projections cannot be of rank {rank}, expected at most {full}")));
    }
    Ok(())
}

/// Bytes of a linear layer in the file: rows of whole words, and a bias and scale per output.
fn bytes(inputs: usize, outputs: usize) -> usize {
    outputs * (inputs.next_multiple_of(4) + 8)
}

/// Whether a rank saves both bytes of the file and instructions.
#[must_use]
pub fn pays(config: &Config, rank: usize) -> bool {
    let (width, inner) = (config.width, config.heads * config.head_width);
    // The words that a variant of a block begins with.
    let low = 12 + bytes(width, 3 * rank) + bytes(rank, 3 * inner);
    low < bytes(width, 3 * inner) && work(config, rank) < 3 * inner * width
}

/// What three projections of a rank cost per position.
fn work(config: &Config, rank: usize) -> usize {
    let (width, inner) = (config.width, config.heads * config.head_width);
    3 * rank * width + 3 * inner * (rank + APART)
}

/// Whether a rank costs less than folded query and key weights do, which leave the values' whole.
#[must_use]
pub(crate) fn beats_fused(config: &Config, rank: usize) -> bool {
    let Config { tokens, width, heads, head_width, .. } = *config;
    let fused = heads * (width + head_width) * width;
    work(config, rank) + heads * tokens * head_width < fused + heads * tokens * width
}

/// The projections of each block at a rank, `None` where they stay as they are. `features` are what the scales of the
/// reduced values are found on; without any, `auto` leaves all as it is.
///
/// # Errors
/// If a tensor is absent, or a given rank is higher than the projections', or there are no features for it, or the
/// model makes numbers of them that are not finite.
pub fn choose(weights: &Weights, features: &[Vec<i8>], rank: Rank) -> Result<Vec<Option<LowRank>>, Error> {
    let (config, full) = (&weights.config, full(&weights.config));
    if let Rank::Fixed(rank) = rank {
        check(config, rank)?;
    }
    match rank {
        Rank::Fixed(rank) if features.is_empty() => {
            return Err(Error::Training(format!("projections of rank {rank} need recordings; calibrate with --data")));
        }
        Rank::Never => return Ok(vec![None; config.layers]),
        Rank::Auto if features.is_empty() => return Ok(vec![None; config.layers]),
        _ => {}
    }
    let blocks = inputs(weights, features)?.into_iter().enumerate();
    blocks
        .map(|(b, rows)| {
            let spectra = PARTS.map(|part| Spectrum::new(weights, b, part, &rows));
            let [query, key, value] = spectra;
            let spectra = [query?, key?, value?];
            let rank = match rank {
                Rank::Fixed(rank) => rank,
                _ => {
                    let least = spectra.iter().map(Spectrum::least).max().unwrap_or(full);
                    // Rows are filled up to whole words anyway.
                    let rank = least.next_multiple_of(4).min(full);
                    if !pays(config, rank) {
                        return Ok(None);
                    }
                    rank
                }
            };
            Ok(Some(LowRank { rank, parts: spectra.map(|spectrum| spectrum.factors(rank, &rows)) }))
        })
        .collect()
}

/// The matrix of a projection and its bias.
fn projection(weights: &Weights, block: usize, part: &str) -> Result<(DMatrix<f64>, DVector<f64>), Error> {
    let tensor = |kind: &str| weights.get(&format!("blocks.{block}.attention.{part}.{kind}"));
    let (weight, bias) = (tensor("weight")?, tensor("bias")?);
    let numbers = |array: &Array| array.data.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let matrix = DMatrix::from_row_slice(bias.data.len(), weights.config.width, &numbers(weight));
    Ok((matrix, DVector::from_vec(numbers(bias))))
}

/// What the attention of each block reads in the float model, a row per position of each recording.
fn inputs(weights: &Weights, features: &[Vec<i8>]) -> Result<Vec<DMatrix<f64>>, Error> {
    let device = Device::flex();
    let encoder = Encoder::new(weights, &device)?;
    let (layers, width) = (weights.config.layers, weights.config.width);
    let mut seen = vec![Vec::new(); layers];
    for some in features.chunks(BATCH) {
        let x = batch(some, encoder.tokens(), &device);
        let _ = encoder.forward(x, &mut Pass::Inputs(&mut seen));
    }
    // Decompositions take finite numbers only.
    if let Some(block) = seen.iter().position(|values| values.iter().any(|value| !value.is_finite())) {
        return Err(Error::Training(format!("what the attention of block {block} reads is not finite everywhere")));
    }
    let matrix =
        |values: Vec<f32>| DMatrix::from_row_iterator(values.len() / width, width, values.into_iter().map(f64::from));
    Ok(seen.into_iter().map(matrix).collect())
}

/// A projection, and the directions that its outputs spread along.
struct Spectrum {
    matrix: DMatrix<f64>,
    bias: DVector<f64>,
    /// Of the inputs.
    mean: DVector<f64>,
    /// Of the outputs, a column each.
    directions: DMatrix<f64>,
    /// Deviation along each, falling.
    deviations: Vec<f64>,
}

impl Spectrum {
    fn new(weights: &Weights, block: usize, part: &str, rows: &DMatrix<f64>) -> Result<Self, Error> {
        let (matrix, bias) = projection(weights, block, part)?;
        let mean = rows.row_mean().transpose();
        let centred = centred(rows, &mean);
        let covariance = centred.tr_mul(&centred) / rows.nrows().max(1) as f64;
        let eigen = SymmetricEigen::new(covariance);
        // A layer norm's outputs have at least one direction along which they do not vary.
        let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
        let svd = SVD::new(&matrix * eigen.eigenvectors * DMatrix::from_diagonal(&roots), true, false);
        let deviations = svd.singular_values.iter().copied().collect();
        let directions = svd.u.unwrap_or_else(|| DMatrix::zeros(matrix.nrows(), 0));
        Ok(Self { matrix, bias, mean, directions, deviations })
    }

    /// The share of the deviation that a rank leaves out.
    fn error(&self, rank: usize) -> f64 {
        let energy = |values: &[f64]| values.iter().map(|d| d * d).sum::<f64>();
        let all = energy(&self.deviations);
        if all > 0.0 { (energy(&self.deviations[rank.min(self.deviations.len())..]) / all).sqrt() } else { 0.0 }
    }

    /// The lowest rank within [`TOLERANCE`].
    fn least(&self) -> usize {
        (1..self.deviations.len()).find(|&rank| self.error(rank) <= TOLERANCE).unwrap_or(self.deviations.len())
    }

    fn factors(&self, rank: usize, rows: &DMatrix<f64>) -> Factors {
        let mut restore = self.directions.columns(0, rank).into_owned();
        let mut reduce = restore.tr_mul(&self.matrix);
        let values = centred(rows, &self.mean) * reduce.transpose();
        let least = NOTHING * self.deviations.first().copied().unwrap_or(0.0);
        for i in 0..rank {
            // A direction without variance has no scale, and no part in the outputs.
            let scale = match self.deviations.get(i) {
                Some(&deviation) if deviation > least => int8_scale(values.column(i).iter().map(|x| x.abs() as f32)),
                _ => 0.0,
            };
            let inverse = if scale > 0.0 { 1.0 / f64::from(scale) } else { 0.0 };
            reduce.row_mut(i).scale_mut(inverse);
            restore.column_mut(i).scale_mut(f64::from(scale));
        }
        let offset = -(&reduce * &self.mean);
        let bias = &self.bias + &self.matrix * &self.mean;
        Factors {
            reduce: (array(&reduce), vector(&offset)),
            restore: (array(&restore), vector(&bias)),
            error: self.error(rank),
        }
    }
}

/// Rows without their mean.
fn centred(rows: &DMatrix<f64>, mean: &DVector<f64>) -> DMatrix<f64> {
    let mut rows = rows.clone();
    for (mut column, mean) in rows.column_iter_mut().zip(mean.iter()) {
        column.add_scalar_mut(-mean);
    }
    rows
}

/// Row-major.
fn array(matrix: &DMatrix<f64>) -> Array {
    let data = matrix.transpose().iter().map(|&x| x as f32).collect();
    Array { shape: vec![matrix.nrows(), matrix.ncols()], data }
}

fn vector(values: &DVector<f64>) -> Array {
    Array { shape: vec![values.len()], data: values.iter().map(|&x| x as f32).collect() }
}

/// Replaces the projections to queries, keys and values by the nearest ones of a rank, in the sense of the sum of
/// squares.
///
/// # Errors
/// If a tensor is absent.
pub fn truncate(weights: &mut Weights, rank: usize) -> Result<(), Error> {
    for block in 0..weights.config.layers {
        for part in PARTS {
            let (matrix, _) = projection(weights, block, part)?;
            let svd = SVD::new(matrix.clone(), true, false);
            let Some(directions) = svd.u.filter(|u| rank < u.ncols()) else { continue };
            let directions = directions.columns(0, rank);
            let near = directions * directions.tr_mul(&matrix);
            weights.tensors.insert(format!("blocks.{block}.attention.{part}.weight"), array(&near));
        }
    }
    Ok(())
}
