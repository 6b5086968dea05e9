//! The clips through the models on an emulated Cortex-M board.
#![no_std]
#![no_main]

mod board;
mod counter;

use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    firmware::run(board::start())
}
