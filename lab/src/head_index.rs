//! Which head of a model is meant.

use crate::Error;
use std::fmt;
use std::str::FromStr;

/// A head of a model, as `block.head`, both counted from 0; `block:head` is read, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeadIndex {
    /// Its block.
    pub block: usize,
    /// Its place in the block.
    pub head: usize,
}

impl HeadIndex {
    /// All heads of a model whose blocks have so many, block after block.
    #[must_use]
    pub fn all(heads: &[usize]) -> Vec<Self> {
        let blocks = heads.iter().enumerate();
        blocks.flat_map(|(block, &heads)| (0..heads).map(move |head| Self { block, head })).collect()
    }

    /// As [`Model::infer_without`] takes heads.
    #[must_use]
    pub fn pairs(heads: &[Self]) -> Vec<(usize, usize)> {
        heads.iter().map(|head| (head.block, head.head)).collect()
    }

    /// Whether a model whose blocks have so many heads has this one.
    ///
    /// # Errors
    /// If not.
    pub fn check(self, heads: &[usize]) -> Result<(), Error> {
        match heads.get(self.block) {
            Some(&heads) if self.head < heads => Ok(()),
            _ => Err(Error::Head { block: self.block, head: self.head }),
        }
    }
}

impl FromStr for HeadIndex {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers =
            text.split_once(['.', ':']).and_then(|(block, head)| Some((block.parse().ok()?, head.parse().ok()?)));
        let (block, head) = numbers.ok_or("expected block.head, both counted from 0, such as 1.2")?;
        Ok(Self { block, head })
    }
}

impl fmt::Display for HeadIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.block, self.head)
    }
}
