//! x86-64: AVX2, AVX-VNNI and AVX-512 VNNI, chosen at run time where there is `std`.
//!
//! One code serves all levels: `vector.rs` has their instructions, `product.rs` the loop of all products, `linear.rs`
//! and `attend.rs` what brings layers and attention to it. Kernels on single rows, of which attention needs none here,
//! and CPUs without AVX2 are left to [`Wide`].

mod attend;
mod hidden15;
mod linear;
mod norm;
mod product;
mod vector;

use super::generic::linear::{self as driver, Block, LinearBlocks, RowTile, TileLinear};
use super::{Epilogue, Kernels, Layer, Matrix, NormView, Products, ScoreLayout, Tile, WeightObserver, Wide};
use crate::arithmetic::softmax::Weight;
use core::mem::MaybeUninit;
use linear::Eight;

/// The best level that the CPU has.
#[derive(Clone, Copy, Debug)]
pub struct X86;

/// Whether all of the features are there: at run time with `std`, else when compiled.
macro_rules! has {
    ($($feature:tt),*) => {{
        #[cfg(feature = "std")]
        let has = $(std::is_x86_feature_detected!($feature))&&*;
        #[cfg(not(feature = "std"))]
        let has = cfg!(all($(target_feature = $feature),*));
        has
    }};
}

/// The kernels of a CPU that has the level `L`: one list, from which all levels and the choice among them are made.
macro_rules! kernels {
    ($make:ident! $with:tt) => {
        $make! { $with
            fn linear(products: Products<'_, '_>) { linear::linear::<L>(products) }
            fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) { attend::scores::<L, W>(tile) }
            fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout { attend::score_layout(tile) }
            fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) { attend::softmax::<W>(tile) }
            fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) { attend::weighted_sum::<L, W>(tile) }
            fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
                attend::show(tile, observer)
            }
            fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
                hidden15::sums_of_two(x, weights, sums)
            }
            fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) { norm::layer_norm(x, norm, out) }
        }
    };
}

/// `impl Kernels` of a level: where the CPU lacks it, [`Wide`] does the work.
macro_rules! level_kernels {
    (
        ($level:ident, $name:literal, $features:literal)
        $(fn $kernel:ident $(<W $(: $bound:ident)?>)? ($($argument:ident: $type:ty),*) $(-> $result:ty)? $code:block)*
    ) => {
        impl Kernels for $level {
            const NAME: &'static str = $name;
            const QUERIES: usize = attend::LANES;
            const ROWS: usize = linear::ROWS;

            fn name() -> &'static str {
                if Self::is_available() { Self::NAME } else { Wide::NAME }
            }
            $(
                fn $kernel $(<W $(: $bound)?>)? ($($argument: $type),*) $(-> $result)? {
                    #[target_feature(enable = $features)]
                    fn level $(<W $(: $bound)?>)? ($($argument: $type),*) $(-> $result)? {
                        #[allow(dead_code)] // Some are the same on all levels, and some are safe.
                        type L = $level;
                        // SAFETY: this function needs the level's features.
                        #[allow(unused_unsafe)]
                        unsafe { $code }
                    }
                    if Self::is_available() {
                        // SAFETY: the CPU has the features.
                        unsafe { level($($argument),*) }
                    } else {
                        Wide::$kernel($($argument),*)
                    }
                }
            )*
        }
    };
}

/// A level: its type, its kernels, and the blocks of a layer.
macro_rules! level {
    ($(#[$doc:meta])* $level:ident, $name:literal, $features:literal, $($feature:tt),*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $level;

        impl $level {
            /// Whether the CPU has it: without the feature `std`, whether the build may take it for granted.
            /// Where it is not available, [`Wide`] does its work.
            #[inline]
            #[must_use]
            pub fn is_available() -> bool {
                has!($($feature),*)
            }
        }

        kernels! { level_kernels! ($level, $name, $features) }

        impl TileLinear for Eight<'_, $level> {
            const INNER: usize = product::INNER;

            #[target_feature(enable = $features)]
            #[inline(never)]
            unsafe fn load(&mut self, tile: RowTile<'_>, start: usize, length: usize) {
                type X = <$level as vector::Level>::Linear;
                // SAFETY: this function needs the level's features.
                unsafe { self.columns.fill::<X>(tile.x.data, tile.x.width, tile.lanes, start, length) }
            }

            #[inline(always)]
            unsafe fn layer(&mut self, tile: RowTile<'_>, inputs: usize, layer: &mut Layer<'_>) {
                // SAFETY: the caller's.
                unsafe { driver::blocks(self, tile, inputs, layer) };
            }
        }

        impl LinearBlocks for Eight<'_, $level> {
            const CHUNK: usize = product::INNER;
            const OUTPUTS: usize = product::OUTPUTS;
            // Kept in `Eight`.
            type Sums = ();

            #[inline(always)]
            unsafe fn products(
                &mut self,
                _: usize,
                w: Matrix<'_>,
                block: &Block<'_>,
                _: &mut MaybeUninit<()>,
                add: bool,
            ) {
                // SAFETY: the caller's.
                unsafe { self.multiply(w, block.channels, !add) }
            }

            #[target_feature(enable = $features)]
            #[inline(never)]
            unsafe fn finish(&mut self, block: &Block<'_>, epilogue: &mut Epilogue<'_>, _: &mut MaybeUninit<()>) {
                // SAFETY: this function needs the level's features.
                unsafe { self.results(block, epilogue) }
            }
        }
    };
}

level!(
    /// 16-bit products in pairs (PMADDWD), on any x86-64 since 2013 or so.
    Avx2, "AVX2", "avx2", "avx2"
);
level!(
    /// 8-bit products in fours (VPDPBUSD) with registers of 256 bits.
    AvxVnni, "AVX-VNNI", "avx2,avxvnni", "avx2", "avxvnni"
);
level!(
    /// 8-bit products in fours (VPDPBUSD) with registers of 512 bits for layers, of 256 for attention.
    Avx512Vnni, "AVX-512 VNNI", "avx2,avx512f,avx512bw,avx512vl,avx512vnni",
    "avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni"
);

/// Calls a function of the best level, once per layer or tile of queries; [`Avx2`] falls back to [`Wide`]. `std`
/// remembers what it has detected: a load and a test per feature.
macro_rules! best {
    ($($call:tt)*) => {
        if Avx512Vnni::is_available() {
            Avx512Vnni::$($call)*
        } else if AvxVnni::is_available() {
            AvxVnni::$($call)*
        } else {
            Avx2::$($call)*
        }
    };
}

/// `impl Kernels` of the best level.
macro_rules! best_kernels {
    (
        ()
        $(fn $kernel:ident $(<W $(: $bound:ident)?>)? ($($argument:ident: $type:ty),*) $(-> $result:ty)? $code:block)*
    ) => {
        impl Kernels for X86 {
            const NAME: &'static str = "x86-64";
            const QUERIES: usize = attend::LANES;
            const ROWS: usize = linear::ROWS;

            fn name() -> &'static str {
                best!(name())
            }
            $(
                fn $kernel $(<W $(: $bound)?>)? ($($argument: $type),*) $(-> $result)? {
                    best!($kernel($($argument),*))
                }
            )*
        }
    };
}

kernels! { best_kernels! () }
