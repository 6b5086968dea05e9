//! BERT: token types, post-norm, the pooler of the first token.

use super::Options;
use super::keys::Keys;
use super::layers::{Names, Sizes};
use crate::ImportError;
use crate::graph::{Activation, HeadLayer, Input, Model, NormKind, Order, Output, Pool, Positions, Stem};
use crate::weights::{Tensors, Wanted};
use serde_json::json;

const NAMES: Names = Names {
    order: Order::PostNorm,
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    out: "attention.output.dense",
    first_norm: "attention.output.LayerNorm",
    second_norm: "output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
};

pub(super) fn read(tensors: &mut Tensors, keys: &Keys, options: &Options) -> Result<Model, ImportError> {
    keys.only("position_embedding_type", &[json!("absolute")], "absolute, or nothing")?;
    keys.only("is_decoder", &[json!(false)], "false: an encoder")?;
    keys.only("add_cross_attention", &[json!(false)], "false: attention to the tokens alone")?;
    let sizes = Sizes::read(keys)?;
    let start = if tensors.has("bert.embeddings.word_embeddings.weight") { "bert." } else { "" };
    let embedding = |name: &str| format!("{start}embeddings.{name}");
    let vocabulary = keys.count("vocab_size")?;
    let positions = keys.count("max_position_embeddings")?;
    let tokens = tensors.matrix(&embedding("word_embeddings.weight"), vocabulary, sizes.width)?;
    let types = tensors.matrix(&embedding("token_type_embeddings.weight"), Wanted::Any, sizes.width)?;
    let table = tensors.matrix(&embedding("position_embeddings.weight"), positions, sizes.width)?;
    let said = options.length.or(options.sentences.as_ref().and_then(|sentences| sentences.length));
    let length = said.unwrap_or(positions);
    if length == 0 || length > positions {
        return Err(ImportError::setting("length", length, format!("1 to max_position_embeddings, {positions}")));
    }
    let embedding_norm = tensors.norm(&embedding("LayerNorm"), NormKind::Layer, sizes.width, sizes.epsilon)?;
    let blocks = sizes.blocks(tensors, &format!("{start}encoder.layer"), &NAMES)?;
    let (pool, head, output) = end(tensors, keys, options, start, sizes.width)?;
    Ok(Model {
        input: Input::Tokens { vocabulary, length },
        series: crate::graph::Series::default(),
        memory: None,
        stem: Stem::Embedding { tokens, types: Some(types) },
        class_tokens: None,
        positions: Positions::Table(table.some_rows(0..length)),
        embedding_norm: Some(embedding_norm),
        blocks,
        final_norm: None,
        pool,
        head,
        output,
    })
}

type End = (Pool, Vec<HeadLayer>, Output);

fn end(tensors: &mut Tensors, keys: &Keys, options: &Options, start: &str, width: usize) -> Result<End, ImportError> {
    let pooler = format!("{start}pooler.dense");
    if let Some(sentences) = &options.sentences {
        // It is saved with the model and not used.
        tensors.ignore(&format!("{pooler}.*"));
        return Ok((sentences.pool.clone(), vec![], Output::Embedding { normalised: sentences.normalised }));
    }
    let known = "BertModel, BertForSequenceClassification or BertForTokenClassification";
    match keys.architecture()? {
        None | Some("BertModel") if tensors.has_layer(&pooler) => {
            let dense = HeadLayer::Dense(tensors.dense(&pooler, width, width)?);
            let head = vec![dense, HeadLayer::Activation(Activation::Tanh)];
            Ok((Pool::First(1), head, Output::Embedding { normalised: false }))
        }
        None | Some("BertModel") => Ok((Pool::Every, vec![], Output::Embedding { normalised: false })),
        Some("BertForSequenceClassification") => {
            let dense = HeadLayer::Dense(tensors.dense(&pooler, width, width)?);
            let classifier = tensors.dense("classifier", Wanted::Any, width)?;
            let output = keys.classes(classifier.outputs())?;
            let head = vec![dense, HeadLayer::Activation(Activation::Tanh), HeadLayer::Dense(classifier)];
            Ok((Pool::First(1), head, output))
        }
        Some("BertForTokenClassification") => {
            let classifier = tensors.dense("classifier", Wanted::Any, width)?;
            let output = keys.classes(classifier.outputs())?;
            Ok((Pool::Every, vec![HeadLayer::Dense(classifier)], output))
        }
        Some(other) => Err(ImportError::setting("architectures", other, known)),
    }
}
