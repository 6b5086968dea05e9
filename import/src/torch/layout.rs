//! Where the layers are.

use super::Config;
use crate::ImportError;
use crate::weights::Tensors;
use std::collections::BTreeSet;

/// The names of a list of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Before the numbers: `encoder.layers`, or nothing.
    prefix: String,
    /// Whether there are numbers; a lone layer has none.
    numbered: bool,
    /// Layers.
    pub count: usize,
}

/// A model without layers.
pub(super) fn no_layers() -> ImportError {
    ImportError::setting("names.layers", "nothing that can be found", "the list of layers, before their numbers")
}

impl Layout {
    /// The one that is named, or the only one whose layers hold attention.
    pub fn find(tensors: &Tensors, config: &Config) -> Result<Self, ImportError> {
        if let Some(prefix) = &config.names.layers {
            return Self::under(tensors, prefix).ok_or_else(|| {
                let expected = "the start of tensors' names, before the layers' numbers";
                ImportError::setting("names.layers", format!("{prefix:?}"), expected)
            });
        }
        let block = config.block_names();
        let mut found = Self::candidates(tensors, &[&block.in_proj, &block.query]);
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(no_layers()),
            _ => {
                let names: Vec<&str> = found.iter().map(|layout| &*layout.prefix).collect();
                let expected = format!("one of {}", names.join(", "));
                Err(ImportError::setting("names.layers", "nothing", expected))
            }
        }
    }

    /// All lists of layers that hold one of these names.
    pub fn candidates(tensors: &Tensors, inner: &[&String]) -> Vec<Self> {
        let start = |name: &str| {
            let at = inner.iter().find_map(|inner| {
                let at = name.find(inner.as_str())?;
                // The name of a layer, and no part of one.
                (at == 0 || name[..at].ends_with('.')).then_some(at)
            })?;
            let before = name[..at].trim_end_matches('.');
            let (list, number) = before.rsplit_once('.').unwrap_or(("", before));
            let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            Some(if numbered { (list.to_string(), true) } else { (before.to_string(), false) })
        };
        let starts: BTreeSet<_> = tensors.iter().filter_map(|(name, _)| start(name)).collect();
        let layout = |(prefix, numbered): (String, bool)| {
            if numbered { Self::under(tensors, &prefix) } else { Some(Self { prefix, numbered, count: 1 }) }
        };
        starts.into_iter().filter_map(layout).collect()
    }

    /// The layers behind a name.
    fn under(tensors: &Tensors, prefix: &str) -> Option<Self> {
        let start = if prefix.is_empty() { String::new() } else { format!("{prefix}.") };
        let inside: Vec<&str> = tensors.iter().filter_map(|(name, _)| name.strip_prefix(&start)).collect();
        let number = |name: &&str| name.split_once('.').and_then(|(number, _)| number.parse::<usize>().ok());
        match inside.iter().filter_map(number).max() {
            // As many numbers at least as tensors would be no list.
            Some(last) if last < inside.len() => {
                Some(Self { prefix: prefix.to_string(), numbered: true, count: last + 1 })
            }
            _ if inside.is_empty() => None,
            _ => Some(Self { prefix: prefix.to_string(), numbered: false, count: 1 }),
        }
    }

    /// What names of a layer begin with.
    pub fn block(&self, index: usize) -> String {
        match (self.prefix.is_empty(), self.numbered) {
            (true, true) => format!("{index}."),
            (false, true) => format!("{}.{index}.", self.prefix),
            (true, false) => String::new(),
            (false, false) => format!("{}.", self.prefix),
        }
    }

    /// A name beside the list.
    pub fn beside(&self, name: &str) -> String {
        match self.prefix.rsplit_once('.') {
            Some((parent, _)) if self.numbered => format!("{parent}.{name}"),
            // A lone layer has nothing beside it that would be known.
            _ if !self.numbered => format!("{}.{name} beside a lone layer", self.prefix),
            _ => name.to_string(),
        }
    }
}
