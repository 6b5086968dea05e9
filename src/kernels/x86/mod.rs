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

use super::{Epilogue, Kernels, Matrix, NormView, Products, RowScale, ScoreLayout, Tile, WeightObserver, Wide};
use crate::softmax::Weight;
use product::Columns;

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

/// A level: its type, and its kernels, which fall back to [`Wide`] on a CPU that lacks it.
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

        impl linear::Parts for $level {
            #[inline(always)]
            unsafe fn fill(
                columns: &mut Columns<'_>,
                x: &[i8],
                width: usize,
                rows: usize,
                start: usize,
                length: usize,
            ) {
                #[target_feature(enable = $features)]
                #[inline(never)]
                fn level(columns: &mut Columns<'_>, x: &[i8], width: usize, rows: usize, start: usize, length: usize) {
                    // SAFETY: this function needs the level's features.
                    unsafe { columns.fill::<<$level as vector::Level>::Linear>(x, width, rows, start, length) }
                }
                // SAFETY: the caller's.
                unsafe { level(columns, x, width, rows, start, length) }
            }

            #[inline(always)]
            unsafe fn finish(block: linear::Block<'_>, epilogue: &mut Epilogue<'_>) {
                #[target_feature(enable = $features)]
                #[inline(never)]
                fn level(block: linear::Block<'_>, epilogue: &mut Epilogue<'_>) {
                    // SAFETY: this function needs the level's features.
                    unsafe { linear::finish::<<$level as vector::Level>::Linear>(block, epilogue) }
                }
                // SAFETY: the caller's.
                unsafe { level(block, epilogue) }
            }
        }

        impl Kernels for $level {
            const NAME: &'static str = $name;
            const QUERIES: usize = attend::LANES;
            const ROWS: usize = 16;

            fn name() -> &'static str {
                if Self::is_available() { Self::NAME } else { Wide::NAME }
            }

            fn linear(products: Products<'_, '_>) {
                #[target_feature(enable = $features)]
                fn level(products: Products<'_, '_>) {
                    // SAFETY: this function needs the level's features.
                    unsafe { linear::linear::<$level>(products) }
                }
                if Self::is_available() {
                    // SAFETY: the CPU has the features.
                    unsafe { level(products) }
                } else {
                    Wide::linear(products);
                }
            }

            fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
                #[target_feature(enable = $features)]
                fn level<W: Weight>(tile: &mut Tile<'_, W>) {
                    // SAFETY: this function needs the level's features.
                    unsafe { attend::scores::<$level, W>(tile) }
                }
                if Self::is_available() {
                    // SAFETY: the CPU has the features.
                    unsafe { level(tile) }
                } else {
                    Wide::tile_scores(tile);
                }
            }

            fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout {
                if Self::is_available() {
                    ScoreLayout { query: 1, key: attend::LANES, up: 0 }
                } else {
                    Wide::score_layout(tile)
                }
            }

            fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
                #[target_feature(enable = $features)]
                fn level<W: Weight>(tile: &mut Tile<'_, W>) {
                    // SAFETY: this function needs the level's features, AVX2 among them.
                    unsafe { attend::softmax::<W>(tile) }
                }
                if Self::is_available() {
                    // SAFETY: the CPU has the features.
                    unsafe { level(tile) }
                } else {
                    Wide::tile_softmax(tile);
                }
            }

            fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
                #[target_feature(enable = $features)]
                fn level<W: Weight>(tile: &mut Tile<'_, W>) {
                    // SAFETY: this function needs the level's features.
                    unsafe { attend::weighted_sum::<$level, W>(tile) }
                }
                if Self::is_available() {
                    // SAFETY: the CPU has the features.
                    unsafe { level(tile) }
                } else {
                    Wide::tile_weighted_sum(tile);
                }
            }

            fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
                if Self::is_available() {
                    attend::show(tile, observer);
                } else {
                    Wide::tile_show(tile, observer);
                }
            }

            fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
                Wide::scores(query, keys, scores)
            }

            fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
                if Self::is_available() {
                    // SAFETY: the CPU has AVX2.
                    unsafe { hidden15::sums_of_two(x, weights, sums) }
                } else {
                    Wide::sums_of_two(x, weights, sums);
                }
            }

            fn weighted_sum<W: Weight>(weights: &[W], values: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) {
                Wide::weighted_sum(weights, values, stride, scale, out);
            }

            fn layer_norm(x: &[i16], row: NormView<'_>, out: &mut [i8]) {
                if Self::is_available() {
                    // SAFETY: the CPU has AVX2.
                    unsafe { norm::layer_norm(x, row, out) }
                } else {
                    Wide::layer_norm(x, row, out);
                }
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
    Avx512Vnni, "AVX-512 VNNI", "avx2,avx512f,avx512bw,avx512vl,avx512vnni", "avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni"
);

/// Calls a function of the best level: once per layer or tile of queries.
macro_rules! best {
    ($($call:tt)*) => {
        match best() {
            Best::Avx512Vnni => Avx512Vnni::$($call)*,
            Best::AvxVnni => AvxVnni::$($call)*,
            Best::Avx2 => Avx2::$($call)*,
            Best::Wide => Wide::$($call)*,
        }
    };
}

#[derive(Clone, Copy)]
enum Best {
    Wide,
    Avx2,
    AvxVnni,
    Avx512Vnni,
}

/// `std` remembers what it has detected: a load and a test per feature.
#[inline]
fn best() -> Best {
    if Avx512Vnni::is_available() {
        Best::Avx512Vnni
    } else if AvxVnni::is_available() {
        Best::AvxVnni
    } else if Avx2::is_available() {
        Best::Avx2
    } else {
        Best::Wide
    }
}

impl Kernels for X86 {
    const NAME: &'static str = "x86-64";
    const QUERIES: usize = attend::LANES;
    const ROWS: usize = 16;

    fn name() -> &'static str {
        best!(name())
    }

    fn linear(products: Products<'_, '_>) {
        best!(linear(products));
    }

    fn tile_scores<W: Weight>(tile: &mut Tile<'_, W>) {
        best!(tile_scores(tile));
    }

    fn score_layout<W>(tile: &Tile<'_, W>) -> ScoreLayout {
        best!(score_layout(tile))
    }

    fn tile_softmax<W: Weight>(tile: &mut Tile<'_, W>) {
        best!(tile_softmax(tile));
    }

    fn tile_weighted_sum<W: Weight>(tile: &mut Tile<'_, W>) {
        best!(tile_weighted_sum(tile));
    }

    fn tile_show<W: Weight>(tile: &mut Tile<'_, W>, observer: &mut impl WeightObserver<W>) {
        best!(tile_show(tile, observer));
    }

    fn scores(query: &[i8], keys: &[i8], scores: &mut [i32]) -> i32 {
        Wide::scores(query, keys, scores)
    }

    fn weighted_sum<W: Weight>(weights: &[W], values: &[i8], stride: usize, scale: RowScale, out: &mut [i8]) {
        Wide::weighted_sum(weights, values, stride, scale, out);
    }

    fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
        best!(sums_of_two(x, weights, sums));
    }

    fn layer_norm(x: &[i16], row: NormView<'_>, out: &mut [i8]) {
        best!(layer_norm(x, row, out));
    }
}
