//! The clips through the models on an emulated RISC-V board.
#![no_std]
#![no_main]

mod board;

use qemu_riscv as _;
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    firmware::run(board::start())
}
