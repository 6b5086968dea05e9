//! Instructions of a model by its parts, on an emulated Cortex-M board.
#![no_std]
#![no_main]

#[path = "../board.rs"]
mod board;
#[path = "../counter.rs"]
mod counter;

use cortex_m_rt::entry;

#[entry]
fn main() -> ! {
    firmware::parts(board::start())
}
