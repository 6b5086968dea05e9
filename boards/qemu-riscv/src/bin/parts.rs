//! Instructions of a model by its parts, on an emulated RISC-V board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;

use qemu_riscv as _;
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    firmware::parts(board::start())
}
