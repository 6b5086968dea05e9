//! What each head attends to in the first clips, as frames to the host, between lines of text.
//!
//! ```text
//! watch digits kernels=DSP
//! cost unwatched=1234567 framed=1334567 bytes=14899
//! clip 0_george_5.wav
//! (frames)
//! done
//! ```

use crate::models::{Listener, Visitor, first_model};
use crate::{Board, clips, fail, succeed};
use core::hint::black_box;
use semihosting::io::{Write, stdout};
use semihosting::println;

/// Clips whose rows are sent.
const CLIPS: usize = 2;

/// Watches the first model of this firmware, and ends the emulation.
pub fn watch(board: Board) -> ! {
    first_model(&mut Watch(board));
    println!("done");
    succeed()
}

struct Watch(Board);

impl Visitor for Watch {
    fn visit<M: Listener>(&mut self, model: &mut M) {
        let Ok(mut host) = stdout() else { fail() };
        println!("watch {} kernels={}", M::NAME, heedful::backend());
        // What it costs without the link: the frames go nowhere.
        let (mut bytes, count) = (0, self.0.instructions);
        let start = count();
        black_box(model.infer().best());
        let unwatched = count() - start;
        let mut frames = M::frames(|piece: &[u8]| bytes += black_box(piece).len());
        let start = count();
        black_box(frames.inference(|rows| model.infer_into(rows)).best());
        let framed = count() - start;
        println!("cost unwatched={unwatched} framed={framed} bytes={bytes}");

        let mut frames = M::frames(|piece: &[u8]| {
            if host.write_all(piece).is_err() {
                fail()
            }
        });
        for clip in clips().take(CLIPS) {
            println!("clip {}", clip.name);
            model.reset();
            for sample in heedful::audio::excerpt(clip.samples, M::SAMPLES) {
                model.push(sample);
            }
            frames.inference(|rows| model.infer_into(rows));
        }
    }
}

/// Hears and watches for ever, for `no_panic`: the optimiser must not know where bytes go.
pub fn watch_for_ever(microphone: impl FnMut() -> i16) -> ! {
    struct Forever<F>(F);
    impl<F: FnMut() -> i16> Visitor for Forever<F> {
        fn visit<M: Listener>(&mut self, model: &mut M) {
            let mut frames = M::frames(|piece: &[u8]| _ = black_box(piece));
            loop {
                if model.push((self.0)()) {
                    black_box(frames.inference(|rows| model.infer_into(rows)).best());
                }
            }
        }
    }
    first_model(&mut Forever(microphone));
    loop {}
}
