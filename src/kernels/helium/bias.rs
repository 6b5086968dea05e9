//! Biases added to the scores of four queries, laid out as in `attend` and `last_keys`.

use super::{GROUP, LANES};
use crate::kernels::bias::{LOWEST, PART};
use core::arch::naked_asm;
use core::mem::MaybeUninit;

/// Rows of biases, one after the other, of all queries.
pub(super) struct Biases<'a> {
    memory: &'a mut [i32],
    /// From a row to the next, a multiple of 8.
    pitch: usize,
}

impl<'a> Biases<'a> {
    /// Rows of at most so many zeros.
    #[inline]
    pub fn clear(memory: &'a mut [MaybeUninit<i32>; LANES * PART], keys: usize) -> Self {
        let pitch = keys.min(PART).next_multiple_of(8);
        let words = memory.as_mut_ptr().cast();
        // SAFETY: `LANES` rows of up to `PART` words are as many as `memory` has, or less, and they are initialised.
        let memory = unsafe {
            clear_groups(words, pitch / 8);
            core::slice::from_raw_parts_mut(words, pitch * LANES)
        };
        Self { memory, pitch }
    }

    /// The first `count` of a query.
    #[inline]
    pub fn row(&mut self, lane: usize, count: usize) -> &mut [i32] {
        let row = self.memory.get_mut(lane * self.pitch..).unwrap_or(&mut []);
        row.get_mut(..count).unwrap_or(&mut [])
    }

    /// Adds them to the scores of as many groups as there are, at most those of the rows, saturating, and raises the
    /// maxima.
    #[inline]
    pub fn add(&self, grouped: &mut [i32], max: &mut [i32; LANES]) {
        let groups = (grouped.len() / GROUP).min(self.pitch / 8);
        if groups > 0 {
            // SAFETY: all groups lie within `grouped`, and as many biases in each row.
            unsafe { add_groups(grouped.as_mut_ptr(), self.memory.as_ptr(), groups, self.pitch, max.as_mut_ptr()) }
        }
    }

    /// Adds those of a query from the key `from` on to scores `[keys][LANES]`, and raises its maximum.
    #[inline]
    pub fn add_rest(&mut self, lane: usize, from: usize, count: usize, rest: &mut [i32], max: &mut i32) {
        let biases = self.row(lane, count).get(from..).unwrap_or(&[]);
        let rest = rest.get_mut(lane..).unwrap_or(&mut []);
        let count = biases.len().min(rest.len().div_ceil(LANES));
        if count > 0 {
            // SAFETY: so many biases, and scores every `LANES`, lie within their slices.
            *max = unsafe { add_keys(rest.as_mut_ptr(), biases.as_ptr(), count, *max) };
        }
    }
}

/// # Safety
/// `words` points to `LANES` times 8 words for each of the groups.
#[unsafe(naked)]
unsafe extern "C" fn clear_groups(words: *mut i32, groups: usize) {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "vmov.i32 q0, #0",
        "wls lr, r1, 3f",
        "2:",
        ".rept 8",
        "vstrw.32 q0, [r0], #16",
        ".endr",
        "le lr, 2b",
        "3:",
        "pop {{r4, pc}}",
    )
}

/// # Safety
/// `groups` (a positive number of) groups lie at `scores`, and for each eight biases in each of four rows at `biases`,
/// `pitch` words apart; `max` has a number per query.
#[unsafe(naked)]
unsafe extern "C" fn add_groups(scores: *mut i32, biases: *const i32, groups: usize, pitch: usize, max: *mut i32) {
    #[rustfmt::skip]
    macro_rules! lane {
        ($biases:literal, $max:literal) => {
            concat!(
                "vldrw.u32 q0, [", $biases, "], #16\n",
                "vldrw.u32 q2, [r0]\n",
                "vldrw.u32 q1, [", $biases, "], #16\n",
                "vldrw.u32 q3, [r0, #16]\n",
                "vqadd.s32 q0, q0, q2\n",
                "vqadd.s32 q1, q1, q3\n",
                "vmaxv.s32 ", $max, ", q0\n",
                "vmaxv.s32 ", $max, ", q1\n",
                "vstrw.32 q1, [r0, #16]\n",
                "vstrw.32 q0, [r0], #32\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r9, lr}}",
        "ldr r9, [sp, #28]",
        "dls lr, r2",
        "add r2, r1, r3, lsl #2",
        "add r4, r2, r3, lsl #2",
        "add r3, r4, r3, lsl #2",
        "ldm r9, {{r5, r6, r7, r8}}",
        "2:",
        lane!("r1", "r5"),
        lane!("r2", "r6"),
        lane!("r4", "r7"),
        lane!("r3", "r8"),
        "le lr, 2b",
        "stm r9, {{r5, r6, r7, r8}}",
        "pop {{r4-r9, pc}}",
    )
}

/// # Safety
/// A score lies at `scores` and every fourth word after it, `keys` times, which is positive, and as many biases at
/// `biases`.
#[unsafe(naked)]
unsafe extern "C" fn add_keys(scores: *mut i32, biases: *const i32, keys: usize, max: i32) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "mov r12, #0",
        "vidup.u32 q2, r12, #8",
        "vshl.i32 q2, q2, #1",
        "dlstp.32 lr, r2",
        "2:",
        "vldrw.u32 q0, [r0, q2]",
        "vldrw.u32 q1, [r1], #16",
        "vqadd.s32 q0, q0, q1",
        "vstrw.32 q0, [r0, q2]",
        "vmaxv.s32 r3, q0",
        "add r0, r0, #64",
        "letp lr, 2b",
        "mov r0, r3",
        "pop {{r4, pc}}",
    )
}

/// The most values of a query and a key whose products all lie far enough above [`FAR`].
pub(super) const NEAR: usize = 120;
/// A score between 17 octaves of the least steepness below all others, where it weighs 0, and 2^23 below them.
pub(super) const FAR: i32 = -6_422_527;

const _: () = {
    let (least, most) = (-128 * 127 * NEAR as i32, 128 * 128 * NEAR as i32);
    assert!(most - FAR <= LOWEST && least - FAR >= 17 << 18);
};

/// Sets the scores of each query to `far` but for the keys from a start to an end; scores are in whole groups.
#[inline]
pub(super) fn hide(scores: &mut [i32], (starts, ends): (&[usize; LANES], &[usize; LANES]), far: i32) {
    let groups = scores.len() / GROUP;
    if groups > 0 {
        // SAFETY: all groups lie within `scores`.
        unsafe { hide_groups(scores.as_mut_ptr(), groups, starts, ends, far) };
    }
}

/// The same for the keys after these, of which `first` is the first; raises the maxima.
#[inline]
pub(super) fn hide_rest(
    rest: &mut [[i32; LANES]],
    first: usize,
    (starts, ends): (&[usize; LANES], &[usize; LANES]),
    far: i32,
    max: &mut [i32; LANES],
) {
    if !rest.is_empty() {
        // SAFETY: all keys lie within `rest`.
        unsafe { hide_keys(rest.as_mut_ptr(), rest.len(), starts, ends, far, first, max) };
    }
}

/// # Safety
/// `keys` (a positive number of) keys lie at `scores`.
#[unsafe(naked)]
unsafe extern "C" fn hide_keys(
    scores: *mut [i32; LANES],
    keys: usize,
    starts: *const [usize; LANES],
    ends: *const [usize; LANES],
    far: i32,
    first: usize,
    max: *mut [i32; LANES],
) {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "vpush {{d8-d9}}",
        "vldrw.u32 q0, [r2]",
        "vldrw.u32 q1, [r3]",
        "ldrd r2, r3, [sp, #24]",
        "ldr r4, [sp, #32]",
        "vdup.32 q2, r2",
        "vdup.32 q3, r3",
        // The keys of a query count from its start, so that those before it are beyond all ends.
        "vsub.i32 q1, q1, q0",
        "vsub.i32 q0, q3, q0",
        "vldrw.u32 q3, [r4]",
        "mov r2, #1",
        "dls lr, r1",
        "2:",
        "vldrw.u32 q4, [r0]",
        "vpt.u32 cs, q0, q1",
        "vmovt q4, q2",
        "vadd.i32 q0, q0, r2",
        "vmax.s32 q3, q3, q4",
        "vstrw.32 q4, [r0], #16",
        "le lr, 2b",
        "vstrw.32 q3, [r4]",
        "vpop {{d8-d9}}",
        "pop {{r4, pc}}",
    )
}

/// # Safety
/// `groups` (a positive number of) groups lie at `scores`.
#[unsafe(naked)]
unsafe extern "C" fn hide_groups(
    scores: *mut i32,
    groups: usize,
    starts: *const [usize; LANES],
    ends: *const [usize; LANES],
    far: i32,
) {
    naked_asm!(
        cpu!(),
        "push {{r4-r8, lr}}",
        "ldr r4, [sp, #24]",
        "vdup.32 q3, r4",
        "mov r12, #0",
        "vidup.u32 q2, r12, #1",
        "mov r4, #8",
        "mov r5, #{lanes}",
        // The keys of a query count from its start, so that those before it are beyond all ends.
        "2:",
        "ldr r6, [r2], #4",
        "ldr r7, [r3], #4",
        "mov r8, r0",
        "sub r7, r7, r6",
        "rsb r6, r6, #0",
        "vadd.i32 q0, q2, r6",
        "vadd.i32 q1, q0, r12",
        "dls lr, r1",
        "3:",
        "vpt.u32 cs, q1, r7",
        "vstrwt.32 q3, [r8, #16]",
        "vpt.u32 cs, q0, r7",
        "vstrwt.32 q3, [r8], #128",
        "vadd.i32 q0, q0, r4",
        "vadd.i32 q1, q1, r4",
        "le lr, 3b",
        "add r0, r0, #32",
        "subs r5, r5, #1",
        "bne 2b",
        "pop {{r4-r8, pc}}",
        lanes = const LANES,
    )
}

/// Raises the scores of each query to `least`, in `groups` groups and for `keys` keys after them.
#[inline]
pub(super) fn floor(scores: &mut [i32], groups: usize, keys: usize, least: &[i32; LANES]) {
    // Divisions, for products might not fit.
    if groups <= scores.len() / GROUP && keys <= (scores.len() - groups * GROUP) / LANES {
        // SAFETY: all groups and keys lie within `scores`.
        unsafe { floor_all(scores.as_mut_ptr(), groups, keys, least.as_ptr()) };
    }
}

/// # Safety
/// `groups` groups lie at `scores`, and `keys` keys after them; `least` has a number per query.
#[unsafe(naked)]
unsafe extern "C" fn floor_all(scores: *mut i32, groups: usize, keys: usize, least: *const i32) {
    #[rustfmt::skip]
    macro_rules! lane {
        ($least:literal) => {
            concat!(
                "vldrw.u32 q0, [r0]\n",
                "vldrw.u32 q1, [r0, #16]\n",
                "vmax.s32 q0, q0, ", $least, "\n",
                "vmax.s32 q1, q1, ", $least, "\n",
                "vstrw.32 q1, [r0, #16]\n",
                "vstrw.32 q0, [r0], #32\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r7, lr}}",
        "vpush {{d8-d15}}",
        "ldm r3, {{r4, r5, r6, r7}}",
        "vdup.32 q4, r4",
        "vdup.32 q5, r5",
        "vdup.32 q6, r6",
        "vdup.32 q7, r7",
        "wls lr, r1, 3f",
        "2:",
        lane!("q4"),
        lane!("q5"),
        lane!("q6"),
        lane!("q7"),
        "le lr, 2b",
        "3:",
        "vldrw.u32 q1, [r3]",
        "wls lr, r2, 5f",
        "4:",
        "vldrw.u32 q0, [r0]",
        "vmax.s32 q0, q0, q1",
        "vstrw.32 q0, [r0], #16",
        "le lr, 4b",
        "5:",
        "vpop {{d8-d15}}",
        "pop {{r4-r7, pc}}",
    )
}
