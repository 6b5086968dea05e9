//! One model on a board: what it gives for some inputs, and the instructions of each inference.
//!
//! `MODEL` in the environment of the build names its `.heed` file, `MODEL_INPUTS` a file of inputs: int16, in units of
//! a 128th of the model's where this takes 8 bits. With the feature `loaded` the file is loaded when the firmware runs.
//!
//! ```text
//! model state=41000 stack=1234 load=0 kernels=DSP
//! inference instructions=1234567 outputs=1,-2,3
//! done
//! ```

use crate::report::Logits;
use crate::{Board, stack, succeed};
use core::hint::black_box;
use semihosting::println;

static INPUTS: &Words<[u8]> = &Words(*include_bytes!(env!("MODEL_INPUTS")));

/// Bytes on a word boundary.
#[repr(C, align(4))]
struct Words<T: ?Sized>(T);

/// The inputs, each of so many values.
fn inputs(values: usize) -> impl Iterator<Item = &'static [i16]> {
    bytemuck::cast_slice(&INPUTS.0).chunks_exact(values.max(1))
}

/// Runs the model on all inputs, prints what it gives, and ends the emulation.
#[cfg(not(feature = "loaded"))]
pub fn infer(board: Board) -> ! {
    use static_cell::ConstStaticCell;
    heedful::model!(Model = env!("MODEL"));
    static MODEL: ConstStaticCell<Model> = ConstStaticCell::new(Model::new());

    let model = MODEL.take();
    let rows = |values: &'static [i16]| values.as_chunks().0.first_chunk();
    let mut inputs = inputs(Model::INPUT[0] * Model::INPUT[1]).filter_map(rows).peekable();
    let stack = stack::measure(board.stack_end, || {
        if let Some(rows) = inputs.peek() {
            black_box(model.infer_fine(black_box(rows)));
        }
    });
    println!("model state={} stack={stack} load=0 kernels={}", size_of::<Model>(), heedful::backend());
    for rows in inputs {
        let start = (board.instructions)();
        let outcome = model.infer_fine(black_box(rows));
        let instructions = (board.instructions)() - start;
        println!("inference instructions={instructions} outputs={}", Logits(outcome.logits()));
    }
    println!("done");
    succeed()
}

/// The same, of a model that comes at run time.
#[cfg(feature = "loaded")]
pub fn infer(board: Board) -> ! {
    use heedful::Model;
    use static_cell::ConstStaticCell;
    static FILE: &Words<[u8]> = &Words(*include_bytes!(env!("MODEL")));
    static MEMORY: ConstStaticCell<[u32; 1 << 14]> = ConstStaticCell::new([0; 1 << 14]);

    let (file, memory) = (black_box(&FILE.0), MEMORY.take());
    let start = (board.instructions)();
    let needed = Model::memory(file).unwrap_or(0);
    let Ok(mut model) = Model::load(file, memory) else {
        println!("the model does not load: it needs {needed} bytes of memory");
        crate::fail()
    };
    let load = (board.instructions)() - start;
    let [rows, values] = model.shape().features();
    let stack = stack::measure(board.stack_end, || {
        if let Some(values) = inputs(rows * values).next() {
            black_box(model.infer_fine(black_box(values)).logits());
        }
    });
    println!("model state={needed} stack={stack} load={load} kernels={}", heedful::backend());
    for values in inputs(rows * values) {
        let start = (board.instructions)();
        let outcome = model.infer_fine(black_box(values));
        let instructions = (board.instructions)() - start;
        println!("inference instructions={instructions} outputs={}", Logits(outcome.logits()));
    }
    println!("done");
    succeed()
}
