//! What several backends share: drivers whose few instructions each brings by a trait, and macros for assembly.

#[macro_use]
mod asm;
