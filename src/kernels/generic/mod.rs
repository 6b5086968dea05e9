//! What several backends share: drivers whose few instructions each brings by a trait, and macros for assembly.

#[macro_use]
mod asm;
pub(crate) mod linear;
pub(crate) mod norm;
pub(crate) mod packed;
pub(crate) mod packed_loops;
pub(crate) mod show;
