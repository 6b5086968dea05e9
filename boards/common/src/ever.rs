//! All that a program does with a listener, for `no_panic` to link.

use crate::ear::{EAR, Words};
use core::hint::black_box;
use heedful::events::{SampleQueue, Step};
use static_cell::ConstStaticCell;

static QUEUE: ConstStaticCell<SampleQueue<64>> = ConstStaticCell::new(SampleQueue::new());
static MODEL: ConstStaticCell<Words> = ConstStaticCell::new(Words::new());

/// Listens for ever: through a queue, to chunks, and with the model alone, in slices each.
///
/// The optimiser must not know where the samples come from and what becomes of the events.
pub fn hear_for_ever(mut sample: impl FnMut() -> i16) -> ! {
    let (Some(queue), Some(ear), Some(model)) = (QUEUE.try_take(), EAR.try_take(), MODEL.try_take()) else { loop {} };
    let (mut capture, mut captured) = queue.split();
    loop {
        black_box(capture.push(sample()));
        black_box(capture.push_all(&[sample(); 16]));
        black_box((capture.room(), captured.waiting(), captured.lost()));
        let mut events = ear.listen(&mut captured);
        loop {
            match events.step() {
                Step::Event(event) => _ = black_box((event, event.start_ms(), event.end_ms(), event.duration_ms())),
                Step::Busy => _ = black_box(sample()),
                Step::Done => break,
            }
        }
        drop(events);
        for event in ear.push(&[sample(); 16]) {
            black_box(event.label);
        }
        ear.skip(sample().unsigned_abs().into());
        black_box((ear.heard(), ear.lost(), ear.missed(), ear.inferences()));
        if model.push(sample()) && model.is_full() {
            let mut slices = model.slices();
            while slices.left() > 0 {
                if let Some(outcome) = slices.step() {
                    black_box(outcome.best());
                    break;
                }
            }
        }
    }
}
