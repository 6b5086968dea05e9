//! What it takes to listen with a model, on an emulated RISC-V board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;

use qemu_riscv as _;
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    firmware::slices(board::start())
}
