//! What a second of sound costs: a model that hears, a token at a time, or, with the feature `windowed`, a window at a
//! time.
//!
//! `MODEL` in the environment of the build names its `.heed` file, `CADENCE` the frames from one window to the next.
//!
//! ```text
//! sound state=9000 stack=1234 samples=80000 kernels=DSP
//! clip 0_jackson_5.wav
//! outcome 1,-2,3
//! spent front=1234567 network=2345678 inferences=190
//! done
//! ```

use crate::report::Logits;
use crate::{Board, clips, stack, succeed};
use core::hint::black_box;
use semihosting::println;
use static_cell::ConstStaticCell;

heedful::model!(Model = env!("MODEL"));

/// Seconds of sound.
const SECONDS: usize = 10;
/// Outcomes that are shown.
const SHOWN: u32 = 100;

#[cfg(not(feature = "windowed"))]
type Ear = heedful::Streaming<Model>;
#[cfg(feature = "windowed")]
type Ear = Model;

/// Hears a sample; whether an inference is due.
#[cfg(not(feature = "windowed"))]
fn hear(ear: &mut Ear, sample: i16, _: &mut u32) -> bool {
    ear.push(sample)
}

#[cfg(not(feature = "windowed"))]
fn infer(ear: &mut Ear) -> [i16; Model::SHAPE.outputs] {
    copied(ear.step().logits())
}

/// Frames from one window to the next.
#[cfg(feature = "windowed")]
const CADENCE: u32 = match u32::from_str_radix(env!("CADENCE"), 10) {
    Ok(cadence) => cadence,
    Err(_) => panic!("CADENCE is no number"),
};

#[cfg(feature = "windowed")]
fn hear(ear: &mut Ear, sample: i16, frames: &mut u32) -> bool {
    *frames += u32::from(ear.push(sample));
    let is_due = *frames >= CADENCE && ear.is_full();
    if is_due {
        *frames = 0;
    }
    is_due
}

#[cfg(feature = "windowed")]
fn infer(ear: &mut Ear) -> [i16; Model::SHAPE.outputs] {
    copied(ear.infer().logits())
}

fn copied(logits: &[i16]) -> [i16; Model::SHAPE.outputs] {
    logits.first_chunk().copied().unwrap_or([0; Model::SHAPE.outputs])
}

/// Hears the clips, one after the other, and ends the emulation.
pub fn hear_sound(board: Board) -> ! {
    static EAR: ConstStaticCell<Ear> = ConstStaticCell::new(Ear::new());
    let ear = EAR.take();
    let samples = SECONDS * Model::SAMPLE_RATE;
    let stack = stack::measure(board.stack_end, || {
        black_box(infer(ear));
    });
    ear.reset();
    println!("sound state={} stack={stack} samples={samples} kernels={}", size_of::<Ear>(), heedful::backend());
    clips().for_each(|clip| println!("clip {}", clip.name));
    let (mut front, mut network, mut inferences, mut frames) = (0, 0, 0, 0);
    let mut start = (board.instructions)();
    for sample in clips().flat_map(|clip| clip.samples.iter().copied()).cycle().take(samples) {
        if hear(ear, black_box(sample), &mut frames) {
            let heard = (board.instructions)();
            let outcome = infer(ear);
            let end = (board.instructions)();
            (front, network, inferences) = (front + heard - start, network + end - heard, inferences + 1);
            if inferences <= SHOWN {
                println!("outcome {}", Logits(&outcome));
            }
            start = (board.instructions)();
        }
    }
    front += (board.instructions)() - start;
    println!("spent front={front} network={network} inferences={inferences}");
    println!("done");
    succeed()
}
