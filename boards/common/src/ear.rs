//! The listener of the README, in its place in RAM.

use crate::minute::{CADENCE, SMALL_CADENCE};
use heedful::events::{Listener, ListenerSettings};
use static_cell::ConstStaticCell;

#[cfg(feature = "digits")]
heedful::model!(pub Words = "../../../models/digits_nothing.heed");
// For little flash and RAM. It knows no "nothing".
#[cfg(not(feature = "digits"))]
heedful::model!(pub Words = "../../../models/digits_small.heed");

/// Whether it is the small one.
pub const IS_SMALL: bool = cfg!(not(feature = "digits"));

/// The file's settings but for the cadence.
static SETTINGS: ListenerSettings<{ Words::CLASSES }> =
    ListenerSettings { cadence: if IS_SMALL { SMALL_CADENCE } else { CADENCE }, ..*Listener::<Words>::SETTINGS };

/// The model with its front end and the detector.
pub static EAR: ConstStaticCell<Listener<Words>> = ConstStaticCell::new(Listener::new().with_settings(&SETTINGS));
