//! `heedful inspect`: models whose heads are known by construction, models of chance, and bad input.

#[path = "../../../tests/support/skip.rs"]
mod skip;

mod again;
mod command;
mod decoders;
mod edges;
mod language;
mod made;
mod planted;
