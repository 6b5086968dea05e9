//! The start-up code of this board that is not in `riscv-rt`; each program links it with `use qemu_riscv as _`.
#![no_std]

// It brings the critical section.
use riscv as _;

// Switches vectors and floating point on (mstatus.VS, bits 9 and 10, and FS, bits 13 and 14) before the first of them,
// for V brings floating point with it. A core without them ignores it.
core::arch::global_asm!(
    ".section .init.pre_init, \"ax\"",
    ".global __pre_init",
    "__pre_init:",
    "li t0, 0x6600",
    "csrs mstatus, t0",
    "ret",
);
