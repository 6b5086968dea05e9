//! What several backends share: drivers whose few instructions each brings by a trait, and macros for assembly.

#[macro_use]
mod asm;
pub(crate) mod linear;
pub(crate) mod norm;
#[cfg(any(
    all(target_arch = "arm", heedful_backend = "thumb"),
    all(target_arch = "riscv32", heedful_backend = "rv32")
))]
pub(crate) mod packed;
pub(crate) mod show;
pub(crate) mod vector_padded;
pub(crate) mod vector_tile;
