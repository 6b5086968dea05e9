//! What the heads of a model do.

pub mod measures;
