//! What `sentence-transformers` puts behind a model: pooling, and a division by the length.

use super::keys::{Keys, text};
use crate::ImportError;
use crate::graph::Pool;
use serde_json::Value;
use std::path::Path;

/// How a text becomes a vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Sentences {
    /// The pooling.
    pub pool: Pool,
    /// Whether the vector is divided by its length.
    pub normalised: bool,
    /// The most tokens of a text, if it is said.
    pub length: Option<usize>,
}

/// Switches of a pooling; those that are none of ours stay off.
const POOLINGS: [&str; 6] = [
    "pooling_mode_cls_token",
    "pooling_mode_mean_tokens",
    "pooling_mode_max_tokens",
    "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens",
    "pooling_mode_lasttoken",
];

impl Sentences {
    /// What a directory says; nothing if it is of `transformers` alone.
    ///
    /// # Errors
    /// If a file cannot be read, or asks for what heedful has not got.
    pub fn find(directory: &Path) -> Result<Option<Self>, ImportError> {
        let path = directory.join("modules.json");
        if !path.exists() {
            return Ok(None);
        }
        let modules: Vec<Value> = serde_json::from_str(&text(&path)?)
            .map_err(|error| ImportError::Syntax { line: Some(error.line()), reason: error.to_string() })?;
        let mut found = Self { pool: Pool::Every, normalised: false, length: None };
        for module in &modules {
            let word = |key: &str| module.get(key).and_then(Value::as_str).unwrap_or_default();
            let kind = word("type").rsplit('.').next().unwrap_or_default();
            match kind {
                "Transformer" => {}
                "Pooling" => {
                    let path = directory.join(word("path")).join("config.json");
                    found.pool = pooling(&Keys::parse(&text(&path)?)?)?;
                }
                "Normalize" => found.normalised = true,
                _ => {
                    let expected = "Transformer, Pooling or Normalize";
                    return Err(ImportError::setting("modules.json: type", word("type"), expected));
                }
            }
        }
        let path = directory.join("sentence_bert_config.json");
        if path.exists() {
            let keys = Keys::parse(&text(&path)?)?;
            if keys.get("max_seq_length").is_some() {
                found.length = Some(keys.count("max_seq_length")?);
            }
        }
        Ok(Some(found))
    }
}

fn pooling(keys: &Keys) -> Result<Pool, ImportError> {
    let mut on = Vec::new();
    for key in POOLINGS {
        if keys.on(key)? {
            on.push(key);
        }
    }
    match *on {
        ["pooling_mode_cls_token"] => Ok(Pool::First(1)),
        ["pooling_mode_mean_tokens"] => Ok(Pool::Mean),
        ["pooling_mode_max_tokens"] => Ok(Pool::Max),
        ["pooling_mode_lasttoken"] => Ok(Pool::Last),
        [] => Err(ImportError::setting("pooling_mode_mean_tokens", "off", "one pooling to be on")),
        _ => Err(ImportError::setting(on.last().unwrap_or(&""), "on", "first, mean, largest or last token alone")),
    }
}
