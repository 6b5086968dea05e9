//! What a `from_real` gives.

use crate::message::Message;

/// The number of fixed scale that is nearest to a real one, or what range the real one is out of.
///
/// A `Result` by another name, for `Result::unwrap` is no `const fn` in stable Rust and most scales are constants.
///
/// ```
/// use heedful::Scale;
/// const SCALE: Scale = Scale::from_real(0.01).unwrap();
/// let error = Scale::from_real(0.3).result().unwrap_err();
/// assert_eq!(error.to_string(), "scale: 0.3 is out of range, allowed is 2^-32 up to, but not, 1/4");
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
#[must_use]
pub struct FromReal<T>(Result<T, OutOfRange>);

/// A real number that no number of fixed scale stands for.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct OutOfRange {
    /// Of what.
    pub what: &'static str,
    /// The number.
    pub found: f64,
    /// Which ones are in range.
    pub allowed: &'static str,
}

impl<T: Copy> FromReal<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Ok(value))
    }

    pub(crate) const fn refuse(what: &'static str, found: f64, allowed: &'static str) -> Self {
        Self(Err(OutOfRange { what, found, allowed }))
    }

    /// The value.
    ///
    /// # Panics
    /// If the number is out of range: in a constant, this is a compile error that tells the range.
    #[track_caller]
    pub const fn unwrap(self) -> T {
        match self.0 {
            Ok(value) => value,
            Err(error) => panic!("{}", error.message().as_str()),
        }
    }

    /// The value, or `other` where the number is out of range.
    pub const fn unwrap_or(self, other: T) -> T {
        match self.0 {
            Ok(value) => value,
            Err(_) => other,
        }
    }

    /// The value, if the number is in range.
    #[must_use]
    pub const fn ok(self) -> Option<T> {
        match self.0 {
            Ok(value) => Some(value),
            Err(_) => None,
        }
    }

    /// The same as a `Result`.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub const fn result(self) -> Result<T, OutOfRange> {
        self.0
    }
}

impl OutOfRange {
    /// What [`Display`](core::fmt::Display) writes, for a panic in a `const`.
    #[must_use]
    pub const fn message(&self) -> Message {
        let message = Message::new().text(self.what).text(": ").real(self.found);
        message.text(" is out of range, allowed is ").text(self.allowed)
    }
}

impl core::fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message().as_str())
    }
}

impl core::error::Error for OutOfRange {}
