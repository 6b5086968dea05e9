//! Two rows of one layer, whose sums are wanted as they are.

use super::{CENTRE, CHUNK, Expanded, INNER, LANES, OUTPUTS, ROWS};
use crate::kernels::{Matrix, tiles_mut};
use core::mem::MaybeUninit;

/// [`Kernels::sums_of_two`](crate::kernels::Kernels::sums_of_two): as two rows of three that share two words.
#[inline(never)]
pub(super) fn sums(x: [&[i8]; 2], weights: Matrix<'_>, sums: &mut [[i32; 2]]) {
    let Some(x) = weights.rows_for(x, sums.len()) else { return };
    let inputs = weights.inputs;
    let mut expanded = Expanded::new();
    sums.fill([0; 2]);
    let mut start = 0;
    while start < inputs {
        if start.is_multiple_of(INNER) {
            expanded.fill_two(x, start, (inputs - start).min(INNER));
        }
        let length = (inputs - start).min(CHUNK);
        for (block, sums) in tiles_mut(sums, OUTPUTS / ROWS * ROWS).enumerate() {
            let mut memory = [[0; LANES]; OUTPUTS];
            let Some(more) = memory.get_mut(..sums.len()) else { return };
            let from = block * (OUTPUTS / ROWS * ROWS) * weights.stride + start;
            expanded.products(start % INNER, weights.data, weights.stride, from, length, 0, more);
            for ([a, b], &[more_a, more_b, ..]) in sums.iter_mut().zip(&*more) {
                *a = a.wrapping_add(more_a - CENTRE);
                *b = b.wrapping_add(more_b - CENTRE);
            }
        }
        start += length;
    }
}

impl Expanded {
    /// Takes `length` values, at most `INNER`, from `start` on of each of two rows, which have them.
    #[inline]
    fn fill_two(&mut self, x: [&[i8]; 2], start: usize, length: usize) {
        let rows = x.map(|x| x.get(start..start + length).unwrap_or(&[]));
        let (pairs, _) = self.words.as_chunks_mut::<2>();
        for (to, (&a, &b)) in pairs.iter_mut().zip(rows[0].iter().zip(rows[1])) {
            let (a, b) = (i32::from(a), i32::from(b));
            *to = [(a + (b << 21)) as u32, (b << 10) as u32].map(MaybeUninit::new);
        }
        (self.both, self.filled) = (false, 2 * rows[0].len().min(rows[1].len()));
    }
}
