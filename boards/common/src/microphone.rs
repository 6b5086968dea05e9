//! A minute of sound through the listener of the README: the interrupt of a timer brings 8,000 samples a second into a
//! queue, whatever the loop is busy with. A sample that finds the queue full is lost, and counted.
//!
//! Then the same for a while with a queue that is too short for what comes during an inference.
//!
//! ```text
//! clip 0_george_5.wav
//! event label=3 score=32011 start=8720 end=12720
//! minute queue=1023 heard=480000 lost=0 inferences=580 missed=0
//! short queue=31 brought=80000 lost=12345
//! microphone done
//! ```

use crate::ear::{EAR, IS_SMALL, Words};
use crate::minute::{Minute, RATE};
use crate::{clips, succeed};
use core::cell::RefCell;
use core::iter::Take;
use critical_section::Mutex;
use heedful::events::{Capture, Captured, Event, Listener, SampleQueue};
use semihosting::println;
use static_cell::ConstStaticCell;

/// Places of the queue, one more than samples fit. A core that is slow needs more.
const QUEUE: usize = if IS_SMALL { 1536 } else { 1024 };
/// The same of one that is too short: 4 ms.
const SHORT: usize = 32;
/// Samples that come into it.
const BROUGHT: usize = 10 * RATE;

static LONG_QUEUE: ConstStaticCell<SampleQueue<QUEUE>> = ConstStaticCell::new(SampleQueue::new());
static SHORT_QUEUE: ConstStaticCell<SampleQueue<SHORT>> = ConstStaticCell::new(SampleQueue::new());

/// The minute of this firmware's clips.
pub type Sound = Minute<'static, fn(usize) -> &'static [i16]>;

/// What the interrupt owns.
struct Microphone {
    sound: Take<Sound>,
    capture: Capture<'static>,
}

static MICROPHONE: Mutex<RefCell<Option<Microphone>>> = Mutex::new(RefCell::new(None));

/// What the timer's interrupt does, 8,000 times a second.
pub fn on_sample() {
    critical_section::with(|cs| {
        let mut microphone = MICROPHONE.borrow_ref_mut(cs);
        if let Some(Microphone { sound, capture }) = microphone.as_mut() {
            match sound.next() {
                Some(sample) => _ = capture.push(sample),
                None => *microphone = None,
            }
        }
    });
}

/// The minute of this firmware's clips, from its start.
pub fn sound() -> Sound {
    Minute::new(clips().count(), |n| clips().nth(n).map_or(&[], |clip| clip.samples))
}

/// Begins to bring samples.
fn switch_on(capture: Capture<'static>, samples: usize) {
    let sound = sound().take(samples);
    critical_section::with(|cs| *MICROPHONE.borrow_ref_mut(cs) = Some(Microphone { sound, capture }));
}

/// Whether there are more samples to come.
fn is_on() -> bool {
    critical_section::with(|cs| MICROPHONE.borrow_ref(cs).is_some())
}

/// Listens, and ends the emulation. The timer runs already; `sleep` waits for its next interrupt.
pub fn microphone(sleep: fn()) -> ! {
    clips().for_each(|clip| println!("clip {}", clip.name));
    let ear = EAR.take();
    let (capture, mut captured) = LONG_QUEUE.take().split();
    switch_on(capture, usize::MAX);
    listen(ear, &mut captured, sleep);
    println!(
        "minute queue={} heard={} lost={} inferences={} missed={}",
        QUEUE - 1,
        ear.heard(),
        captured.lost(),
        ear.inferences(),
        ear.missed()
    );
    let (capture, mut captured) = SHORT_QUEUE.take().split();
    switch_on(capture, BROUGHT);
    listen(ear, &mut captured, sleep);
    println!("short queue={} brought={BROUGHT} lost={}", SHORT - 1, captured.lost());
    println!("microphone done");
    succeed()
}

/// The loop of the README, until no more samples come.
fn listen(ear: &mut Listener<Words>, captured: &mut Captured<'_>, sleep: fn()) {
    while is_on() || captured.waiting() > 0 {
        for event in ear.listen(captured) {
            print_event(&event);
        }
        sleep();
    }
}

/// A line for an event.
pub fn print_event(event: &Event) {
    let Event { label, score, start, end, .. } = event;
    println!("event label={label} score={} start={start} end={end}", score.to_bits());
}
