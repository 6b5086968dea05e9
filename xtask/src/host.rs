//! The same models and clips on the host, as the reference.

use crate::root;
use anyhow::{Context, Result};
use heedful::dynamic::Model;
use std::fs;
use std::path::PathBuf;

/// Samples per second of the clips.
const CLIP_RATE: u32 = 8000;

/// A model of the folder `models`.
#[derive(Debug)]
pub struct Reference {
    model: Model,
}

impl Reference {
    /// Loads a model by its file name without ending.
    pub fn load(name: &str) -> Result<Self> {
        let path = root().join("models").join(format!("{name}.heed"));
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let model = Model::load(&bytes).with_context(|| path.display().to_string())?;
        Ok(Self { model })
    }

    /// Logits of a clip of `examples/clips`.
    pub fn logits(&self, clip: &str) -> Result<Vec<i16>> {
        let path = clips_folder().join(clip);
        let frontend = self.model.frontend().context("the model has no audio front end")?;
        let samples = heedful_recordings::read(&path, frontend.params.sample_rate)?.samples;
        let heard = self.model.hear(&samples).context("the model has no audio front end")?;
        Ok(self.model.infer_input(heard.input(), &[]).logits().to_vec())
    }
}

/// The samples of a clip of `examples/clips`.
pub fn clip(name: &str) -> Result<Vec<i16>> {
    Ok(heedful_recordings::read(&clips_folder().join(name), CLIP_RATE)?.samples)
}

/// Names of all clips of the repository.
pub fn clips() -> Result<Vec<String>> {
    let paths = heedful_recordings::list(&clips_folder())?.recordings;
    Ok(paths.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
}

/// All clips of the repository as `boards/hosted` reads them: for each a line `NAME SAMPLES`, then its samples.
pub fn samples() -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for name in clips()? {
        let samples = clip(&name)?;
        bytes.extend(format!("{name} {}\n", samples.len()).bytes());
        bytes.extend(samples.into_iter().flat_map(i16::to_le_bytes));
    }
    Ok(bytes)
}

fn clips_folder() -> PathBuf {
    root().join("examples/clips")
}
