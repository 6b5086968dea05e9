//! What each head attends to, as frames to the host, from an emulated Cortex-M board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;
#[path = "../counter.rs"]
mod counter;

use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    firmware::watch(board::start())
}
