//! `heedful inspect`: models whose heads are known by construction, models of chance, and bad input.

mod command;
mod command;
#[path = "../common/mod.rs"]
#[allow(dead_code)]
mod common;
mod edges;
mod made;
mod planted;
