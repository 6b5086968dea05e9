//! From sums to results; saturation is free of branches, whose count would depend on the data.

use super::LANES;
use crate::arithmetic::requantise::Channel;
use crate::kernels::generic::packed::loops::{Finish, RowFactor};
use core::arch::asm;

/// [`PackedLoops::STORE`](crate::kernels::generic::packed::loops::PackedLoops::STORE)
///
/// # Safety
/// As for that.
pub(super) unsafe extern "C" fn store(finish: *mut Finish) {
    // SAFETY: it is there.
    let finish = unsafe { &*finish };
    // SAFETY: scales are channels, and results int8; the rest is as the caller promises.
    unsafe { each::<_, 4>(finish, |channel| of_channel(channel, finish), |out, value| *out.cast() = clamp_i8(value)) };
}

/// [`PackedLoops::ADD`](crate::kernels::generic::packed::loops::PackedLoops::ADD)
///
/// # Safety
/// As for that.
pub(super) unsafe extern "C" fn add(finish: *mut Finish) {
    // SAFETY: it is there.
    let finish = unsafe { &*finish };
    let add = |out: *mut u8, value| {
        let out: *mut i16 = out.cast();
        // SAFETY: results are int16.
        unsafe { *out = clamp_i16(i32::from(*out) + i32::from(clamp_i16(value))) };
    };
    // SAFETY: scales are channels; the rest is as the caller promises.
    unsafe { each::<_, 4>(finish, |channel| of_channel(channel, finish), add) };
}

/// [`PackedLoops::STORE_ROWS`](crate::kernels::generic::packed::loops::PackedLoops::STORE_ROWS)
///
/// # Safety
/// As for that.
pub(super) unsafe extern "C" fn store_rows(finish: *mut Finish) {
    // SAFETY: it is there.
    let finish = unsafe { &*finish };
    let of_row = |&RowFactor { shift, multiplier }: &_| (0, multiplier, shift);
    // SAFETY: scales are those of rows, and results int8; the rest is as the caller promises.
    unsafe { each::<_, { 4 * LANES }>(finish, of_row, |out, value| *out.cast() = clamp_i8(value)) };
}

/// What is added to sums, twice the multiplier and the shift.
#[inline]
fn of_channel(channel: &Channel, finish: &Finish) -> (i32, i32, u32) {
    (channel.bias.wrapping_sub(finish.centre), 2 * channel.scale.bits(), channel.scale.shift())
}

/// Requantises the sums of each scale, `STEP` bytes apart, as [`Scale::requantise`](crate::Scale::requantise) does.
///
/// # Safety
/// All of `finish` is as its fields say, with at least one scale and one sum for each.
#[inline]
unsafe fn each<S, const STEP: usize>(
    finish: &Finish,
    parts: impl Fn(&S) -> (i32, i32, u32),
    put: impl Fn(*mut u8, i32),
) {
    let (mut values, mut out, mut scale) = (finish.values, finish.out, finish.scales.cast::<S>());
    while scale.cast() != finish.end {
        // SAFETY: up to the end there are scales.
        let (bias, multiplier, shift) = parts(unsafe { &*scale });
        let half = 1i32.wrapping_shl(shift.wrapping_sub(1));
        let (mut value, mut to) = (values, out);
        let mut one = || {
            // SAFETY: there are so many sums, and a place for each result.
            let sum = unsafe { *value }.wrapping_add(bias);
            let high = ((i64::from(sum) * i64::from(multiplier)) >> 32) as i32;
            put(to, high.wrapping_add(half).wrapping_shr(shift));
            (value, to) = (value.wrapping_byte_add(STEP), to.wrapping_add(finish.out_inner));
            value
        };
        if finish.length == LANES * STEP {
            (0..LANES).for_each(|_| _ = one());
        } else {
            let end = values.wrapping_byte_add(finish.length);
            while one() != end {}
        }
        values = values.wrapping_byte_add(finish.outer);
        out = out.wrapping_add(finish.out_outer);
        scale = scale.wrapping_add(1);
    }
}

/// Saturates to int8; `y` is below 2^30 in magnitude.
#[inline]
pub(super) fn clamp_i8(mut y: i32) -> i8 {
    // SAFETY: only registers are read and written.
    unsafe {
        asm!(
            "addi {y}, {y}, 128",
            "slt {t}, {minus}, {y}",
            "mul {y}, {y}, {t}",
            "slti {t}, {y}, 256",
            "addi {t}, {t}, -1",
            "or {y}, {y}, {t}",
            "addi {y}, {y}, -128",
            y = inout(reg) y, t = out(reg) _, minus = in(reg) -1,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    y as i8
}

/// Saturates to int16; `y` is below 2^30 in magnitude.
#[inline]
pub(super) fn clamp_i16(mut y: i32) -> i16 {
    // SAFETY: only registers are read and written.
    unsafe {
        asm!(
            "add {y}, {y}, {half}",
            "slt {t}, {minus}, {y}",
            "mul {y}, {y}, {t}",
            "slt {t}, {y}, {full}",
            "addi {t}, {t}, -1",
            "or {y}, {y}, {t}",
            "sub {y}, {y}, {half}",
            y = inout(reg) y, t = out(reg) _, minus = in(reg) -1, half = in(reg) 1 << 15, full = in(reg) 1 << 16,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    y as i16
}
