//! Capture goes on while inference runs, and what the queue cannot hold is counted.

use crate::Digits;
use crate::sound::stream;
use crate::support::Random;
use heedful::events::{Capture, Event, Listener, ListenerSettings, SampleQueue, Step};
use std::task::{Context, Poll, Waker};

const DEFAULT: ListenerSettings<10> = *Listener::<Digits>::SETTINGS;
static SELDOM: ListenerSettings<10> = ListenerSettings { cadence: 20, gate: None, ..DEFAULT };

fn seldom() -> Box<Listener<Digits>> {
    Box::new(Listener::new().with_settings(&SELDOM))
}

/// Samples that a timer brings in: so many within each slice of an inference.
struct Timer<'s> {
    capture: Capture<'s>,
    samples: &'s [i16],
    lost: u64,
}

impl Timer<'_> {
    fn tick(&mut self, count: usize) {
        let (now, later) = self.samples.split_at(count.min(self.samples.len()));
        self.samples = later;
        self.lost += self.capture.push_all(now) as u64;
    }
}

/// A task that never waits for longer than a slice: the interrupt comes between them.
fn listen<const N: usize>(samples: &[i16], per_slice: usize) -> (Vec<Event>, u64, Box<Listener<Digits>>) {
    let mut queue = Box::new(SampleQueue::<N>::new());
    let (capture, mut captured) = queue.split();
    let (mut timer, mut ear, mut found) = (Timer { capture, samples, lost: 0 }, seldom(), vec![]);
    while !timer.samples.is_empty() || captured.waiting() > 0 {
        timer.tick(per_slice);
        let mut events = ear.listen(&mut captured);
        loop {
            match events.step() {
                Step::Event(event) => found.push(event),
                Step::Busy => timer.tick(per_slice),
                Step::Done => break,
            }
        }
    }
    assert_eq!(u64::from(captured.lost()), timer.lost);
    (found, timer.lost, ear)
}

#[test]
fn nothing_is_lost_in_a_queue_that_holds_an_inference() {
    let Some((samples, _)) = stream(&[(7, "jackson"), (3, "theo")], 5000) else { return };
    let expected: Vec<Event> = seldom().push(&samples).collect();
    assert!(!expected.is_empty());
    // 17 slices bring in 850 samples.
    let (found, lost, ear) = listen::<1024>(&samples, 50);
    assert_eq!((found, lost, ear.lost(), ear.heard()), (expected, 0, 0, samples.len() as u64));
}

#[test]
fn overruns_are_counted_and_the_clock_goes_on() {
    let Some((samples, _)) = stream(&[(7, "jackson"), (3, "theo")], 5000) else { return };
    let (_, lost, ear) = listen::<512>(&samples, 60);
    assert!(lost > 1000, "{lost} lost");
    assert!(ear.lost() <= lost && lost - ear.lost() < 1000, "{} of {lost} told", ear.lost());
    // But for those after the last sample that was taken.
    assert_eq!(ear.heard(), samples.len() as u64 - (lost - ear.lost()));
}

/// The gap lies where it was, between the samples that waited and those that came after.
#[test]
fn the_gap_is_in_its_place() {
    let mut queue = SampleQueue::<9>::new();
    let (mut capture, mut captured) = queue.split();
    assert_eq!(capture.room(), 8);
    let mut random = Random(1);
    let (mut next, mut expected, mut taken) = (0i16, 0i16, 0);
    for _ in 0..2000 {
        // Of an overrun the half that takes knows before the next one.
        for _ in 0..random.int(0, 12) {
            capture.push(next);
            next = next.wrapping_add(1);
        }
        for _ in 0..random.int(9, 12) {
            let Some((lost, sample)) = captured.take() else { break };
            expected = expected.wrapping_add(lost as i16);
            assert_eq!(sample, expected);
            expected = expected.wrapping_add(1);
            taken += 1;
        }
    }
    assert!(captured.lost() > 500 && taken > 5000, "{} lost, {taken} taken", captured.lost());
    assert_eq!((captured.take(), captured.waiting()), (None, 0));
}

/// Several gaps at once count for the first of them: none is forgotten.
#[test]
fn gaps_are_added() {
    let mut queue = SampleQueue::<5>::new();
    let (mut capture, mut captured) = queue.split();
    assert_eq!(capture.push_all(&[0, 1, 2, 3, 4, 5]), 2);
    assert_eq!(captured.take(), Some((0, 0)));
    assert_eq!(capture.push_all(&[6, 7, 8]), 2);
    let rest: Vec<_> = std::iter::from_fn(|| captured.take()).collect();
    assert_eq!(rest, [(0, 1), (0, 2), (0, 3), (4, 6)]);
    assert_eq!(captured.lost(), 4);
}

/// What is not asked for stays in the queue.
#[test]
fn a_dropped_iterator_leaves_the_queue_alone() {
    let mut queue = SampleQueue::<64>::new();
    let (mut capture, mut captured) = queue.split();
    assert_eq!(capture.push_all(&[0; 63]), 0);
    let mut ear = seldom();
    drop(ear.listen(&mut captured));
    assert_eq!((captured.waiting(), ear.heard()), (63, 0));
    assert_eq!(ear.listen(&mut captured).count(), 0);
    assert_eq!((captured.waiting(), ear.heard()), (0, 63));
}

/// An interrupt of its own: a thread fills the queue while another one listens.
#[test]
fn two_threads() {
    static QUEUE: static_cell::ConstStaticCell<SampleQueue<4096>> =
        static_cell::ConstStaticCell::new(SampleQueue::new());
    let Some((samples, _)) = stream(&[(7, "jackson")], 5000) else { return };
    let expected: Vec<Event> = seldom().push(&samples).collect();
    let count = samples.len() as u64;
    let (mut capture, mut captured) = QUEUE.take().split();
    let interrupt = std::thread::spawn(move || {
        for sample in samples {
            while capture.room() == 0 {
                std::thread::yield_now();
            }
            assert!(capture.push(sample));
        }
    });
    let (mut ear, mut found) = (seldom(), vec![]);
    while ear.heard() < count {
        found.extend(ear.listen(&mut captured));
        std::thread::yield_now();
    }
    interrupt.join().unwrap();
    assert_eq!((found, captured.lost()), (expected, 0));
}

/// Gives way to other tasks once.
async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// An async task, polled by hand as an executor of an MCU polls it, gives way between the slices.
#[test]
fn an_async_task_gives_way() {
    let Some((samples, _)) = stream(&[(3, "theo")], 5000) else { return };
    let expected: Vec<Event> = seldom().push(&samples).collect();
    let mut queue = Box::new(SampleQueue::<1024>::new());
    let (mut capture, mut captured) = queue.split();
    let (mut ear, mut found, count) = (seldom(), vec![], samples.len() as u64);
    let mut task = Box::pin(async {
        while ear.heard() < count {
            let mut events = ear.listen(&mut captured);
            loop {
                match events.step() {
                    Step::Event(event) => found.push(event),
                    Step::Busy => yield_now().await,
                    Step::Done => break,
                }
            }
            drop(events);
            yield_now().await;
        }
    });
    let (mut rest, mut polls) = (&samples[..], 0);
    let mut context = Context::from_waker(Waker::noop());
    while task.as_mut().poll(&mut context).is_pending() {
        // The interrupt, between two polls.
        let (now, later) = rest.split_at(rest.len().min(40));
        assert_eq!(capture.push_all(now), 0);
        (rest, polls) = (later, polls + 1);
    }
    drop(task);
    assert_eq!(found, expected);
    assert!(polls > 200, "{polls} polls");
}
