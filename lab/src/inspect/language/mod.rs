//! What the heads of a language model do: over texts, over random tokens said twice, and over sentences of known
//! grammar.

mod error;
mod page;
mod reader;
pub mod repeated;
mod report;
mod scores;
mod tables;
pub mod templates;
mod text;
pub mod texts;
pub mod words;

pub use error::LanguageError;
pub use page::page;
pub use reader::{LONGEST, Reader};
pub use report::{Amount, Asked, LanguageReport, ShownText, inspect};
pub use scores::{SHARES, Scores};
pub use tables::{json, tables};
pub use text::text;
