//! Named tensors of a trained model, whatever file they come from.
//!
//! A reader takes them out by name and shape; what it leaves behind is listed by [`Tensors::finish`], so that no
//! weight is lost without a word.

mod error;
mod parts;
#[cfg(feature = "pickle")]
mod pickle;
mod read;
mod shape;

pub use error::WeightsError;
pub use shape::Wanted;

use std::collections::BTreeMap;

/// Buffers that frameworks save beside the weights, and that say nothing which the shapes do not say.
const BUFFERS: [&str; 4] = ["position_ids", "token_type_ids", "num_batches_tracked", "rotary_emb.inv_freq"];
/// What wrappers put before every name.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A tensor: its numbers in f32, the last dimension fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// The type in the file, as safetensors writes it (`F32`, `BF16`, `I64`).
    pub dtype: String,
    /// Its numbers; none if the type is no floating-point type that can be read.
    pub values: Option<Vec<f32>>,
}

/// The tensors of a file, and which have been taken.
#[derive(Clone, Debug, Default)]
pub struct Tensors {
    tensors: BTreeMap<String, Tensor>,
    /// Shapes of those taken, for messages.
    taken: BTreeMap<String, Vec<usize>>,
    ignored: Vec<String>,
}

impl Tensors {
    /// Tensors made elsewhere. What wrappers put before all names is taken off.
    #[must_use]
    pub fn new(tensors: BTreeMap<String, Tensor>) -> Self {
        let mut tensors = tensors;
        for wrapper in WRAPPERS {
            if !tensors.is_empty() && tensors.keys().all(|name| name.starts_with(wrapper)) {
                let shorter = |(name, tensor): (String, Tensor)| (name[wrapper.len()..].to_string(), tensor);
                tensors = tensors.into_iter().map(shorter).collect();
            }
        }
        Self { tensors, ..Self::default() }
    }

    /// All that have not been taken, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Whether there is one of this name that has not been taken.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The shape of one that has not been taken.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|tensor| &*tensor.shape)
    }

    /// Takes a tensor out: its shape and its numbers, all finite.
    ///
    /// # Errors
    /// If there is none, its shape is another, or its numbers are no finite floating-point numbers.
    pub fn take(&mut self, name: &str, wanted: &[Wanted]) -> Result<(Vec<usize>, Vec<f32>), WeightsError> {
        let Some(tensor) = self.tensors.get(name) else {
            if self.taken.contains_key(name) {
                return Err(WeightsError::Twice { name: name.to_string() });
            }
            return Err(WeightsError::Missing { name: name.to_string(), nearest: self.nearest(name) });
        };
        if !shape::fits(&tensor.shape, wanted) {
            let (expected, found) = (shape::wanted_text(wanted), tensor.shape.clone());
            return Err(WeightsError::Shape { name: name.to_string(), expected, found });
        }
        let Some(values) = &tensor.values else {
            return Err(WeightsError::Type { name: name.to_string(), found: tensor.dtype.clone() });
        };
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let found = values[index].to_string();
            return Err(WeightsError::NotFinite { name: name.to_string(), index, found });
        }
        let tensor = self.tensors.remove(name).unwrap_or_else(|| unreachable!("it was there"));
        self.taken.insert(name.to_string(), tensor.shape.clone());
        Ok((tensor.shape, tensor.values.unwrap_or_default()))
    }

    /// A vector; `None` stands for any length.
    ///
    /// # Errors
    /// As [`Tensors::take`].
    pub fn vector(&mut self, name: &str, length: impl Into<Wanted>) -> Result<Vec<f32>, WeightsError> {
        Ok(self.take(name, &[length.into()])?.1)
    }

    /// A vector, if there is one of this name.
    ///
    /// # Errors
    /// As [`Tensors::take`], but for a missing one.
    pub fn vector_if_any(&mut self, name: &str, length: usize) -> Result<Option<Vec<f32>>, WeightsError> {
        if self.has(name) { self.vector(name, length).map(Some) } else { Ok(None) }
    }

    /// Gives names of an old end a new one.
    pub(crate) fn rename_ends(&mut self, old: &str, new: &str) {
        let tensors = std::mem::take(&mut self.tensors).into_iter();
        let name = |name: String| name.strip_suffix(old).map(|start| format!("{start}{new}")).unwrap_or(name);
        self.tensors = tensors.map(|(old, tensor)| (name(old), tensor)).collect();
    }

    /// Lets a tensor be there and not be taken, or all that begin with a name that ends in `*`.
    pub fn ignore(&mut self, name: &str) {
        self.ignored.push(name.to_string());
    }

    /// Whether a tensor may stay: it was said so, or it is a buffer of the framework.
    fn may_stay(&self, name: &str) -> bool {
        let buffer = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let said = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        BUFFERS.iter().any(buffer) || self.ignored.iter().any(said)
    }

    /// The end of reading: every tensor has been taken.
    ///
    /// # Errors
    /// [`WeightsError::Unused`] with those that have not.
    pub fn finish(&self) -> Result<(), WeightsError> {
        let left = self.iter().filter(|(name, _)| !self.may_stay(name));
        let unused: Vec<String> = left.map(|(name, tensor)| format!("{name} {:?}", tensor.shape)).collect();
        if unused.is_empty() { Ok(()) } else { Err(WeightsError::Unused(unused)) }
    }

    /// The name that a missing one may be meant to be.
    fn nearest(&self, name: &str) -> Option<String> {
        crate::nearest::nearest(name, self.tensors.keys().map(String::as_str)).map(str::to_string)
    }
}
