//! Rows of int8 against rows of int8, 16 products an instruction (VMLADAV).
//!
//! The left rows stay in vector registers: four of 8 to 16 values, two of up to 48, or one of up to 64. The right
//! rows pass by once. Eight of them make a group.

use super::GROUP;
use core::arch::naked_asm;
use core::mem::MaybeUninit;

/// The most values that a pass over the right rows takes.
const DEPTH: usize = 64;

/// How sums are laid out.
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// `[rows][8 * groups]`
    Rows,
    /// `[groups][LANES rows][8]`, for at most [`LANES`] rows.
    Lanes,
}

/// What the functions for whole rows read by offsets; lengths are in bytes.
#[repr(C)]
struct Whole {
    groups: usize,
    /// After a row's sums of a group, to those of the next group.
    skip: usize,
    /// Passes over the right rows.
    passes: usize,
    /// From where a pass ends to where the next one starts, may wrap.
    next: usize,
    /// From a row's sums to those of the next row.
    pitch: usize,
    /// From the end of a left row to the next one.
    gap: usize,
}

/// Left rows, right rows, sums.
type Pass = unsafe extern "C" fn(*const i8, *const i8, *mut i32, *const Whole);

/// Rows `x` (`width` apart, `inputs` of which count) against `groups` times eight rows of `w` (`stride` apart): writes
/// all sums of these rows to `out`. Gives how many sums these are.
///
/// # Safety
/// There are such rows in `x`, at least one and of one value, and, unless there is no group, in `w`, and there is
/// room for their sums in `out`.
#[inline(never)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn multiply(
    x: &[i8],
    rows: usize,
    width: usize,
    inputs: usize,
    w: &[i8],
    stride: usize,
    groups: usize,
    out: &mut [MaybeUninit<i32>],
    layout: Layout,
) -> usize {
    if groups == 0 {
        return 0;
    }
    let (pitch, skip) = match layout {
        Layout::Rows => (8 * groups, 0),
        Layout::Lanes => (8, GROUP - 8),
    };
    let (x, w, out) = (x.as_ptr(), w.as_ptr(), out.as_mut_ptr().cast());
    let mut done = 0;
    if let Some((whole, shift)) = whole_of(inputs).filter(|_| stride == inputs && width >= inputs) {
        let passes = rows >> shift;
        if passes > 0 {
            done = passes << shift;
            let next = (4 * pitch << shift).wrapping_sub(groups * (32 + 4 * skip));
            let call = Whole { groups, skip: 4 * skip, next, passes, pitch: 4 * pitch, gap: width - inputs };
            // SAFETY: all rows lie within `x` and `w`, and all sums within `out`, as the caller promises.
            unsafe { whole(x, w, out, &raw const call) };
        }
    }
    for row in done..rows {
        let mut start = 0;
        while start < inputs {
            let length = (inputs - start).min(DEPTH);
            // SAFETY: as above; the `length` values from `start` on lie within each row.
            unsafe {
                let (x, w, out) = (x.add(row * width + start), w.add(start), out.add(pitch * row));
                if length == DEPTH {
                    let part = if start == 0 { first_64 } else { next_64 };
                    part(x, w, out, groups, stride, 4 * skip);
                } else {
                    let tail = (length - 1) % 16 + 1;
                    if start == 0 {
                        clear(out, groups, 4 * skip);
                    }
                    let part = match length {
                        1..=16 => next_16,
                        17..=32 => next_32,
                        33..=48 => next_48,
                        _ => next_tail,
                    };
                    part(x, w, out, groups, stride, 4 * skip, tail);
                }
            }
            start += length;
        }
    }
    rows * 8 * groups
}

/// A function for whole rows of so many values, and the logarithm of how many rows it takes a pass.
#[inline]
fn whole_of(inputs: usize) -> Option<(Pass, u32)> {
    Some(match inputs {
        8 => (whole_8, 2),
        12 => (whole_12, 2),
        16 => (whole_16, 2),
        24 => (whole_24, 1),
        32 => (whole_32, 1),
        40 => (whole_40, 1),
        48 => (whole_48, 1),
        64 => (whole_64, 0),
        _ => return None,
    })
}

/// `Σ x·w`; of slices of different lengths, the shorter one counts.
#[inline]
pub(super) fn dot(x: &[i8], w: &[i8]) -> i32 {
    // SAFETY: both slices have that many values.
    unsafe { dot_bytes(x.as_ptr(), w.as_ptr(), x.len().min(w.len())) }
}

/// # Safety
/// `x` and `w` point to `length` values.
#[unsafe(naked)]
unsafe extern "C" fn dot_bytes(x: *const i8, w: *const i8, length: usize) -> i32 {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "mov r3, r0",
        "mov r0, #0",
        "wlstp.8 lr, r2, 3f",
        "2:",
        "vldrb.u8 q0, [r3], #16",
        "vldrb.u8 q1, [r1], #16",
        "vmladava.s8 r0, q0, q1",
        "letp lr, 2b",
        "3:",
        "pop {{r4, pc}}",
    )
}

/// Clears one row's sums of all groups.
///
/// # Safety
/// Eight sums lie at `out` and `skip` bytes after the previous eight, `groups` times, which is positive.
#[unsafe(naked)]
unsafe extern "C" fn clear(out: *mut i32, groups: usize, skip: usize) {
    naked_asm!(
        cpu!(),
        "push {{r4, lr}}",
        "vmov.i32 q0, #0",
        "dls lr, r1",
        "2:",
        "vstrw.32 q0, [r0], #16",
        "vstrw.32 q0, [r0], #16",
        "add r0, r0, r2",
        "le lr, 2b",
        "pop {{r4, pc}}",
    )
}

/// A whole vector, and what comes after it.
macro_rules! load {
    ($vector:literal, $from:literal, $length:literal) => {
        concat!("vldrb.u8 ", $vector, ", [", $from, "], #", $length)
    };
}

/// As many values as there are lanes in the predicate.
macro_rules! load_lanes {
    ($vector:literal, $from:literal, $length:literal) => {
        concat!("vpst\nvldrbt.u8 ", $vector, ", [", $from, "], #", $length)
    };
}

/// The predicate of so many lanes; r4 is lost.
macro_rules! lanes {
    ($lanes:literal) => {
        concat!("mov r4, #", $lanes, "\nvctp.8 r4")
    };
}

/// A function for four rows of `$length` values a pass. Where they do not fill a vector, lanes beyond are loaded as 0.
macro_rules! four {
    ($name:ident, $length:literal, $load:ident $(, $lanes:literal)?) => {
        /// # Safety
        /// `x` points to four such rows per pass, `w` to eight per group, and `out` to sums, as `call` tells; groups
        /// and passes are positive.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(x: *const i8, w: *const i8, out: *mut i32, call: *const Whole) {
            #[rustfmt::skip]
            macro_rules! row {
                ($x:literal, $out:literal) => {
                    concat!(
                        "vmladav.s8 r4, ", $x, ", q4\n",
                        "vmladav.s8 r6, ", $x, ", q5\n",
                        "vmladav.s8 r8, ", $x, ", q6\n",
                        "vmladav.s8 r10, ", $x, ", q7\n",
                        "stm ", $out, "!, {{r4, r6, r8, r10}}\n",
                    )
                };
            }
            naked_asm!(
                cpu!(),
                "push {{r1, r4-r11, lr}}",
                "vpush {{d8-d15}}",
                $(lanes!($lanes),)?
                "ldrd r11, r12, [r3, #4]",
                "5:",
                "ldrd r4, r5, [r3, #16]",
                $load!("q0", "r0", $length),
                "add r0, r0, r5",
                $load!("q1", "r0", $length),
                "add r0, r0, r5",
                $load!("q2", "r0", $length),
                "add r0, r0, r5",
                $load!("q3", "r0", $length),
                "add r0, r0, r5",
                "add r5, r2, r4",
                "add r7, r5, r4",
                "add r9, r7, r4",
                "ldr lr, [r3]",
                "ldr r1, [sp, #64]",
                "dls lr, lr",
                "2:",
                ".rept 2",
                $load!("q4", "r1", $length),
                $load!("q5", "r1", $length),
                $load!("q6", "r1", $length),
                $load!("q7", "r1", $length),
                row!("q0", "r2"),
                row!("q1", "r5"),
                row!("q2", "r7"),
                row!("q3", "r9"),
                ".endr",
                "add r2, r2, r11",
                "add r5, r5, r11",
                "add r7, r7, r11",
                "add r9, r9, r11",
                "le lr, 2b",
                "ldr r4, [r3, #12]",
                "add r2, r2, r4",
                "subs r12, r12, #1",
                "bne 5b",
                "vpop {{d8-d15}}",
                "pop {{r1, r4-r11, pc}}",
            )
        }
    };
}

four!(whole_8, 8, load_lanes, 8);
four!(whole_12, 12, load_lanes, 12);
four!(whole_16, 16, load);

/// A function for two rows a pass: of whole vectors, and where there is a `$tail`, so many values more.
macro_rules! pair {
    (
        $name:ident, $output:ident, [$($first:literal),*] $(+ $first_tail:literal)?,
        [$($second:literal),*] $(+ $second_tail:literal, of $tail:literal)?
    ) => {
        /// # Safety
        /// As [`whole_16`], with two rows a pass.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(x: *const i8, w: *const i8, out: *mut i32, call: *const Whole) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                $(lanes!($tail),)?
                "mov r9, r3",
                "mov r3, r2",
                "ldrd r11, r2, [r9, #4]",
                // Below: the left and the right rows, passes that are left.
                "push {{r0, r1, r2}}",
                "5:",
                "ldr r0, [sp]",
                "ldrd r5, r7, [r9, #16]",
                $(load!($first, "r0", 16),)*
                $(load_lanes!($first_tail, "r0", 8),)?
                "add r0, r0, r7",
                $(load!($second, "r0", 16),)*
                $(load_lanes!($second_tail, "r0", 8),)?
                "add r0, r0, r7",
                "str r0, [sp]",
                "ldr r1, [sp, #4]",
                "ldr r7, [r9]",
                "add r5, r3, r5",
                "2:",
                ".rept 2",
                $output!("r0", "r8"),
                $output!("r2", "r10"),
                $output!("r4", "r12"),
                $output!("r6", "lr"),
                "stm r3!, {{r0, r2, r4, r6}}",
                "stm r5!, {{r8, r10, r12, lr}}",
                ".endr",
                "add r3, r3, r11",
                "add r5, r5, r11",
                "subs r7, r7, #1",
                "bne 2b",
                "ldr r0, [r9, #12]",
                "ldr r2, [sp, #8]",
                "add r3, r3, r0",
                "subs r2, r2, #1",
                "str r2, [sp, #8]",
                "bne 5b",
                "add sp, sp, #12",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

/// An output of two vectors a row, the second of which `$last` loads.
#[rustfmt::skip]
macro_rules! two {
    ($a:literal, $b:literal, $last:literal) => {
        concat!(
            "vldrb.u8 q4, [r1], #16\n",
            $last,
            "vmladav.s8 ", $a, ", q0, q4\n",
            "vmladav.s8 ", $b, ", q2, q4\n",
            "vmladava.s8 ", $a, ", q1, q5\n",
            "vmladava.s8 ", $b, ", q3, q5\n",
        )
    };
}

/// The same of three vectors, the third of which `$last` loads.
#[rustfmt::skip]
macro_rules! three {
    ($a:literal, $b:literal, $last:literal) => {
        concat!(
            "vldrb.u8 q6, [r1], #16\n",
            "vldrb.u8 q7, [r1], #16\n",
            "vmladav.s8 ", $a, ", q0, q6\n",
            "vmladav.s8 ", $b, ", q3, q6\n",
            $last,
            "vmladava.s8 ", $a, ", q1, q7\n",
            "vmladava.s8 ", $b, ", q4, q7\n",
            "vmladava.s8 ", $a, ", q2, q6\n",
            "vmladava.s8 ", $b, ", q5, q6\n",
        )
    };
}

macro_rules! output_24 {
    ($a:literal, $b:literal) => {
        two!($a, $b, "vpst\nvldrbt.u8 q5, [r1], #8\n")
    };
}

macro_rules! output_32 {
    ($a:literal, $b:literal) => {
        two!($a, $b, "vldrb.u8 q5, [r1], #16\n")
    };
}

macro_rules! output_40 {
    ($a:literal, $b:literal) => {
        three!($a, $b, "vpst\nvldrbt.u8 q6, [r1], #8\n")
    };
}

macro_rules! output_48 {
    ($a:literal, $b:literal) => {
        three!($a, $b, "vldrb.u8 q6, [r1], #16\n")
    };
}

pair!(whole_24, output_24, ["q0"] + "q1", ["q2"] + "q3", of 8);
pair!(whole_40, output_40, ["q0", "q1"] + "q2", ["q3", "q4"] + "q5", of 8);
pair!(whole_32, output_32, ["q0", "q1"], ["q2", "q3"]);
pair!(whole_48, output_48, ["q0", "q1", "q2"], ["q3", "q4", "q5"]);

/// # Safety
/// As [`whole_16`], with one row a pass.
#[unsafe(naked)]
unsafe extern "C" fn whole_64(x: *const i8, w: *const i8, out: *mut i32, call: *const Whole) {
    #[rustfmt::skip]
    macro_rules! output {
        ($a:literal) => {
            concat!(
                "vldrb.u8 q4, [r1], #16\n",
                "vldrb.u8 q5, [r1], #16\n",
                "vmladav.s8 ", $a, ", q0, q4\n",
                "vldrb.u8 q6, [r1], #16\n",
                "vmladava.s8 ", $a, ", q1, q5\n",
                "vldrb.u8 q7, [r1], #16\n",
                "vmladava.s8 ", $a, ", q2, q6\n",
                "vmladava.s8 ", $a, ", q3, q7\n",
            )
        };
    }
    naked_asm!(
        cpu!(),
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "mov r5, r1",
        "ldrd r9, r11, [r3]",
        "ldrd r12, r7, [r3, #8]",
        "5:",
        "vldrb.u8 q0, [r0], #16",
        "vldrb.u8 q1, [r0], #16",
        "vldrb.u8 q2, [r0], #16",
        "vldrb.u8 q3, [r0], #16",
        "ldr lr, [r3, #20]",
        "add r0, r0, lr",
        "mov r1, r5",
        "dls lr, r9",
        "2:",
        ".rept 2",
        output!("r4"),
        output!("r6"),
        output!("r8"),
        output!("r10"),
        "stm r2!, {{r4, r6, r8, r10}}",
        ".endr",
        "add r2, r2, r11",
        "le lr, 2b",
        "add r2, r2, r7",
        "subs r12, r12, #1",
        "bne 5b",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// A function for one row, which `$load` brings to registers, and right rows any `stride` apart: `$start` loads the
/// sums of four of these, to which all is added, and `$output` adds the products of one.
macro_rules! one_row {
    ($name:ident($($tail:ident)?), $start:literal, $load:ident, $output:ident, [$($argument:literal),*]) => {
        /// # Safety
        /// As [`whole_64`] for one pass, but the right rows lie `stride` apart; where there is a `tail`, all rows end
        /// after so many values (1 to 16) of the last vector.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            x: *const i8,
            w: *const i8,
            out: *mut i32,
            groups: usize,
            stride: usize,
            skip: usize,
            $($tail: usize,)?
        ) {
            naked_asm!(
                cpu!(),
                "push {{r4-r11, lr}}",
                "ldrd r5, r7, [sp, #36]",
                "vpush {{d8-d15}}",
                $load!($($argument),*),
                "dls lr, r3",
                "2:",
                ".rept 2",
                $start,
                $output!("r4", $($argument),*),
                $output!("r6", $($argument),*),
                $output!("r8", $($argument),*),
                $output!("r10", $($argument),*),
                "stm r2!, {{r4, r6, r8, r10}}",
                ".endr",
                "add r2, r2, r7",
                "le lr, 2b",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

macro_rules! load_64 {
    ($_first:literal) => {
        "vldrb.u8 q0, [r0]\nvldrb.u8 q1, [r0, #16]\nvldrb.u8 q2, [r0, #32]\nvldrb.u8 q3, [r0, #48]"
    };
}

/// The products of 64 values.
#[rustfmt::skip]
macro_rules! output_64 {
    ($a:literal, $first:literal) => {
        concat!(
            "vldrb.u8 q4, [r1]\n",
            "vldrb.u8 q5, [r1, #16]\n",
            $first, " ", $a, ", q0, q4\n",
            "vldrb.u8 q6, [r1, #32]\n",
            "vmladava.s8 ", $a, ", q1, q5\n",
            "vldrb.u8 q7, [r1, #48]\n",
            "vmladava.s8 ", $a, ", q2, q6\n",
            "add r1, r1, r5\n",
            "vmladava.s8 ", $a, ", q3, q7\n",
        )
    };
}

/// The products of some whole vectors, and of a last one, in q3, that need not be.
#[rustfmt::skip]
macro_rules! output_tail {
    ($a:literal, $last:literal $(, $whole:literal)*) => {
        concat!(
            $("vldrb.u8 q4, [r1, #16*", $whole, "]\n",
            "vmladava.s8 ", $a, ", q", $whole, ", q4\n",)*
            "vpst\n",
            "vldrbt.u8 q5, [r1, #16*", $last, "]\n",
            "vmladava.s8 ", $a, ", q3, q5\n",
            "add r1, r1, r5\n",
        )
    };
}

/// Brings one row to the registers that [`output_tail`] expects.
macro_rules! load_tail {
    ($last:literal $(, $whole:literal)*) => {
        concat!(
            "ldr r9, [sp, #108]\n",
            "vctp.8 r9\n",
            $("vldrb.u8 q", $whole, ", [r0, #16*", $whole, "]\n",)*
            "vpst\n",
            "vldrbt.u8 q3, [r0, #16*", $last, "]\n",
        )
    };
}

one_row!(first_64(), "", load_64, output_64, ["vmladav.s8"]);
one_row!(next_64(), "ldm r2, {{r4, r6, r8, r10}}", load_64, output_64, ["vmladava.s8"]);
one_row!(next_16(tail), "ldm r2, {{r4, r6, r8, r10}}", load_tail, output_tail, ["0"]);
one_row!(next_32(tail), "ldm r2, {{r4, r6, r8, r10}}", load_tail, output_tail, ["1", "0"]);
one_row!(next_48(tail), "ldm r2, {{r4, r6, r8, r10}}", load_tail, output_tail, ["2", "0", "1"]);
one_row!(next_tail(tail), "ldm r2, {{r4, r6, r8, r10}}", load_tail, output_tail, ["3", "0", "1", "2"]);
