//! The loops for Armv6-M: most instructions reach r0 to r7 only, so sums live in the upper registers, which ADD
//! reaches. There is no long multiplication; [`high`] makes one of 16-bit halves.

use super::Thumb;
use crate::kernels::generic::packed::loops::{Finish, LANES, Largest, Loop, Pack, PackedLoops, Panel, TRIPLE, Weigh};
use crate::kernels::{NormView, Rotation, rotate};

/// Saves all registers that belong to the caller.
macro_rules! enter {
    () => {
        lines!("push {{r4-r7, lr}}", "mov r4, r8", "mov r5, r9", "mov r6, r10", "mov r7, r11", "push {{r4-r7}}",)
    };
}

/// The end of what [`enter`] began.
macro_rules! leave {
    () => {
        lines!("pop {{r4-r7}}", "mov r8, r4", "mov r9, r5", "mov r10, r6", "mov r11, r7", "pop {{r4-r7, pc}}",)
    };
}

/// r1 becomes the upper word of its product with `r7 << 16 | r6`; r2 to r4 are lost. `$shift` is ASRS for signed
/// factors (the upper half in r7 then has no more than 15 bits), LSRS for others.
macro_rules! high {
    ($shift:literal, $low:literal, $up:literal) => {
        lines!(
            "uxth r2, r1",
            concat!($shift, " r1, r1, #16"),
            "mov r3, r2",
            concat!("muls r3, ", $low, ", r3"),
            "lsrs r3, r3, #16",
            "mov r4, r1",
            concat!("muls r4, ", $low, ", r4"),
            "adds r4, r4, r3",
            concat!("muls r2, ", $up, ", r2"),
            "uxth r3, r4",
            "adds r2, r2, r3",
            "lsrs r2, r2, #16",
            concat!($shift, " r4, r4, #16"),
            concat!("muls r1, ", $up, ", r1"),
            "adds r1, r1, r2",
            "adds r1, r1, r4",
        )
    };
}

/// r1 becomes at least 0 and at most `2^$bits - 1` in its lower bits; r3 is lost.
macro_rules! unsigned {
    ($bits:literal) => {
        lines!(
            "asrs r3, r1, #31",
            "bics r1, r3",
            concat!("lsrs r3, r1, #", $bits),
            "rsbs r3, r3, #0",
            "asrs r3, r3, #31",
            "orrs r1, r3",
        )
    };
}

/// Stores r1 as int8.
macro_rules! put_i8 {
    () => {
        lines!("adds r1, #128", unsigned!("8"), "subs r1, #128", "strb r1, [r7]")
    };
}

mod finish;
mod norm;
mod products;
mod softmax;

impl PackedLoops for Thumb {
    const NAME: &'static str = "Thumb";
    // One triple, for the scores of more cost memory; memory comes first on the smallest cores.
    const QUERIES: usize = TRIPLE;
    const ROWS: usize = 4;
    // 1 KiB of stack, and 384 bytes.
    const INNER: usize = 64;
    const OUTPUTS: usize = 16;
    type Words = [u32; 4 * Self::INNER];
    type Sums = [i32; LANES * Self::OUTPUTS];

    const PACK: Loop<*const Pack> = products::pack;
    const PANEL: [Loop<*const Panel>; 2] = [products::panel_three, products::panel_six];
    const WEIGHTED: [Loop<*const Panel>; 2] = [products::weighted_three; 2];
    const LARGEST: [Largest; 2] = [softmax::largest; 2];
    const WEIGH: [Weigh; 2] = [softmax::weigh; 2];
    const STORE: Loop<*mut Finish> = finish::store;
    const ADD: Loop<*mut Finish> = finish::add;
    const STORE_ROWS: Loop<*mut Finish> = finish::store_rows;

    #[inline]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        norm::layer_norm(x, norm, out);
    }

    #[inline(never)]
    fn rotate(rotation: Rotation<'_>, x: &[i16], out: &mut [i8]) {
        rotate::rotate_by(rotation, x, out, rotate::saturate_by_masks);
    }
}
