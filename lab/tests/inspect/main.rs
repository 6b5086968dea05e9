//! `heedful inspect`: models whose heads are known by construction, models of chance, and bad input.

#[path = "../common/mod.rs"]
#[allow(dead_code)]
mod common;
mod command;
mod edges;
mod made;
mod planted;
