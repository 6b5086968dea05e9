//! Host side: a `.heed` file back into integer parameters, to change and write again.

use super::v1::BlockView;
use super::write::{BlockModel, EncoderModel, LinearModel, NormModel};
use super::{File, LABELS};
use crate::Error;
use crate::audio::Tables;
use crate::linear::LinearView;
use crate::norm::NormView;
use std::string::ToString;
use std::vec::Vec;

impl EncoderModel {
    /// Reads the bytes of a file, at any alignment. What [`EncoderModel::to_bytes`] wrote comes back as it was.
    ///
    /// # Errors
    /// As [`dynamic::Model::load`](crate::dynamic::Model::load).
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
        let file = File::open(&words)?;
        let config = file.config()?;
        let encoder = file.encoder(&config, &[])?;
        let audio = file.frontend(&config)?;
        let labels = match file.section(LABELS, 0) {
            Err(Error::Missing { .. }) => Vec::new(),
            _ => (0..config.classes).map(|class| file.label(class).map(str::to_string)).collect::<Result<_, _>>()?,
        };
        Ok(Self {
            config,
            embedding: linear(&encoder.embedding),
            positions: encoder.positions.to_vec(),
            blocks: (0..config.layers).map(|i| file.block(&config, i).map(|b| block(&b))).collect::<Result<_, _>>()?,
            norm: norm(&encoder.norm),
            classifier: linear(&encoder.classifier),
            audio: audio.map(|f| {
                let (window, mel) = (f.window.to_vec(), f.mel.to_vec());
                Tables { params: f.params, window, mel, cepstra: None }
            }),
            labels,
        })
    }
}

fn block(block: &BlockView<'_>) -> BlockModel {
    let BlockView { attention_norm, reduce, attention, hidden_norm, feed_forward } = block;
    BlockModel {
        attention_norm: norm(attention_norm),
        heads: attention.head_scales.to_vec(),
        reduce: reduce.as_ref().map(linear),
        query: linear(&attention.query.layer()),
        key: attention.key.map(|key| linear(&key.layer())),
        value: linear(&attention.value.layer()),
        output: linear(&attention.output),
        hidden_norm: norm(hidden_norm),
        expand: linear(&feed_forward.expand),
        activation: *feed_forward.activation.0,
        contract: linear(&feed_forward.contract),
    }
}

/// Without what fills up the rows.
fn linear(layer: &LinearView<'_>) -> LinearModel {
    let LinearView { weights, channels } = layer;
    // An output projection of no heads has no inputs, and no rows.
    let rows = weights.data.chunks(weights.stride.max(1));
    let weights = rows.flat_map(|row| row.iter().take(weights.inputs)).copied().collect();
    LinearModel { weights, channels: channels.to_vec() }
}

fn norm(norm: &NormView<'_>) -> NormModel {
    NormModel { channels: norm.channels.to_vec(), epsilon: norm.epsilon }
}
