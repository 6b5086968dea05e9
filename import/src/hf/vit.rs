//! ViT: patches, a class token, pre-norm, a norm at the end.

use super::keys::Keys;
use super::layers::{Sizes, VIT};
use crate::ImportError;
use crate::graph::{Dense, Grid, HeadLayer, Input, Matrix, Model, NormKind, Output, Pool, Positions, Stem, Window2};
use crate::weights::{Tensors, Wanted};
use serde_json::Value;

/// One number for both, or rows and columns.
fn both(keys: &Keys, key: &str) -> Result<Grid, ImportError> {
    match keys.get(key) {
        Some(Value::Array(two)) => match two.iter().map(Value::as_u64).collect::<Option<Vec<_>>>().as_deref() {
            Some(&[rows, columns]) if rows > 0 && columns > 0 => {
                Ok(Grid { rows: rows as usize, columns: columns as usize })
            }
            _ => Err(ImportError::setting(key, Value::Array(two.clone()), "two whole numbers above 0")),
        },
        _ => keys.count(key).map(|size| Grid { rows: size, columns: size }),
    }
}

pub(super) fn read(tensors: &mut Tensors, keys: &Keys) -> Result<Model, ImportError> {
    let sizes = Sizes::read(keys)?;
    let width = sizes.width;
    let (image, kernel) = (both(keys, "image_size")?, both(keys, "patch_size")?);
    let channels = keys.count("num_channels")?;
    let start = if tensors.has("vit.embeddings.cls_token") { "vit." } else { "" };
    // Of training with masks.
    tensors.ignore(&format!("{start}embeddings.mask_token"));
    let class = tensors.table(&format!("{start}embeddings.cls_token"), width)?;
    let projection = format!("{start}embeddings.patch_embeddings.projection");
    let wanted = [width, channels, kernel.rows, kernel.columns].map(Wanted::Of);
    let (_, values) = tensors.take(&format!("{projection}.weight"), &wanted)?;
    let weight = Matrix::new(width, channels * kernel.area(), values);
    let dense = Dense { weight, bias: tensors.bias(&projection, width)? };
    let window = Window2 { kernel, stride: kernel, padding: Grid::ZERO };
    let table = tensors.table(&format!("{start}embeddings.position_embeddings"), width)?;
    let blocks = sizes.blocks(tensors, &format!("{start}encoder.layer"), &VIT)?;
    let final_norm = tensors.norm(&format!("{start}layernorm"), NormKind::Layer, width, sizes.epsilon)?;
    let pooler = format!("{start}pooler.dense");
    let (head, output) = match keys.architecture()? {
        Some("ViTForImageClassification") => {
            let classifier = tensors.dense("classifier", Wanted::Any, width)?;
            let output = keys.classes(classifier.outputs())?;
            (vec![HeadLayer::Dense(classifier)], output)
        }
        None | Some("ViTModel") => {
            let mut head = vec![];
            if tensors.has_layer(&pooler) {
                head.push(HeadLayer::Dense(tensors.dense(&pooler, Wanted::Any, width)?));
                let activation = if keys.get("pooler_act").is_some() {
                    keys.activation("pooler_act")?
                } else {
                    crate::graph::Activation::Tanh
                };
                head.push(HeadLayer::Activation(activation));
            }
            (head, Output::Embedding { normalised: false })
        }
        Some(other) => {
            return Err(ImportError::setting("architectures", other, "ViTModel or ViTForImageClassification"));
        }
    };
    Ok(Model {
        input: Input::Image { channels, height: image.rows, width: image.columns },
        series: crate::graph::Series::default(),
        memory: None,
        stem: Stem::Patches { window, dense },
        class_tokens: Some(class),
        positions: Positions::Table(table),
        embedding_norm: None,
        blocks,
        final_norm: Some(final_norm),
        pool: Pool::First(1),
        head,
        output,
    })
}
