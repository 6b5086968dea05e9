//! How many samples a loop that listens loses at a number of instructions per second.
//!
//! A microphone brings 8,000 samples a second into a queue, as an interrupt or DMA would, whatever the loop is busy
//! with. Time is what the instructions take that the loop has executed; a sample that finds the queue full is lost.
//! The interrupt itself costs nothing here.
//!
//! ```text
//! microphone every=5 rate=62500000 queue=512 samples=40000 lost=0 inferences=81
//! microphone done
//! ```

use crate::models::digits::{Digits, MODEL};
use crate::{Board, clips, succeed};
use core::hint::black_box;
use semihosting::println;

/// Samples per second.
const SAMPLES: u64 = 8000;
/// Five seconds of them.
const BROUGHT: u64 = 5 * SAMPLES;
/// Samples that the queue holds.
const QUEUE: u64 = 512;
/// Instructions per second.
const RATE: u64 = 62_500_000;

/// Brings samples for a while.
struct Microphone<I> {
    board: Board,
    start: u64,
    sound: I,
    taken: u64,
    lost: u64,
}

impl<I: Iterator<Item = i16>> Iterator for Microphone<I> {
    type Item = i16;

    /// The next sample of the queue, once there is one.
    fn next(&mut self) -> Option<i16> {
        loop {
            let elapsed = (self.board.instructions)() - self.start;
            let brought = (elapsed * SAMPLES / RATE).min(BROUGHT);
            let waiting = brought - self.taken - self.lost;
            self.lost += waiting.saturating_sub(QUEUE);
            if waiting > 0 {
                self.taken += 1;
                return self.sound.next();
            }
            if brought == BROUGHT {
                return None;
            }
        }
    }
}

/// Listens with an inference at each frame, then at every fifth, and ends the emulation.
pub fn microphone(board: Board) -> ! {
    let digits = MODEL.take();
    for every in [1, 5] {
        let sound = clips().flat_map(|clip| clip.samples.iter().copied()).cycle();
        let start = (board.instructions)();
        let mut microphone = Microphone { board, start, sound, taken: 0, lost: 0 };
        digits.reset();
        let inferences = listen(digits, &mut microphone, every);
        let Microphone { taken, lost, .. } = microphone;
        assert!(taken + lost == BROUGHT);
        println!(
            "microphone every={every} rate={RATE} queue={QUEUE} samples={BROUGHT} lost={lost} inferences={inferences}"
        );
    }
    println!("microphone done");
    succeed()
}

/// The loop of the README; gives the number of inferences.
fn listen(digits: &mut Digits, microphone: impl Iterator<Item = i16>, every: u32) -> u32 {
    let (mut frames, mut inferences) = (0, 0);
    for sample in microphone {
        frames += u32::from(digits.push(sample));
        if frames >= every && digits.is_full() {
            frames = 0;
            inferences += 1;
            let heard = digits.infer().best();
            if heard.probability > 0.8 {
                black_box(Digits::LABELS.get(heard.class));
            }
        }
    }
    inferences
}
