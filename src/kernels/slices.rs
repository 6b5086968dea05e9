//! Slices cut into rows and pieces, without the panics of the standard library's.

/// Splits `data` into rows of `width`, without the panic of `chunks_exact` for a width of 0.
#[inline]
pub(crate) fn rows<T>(mut data: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    core::iter::from_fn(move || {
        let (row, rest) = data.split_at_checked(width).filter(|_| width > 0)?;
        data = rest;
        Some(row)
    })
}

/// [`rows`], to write to.
#[inline]
pub(crate) fn rows_mut<T>(mut data: &mut [T], width: usize) -> impl Iterator<Item = &mut [T]> {
    core::iter::from_fn(move || {
        let (row, rest) = core::mem::take(&mut data).split_at_mut_checked(width).filter(|_| width > 0)?;
        data = rest;
        Some(row)
    })
}

/// Splits `data` into pieces of `length`, the last one shorter.
#[inline]
pub(crate) fn tiles<T>(mut data: &[T], length: usize) -> impl Iterator<Item = &[T]> {
    core::iter::from_fn(move || {
        let (tile, rest) = data.split_at_checked(length.min(data.len()))?;
        data = rest;
        (!tile.is_empty()).then_some(tile)
    })
}

/// [`tiles`], to write to.
#[inline]
pub(crate) fn tiles_mut<T>(mut data: &mut [T], length: usize) -> impl Iterator<Item = &mut [T]> {
    core::iter::from_fn(move || {
        let data_now = core::mem::take(&mut data);
        let (tile, rest) = data_now.split_at_mut_checked(length.min(data_now.len()))?;
        data = rest;
        (!tile.is_empty()).then_some(tile)
    })
}
