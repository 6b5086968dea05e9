//! Ends of rows that fill no vector.

/// The first `N` values; `fill` where there are fewer.
#[inline]
pub(crate) fn padded<T: Copy, const N: usize>(values: &[T], fill: T) -> [T; N] {
    let mut padded = [fill; N];
    for (to, &value) in padded.iter_mut().zip(values) {
        *to = value;
    }
    padded
}
