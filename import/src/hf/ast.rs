//! The Audio Spectrogram Transformer: patches that overlap, class and distillation token, the mean of both.

use super::keys::Keys;
use super::layers::{Sizes, VIT};
use crate::ImportError;
use crate::graph::{Dense, Grid, HeadLayer, Input, Matrix, Model, NormKind, Output, Pool, Positions, Stem, Window2};
use crate::weights::{Tensors, Wanted};

pub(super) fn read(tensors: &mut Tensors, keys: &Keys) -> Result<Model, ImportError> {
    let sizes = Sizes::read(keys)?;
    let width = sizes.width;
    let (steps, channels) = (keys.count("max_length")?, keys.count("num_mel_bins")?);
    let patch = keys.count("patch_size")?;
    let stride = Grid { rows: keys.count("time_stride")?, columns: keys.count("frequency_stride")? };
    let start = "audio_spectrogram_transformer.";
    let start = if tensors.has(&format!("{start}embeddings.cls_token")) { start } else { "" };
    let embedding = |name: &str| format!("{start}embeddings.{name}");
    let class = tensors.table(&embedding("cls_token"), width)?;
    let distillation = tensors.table(&embedding("distillation_token"), width)?;
    let class = Matrix::new(2, width, [class.values, distillation.values].concat());
    let projection = embedding("patch_embeddings.projection");
    let wanted = [width, 1, patch, patch].map(Wanted::Of);
    let (_, values) = tensors.take(&format!("{projection}.weight"), &wanted)?;
    // The library has frequencies in rows; here, as in the input, steps are.
    let turned = values.chunks_exact(patch * patch);
    let turned = turned.flat_map(|kernel| Matrix::new(patch, patch, kernel.to_vec()).transposed().values);
    let weight = Matrix::new(width, patch * patch, turned.collect());
    let dense = Dense { weight, bias: tensors.bias(&projection, width)? };
    let kernel = Grid { rows: patch, columns: patch };
    let stem = Stem::Patches { window: Window2 { kernel, stride, padding: Grid::ZERO }, dense };
    let input = Input::Features { steps, channels };
    let tokens = stem.tokens(&input)?;
    let rows = (steps - patch) / stride.rows + 1;
    let (_, values) = tensors.take(&embedding("position_embeddings"), &[1, tokens + 2, width].map(Wanted::Of))?;
    let positions = steps_first(&Matrix::new(tokens + 2, width, values), rows);
    let blocks = sizes.blocks(tensors, &format!("{start}encoder.layer"), &VIT)?;
    let final_norm = tensors.norm(&format!("{start}layernorm"), NormKind::Layer, width, sizes.epsilon)?;
    let (head, output) = match keys.architecture()? {
        Some("ASTForAudioClassification") => {
            let norm = tensors.norm("classifier.layernorm", NormKind::Layer, width, sizes.epsilon)?;
            let dense = tensors.dense("classifier.dense", Wanted::Any, width)?;
            let output = keys.classes(dense.outputs())?;
            (vec![HeadLayer::Norm(norm), HeadLayer::Dense(dense)], output)
        }
        None | Some("ASTModel") => (vec![], Output::Embedding { normalised: false }),
        Some(other) => {
            return Err(ImportError::setting("architectures", other, "ASTModel or ASTForAudioClassification"));
        }
    };
    Ok(Model {
        input,
        series: crate::graph::Series::default(),
        memory: None,
        stem,
        class_tokens: Some(class),
        positions: Positions::Table(positions),
        embedding_norm: None,
        blocks,
        final_norm: Some(final_norm),
        pool: Pool::First(2),
        head,
        output,
    })
}

/// Positions of patches that come frequency by frequency, for patches that come step by step: attention does not care
/// for the order. The first two stay.
fn steps_first(table: &Matrix, steps: usize) -> Matrix {
    let columns = (table.rows - 2) / steps;
    let row = |place: usize| table.row(2 + place % columns * steps + place / columns);
    let mut values = table.some_rows(0..2).values;
    (0..steps * columns).for_each(|place| values.extend(row(place)));
    Matrix::new(table.rows, table.columns, values)
}
