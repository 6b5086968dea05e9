//! The kernels: a few small functions that do nearly all the work, once per target.
//!
//! [`Kernels`] (`contract.rs`) is the contract. [`Portable`] is its specification; every other backend
//! gives the same bytes and is held against it by the same generator of cases. A backend
//! overrides what it can do better and inherits the rest.
//!
//! Which one is used is decided when the crate is compiled (`build.rs` maps the target to the crate's
//! own cfgs): see [`Active`] and [`backend`]. Kernels know nothing of attention, and only this
//! folder may contain `unsafe`.

#[macro_use]
#[allow(unsafe_code)]
#[allow(dead_code, unused_macros, unused_imports)] // Each backend takes what it needs.
mod generic;

mod bias;
mod contract;
#[cfg(all(target_arch = "arm", heedful_backend = "dsp"))]
#[allow(unsafe_code)]
mod dsp;
#[cfg(all(target_arch = "arm", heedful_backend = "helium"))]
#[allow(unsafe_code)]
mod helium;
mod hidden15;
mod layer;
#[allow(unsafe_code)]
pub(crate) mod long_product;
#[cfg(all(target_arch = "aarch64", heedful_backend = "neon"))]
#[allow(unsafe_code)]
mod neon;
mod norm;
mod parts;
mod portable;
mod rotate;
#[cfg(all(target_arch = "riscv32", heedful_backend = "rv32"))]
#[allow(unsafe_code)]
mod rv32;
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"))]
#[allow(unsafe_code)]
mod rvv;
mod slices;
#[cfg(all(target_arch = "arm", heedful_backend = "thumb"))]
#[allow(unsafe_code)]
mod thumb;
mod tile;
#[cfg(not(target_os = "none"))]
mod wide;
#[allow(unsafe_code)]
pub(crate) mod words;
#[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
#[allow(unsafe_code)]
mod x86;

#[cfg(all(target_arch = "arm", heedful_backend = "dsp"))]
pub use dsp::Dsp;
#[cfg(all(target_arch = "arm", heedful_backend = "helium"))]
pub use helium::Helium;
#[cfg(all(target_arch = "aarch64", heedful_backend = "neon"))]
pub use neon::Neon;
pub(crate) use parts::queries_in_parts;
pub use rotate::{Pairing, Rotation, Turn};
#[cfg(all(target_arch = "riscv32", heedful_backend = "rv32"))]
pub use rv32::Rv32;
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"))]
pub use rvv::Rvv;
#[cfg(all(target_arch = "arm", heedful_backend = "thumb"))]
pub use thumb::Thumb;
pub use tile::{Bounds, MAX_QUERIES, Tile, TileParts, WeightObserver};
#[cfg(not(target_os = "none"))]
pub use wide::Wide;
#[cfg(all(target_arch = "x86_64", not(target_os = "none")))]
pub use x86::{Avx2, Avx512Vnni, AvxVnni, X86};

pub use crate::arithmetic::softmax::RowScale;
pub use bias::{MASKED, ScoreLayout};
pub use contract::{Kernels, Portable, linear};
pub use hidden15::Gated;
#[allow(unused_imports)] // For backends that check lengths of their own.
use layer::holds;
pub use layer::{Epilogue, Layer, Matrix, Products, Rows};
pub use norm::{MAX_EPSILON, MAX_WIDTH, NormChannel, NormView};
pub(crate) use slices::{rows, rows_mut, tiles, tiles_mut};

/// The backend that this build uses.
#[cfg(all(target_arch = "arm", heedful_backend = "dsp"))]
pub type Active = Dsp;
/// The backend that this build uses.
#[cfg(all(target_arch = "arm", heedful_backend = "helium"))]
pub type Active = Helium;
/// The backend that this build uses.
#[cfg(all(target_arch = "aarch64", heedful_backend = "neon"))]
pub type Active = Neon;
/// The backend that this build uses.
#[cfg(all(not(target_os = "none"), heedful_backend = "wide"))]
pub type Active = Wide;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "x86"))]
pub type Active = X86;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "avx2"))]
pub type Active = Avx2;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "avx_vnni"))]
pub type Active = AvxVnni;
/// The backend that this build uses.
#[cfg(all(target_arch = "x86_64", not(target_os = "none"), heedful_backend = "avx512_vnni"))]
pub type Active = Avx512Vnni;
/// The backend that this build uses.
#[cfg(all(target_arch = "riscv32", heedful_backend = "rv32"))]
pub type Active = Rv32;
/// The backend that this build uses.
#[cfg(all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"))]
pub type Active = Rvv;
/// The backend that this build uses.
#[cfg(all(target_arch = "arm", heedful_backend = "thumb"))]
pub type Active = Thumb;
/// The backend that this build uses.
#[cfg(not(any(
    all(target_arch = "riscv32", heedful_backend = "rv32"),
    all(any(target_arch = "riscv32", target_arch = "riscv64"), heedful_backend = "rvv"),
    all(target_arch = "arm", heedful_backend = "dsp"),
    all(target_arch = "arm", heedful_backend = "helium"),
    all(target_arch = "arm", heedful_backend = "thumb"),
    all(target_arch = "aarch64", heedful_backend = "neon"),
    all(not(target_os = "none"), heedful_backend = "wide"),
    all(
        target_arch = "x86_64",
        not(target_os = "none"),
        any(
            heedful_backend = "x86",
            heedful_backend = "avx2",
            heedful_backend = "avx_vnni",
            heedful_backend = "avx512_vnni"
        )
    ),
)))]
pub type Active = Portable;

/// Name of the backend that does the work: on x86-64 with the feature `std`, the best that the CPU has.
///
/// ```
/// println!("kernels: {}", heedful::backend());
/// ```
#[must_use]
#[inline]
pub fn backend() -> &'static str {
    <Active as Kernels>::name()
}
