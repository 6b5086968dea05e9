//! The `[budget]` table: what the model may take at most.

use crate::Error;
use crate::budget::{Budget, Bytes, number};
use crate::target::{CORES, Core};
use heedful::dynamic::Model;
use serde::{Deserialize, Deserializer};

/// Limits; what is not said has none.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// Bytes of the file, such as 65536 or "64K".
    #[serde(default, deserialize_with = "bytes")]
    pub flash: Option<usize>,
    /// Bytes of working memory.
    #[serde(default, deserialize_with = "bytes")]
    pub ram: Option<usize>,
    /// Instructions of an inference, such as 2000000 or "2M"; of 1,000,000 each.
    #[serde(default, deserialize_with = "instructions")]
    pub instructions: Option<usize>,
    /// The core on which; without it, RAM is that of the core that needs most, and instructions are those of a
    /// Cortex-M4.
    pub core: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number, or one with K or M such as \"64K\"")]
enum Number {
    Plain(usize),
    Text(String),
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    match Number::deserialize(from)? {
        Number::Plain(number) => Ok(Some(number)),
        Number::Text(text) => text.parse().map(|Bytes(bytes)| Some(bytes)).map_err(serde::de::Error::custom),
    }
}

fn instructions<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    match Number::deserialize(from)? {
        Number::Plain(number) => Ok(Some(number)),
        Number::Text(text) => {
            let wrong = || serde::de::Error::custom(format!("{text:?} is no number, such as 2000000, 500K or 2M"));
            number(&text, 1000).map(Some).ok_or_else(wrong)
        }
    }
}

impl BudgetConfig {
    /// The core, if one is named.
    fn core(&self) -> Result<Option<&'static Core>, Error> {
        let of = |name: &String| name.parse().map_err(|e| Error::Training(format!("`budget.core`: {e}")));
        self.core.as_ref().map(of).transpose()
    }

    /// What a model has too much, in words; none if it fits.
    ///
    /// # Errors
    /// If there is no such core.
    pub fn over(&self, model: &Model) -> Result<Option<String>, Error> {
        let core = self.core()?;
        let budget = Budget { flash: self.flash, ram: self.ram, core };
        let on = core.unwrap_or(&CORES[2]);
        let estimated = on.instructions(&model.work()).round() as usize;
        let slow = self.instructions.filter(|most| estimated > *most).map(|most| {
            let over = estimated - most;
            format!("an estimated {estimated} instructions on {}, {over} more than `instructions` allows", on.name)
        });
        let over: Vec<String> = budget.over(model).into_iter().chain(slow).collect();
        Ok((!over.is_empty()).then(|| over.join("; ")))
    }
}
