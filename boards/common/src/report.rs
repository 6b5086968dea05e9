//! The lines that the firmware prints; `xtask` reads them back.
//!
//! ```text
//! model digits state=23456 stack=1234 kernels=portable
//! watch rows=225 instructions=660123
//! clip 0_george_5.wav heard=zero front_end=123456 frames=100 inference=654321 logits=1,-2,3
//! done
//! ```

use crate::models::{Listener, Visitor, each_model};
use crate::{Clip, clips, stack};
use core::fmt::{self, Display};
use core::hint::black_box;
use core::panic::PanicInfo;
use semihosting::{println, process};

/// What a board knows that the firmware does not.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Instructions executed so far.
    pub instructions: fn() -> u64,
    /// Lowest address of the stack.
    pub stack_end: usize,
}

/// Runs every model on every clip, prints the lines and ends the emulation.
pub fn run(board: Board) -> ! {
    each_model(&mut Report(board));
    println!("done");
    succeed()
}

/// Ends the emulation with success.
pub fn succeed() -> ! {
    process::exit(0)
}

struct Report(Board);

impl Visitor for Report {
    fn visit<M: Listener>(&mut self, model: &mut M) {
        // The first clip runs once more, for the stack alone: printing takes stack, too.
        let stack = stack::measure(self.0.stack_end, || {
            if let Some(clip) = clips().next() {
                for sample in heedful::audio::excerpt(clip.samples, M::SAMPLES) {
                    model.push(sample);
                }
                black_box(model.infer().best());
            }
        });
        let state = size_of::<M>();
        println!("model {} state={state} stack={stack} kernels={}", M::NAME, heedful::backend());
        // The model still knows the first clip.
        let start = (self.0.instructions)();
        let rows = model.watch();
        let watched = (self.0.instructions)();
        println!("watch rows={rows} instructions={}", watched - start);
        for clip in clips() {
            self.hear(model, clip);
        }
    }
}

impl Report {
    fn hear<M: Listener>(&self, model: &mut M, clip: Clip) {
        let count = self.0.instructions;
        model.reset();
        let mut frames = 0u32;
        let samples = heedful::audio::excerpt(clip.samples, M::SAMPLES);
        let start = count();
        for sample in samples {
            frames += u32::from(model.push(sample));
        }
        let heard = count();
        let outcome = model.infer();
        let inferred = count();
        println!(
            "clip {} heard={} front_end={} frames={frames} inference={} logits={}",
            clip.name,
            M::LABELS.get(outcome.best().class).unwrap_or(&"?"),
            heard - start,
            inferred - heard,
            Logits(outcome.logits())
        );
    }
}

/// Numbers with commas between.
pub(crate) struct Logits<'a>(pub &'a [i16]);

impl Display for Logits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, logit) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{logit}")?;
        }
        Ok(())
    }
}

/// Ends the emulation with a failure.
pub fn fail() -> ! {
    process::exit(1)
}

/// The panic handler of a board: says what happened and ends the emulation with a failure.
pub fn panicked(info: &PanicInfo<'_>) -> ! {
    println!("{info}");
    fail()
}

/// The same for a fault of the processor.
pub fn fault(what: impl Display) -> ! {
    println!("fault: {what}");
    fail()
}
