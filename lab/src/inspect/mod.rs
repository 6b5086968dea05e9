//! What the heads of a model do.
//!
//! [`Source`] reads recordings, [`collect`](collect::collect) runs the model over them and watches its heads
//! ([`measures`]), [`importance`](removal::importance) removes heads, and [`Report`] is what was found, as a page, as
//! text, as pictures and as tables.

pub mod collect;
pub mod cost;
pub mod cues;
pub mod errors;
pub mod look;
pub mod measures;
pub mod removal;
pub mod shown;
pub mod ramp;
mod report;
mod source;
pub mod text;

pub use report::{Ranking, Report};
pub use source::{Recording, Source, Wanted, has_folders, model};
