//! A listener that goes by other settings than the file's.

use super::joined::{Detects, Runs};
use super::listener::Listener;
use super::settings::ListenerSettings;
use super::tracks::Tracks;
use crate::error::Error;

impl<M: Detects<Model: Runs<M, Tracks = Tracks<CLASSES>>>, const CLASSES: usize> Listener<M> {
    /// The same with other settings.
    ///
    /// # Panics
    /// If they are out of their bounds: in a constant, this is a compile error that tells them. [`Listener::set`] is
    /// for settings that are not known before.
    #[must_use]
    #[track_caller]
    pub const fn with_settings(mut self, settings: &'static ListenerSettings<CLASSES>) -> Self {
        match settings.check() {
            Ok(()) => self.settings = Some(settings),
            Err(error) => panic!("{}", error.message().as_str()),
        }
        self
    }

    /// Goes by other settings from now on.
    ///
    /// # Errors
    /// [`Error::Scale`] for the first number out of its bounds; nothing has changed then.
    pub const fn set(&mut self, settings: &'static ListenerSettings<CLASSES>) -> Result<(), Error> {
        match settings.check() {
            Ok(()) => self.settings = Some(settings),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
