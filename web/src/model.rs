//! A file, and what the page says of it.

use heedful::audio::{Level, Params};
use heedful::dynamic::{Ear, Model};
use heedful::format::InputKind;
use serde::Serialize;

/// What the page says of a model.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Names of the outputs; their numbers where the file gives none.
    pub labels: Vec<String>,
    /// Samples per second.
    pub rate: u32,
    /// Samples under the window.
    pub window: usize,
    /// Samples that a [look](crate::look()) takes at most: the window, and of a front end that follows a running level
    /// what comes before it.
    pub lookback: usize,
    /// Samples from an inference to the next one.
    pub cadence: usize,
    /// Positions that attend to each other.
    pub positions: usize,
    /// Class tokens, the first of them.
    pub class_tokens: usize,
    /// Heads of each block.
    pub heads: Vec<usize>,
    /// Bytes of the file.
    pub bytes: usize,
    /// Multiply-accumulates of an inference over the window.
    pub macs: usize,
    /// Whether it takes a token at a time.
    pub streams: bool,
    /// The kernels.
    pub backend: &'static str,
}

/// Reads and checks the bytes of a `.heed` file of a model that hears.
///
/// # Errors
/// What is wrong with the file, or that its model hears no sound, or gives no classes.
pub fn open(bytes: &[u8]) -> Result<(Model, Facts), String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let model = Model::load(bytes).map_err(|error| error.to_string())?;
    let Some(Params { sample_rate, hop, level, .. }) = model.frontend().map(|frontend| frontend.params) else {
        let takes = match model.shape().input.kind {
            InputKind::Tokens => "tokens",
            _ => "features or readings of sensors",
        };
        return Err(format!("the model takes {takes}, and this page gives sound only"));
    };
    let events = model.events();
    let window = Ear::new(&model, events.clone()).map_err(|error| error.to_string())?.window() as usize;
    let name = |(class, label): (usize, &String)| if label.is_empty() { class.to_string() } else { label.clone() };
    let mut labels: Vec<String> = model.labels().iter().enumerate().map(name).collect();
    labels.extend((labels.len()..model.shape().outputs).map(|class| class.to_string()));
    let facts = Facts {
        labels,
        rate: sample_rate,
        window,
        lookback: window + settling(level) * hop as usize,
        cadence: events.cadence.max(1) as usize * hop as usize,
        positions: model.shape().positions,
        class_tokens: model.shape().class_tokens,
        heads: model.heads().to_vec(),
        bytes: model.flash_bytes(),
        macs: model.macs(),
        streams: model.streaming().is_ok(),
        backend: heedful::backend(),
    };
    Ok((model, facts))
}

/// Frames after which a running level has all but forgotten where it began. It is in integers and may keep a last step
/// of it, so that a look at what comes later can differ from what was heard by a step of a feature.
fn settling(level: Level) -> usize {
    match level {
        Level::Mean => 0,
        Level::Running { shift } => (32usize << shift).min(4096),
    }
}
