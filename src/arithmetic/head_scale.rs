//! The scales of one head.

use crate::arithmetic::requantise::Scale;
use crate::arithmetic::softmax::Steepness;
use crate::real::FromReal;
use bytemuck::NoUninit;

/// How one head weighs and scales.
#[derive(Clone, Copy, PartialEq, Eq, Debug, NoUninit)]
#[repr(C)]
pub struct HeadScale {
    steepness: Steepness,
    value: Scale,
}

impl HeadScale {
    /// From the steepness, and from the scale of the values over the scale of the head's output, over 256. `None`
    /// unless the ratio of the two scales is at least 2^-8 and below 32.
    ///
    /// ```
    /// use heedful::{HeadScale, Scale, Steepness};
    /// let steepness = Steepness::from_real(0.001).unwrap();
    /// let head = HeadScale::new(steepness, Scale::from_real(1.5 / 256.0).unwrap());
    /// assert_eq!(head, HeadScale::from_real(0.001, 1.5).ok());
    /// ```
    #[must_use]
    pub const fn new(steepness: Steepness, value: Scale) -> Option<Self> {
        let shift = value.shift();
        if shift >= 2 && shift <= 14 { Some(Self { steepness, value }) } else { None }
    }

    /// Of the softmax: octaves per unit of the score.
    #[inline]
    #[must_use]
    pub const fn steepness(self) -> Steepness {
        self.steepness
    }

    /// Scale of the values over the scale of the head's output, over 256.
    #[inline]
    #[must_use]
    pub const fn value(self) -> Scale {
        self.value
    }

    /// From the octaves per unit of the score (`log2(e) / sqrt(head dim) · query scale · key scale`), and from the
    /// scale of the values over the scale of the head's output, 2^-8 up to, but not, 32.
    ///
    /// ```
    /// use heedful::HeadScale;
    /// assert!(HeadScale::from_real(0.001, 1.5).ok().is_some());
    /// assert!(HeadScale::from_real(0.001, 40.0).ok().is_none());
    /// ```
    pub const fn from_real(steepness: f64, ratio: f64) -> FromReal<Self> {
        let steepness = match Steepness::from_real(steepness).result() {
            Ok(steepness) => steepness,
            Err(error) => return FromReal::refuse(error.what, error.found, error.allowed),
        };
        let head = match Scale::from_real(ratio / 256.0).ok() {
            Some(value) => Self::new(steepness, value),
            None => None,
        };
        match head {
            Some(head) => FromReal::new(head),
            None => FromReal::refuse("scale of the values over that of the head's output", ratio, Self::RATIO),
        }
    }

    /// The same head at another temperature: above 1 it spreads its attention, below 1 it gathers it. The steepness
    /// must keep its bounds.
    ///
    /// ```
    /// use heedful::HeadScale;
    /// let head = HeadScale::from_real(0.01, 1.5).unwrap();
    /// assert_eq!(head.at_temperature(2.0), HeadScale::from_real(0.005, 1.5));
    /// ```
    pub const fn at_temperature(self, temperature: f64) -> FromReal<Self> {
        match Steepness::from_real(self.steepness.to_real() / temperature).result() {
            Ok(steepness) => FromReal::new(Self { steepness, value: self.value }),
            Err(error) => FromReal::refuse(error.what, error.found, error.allowed),
        }
    }

    /// Which scales of the values there are, over that of the head's output.
    pub(crate) const RATIO: &str = "2^-8 up to, but not, 32";
}
