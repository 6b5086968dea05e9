//! Each kind of attention on this board.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use qemu_riscv as _;
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    firmware::kinds()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
