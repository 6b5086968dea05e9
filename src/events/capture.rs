//! Capture apart from inference: one half for an interrupt, one for the model, and a queue between them.

use super::joined::Detects;
use super::listener::Listener;
use super::stream::Events;
use crate::model::Listen;
use core::sync::atomic::{AtomicU32, Ordering};
use heapless::spsc::{Consumer, Producer, Queue};

/// A queue of samples, of which `N - 1` fit, and a counter of those that did not. Put it in a static.
///
/// ```
/// use heedful::events::{Capture, Listener, SampleQueue};
/// use static_cell::ConstStaticCell;
///
/// heedful::model!(pub Digits = "../../models/digits.heed");
/// static QUEUE: ConstStaticCell<SampleQueue<1024>> = ConstStaticCell::new(SampleQueue::new());
/// static EAR: ConstStaticCell<Listener<Digits>> = ConstStaticCell::new(Listener::new());
///
/// // The interrupt owns `capture`; it does no more than this with each sample.
/// fn on_sample(capture: &mut Capture<'static>, sample: i16) {
///     capture.push(sample);
/// }
///
/// let (mut capture, mut captured) = QUEUE.take().split();
/// let ear = EAR.take();
/// for second in 0..3 {
///     (0..800).for_each(|_| on_sample(&mut capture, 0)); // as an interrupt would, at any time
///     for event in ear.listen(&mut captured) {
///         println!("{}", event.label);
///     }
/// }
/// assert_eq!((ear.heard(), ear.lost()), (2400, 0));
/// ```
#[derive(Debug)]
pub struct SampleQueue<const N: usize> {
    samples: Queue<i16, N>,
    lost: AtomicU32,
}

impl<const N: usize> SampleQueue<N> {
    /// An empty queue; `const`, so that it can be a static, which costs no flash.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: Queue::new(), lost: AtomicU32::new(0) }
    }

    /// The half for whatever takes samples, and the half for the model.
    pub fn split(&mut self) -> (Capture<'_>, Captured<'_>) {
        let Self { samples, lost } = self;
        let (producer, consumer) = samples.split();
        (Capture { producer, lost }, Captured { consumer, lost, seen: lost.load(Ordering::Relaxed), gap: (0, 0) })
    }
}

impl<const N: usize> Default for SampleQueue<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// What an interrupt, another task or another core owns: it puts samples into the queue.
pub struct Capture<'q> {
    producer: Producer<'q, i16>,
    lost: &'q AtomicU32,
}

impl Capture<'_> {
    /// Takes one sample, in few instructions; false where there is no room for it: it is lost then, and counted.
    #[inline]
    pub fn push(&mut self, sample: i16) -> bool {
        let has_room = self.producer.enqueue(sample).is_ok();
        if !has_room {
            // This half alone writes, so that cores without compare-and-swap can count, too.
            self.lost.store(self.lost.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        }
        has_room
    }

    /// Takes samples, as DMA leaves them; gives how many were lost.
    pub fn push_all(&mut self, samples: &[i16]) -> usize {
        samples.iter().filter(|&&sample| !self.push(sample)).count()
    }

    /// Samples that there is room for now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.producer.capacity().saturating_sub(self.producer.len())
    }
}

/// What the task that runs the model owns: it takes samples out of the queue.
pub struct Captured<'q> {
    consumer: Consumer<'q, i16>,
    lost: &'q AtomicU32,
    /// How many of these have been seen.
    seen: u32,
    /// Samples still to be taken that came before a gap, and how many are missing there.
    gap: (usize, u32),
}

impl Captured<'_> {
    /// The next sample, if there is one, and how many were lost right before it.
    ///
    /// The queue was full when samples were lost, so that the place of the gap is known; but where there are several
    /// gaps within the length of the queue, all that is missing counts for the first of them.
    #[inline]
    pub fn take(&mut self) -> Option<(u32, i16)> {
        let lost = self.lost.load(Ordering::Acquire);
        let new = lost.wrapping_sub(core::mem::replace(&mut self.seen, lost));
        let waiting = self.consumer.len();
        let missing = if self.gap.0 == 0 && waiting > 0 { core::mem::take(&mut self.gap.1) } else { 0 };
        if new > 0 {
            let (after, before) = self.gap;
            self.gap = (if before > 0 { after } else { waiting }, before.saturating_add(new));
        }
        let sample = self.consumer.dequeue()?;
        self.gap.0 = self.gap.0.saturating_sub(1);
        Some((missing, sample))
    }

    /// Samples that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.consumer.len()
    }

    /// Samples lost since the start, whether the listener has come to the gap or not.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Acquire)
    }
}

impl core::fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Capture").field("room", &self.room()).field("lost", self.lost).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Captured<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Captured").field("waiting", &self.waiting()).field("lost", self.lost).finish_non_exhaustive()
    }
}

impl<M: Detects> Listener<M> {
    /// Takes the samples that wait in a queue, and those that come while it does; gives the events that end in them.
    ///
    /// Samples that were lost are counted ([`Listener::lost`]), and the clock of the events goes on by them, at the
    /// place of the gap: see [`Captured::take`] and [`Listener::skip`].
    ///
    /// What is not taken of the iterator is not lost: when it is dropped, an inference under way is finished, and
    /// further samples stay in the queue.
    pub fn listen<'l>(
        &'l mut self,
        captured: &'l mut Captured<'_>,
    ) -> Events<'l, M, impl FnMut(&mut Self, bool) -> bool>
    where
        M::Input: Listen<M>,
    {
        Events::new(self, move |listener, is_ending| {
            if is_ending {
                return false;
            }
            match captured.take() {
                Some((lost, sample)) => {
                    if lost > 0 {
                        listener.skip(lost.into());
                    }
                    listener.hear(sample);
                    true
                }
                None => false,
            }
        })
    }
}
