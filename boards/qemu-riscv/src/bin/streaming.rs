//! A second of sound on an emulated RISC-V board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;

use qemu_riscv as _;
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    firmware::hear_sound(board::start())
}
