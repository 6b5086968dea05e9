//! The events of a chunk of samples.

use super::event::Event;
use super::joined::Detects;
use super::listener::Listener;

/// What one step of [`Events::step`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// An event ended.
    Event(Event),
    /// A part of an inference has run, and there may be more to do.
    Busy,
    /// There is nothing left to hear.
    Done,
}

/// The events in some samples, which are heard as they are asked for. Those that are not taken wait in the listener.
#[must_use = "samples are heard as events are asked for, or all of them when this is dropped"]
pub struct Events<'l, M: Detects, N: FnMut(&mut Listener<M>, bool) -> bool> {
    listener: &'l mut Listener<M>,
    /// Hears the next sample; `false` where there is none. It is told whether nobody asks for events any longer.
    hear: N,
}

impl<'l, M: Detects, N: FnMut(&mut Listener<M>, bool) -> bool> Events<'l, M, N> {
    pub(super) fn new(listener: &'l mut Listener<M>, hear: N) -> Self {
        Self { listener, hear }
    }

    /// Goes on to the next event, or no further than the end of the next slice of an inference (a part of the model:
    /// see [`Slices`](crate::model::Slices)), so that a scheduler without preemption can run other tasks between two:
    ///
    /// ```
    /// # use heedful::events::{Listener, Step};
    /// # heedful::model!(pub Digits = "../../models/digits.heed");
    /// # let mut ear = Listener::<Digits>::new();
    /// # // Silence, then noise.
    /// # let noise = |i: usize| (i * i % 2001) as i16 - 1000;
    /// # let samples: [i16; 20_000] = core::array::from_fn(|i| if i < 10_000 { 0 } else { noise(i) });
    /// # let mut yields = 0;
    /// # let mut yield_now = || yields += 1;
    /// let mut events = ear.push(&samples);
    /// loop {
    ///     match events.step() {
    ///         Step::Event(event) => println!("{}", event.label),
    ///         Step::Busy => yield_now(), // .await, in an async task
    ///         Step::Done => break,
    ///     }
    /// }
    /// # drop(events);
    /// # assert!(yields > 100);
    /// ```
    pub fn step(&mut self) -> Step {
        loop {
            if let Some(event) = self.listener.found() {
                return Step::Event(event);
            }
            if self.listener.advance() {
                return Step::Busy;
            }
            if !(self.hear)(self.listener, false) {
                return Step::Done;
            }
        }
    }
}

impl<M: Detects, N: FnMut(&mut Listener<M>, bool) -> bool> Iterator for Events<'_, M, N> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            match self.step() {
                Step::Event(event) => return Some(event),
                Step::Busy => {}
                Step::Done => return None,
            }
        }
    }
}

impl<M: Detects, N: FnMut(&mut Listener<M>, bool) -> bool> Drop for Events<'_, M, N> {
    fn drop(&mut self) {
        loop {
            while self.listener.advance() {}
            self.listener.keep();
            if !(self.hear)(self.listener, true) {
                return;
            }
        }
    }
}

impl<M: Detects, N: FnMut(&mut Listener<M>, bool) -> bool> core::fmt::Debug for Events<'_, M, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Events").field("listener", &self.listener).finish_non_exhaustive()
    }
}
