//! Layer norm of a row by two loops in assembly: one for its sums, one for the outputs.

use crate::arithmetic::inverse_root::NormChannel;
use crate::kernels::NormView;

/// Sum and sum of squares, which the first loop writes by offsets.
#[repr(C)]
pub(crate) struct Moments {
    sum: i32,
    squares: u64,
}

/// What the second loop needs: it is `InverseRoot::apply` on all values.
#[repr(C)]
pub(crate) struct Normalise {
    x: *const i16,
    channels: *const NormChannel,
    out: *mut i8,
    /// Values of the row and their negative sum, both shifted as
    /// [`InverseRoot::parts`](crate::arithmetic::inverse_root::InverseRoot::parts) tells.
    n: i32,
    minus_sum: i32,
    root: u32,
    /// Fraction bits of a result.
    places: u32,
    /// From there on lie whole groups of values.
    groups: *const i16,
    end: *const i16,
}

/// [`Kernels::layer_norm`](crate::kernels::Kernels::layer_norm) in groups of so many values, after what is left over.
///
/// # Safety
/// The loops read and write no more than they are told of: for the first these are values, where its groups begin and
/// all end. There is at least one value, and there are as many channels and outputs.
#[inline(always)]
pub(crate) unsafe fn layer_norm(
    x: &[i16],
    norm: NormView<'_>,
    out: &mut [i8],
    group: usize,
    add_up: unsafe extern "C" fn(*const i16, *const i16, *const i16, *mut Moments),
    normalise: unsafe extern "C" fn(*const Normalise),
) {
    let n = x.len();
    if !norm.takes(x, out) {
        return;
    }
    let ends = x.as_ptr_range();
    let groups = ends.start.wrapping_add(n % group);
    let mut moments = Moments { sum: 0, squares: 0 };
    // SAFETY: there is at least one value up to the end, and whole groups from there on.
    unsafe { add_up(ends.start, groups, ends.end, &raw mut moments) };
    let sum = norm.taken_off(moments.sum);
    let (root, up, places) = norm.inverse_root(n, sum, moments.squares).parts();
    let call = Normalise {
        x: ends.start,
        channels: norm.channels.as_ptr(),
        out: out.as_mut_ptr(),
        n: (n as i32) << up,
        minus_sum: sum.wrapping_neg() << up,
        root,
        places,
        groups,
        end: ends.end,
    };
    // SAFETY: the same; channels and outputs are as many.
    unsafe { normalise(&raw const call) };
}
