//! A minute of sound from a timer's interrupt through a queue into a listener, on an emulated RISC-V board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;
#[path = "../sampler.rs"]
mod sampler;

use qemu_riscv as _;
use riscv::asm::wfi;
use riscv::interrupt::Interrupt;
use riscv_rt::{core_interrupt, entry};

#[entry]
fn main() -> ! {
    sampler::start();
    firmware::microphone(wfi)
}

#[core_interrupt(Interrupt::MachineTimer)]
fn on_timer() {
    sampler::next();
    firmware::on_sample();
}
