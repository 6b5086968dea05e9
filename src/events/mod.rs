//! From a stream to events: what was heard, and when, in integers and without an allocator.
//!
//! A model gives probabilities for each window of a stream. A [`Detector`] makes events of them: it smooths the
//! probabilities of the last inferences, begins an event where a class reaches its threshold to enter, ends it where
//! the class falls below its threshold to leave, and holds further events off for a while. Chen, Parada and Heigold,
//! "Small-footprint keyword spotting using deep neural networks" (2014), smooth by the mean of the last inferences,
//! since the posteriors of single windows are noisy; the [exponential mean](Settings::smoothing) here does the same
//! with one word for each class. A [`DistanceDetector`] does it for one number, such as the distance from normal
//! operation.
//!
//! A [`Listener`] joins all of it for a model that [`model!`](crate::model!) names: front end or window of readings,
//! how often an inference runs, a [gate](GateSettings) that spares inferences in silence, and the detector.
//!
//! ```
//! use heedful::events::Listener;
//! use static_cell::ConstStaticCell;
//!
//! heedful::model!(pub Digits = "../../models/digits.heed");
//! static EAR: ConstStaticCell<Listener<Digits>> = ConstStaticCell::new(Listener::new());
//!
//! let ear = EAR.take();
//! for event in ear.push(&[0; 400]) {
//!     println!("{} at {} ms, {:.2}", event.label, event.start_ms(), event.score);
//! }
//! ```
//!
//! With the feature `heapless`, the half that takes samples (`Capture`) and the half that runs the model are two
//! types, joined by a queue: an interrupt fills it while an inference runs, and counts what does not fit.

#[cfg(feature = "heapless")]
mod capture;
mod detector;
mod distance;
mod event;
mod gate;
mod joined;
mod listener;
mod pace;
mod set;
mod settings;
mod smooth;
mod stream;
mod track;
mod tracks;
mod window;

#[cfg(feature = "heapless")]
pub use capture::{Capture, Captured, SampleQueue};
pub use detector::Detector;
pub use distance::{DistanceDetector, DistanceEvent, DistanceSettings};
pub use event::Event;
pub use gate::{GateSettings, MAX_GATE_LEVEL};
#[doc(hidden)]
pub use joined::Runs;
pub use joined::{Detects, Takes};
pub use listener::Listener;
pub use settings::{ClassSettings, ListenerSettings, MAX_CADENCE, MAX_SMOOTHING, Settings};
pub use stream::{Events, Step};
#[doc(hidden)]
pub use tracks::{Tracking, Tracks};
pub use window::{KeepsReadings, ReadingWindow};
#[cfg(feature = "std")]
pub(crate) use {pace::Pace, settings::Common, track::Track, tracks::Core};
