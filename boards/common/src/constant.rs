//! Whether executed instructions depend on the data: one block on inputs of all kinds.
//!
//! ```text
//! constant 32,32,8,32 inputs=109 repeats=5 least=8261725 most=8261726
//! constant done backend=DSP
//! ```

use crate::blocks::{Block, block, scatter};
use crate::succeed;
use heedful::internals::Active;
use semihosting::println;

/// Random inputs.
const RANDOM: usize = 100;
/// Inputs made to meet limits.
const EXTREME: usize = 9;
/// Runs between two readings of the counter. A reading lags by less than one instruction, so that two equal
/// measurements appear to differ by 2 at the most, and two whose runs differ by one instruction differ by 3 at least.
const REPEATS: u64 = 5;

/// Counts all shapes on all inputs, prints the least and the most of all repeats, and ends the emulation.
pub fn constant(instructions: fn() -> u64) -> ! {
    vary(block!(32, 32, 8, 32), instructions);
    vary(block!(81, 24, 3, 8), instructions);
    vary(block!(7, 12, 2, 6), instructions);
    println!("constant done backend={}", heedful::backend());
    succeed()
}

fn vary<B: Block>(block: &mut B, instructions: fn() -> u64) {
    let [s, e, h, p] = B::SHAPE;
    let mut random = 5;
    let (mut least, mut most) = (u64::MAX, 0);
    for input in 0..RANDOM + EXTREME {
        prepare(block, e, input, &mut random);
        let mut count = || {
            let start = instructions();
            for _ in 0..REPEATS {
                block.run::<Active>();
            }
            instructions() - start
        };
        let mut counted = count();
        // A reading takes longer if the counter wraps meanwhile, which cannot happen twice in a row.
        if counted < least || counted > most {
            counted = counted.min(count());
        }
        least = least.min(counted);
        most = most.max(counted);
    }
    println!("constant {s},{e},{h},{p} inputs={} repeats={REPEATS} least={least} most={most}", RANDOM + EXTREME);
}

/// The `input`th input: extreme ones first, then random ones.
fn prepare<B: Block>(block: &mut B, width: usize, input: usize, random: &mut u32) {
    let rows = |block: &mut B, value: fn(usize) -> i8| {
        for (i, x) in block.input().iter_mut().enumerate() {
            *x = value(i.checked_div(width).unwrap_or(0));
        }
    };
    match input {
        0 => block.input().fill(0),
        1 => block.input().fill(127),
        2 => block.input().fill(-128),
        3 => block.saturate(true),
        4 => block.saturate(false),
        5 => rows(block, |row| if row % 2 == 0 { 127 } else { -128 }),
        6 => rows(block, |row| if row == 0 { 127 } else { -128 }),
        7 => rows(block, |row| if row == 0 { 127 } else { 0 }),
        8 => rows(block, |row| row as i8),
        _ => scatter(random, block.input()),
    }
}
