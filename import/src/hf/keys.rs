//! Keys of a `config.json`.

use crate::ImportError;
use crate::graph::{Activation, Output};
use serde_json::{Map, Value};
use std::path::Path;

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, ImportError> {
    let failed = |error: std::io::Error| ImportError::File { path: path.to_owned(), reason: error.to_string() };
    std::fs::read_to_string(path).map_err(failed)
}

/// An object.
#[derive(Clone, Debug)]
pub(super) struct Keys(Map<String, Value>);

impl Keys {
    pub fn parse(text: &str) -> Result<Self, ImportError> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| ImportError::Syntax { line: Some(error.line()), reason: error.to_string() })
    }

    /// A value that is there and not null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// An object inside.
    pub fn inner(&self, key: &str) -> Result<Option<Self>, ImportError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(Self(map.clone()))),
            Some(value) => Err(ImportError::setting(key, value, "an object")),
        }
    }

    fn need<T>(&self, key: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, ImportError> {
        match self.get(key) {
            None => Err(ImportError::setting(key, "nothing", expected)),
            Some(value) => read(value).ok_or_else(|| ImportError::setting(key, value, expected)),
        }
    }

    /// A number above 0.
    pub fn count(&self, key: &str) -> Result<usize, ImportError> {
        let read = |value: &Value| value.as_u64().and_then(|x| usize::try_from(x).ok()).filter(|&x| x > 0);
        self.need(key, "a whole number above 0", read)
    }

    /// A number above 0, or what stands for nothing.
    pub fn count_or(&self, key: &str, default: usize) -> Result<usize, ImportError> {
        if self.get(key).is_some() { self.count(key) } else { Ok(default) }
    }

    /// A positive number.
    pub fn number(&self, key: &str) -> Result<f64, ImportError> {
        self.need(key, "a number above 0", |value| value.as_f64().filter(|x| *x > 0.0 && x.is_finite()))
    }

    /// A positive number, or what stands for nothing.
    pub fn number_or(&self, key: &str, default: f64) -> Result<f64, ImportError> {
        if self.get(key).is_some() { self.number(key) } else { Ok(default) }
    }

    /// A word.
    pub fn word(&self, key: &str) -> Result<&str, ImportError> {
        match self.get(key) {
            Some(Value::String(word)) => Ok(word),
            Some(value) => Err(ImportError::setting(key, value, "a word")),
            None => Err(ImportError::setting(key, "nothing", "a word")),
        }
    }

    /// Whether a switch is on.
    pub fn on(&self, key: &str) -> Result<bool, ImportError> {
        if self.get(key).is_none() {
            return Ok(false);
        }
        self.need(key, "true or false", Value::as_bool)
    }

    /// Refuses a value other than these; nothing is allowed.
    pub fn only(&self, key: &str, allowed: &[Value], expected: &str) -> Result<(), ImportError> {
        match self.get(key) {
            Some(value) if !allowed.contains(value) => Err(ImportError::setting(key, value, expected)),
            _ => Ok(()),
        }
    }

    /// An activation by the library's name.
    pub fn activation(&self, key: &str) -> Result<Activation, ImportError> {
        Ok(match self.word(key)? {
            "gelu" | "gelu_python" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" | "gelu_accurate" => Activation::GeluTanh,
            "relu" => Activation::Relu,
            "silu" | "swish" => Activation::Silu,
            "tanh" => Activation::Tanh,
            "linear" => Activation::Identity,
            other => {
                let known = "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh or linear";
                return Err(ImportError::setting(key, other, known));
            }
        })
    }

    /// The class of the library that the model was, if it is said.
    pub fn architecture(&self) -> Result<Option<&str>, ImportError> {
        match self.get("architectures").and_then(Value::as_array).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([Value::String(word)]) => Ok(Some(word)),
            Some(several) => {
                let found = Value::Array(several.to_vec());
                Err(ImportError::setting("architectures", found, "one name"))
            }
        }
    }

    /// What `outputs` results of a classifier mean.
    pub fn classes(&self, outputs: usize) -> Result<Output, ImportError> {
        let names = self.labels(outputs)?;
        Ok(match self.get("problem_type").and_then(Value::as_str) {
            Some("regression") => Output::Values { names, unit: String::new() },
            None if outputs == 1 => Output::Values { names, unit: String::new() },
            Some("multi_label_classification") => Output::Labels(names),
            None | Some("single_label_classification") => Output::Classes(names),
            Some(other) => {
                let known = "regression, single_label_classification or multi_label_classification";
                return Err(ImportError::setting("problem_type", other, known));
            }
        })
    }

    /// The names in `id2label`; none if they are the library's own.
    fn labels(&self, outputs: usize) -> Result<Vec<String>, ImportError> {
        let Some(map) = self.inner("id2label")? else { return Ok(Vec::new()) };
        let name = |index: usize| map.word(&index.to_string()).map(str::to_string);
        if map.0.len() != outputs {
            return Err(ImportError::setting("id2label", format!("{} names", map.0.len()), outputs.to_string()));
        }
        let names: Vec<String> = (0..outputs).map(name).collect::<Result<_, _>>()?;
        let own = names.iter().enumerate().all(|(index, name)| *name == format!("LABEL_{index}"));
        Ok(if own { Vec::new() } else { names })
    }
}
