//! Two rows of int8 against rows of weights, whose sums are wanted as they are.

use crate::kernels::generic::vector_padded::padded;
use crate::kernels::{Matrix, tiles};
use core::arch::x86_64::*;

/// Inner positions per step.
const STEP: usize = 16;

/// [`Kernels::sums_of_two`](crate::kernels::Kernels::sums_of_two)
#[target_feature(enable = "avx2")]
pub(super) fn sums_of_two(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
    let Some(x) = weights.rows_for(x, sums.len()) else { return };
    let inputs = weights.inputs;
    let x = x.map(|x| x.as_chunks::<STEP>());
    let [(first, first_left), (second, second_left)] = x;
    let left = [padded(first_left, 0), padded(second_left, 0)];
    for (output, sums) in sums.iter_mut().enumerate() {
        let w = weights.data.get(output * weights.stride..).unwrap_or(&[]);
        let w = w.get(..inputs).unwrap_or(w);
        let (mut a, mut b) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        let mut steps = first.iter().zip(second);
        for w in tiles(w, STEP) {
            let ([x, y], w) = match (steps.next(), w.first_chunk()) {
                (Some((&x, &y)), Some(&w)) => ([x, y], w),
                (Some((&x, &y)), None) => ([x, y], padded(w, 0)),
                (None, _) => (left, padded(w, 0)),
            };
            let w = widen(&w);
            a = _mm256_add_epi32(a, _mm256_madd_epi16(widen(&x), w));
            b = _mm256_add_epi32(b, _mm256_madd_epi16(widen(&y), w));
        }
        *sums = [a, b].map(|sums| bytemuck::must_cast::<__m256i, [i32; 8]>(sums).iter().sum());
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn widen(x: &[i8; STEP]) -> __m256i {
    // SAFETY: 16 bytes are there.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(x.as_ptr().cast()) })
}
