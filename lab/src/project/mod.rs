//! A project: the TOML that says all of a training, and what comes of it.
//!
//! [`Project::load`] reads it, [`Task::new`] reads its data and designs its front end, [`Task::train`] trains, and
//! [`Trained`] is a `.heed` file with figures.

mod alter;
mod augment;
mod budget;
pub mod card;
mod events;
mod examples;
mod inputs;
mod judge;
mod task;
mod teacher;
pub mod template;

pub use augment::Augment;
pub use budget::BudgetConfig;
pub use events::EventsConfig;
pub use inputs::Inputs;
pub use judge::{Judged, judge};
pub use task::{Task, Trained};
pub use teacher::{Distil, Teacher};

use crate::dataset::{Data, InputConfig};
use crate::network::Description;
use crate::training::Settings;
use crate::{Error, file};
use heedful_import::words;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The TOML of a training.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Labels in the order of the outputs; if there are none, those that are found, sorted. Others are left out.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Where the recordings are, and which validate.
    pub data: Data,
    /// What an input is.
    pub input: InputConfig,
    /// The model.
    pub model: Description,
    /// How it is trained.
    #[serde(default)]
    pub train: Settings,
    /// How training examples are altered.
    #[serde(default)]
    pub augment: Augment,
    /// How it learns from another model.
    #[serde(default)]
    pub distil: Distil,
    /// What events are made of.
    #[serde(default)]
    pub events: EventsConfig,
    /// What the model may take at most.
    #[serde(default)]
    pub budget: BudgetConfig,
    /// The folder that paths are relative to.
    #[serde(skip)]
    pub root: PathBuf,
}

impl Project {
    /// Reads a project; paths in it are relative to the folder of the file.
    ///
    /// # Errors
    /// Names the file, the line, and the key that may have been meant.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = String::from_utf8(file::read(path)?);
        Self::parse(&text.map_err(|_| Error::content(path, "not a text in UTF-8, as TOML is"))?, path)
    }

    /// Reads the text of a project that lies at `path`.
    ///
    /// # Errors
    /// As [`Project::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let mut project: Self = words::parse(text).map_err(Error::import(path))?;
        project.root = path.parent().unwrap_or(Path::new("")).to_owned();
        let wrong = |reason: String| Error::content(path, reason);
        project.model.check().map_err(|error| wrong(format!("[model]: {error}")))?;
        project.train.check().map_err(|error| wrong(format!("[train]: {error}")))?;
        project.augment.check(&project.input).map_err(wrong)?;
        project.distil.check().map_err(wrong)?;
        project.events.check().map_err(wrong)?;
        if let InputConfig::Audio(_) = project.input {
            inputs::check_rounding(&project.train.rounding).map_err(wrong)?;
            project.train.rounding.input_unit = Some(inputs::OCTAVE_EIGHTH);
        }
        Ok(project)
    }
}
