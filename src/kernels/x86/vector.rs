//! Vectors of 32-bit lanes: the multiply instruction of each level, and what surrounds it.
//!
//! A lane holds a group of neighbouring values: two of 16 bits for PMADDWD and VPDPWSSD, four of 8 bits for VPDPBUSD.
//! The latter takes one factor unsigned: the values that are broadcast get 128 added, and the sum of the
//! other factor, times 128, is taken away.

use core::arch::x86_64::*;

/// A register of [`Register::LANES`] 32-bit lanes, with a row in each.
///
/// # Safety
/// All methods need a CPU that has the instructions; those that take pointers need what they point to.
#[allow(clippy::missing_safety_doc)]
pub(super) trait Register: Copy {
    /// 8 or 16.
    const LANES: usize;
    /// `x` in all lanes.
    unsafe fn splat(x: i32) -> Self;
    /// `LANES` words, at any alignment.
    unsafe fn load(from: *const i32) -> Self;
    /// The same, to write.
    unsafe fn store(self, to: *mut i32);
    /// Sum of each lane.
    unsafe fn add(self, other: Self) -> Self;
    /// `floor(x · multiplier / 2^32)`, then a shift to the right with `half` added.
    unsafe fn scale(self, multiplier: i32, half: i32, shift: i32) -> Self;
    /// Eight outputs of each row, saturated to int8. `to` has `LANES` rows or more.
    unsafe fn bytes(outputs: [Self; 8], to: &mut [[i8; 8]]);
    /// Eight outputs of each row, saturated to int16. `to` has `LANES` rows or more.
    unsafe fn words(outputs: [Self; 8], to: &mut [[i16; 8]]);
    /// One output of each row, saturated to int8.
    unsafe fn one(self, to: &mut [i8; 16]);
}

/// A multiply instruction.
///
/// # Safety
/// As for [`Register`].
#[allow(clippy::missing_safety_doc)]
pub(super) trait Vector {
    type V: Register;
    const LANES: usize = Self::V::LANES;
    /// Values per lane: two of 16 bits or four of 8.
    const GROUP: usize;
    /// Added to the values that are broadcast.
    const OFFSET: i32 = if Self::GROUP == 4 { 128 } else { 0 };

    /// Adds the products of each group. `row` is broadcast and made by [`Vector::flip`], `columns` is not.
    unsafe fn dot(sum: Self::V, row: Self::V, columns: Self::V) -> Self::V;

    /// Eight groups of values.
    #[inline(always)]
    unsafe fn whole(values: *const i8) -> __m256i {
        // SAFETY: the caller's.
        unsafe {
            if Self::GROUP == 4 {
                _mm256_loadu_si256(values.cast())
            } else {
                _mm256_cvtepi8_epi16(_mm_loadu_si128(values.cast()))
            }
        }
    }

    /// The first eight groups of a row; zeros beyond its end.
    #[inline(always)]
    unsafe fn part(values: &[i8]) -> __m256i {
        // SAFETY: loads and copies stay inside the slice and the array: the mask leaves out all words beyond the end,
        // and words left out are not accessed.
        unsafe {
            if values.len() >= 8 * Self::GROUP {
                Self::whole(values.as_ptr())
            } else if !values.len().is_multiple_of(4) {
                let mut padded = [0; 32];
                padded[..values.len()].copy_from_slice(values);
                Self::whole(padded.as_ptr())
            } else if Self::GROUP == 4 {
                _mm256_maskload_epi32(values.as_ptr().cast(), mask(values.len() / 4))
            } else {
                let mask = _mm256_castsi256_si128(mask(values.len() / 4));
                _mm256_cvtepi8_epi16(_mm_maskload_epi32(values.as_ptr().cast(), mask))
            }
        }
    }

    /// Eight groups, for rows that are broadcast.
    #[inline(always)]
    unsafe fn flip(groups: __m256i) -> __m256i {
        // SAFETY: registers only.
        unsafe { _mm256_xor_si256(groups, _mm256_set1_epi8(Self::OFFSET as i8)) }
    }
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

// SAFETY of all blocks: callers see to it that the CPU has the instructions; pointers are the caller's.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Register for __m256i {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: i32) -> Self {
        unsafe { _mm256_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        unsafe { _mm256_storeu_si256(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm256_add_epi32(self, other) }
    }

    #[inline(always)]
    unsafe fn scale(self, multiplier: i32, half: i32, shift: i32) -> Self {
        unsafe {
            let high = high(self, _mm256_set1_epi32(multiplier));
            _mm256_sra_epi32(_mm256_add_epi32(high, _mm256_set1_epi32(half)), _mm_cvtsi32_si128(shift))
        }
    }

    #[inline(always)]
    unsafe fn bytes(q: [Self; 8], to: &mut [[i8; 8]]) {
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
    unsafe fn words(q: [Self; 8], to: &mut [[i16; 8]]) {
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
    unsafe fn one(self, to: &mut [i8; 16]) {
        unsafe {
            let words = _mm256_packs_epi32(self, self);
            let bytes = _mm256_packs_epi16(words, words);
            let both = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            _mm_storeu_si128(to.as_mut_ptr().cast(), both);
        }
    }
}

// SAFETY of all blocks: callers see to it that the CPU has the instructions; pointers are the caller's.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Register for __m512i {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: i32) -> Self {
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Self {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut i32) {
        unsafe { _mm512_storeu_si512(to.cast(), self) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm512_add_epi32(self, other) }
    }

    #[inline(always)]
    unsafe fn scale(self, multiplier: i32, half: i32, shift: i32) -> Self {
        unsafe {
            let multiplier = _mm512_set1_epi32(multiplier);
            let even = _mm512_mul_epi32(self, multiplier);
            let odd = _mm512_mul_epi32(_mm512_shuffle_epi32::<UP>(self), multiplier);
            let high = _mm512_mask_shuffle_epi32::<UP>(odd, 0x5555, even);
            _mm512_sra_epi32(_mm512_add_epi32(high, _mm512_set1_epi32(half)), _mm_cvtsi32_si128(shift))
        }
    }

    #[inline(always)]
    unsafe fn bytes(q: [Self; 8], to: &mut [[i8; 8]]) {
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
    unsafe fn words(q: [Self; 8], to: &mut [[i16; 8]]) {
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
    unsafe fn one(self, to: &mut [i8; 16]) {
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), _mm512_cvtsepi32_epi8(self)) }
    }
}

/// Types that implement [`Vector`].
macro_rules! vectors {
    ($($(#[$doc:meta])* $name:ident: $register:ty, $group:literal, $dot:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl Vector for $name {
            type V = $register;
            const GROUP: usize = $group;

            #[inline(always)]
            unsafe fn dot(sum: $register, row: $register, columns: $register) -> $register {
                // SAFETY: registers only; the CPU is the caller's.
                unsafe { $dot(sum, row, columns) }
            }
        }
    )*};
}

vectors! {
    /// PMADDWD.
    Pmaddwd: __m256i, 2, |sum, row, columns| _mm256_add_epi32(sum, _mm256_madd_epi16(row, columns));
    /// VPDPBUSD of AVX-VNNI.
    VexVpdpbusd: __m256i, 4, _mm256_dpbusd_avx_epi32;
    /// VPDPWSSD of AVX-VNNI.
    VexVpdpwssd: __m256i, 2, _mm256_dpwssd_avx_epi32;
    /// VPDPBUSD of AVX-512.
    EvexVpdpbusd: __m256i, 4, _mm256_dpbusd_epi32;
    /// VPDPWSSD of AVX-512.
    EvexVpdpwssd: __m256i, 2, _mm256_dpwssd_epi32;
    /// VPDPBUSD with registers of 512 bits.
    Zmm: __m512i, 4, _mm512_dpbusd_epi32;
}
