//! A second of sound on an emulated Cortex-M board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;
#[path = "../counter.rs"]
mod counter;

use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    firmware::hear_sound(board::start())
}
