//! Vectors of 32-bit lanes: the multiply instruction of each level, and what surrounds it.
//!
//! A lane holds a group of neighbouring values: two of 16 bits for PMADDWD and VPDPWSSD, four of 8 bits for VPDPBUSD.
//! The latter takes one factor unsigned: the values that are broadcast get 128 added, and the sum of the
//! other factor, times 128, is taken away.

use core::arch::x86_64::*;

/// A vector of [`Vector::LANES`] rows side by side.
///
/// # Safety
/// All methods need a CPU that has the instructions; those that take pointers need what they point to.
#[allow(clippy::missing_safety_doc)]
pub(super) trait Vector {
    type V: Copy;
    /// 32-bit lanes: 8 or 16.
    const LANES: usize;
    /// Values per lane.
    const GROUP: usize;
    /// Added to the values that are broadcast.
    const OFFSET: i32;
    /// `x` in all lanes.
    unsafe fn splat(x: i32) -> Self::V;
    /// `LANES` words, at any alignment.
    unsafe fn load(from: *const i32) -> Self::V;
    /// The same, to write.
    unsafe fn store(to: *mut i32, x: Self::V);
    /// Sum of each lane.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// Adds the products of each group. `row` is broadcast and made by [`Vector::flip`], `columns` is not.
    unsafe fn dot(sum: Self::V, row: Self::V, columns: Self::V) -> Self::V;
    /// Eight groups of values.
    unsafe fn whole(values: *const i8) -> __m256i;
    /// The first eight groups of a row; zeros beyond its end.
    unsafe fn part(values: &[i8]) -> __m256i;
    /// Eight groups, for rows that are broadcast.
    unsafe fn flip(groups: __m256i) -> __m256i;
    /// `floor(x · multiplier / 2^32)`, then a shift to the right with `half` added.
    unsafe fn scale(x: Self::V, multiplier: i32, half: i32, shift: i32) -> Self::V;
    /// Eight outputs of each row, saturated to int8. `to` has `LANES` rows or more.
    unsafe fn bytes(outputs: [Self::V; 8], to: &mut [[i8; 8]]);
    /// Eight outputs of each row, saturated to int16. `to` has `LANES` rows or more.
    unsafe fn words(outputs: [Self::V; 8], to: &mut [[i16; 8]]);
    /// One output of each row, saturated to int8.
    unsafe fn one(output: Self::V, to: &mut [i8; 16]);
}

/// What a level consists of.
pub(super) trait Level {
    /// For linear layers.
    type Linear: Vector;
    /// For scores: 8 lanes.
    type Scores: Vector<V = __m256i>;
    /// For weighted sums: 8 lanes of two values of 16 bits.
    type Sums: Vector<V = __m256i>;
}

impl Level for super::Avx2 {
    type Linear = Pmaddwd;
    type Scores = Pmaddwd;
    type Sums = Pmaddwd;
}

impl Level for super::AvxVnni {
    type Linear = VexVpdpbusd;
    type Scores = VexVpdpbusd;
    type Sums = VexVpdpwssd;
}

impl Level for super::Avx512Vnni {
    type Linear = Zmm;
    type Scores = EvexVpdpbusd;
    type Sums = EvexVpdpwssd;
}

/// 32 values.
#[inline(always)]
unsafe fn whole_32(values: *const i8) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_loadu_si256(values.cast()) }
}

/// 16 values, widened to 16 bits.
#[inline(always)]
unsafe fn whole_16(values: *const i8) -> __m256i {
    // SAFETY: the caller's.
    unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(values.cast())) }
}

/// The first 32 values, zeros beyond the end.
#[inline(always)]
unsafe fn part_32(values: &[i8]) -> __m256i {
    // SAFETY: loads and copies stay inside the slice and the array: the mask leaves out all words beyond the end,
    // and words left out are not accessed.
    unsafe {
        if values.len() >= 32 {
            whole_32(values.as_ptr())
        } else if values.len().is_multiple_of(4) {
            _mm256_maskload_epi32(values.as_ptr().cast(), mask(values.len() / 4))
        } else {
            let mut padded = [0; 32];
            padded[..values.len()].copy_from_slice(values);
            _mm256_loadu_si256(padded.as_ptr().cast())
        }
    }
}

/// The first 16 values, widened to 16 bits; zeros beyond the end.
#[inline(always)]
unsafe fn part_16(values: &[i8]) -> __m256i {
    // SAFETY: as above.
    unsafe {
        if values.len() >= 16 {
            whole_16(values.as_ptr())
        } else if values.len().is_multiple_of(4) {
            let mask = _mm256_castsi256_si128(mask(values.len() / 4));
            _mm256_cvtepi8_epi16(_mm_maskload_epi32(values.as_ptr().cast(), mask))
        } else {
            let mut padded = [0; 16];
            padded[..values.len()].copy_from_slice(values);
            whole_16(padded.as_ptr())
        }
    }
}

/// All bits of the first `words` lanes, at most 8.
#[inline(always)]
unsafe fn mask(words: usize) -> __m256i {
    static MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    // SAFETY: 8 words from 0 to 8 on, out of 16.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - words.min(8)).cast()) }
}

/// Eight words of eight rows to eight vectors with a word of each row.
#[inline(always)]
pub(super) unsafe fn transpose(r: [__m256i; 8]) -> [__m256i; 8] {
    // SAFETY: registers only.
    unsafe {
        let (a0, a1) = (_mm256_unpacklo_epi32(r[0], r[1]), _mm256_unpackhi_epi32(r[0], r[1]));
        let (a2, a3) = (_mm256_unpacklo_epi32(r[2], r[3]), _mm256_unpackhi_epi32(r[2], r[3]));
        let (a4, a5) = (_mm256_unpacklo_epi32(r[4], r[5]), _mm256_unpackhi_epi32(r[4], r[5]));
        let (a6, a7) = (_mm256_unpacklo_epi32(r[6], r[7]), _mm256_unpackhi_epi32(r[6], r[7]));
        let (b0, b1) = (_mm256_unpacklo_epi64(a0, a2), _mm256_unpackhi_epi64(a0, a2));
        let (b2, b3) = (_mm256_unpacklo_epi64(a1, a3), _mm256_unpackhi_epi64(a1, a3));
        let (b4, b5) = (_mm256_unpacklo_epi64(a4, a6), _mm256_unpackhi_epi64(a4, a6));
        let (b6, b7) = (_mm256_unpacklo_epi64(a5, a7), _mm256_unpackhi_epi64(a5, a7));
        [
            _mm256_permute2x128_si256::<0x20>(b0, b4),
            _mm256_permute2x128_si256::<0x20>(b1, b5),
            _mm256_permute2x128_si256::<0x20>(b2, b6),
            _mm256_permute2x128_si256::<0x20>(b3, b7),
            _mm256_permute2x128_si256::<0x31>(b0, b4),
            _mm256_permute2x128_si256::<0x31>(b1, b5),
            _mm256_permute2x128_si256::<0x31>(b2, b6),
            _mm256_permute2x128_si256::<0x31>(b3, b7),
        ]
    }
}

/// In each quarter: four bytes of each of four outputs to four bytes of each of four rows.
const BYTES: [i8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];
/// In each quarter: four words of each of two outputs to two words of each of four rows.
const WORDS: [i8; 16] = [0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15];

/// Odd lanes to even ones. A shift would do, but from it LLVM makes a product of 64 bits, in parts.
const UP: i32 = 0xf5;

/// `floor(x · multiplier / 2^32)` in each lane.
#[inline(always)]
pub(super) unsafe fn high(x: __m256i, multiplier: __m256i) -> __m256i {
    // SAFETY: registers only.
    unsafe {
        let even = _mm256_mul_epi32(x, multiplier);
        let odd = _mm256_mul_epi32(_mm256_shuffle_epi32::<UP>(x), _mm256_shuffle_epi32::<UP>(multiplier));
        _mm256_blend_epi32::<0xaa>(_mm256_shuffle_epi32::<UP>(even), odd)
    }
}

/// A type that implements [`Vector`] with registers of 256 bits.
macro_rules! ymm {
    ($(#[$doc:meta])* $name:ident, group $group:literal, $whole:ident $part:ident, offset $offset:literal, $dot:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        // SAFETY of all blocks: callers see to it that the CPU has the instructions; pointers are the caller's.
        #[allow(clippy::undocumented_unsafe_blocks)]
        impl Vector for $name {
            type V = __m256i;
            const LANES: usize = 8;
            const GROUP: usize = $group;
            const OFFSET: i32 = $offset;

            #[inline(always)]
            unsafe fn splat(x: i32) -> __m256i {
                unsafe { _mm256_set1_epi32(x) }
            }

            #[inline(always)]
            unsafe fn load(from: *const i32) -> __m256i {
                unsafe { _mm256_loadu_si256(from.cast()) }
            }

            #[inline(always)]
            unsafe fn store(to: *mut i32, x: __m256i) {
                unsafe { _mm256_storeu_si256(to.cast(), x) }
            }

            #[inline(always)]
            unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
                unsafe { _mm256_add_epi32(a, b) }
            }

            #[inline(always)]
            unsafe fn dot(sum: __m256i, row: __m256i, columns: __m256i) -> __m256i {
                unsafe { $dot(sum, row, columns) }
            }

            #[inline(always)]
            unsafe fn whole(values: *const i8) -> __m256i {
                unsafe { $whole(values) }
            }

            #[inline(always)]
            unsafe fn part(values: &[i8]) -> __m256i {
                unsafe { $part(values) }
            }

            #[inline(always)]
            unsafe fn flip(groups: __m256i) -> __m256i {
                unsafe { _mm256_xor_si256(groups, _mm256_set1_epi8($offset as u8 as i8)) }
            }

            #[inline(always)]
            unsafe fn scale(x: __m256i, multiplier: i32, half: i32, shift: i32) -> __m256i {
                unsafe {
                    let high = high(x, _mm256_set1_epi32(multiplier));
                    _mm256_sra_epi32(_mm256_add_epi32(high, _mm256_set1_epi32(half)), _mm_cvtsi32_si128(shift))
                }
            }

            #[inline(always)]
            unsafe fn bytes(q: [__m256i; 8], to: &mut [[i8; 8]]) {
                debug_assert!(to.len() >= Self::LANES);
                unsafe {
                    let order = _mm256_broadcastsi128_si256(_mm_loadu_si128(BYTES.as_ptr().cast()));
                    let low = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
                    let high = _mm256_packs_epi16(_mm256_packs_epi32(q[4], q[5]), _mm256_packs_epi32(q[6], q[7]));
                    let (low, high) = (_mm256_shuffle_epi8(low, order), _mm256_shuffle_epi8(high, order));
                    let (a, b) = (_mm256_unpacklo_epi32(low, high), _mm256_unpackhi_epi32(low, high));
                    let to: *mut __m256i = to.as_mut_ptr().cast();
                    _mm256_storeu_si256(to, _mm256_permute2x128_si256::<0x20>(a, b));
                    _mm256_storeu_si256(to.add(1), _mm256_permute2x128_si256::<0x31>(a, b));
                }
            }

            #[inline(always)]
            unsafe fn words(q: [__m256i; 8], to: &mut [[i16; 8]]) {
                debug_assert!(to.len() >= Self::LANES);
                unsafe {
                    let order = _mm256_broadcastsi128_si256(_mm_loadu_si128(WORDS.as_ptr().cast()));
                    let a = _mm256_shuffle_epi8(_mm256_packs_epi32(q[0], q[1]), order);
                    let b = _mm256_shuffle_epi8(_mm256_packs_epi32(q[2], q[3]), order);
                    let c = _mm256_shuffle_epi8(_mm256_packs_epi32(q[4], q[5]), order);
                    let d = _mm256_shuffle_epi8(_mm256_packs_epi32(q[6], q[7]), order);
                    let (low, high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
                    let (low_2, high_2) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
                    let rows = [
                        _mm256_unpacklo_epi64(low, low_2),
                        _mm256_unpackhi_epi64(low, low_2),
                        _mm256_unpacklo_epi64(high, high_2),
                        _mm256_unpackhi_epi64(high, high_2),
                    ];
                    let to: *mut __m128i = to.as_mut_ptr().cast();
                    for (i, row) in rows.into_iter().enumerate() {
                        _mm_storeu_si128(to.add(i), _mm256_castsi256_si128(row));
                        _mm_storeu_si128(to.add(4 + i), _mm256_extracti128_si256::<1>(row));
                    }
                }
            }

            #[inline(always)]
            unsafe fn one(q: __m256i, to: &mut [i8; 16]) {
                unsafe {
                    let words = _mm256_packs_epi32(q, q);
                    let bytes = _mm256_packs_epi16(words, words);
                    let both =
                        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
                    _mm_storeu_si128(to.as_mut_ptr().cast(), both);
                }
            }
        }
    };
}

ymm!(
    /// Pairs of 16 bits: PMADDWD.
    Pmaddwd, group 2, whole_16 part_16, offset 0,
    |sum, row, columns| _mm256_add_epi32(sum, _mm256_madd_epi16(row, columns))
);
ymm!(
    /// Four bytes: VPDPBUSD of AVX-VNNI.
    VexVpdpbusd, group 4, whole_32 part_32, offset 128, _mm256_dpbusd_avx_epi32
);
ymm!(
    /// Pairs of 16 bits: VPDPWSSD of AVX-VNNI.
    VexVpdpwssd, group 2, whole_16 part_16, offset 0, _mm256_dpwssd_avx_epi32
);
ymm!(
    /// Four bytes: VPDPBUSD of AVX-512.
    EvexVpdpbusd, group 4, whole_32 part_32, offset 128, _mm256_dpbusd_epi32
);
ymm!(
    /// Pairs of 16 bits: VPDPWSSD of AVX-512.
    EvexVpdpwssd, group 2, whole_16 part_16, offset 0, _mm256_dpwssd_epi32
);

/// Four bytes in each of 16 lanes: VPDPBUSD with registers of 512 bits.
pub(super) struct Zmm;

// SAFETY of all blocks: as for the types above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Zmm {
    type V = __m512i;
    const LANES: usize = 16;
    const GROUP: usize = 4;
    const OFFSET: i32 = 128;

    #[inline(always)]
    unsafe fn splat(x: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut i32, x: __m512i) {
        unsafe { _mm512_storeu_si512(to.cast(), x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn dot(sum: __m512i, row: __m512i, columns: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sum, row, columns) }
    }

    #[inline(always)]
    unsafe fn whole(values: *const i8) -> __m256i {
        unsafe { EvexVpdpbusd::whole(values) }
    }

    #[inline(always)]
    unsafe fn part(values: &[i8]) -> __m256i {
        unsafe { EvexVpdpbusd::part(values) }
    }

    #[inline(always)]
    unsafe fn flip(groups: __m256i) -> __m256i {
        unsafe { EvexVpdpbusd::flip(groups) }
    }

    #[inline(always)]
    unsafe fn scale(x: __m512i, multiplier: i32, half: i32, shift: i32) -> __m512i {
        unsafe {
            let multiplier = _mm512_set1_epi32(multiplier);
            let even = _mm512_mul_epi32(x, multiplier);
            let odd = _mm512_mul_epi32(_mm512_shuffle_epi32::<UP>(x), multiplier);
            let high = _mm512_mask_shuffle_epi32::<UP>(odd, 0x5555, even);
            _mm512_sra_epi32(_mm512_add_epi32(high, _mm512_set1_epi32(half)), _mm_cvtsi32_si128(shift))
        }
    }

    #[inline(always)]
    unsafe fn bytes(q: [__m512i; 8], to: &mut [[i8; 8]]) {
        debug_assert!(to.len() >= Self::LANES);
        unsafe {
            let order = _mm512_broadcast_i32x4(_mm_loadu_si128(BYTES.as_ptr().cast()));
            let low = _mm512_packs_epi16(_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3]));
            let high = _mm512_packs_epi16(_mm512_packs_epi32(q[4], q[5]), _mm512_packs_epi32(q[6], q[7]));
            let (low, high) = (_mm512_shuffle_epi8(low, order), _mm512_shuffle_epi8(high, order));
            let (a, b) = (_mm512_unpacklo_epi32(low, high), _mm512_unpackhi_epi32(low, high));
            let to: *mut __m512i = to.as_mut_ptr().cast();
            let (first, second) =
                (_mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15));
            _mm512_storeu_si512(to, _mm512_permutex2var_epi64(a, first, b));
            _mm512_storeu_si512(to.add(1), _mm512_permutex2var_epi64(a, second, b));
        }
    }

    #[inline(always)]
    unsafe fn words(q: [__m512i; 8], to: &mut [[i16; 8]]) {
        debug_assert!(to.len() >= Self::LANES);
        unsafe {
            let order = _mm512_broadcast_i32x4(_mm_loadu_si128(WORDS.as_ptr().cast()));
            let a = _mm512_shuffle_epi8(_mm512_packs_epi32(q[0], q[1]), order);
            let b = _mm512_shuffle_epi8(_mm512_packs_epi32(q[2], q[3]), order);
            let c = _mm512_shuffle_epi8(_mm512_packs_epi32(q[4], q[5]), order);
            let d = _mm512_shuffle_epi8(_mm512_packs_epi32(q[6], q[7]), order);
            let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let (low_2, high_2) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            let rows = [
                _mm512_unpacklo_epi64(low, low_2),
                _mm512_unpackhi_epi64(low, low_2),
                _mm512_unpacklo_epi64(high, high_2),
                _mm512_unpackhi_epi64(high, high_2),
            ];
            let to: *mut __m128i = to.as_mut_ptr().cast();
            for (i, row) in rows.into_iter().enumerate() {
                _mm_storeu_si128(to.add(i), _mm512_castsi512_si128(row));
                _mm_storeu_si128(to.add(4 + i), _mm512_extracti32x4_epi32::<1>(row));
                _mm_storeu_si128(to.add(8 + i), _mm512_extracti32x4_epi32::<2>(row));
                _mm_storeu_si128(to.add(12 + i), _mm512_extracti32x4_epi32::<3>(row));
            }
        }
    }

    #[inline(always)]
    unsafe fn one(q: __m512i, to: &mut [i8; 16]) {
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtsepi32_epi8(q)) }
    }
}
