//! The kernels of this board's backend against the portable ones, on random cases.
#![no_std]
#![no_main]

use core::panic::PanicInfo;
use qemu_riscv as _;
use riscv_rt::entry;

#[entry]
fn main() -> ! {
    firmware::check_kernels()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
