//! A listener as a task of embassy: it gives way after each slice of an inference, so that another task, which takes
//! what a converter has put into a buffer each 10 ms, is never late.
//!
//! ```text
//! event label=3 score=32011 start=8720 end=12720
//! embassy heard=80000 lost=0 late=0 yields=1530
//! embassy done
//! ```
#![no_std]
#![no_main]

#[path = "../sampler.rs"]
mod sampler;

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m_rt::exception;
use embassy_executor::{Spawner, task};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use firmware::{EAR, RATE, Words, print_event, sound};
use heedful::events::{Capture, Captured, Listener, SampleQueue, Step};
use semihosting::println;
use static_cell::ConstStaticCell;

/// Samples of a buffer, and buffers of the 10 seconds that are heard.
const BUFFER: usize = RATE / 100;
const BUFFERS: u32 = 1000;

static QUEUE: ConstStaticCell<SampleQueue<1024>> = ConstStaticCell::new(SampleQueue::new());
/// How many buffers the converter has filled.
static FILLED: Signal<CriticalSectionRawMutex, u32> = Signal::new();
/// That there are samples in the queue.
static QUEUED: Signal<CriticalSectionRawMutex, ()> = Signal::new();
/// Buffers that were filled anew before they had been taken.
static LATE: AtomicU32 = AtomicU32::new(0);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let (capture, captured) = QUEUE.take().split();
    if let Some(core) = cortex_m::Peripherals::take() {
        sampler::start(core.SYST, BUFFER as u32);
    }
    spawner.spawn(take(capture).unwrap());
    spawner.spawn(listen(EAR.take(), captured).unwrap());
}

/// Takes each buffer within 10 ms.
#[task]
async fn take(mut capture: Capture<'static>) {
    let (mut sound, mut taken) = (sound(), 0);
    while taken < BUFFERS {
        let filled = FILLED.wait().await;
        let late = filled - taken - 1;
        LATE.fetch_add(late, Ordering::Relaxed);
        sound.by_ref().skip(late as usize * BUFFER).take(BUFFER).for_each(|sample| _ = capture.push(sample));
        taken = filled;
        QUEUED.signal(());
    }
}

/// Hears what is in the queue, a slice at a time.
#[task]
async fn listen(ear: &'static mut Listener<Words>, mut captured: Captured<'static>) {
    let (heard, mut yields) = (u64::from(BUFFERS) * BUFFER as u64, 0);
    while ear.heard() + (u64::from(LATE.load(Ordering::Relaxed)) * BUFFER as u64) < heard {
        QUEUED.wait().await;
        let mut events = ear.listen(&mut captured);
        loop {
            match events.step() {
                Step::Event(event) => print_event(&event),
                Step::Busy => {
                    yields += 1;
                    yield_now().await;
                }
                Step::Done => break,
            }
        }
    }
    let late = LATE.load(Ordering::Relaxed);
    println!("embassy heard={} lost={} late={late} yields={yields}", ear.heard(), captured.lost());
    println!("embassy done");
    firmware::succeed()
}

#[exception]
fn SysTick() {
    static mut BUFFERS_FILLED: u32 = 0;
    *BUFFERS_FILLED += 1;
    FILLED.signal(*BUFFERS_FILLED);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    firmware::panicked(info)
}
