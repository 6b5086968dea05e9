//! `heedful inspect`: models whose heads are known by construction, models of chance, and bad input.

mod command;
mod edges;
mod made;
mod planted;
