//! The default microphone: mono 16-bit samples at a model's rate, as they come.
//!
//! Without the feature `live`, there is none, and [`Microphone::open`] says so: programs that use this crate build
//! where no sound library is.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "live")]
mod live;

#[cfg(feature = "live")]
pub use live::Microphone;

use heedful_recordings::Reason;

/// Why nothing can be heard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program was built without the feature `live`.
    #[error("built without a microphone: cargo run --features heedful-microphone/live …")]
    NotBuilt,
    /// There is no microphone, or none that may be used.
    #[error("no microphone")]
    Missing,
    /// What the system says of it.
    #[error("the microphone: {0}")]
    System(String),
    /// Its samples have a form that is not known here.
    #[error("the microphone: samples of the form {0}, expected integers or floats of 8 to 64 bits")]
    Form(String),
    /// Its rate cannot be turned into that of the model.
    #[error("the microphone: {0}")]
    Rate(#[from] Reason),
}

/// Some samples.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Samples that were lost right before them, as far as known.
    pub lost: u64,
    /// Mono, at the rate that was asked for.
    pub samples: Vec<i16>,
}

/// A microphone that is not there.
#[cfg(not(feature = "live"))]
#[derive(Debug)]
pub struct Microphone(std::convert::Infallible);

#[cfg(not(feature = "live"))]
impl Microphone {
    /// Opens the default microphone, for samples at so many a second.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub const fn open(_rate: u32) -> Result<Self, Error> {
        Err(Error::NotBuilt)
    }

    /// Waits for samples.
    ///
    /// # Errors
    /// None: there is no such microphone.
    pub const fn listen(&mut self) -> Result<Chunk, Error> {
        match self.0 {}
    }
}
