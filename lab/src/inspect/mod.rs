//! What the heads of a model do.
//!
//! [`Source`] reads recordings, [`collect`](collect::collect) runs the model over them and watches its heads
//! ([`measures`]), [`importance`](removal::importance) removes heads, and [`Report`] is what was found, as a page, as
//! text, as pictures and as tables.

pub mod again;
pub mod collect;
pub mod compare;
pub mod compare_forms;
pub mod cost;
pub mod cues;
pub mod errors;
pub mod float;
pub mod flow;
mod flow_picture;
pub mod language;
pub mod look;
mod maps;
pub mod measures;
pub mod norms;
pub mod occlude;
pub mod page;
pub mod patching;
pub mod picture;
pub mod probes;
pub mod quantisation;
pub mod ramp;
pub mod removal;
mod report;
pub mod shown;
mod source;
pub mod states;
pub mod tables;
pub mod text;
pub mod watched;
pub mod write;

pub use report::{Ranking, Report};
pub use source::{Recording, Source, Subject, Wanted, has_folders, labelled_sounds, model, subject};

use crate::Error;
use crate::head_index::HeadIndex;
use heedful::dynamic::Model;

/// What a look at a model takes.
pub struct Asked<'a> {
    /// What the model is called.
    pub title: String,
    /// The model and the bytes of its file.
    pub model: (&'a Model, &'a [u8]),
    /// The float model, if there is one.
    pub float: Option<&'a float::Float>,
    /// Heads to draw; none for all.
    pub heads: &'a [HeadIndex],
    /// Inferences for each way of removing heads ([`removal::INFERENCES`]).
    pub inferences: usize,
}

/// How far it is, for a bar.
pub trait Progress: Sync {
    /// What begins, and of how many steps.
    fn begins(&self, _what: &'static str, _steps: usize) {}
    /// So many steps further.
    fn step(&self, _steps: usize) {}
}

/// Nobody looks.
impl Progress for () {}

/// Looks into a model over recordings.
///
/// # Errors
/// The first recording that cannot be read.
pub fn inspect(asked: Asked<'_>, source: &Source, progress: &dyn Progress) -> Result<Report, Error> {
    let (model, step) = (asked.model.0, |steps| progress.step(steps));
    progress.begins("recordings", source.len());
    let collected = collect::collect(model, source, &step)?;
    let steps = removal::steps(collected.heads.len(), collected.tasks.len(), asked.inferences);
    progress.begins("inferences without heads", steps);
    let importance = removal::importance(model, &collected.tasks, asked.inferences, &step);
    let pairs = patching::pairs(&collected.tasks, collected.heads.len(), asked.inferences);
    progress.begins("heads swapped between recordings", pairs * (collected.heads.len() + model.heads().len()));
    let patching = patching::patching(model, &collected.heads, &collected.tasks, pairs, &step);
    progress.begins("recordings again", again::recordings(model, &collected.tasks));
    let (heads, tasks, columns) = (&collected.heads, &collected.tasks, &source.columns);
    let again = again::again(model, heads, tasks, columns, asked.float, asked.inferences, &step);
    let found = (collected, importance, patching, again);
    Ok(Report::new(asked.title, asked.model, source.notes.clone(), found, asked.heads))
}
