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
use static_cell::ConstStaticCell;

static INPUTS: &Words<[u8]> = &Words(*include_bytes!(env!("MODEL_INPUTS")));

/// Bytes on a word boundary.
#[repr(C, align(4))]
struct Words<T: ?Sized>(T);

/// Runs a model of some state, loaded by so many instructions, on all inputs `[rows][values]`; prints what it gives,
/// and ends the emulation. `infer` hands the outputs of an input over.
fn report(
    board: Board,
    state: usize,
    load: u64,
    [rows, values]: [usize; 2],
    mut infer: impl FnMut(&'static [i16], &mut dyn FnMut(&[i16])),
) -> ! {
    let inputs = || bytemuck::cast_slice(&INPUTS.0).chunks_exact((rows * values).max(1));
    let stack = stack::measure(board.stack_end, || {
        if let Some(input) = inputs().next() {
            infer(input, &mut |outputs| {
                black_box(outputs);
            });
        }
    });
    println!("model state={state} stack={stack} load={load} kernels={}", heedful::backend());
    for input in inputs() {
        let start = (board.instructions)();
        infer(input, &mut |outputs| {
            let instructions = (board.instructions)() - start;
            println!("inference instructions={instructions} outputs={}", Logits(outputs));
        });
    }
    println!("done");
    succeed()
}

/// Runs a model that is compiled in.
#[cfg(not(feature = "loaded"))]
pub fn infer(board: Board) -> ! {
    heedful::model!(Model = env!("MODEL"));
    static MODEL: ConstStaticCell<Model> = ConstStaticCell::new(Model::new());

    let model = MODEL.take();
    report(board, size_of::<Model>(), 0, Model::INPUT, |input, see| {
        if let Some(rows) = input.as_chunks().0.first_chunk() {
            see(model.infer_fine(black_box(rows)).logits());
        }
    })
}

/// The same, of a model that comes at run time.
#[cfg(feature = "loaded")]
pub fn infer(board: Board) -> ! {
    use heedful::Model;
    static FILE: &Words<[u8]> = &Words(*include_bytes!(env!("MODEL")));
    static MEMORY: ConstStaticCell<[u32; 1 << 14]> = ConstStaticCell::new([0; 1 << 14]);

    let (file, memory) = (black_box(&FILE.0), MEMORY.take());
    let start = (board.instructions)();
    let state = Model::memory(file).unwrap_or(0);
    let Ok(mut model) = Model::load(file, memory) else {
        println!("the model does not load: it needs {state} bytes of memory");
        crate::fail()
    };
    let load = (board.instructions)() - start;
    let shape = model.shape().features();
    report(board, state, load, shape, |input, see| see(model.infer_fine(black_box(input)).logits()))
}
