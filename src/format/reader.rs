//! Taking sections apart: what any part is made of. Bounds are checked here, so that inference need not check any.

use crate::activation::Activation;
use crate::arithmetic::requantise::{Channel, Scale};
use crate::arithmetic::softmax::Steepness;
use crate::attention::HeadScale;
use crate::kernels::{Matrix, words};
use crate::linear::{LinearView, MAX_BIAS};
use crate::norm::{MAX_EPSILON, NormView};
use crate::rope::Pairing;
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

/// `?` for `const fn`.
macro_rules! tri {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}
pub(super) use tri;

/// `1 ..= bound`
pub(super) const fn within(what: &'static str, found: usize, bound: usize) -> Result<(), Error> {
    between(what, found, 1, bound)
}

/// `least ..= most`
pub(super) const fn between(what: &'static str, found: usize, least: usize, most: usize) -> Result<(), Error> {
    if found >= least && found <= most {
        Ok(())
    } else {
        Err(Error::Shape { what, allowed: Allowed::Between(least, most), found })
    }
}

/// `found` must be `expected`.
pub(super) const fn exactly(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what, allowed: Allowed::Exactly(expected), found }) }
}

/// Takes a section apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(super) words: &'a [u32],
    /// Whether all was found right before, and need not be looked at again.
    pub(super) trusted: bool,
}

impl<'a> Reader<'a> {
    pub(super) const fn take(&mut self, count: usize) -> Result<&'a [u32], Error> {
        match self.words.split_at_checked(count) {
            Some((taken, rest)) => {
                self.words = rest;
                Ok(taken)
            }
            None => Err(Error::Truncated { expected: count.saturating_mul(4), found: 4 * self.words.len() }),
        }
    }

    pub(super) const fn word(&mut self) -> Result<u32, Error> {
        match self.words.split_first() {
            Some((&word, rest)) => {
                self.words = rest;
                Ok(word)
            }
            None => Err(Error::Truncated { expected: 4, found: 0 }),
        }
    }

    pub(super) const fn count(&mut self) -> Result<usize, Error> {
        match self.word() {
            Ok(word) => Ok(word as usize),
            Err(error) => Err(error),
        }
    }

    pub(super) const fn flag(&mut self, what: &'static str) -> Result<bool, Error> {
        let found = tri!(self.count());
        tri!(between(what, found, 0, 1));
        Ok(found == 1)
    }

    /// Weights `[outputs][inputs]`, each row filled up to a word, then the channels.
    pub(super) const fn linear(&mut self, inputs: usize, outputs: usize) -> Result<LinearView<'a>, Error> {
        let stride = inputs.next_multiple_of(4);
        let data = must_cast_slice(tri!(self.take(outputs * (stride / 4))));
        Ok(LinearView { weights: Matrix { data, inputs, stride }, channels: tri!(self.channels(outputs)) })
    }

    pub(super) const fn norm(&mut self, width: usize, centred: bool) -> Result<NormView<'a>, Error> {
        let epsilon = tri!(self.word());
        if epsilon == 0 || epsilon > MAX_EPSILON {
            return Err(Error::Scale { what: "epsilon of a norm", found: epsilon, allowed: "1 to 2^20" });
        }
        Ok(NormView { epsilon, channels: must_cast_slice(tri!(self.take(width))), centred })
    }

    pub(super) const fn heads(&mut self, count: usize) -> Result<&'a [HeadScale], Error> {
        let (pairs, _) = tri!(self.take(count * 2)).as_chunks::<2>();
        if self.trusted { Ok(words::heads_again(pairs)) } else { words::heads(pairs) }
    }

    pub(super) const fn scale(&mut self, what: &'static str) -> Result<Scale, Error> {
        let found = tri!(self.word());
        match Scale::from_word(found) {
            Some(scale) => Ok(scale),
            None => Err(Error::Scale { what, found, allowed: Scale::RANGE }),
        }
    }

    pub(super) const fn steepness(&mut self, what: &'static str) -> Result<Steepness, Error> {
        let found = tri!(self.word());
        match Steepness::from_word(found) {
            Some(steepness) => Ok(steepness),
            None => Err(Error::Scale { what, found, allowed: Steepness::RANGE }),
        }
    }

    pub(super) const fn table(&mut self) -> Result<Activation<'a>, Error> {
        let bytes: &[i8] = must_cast_slice(tri!(self.take(64)));
        match bytes.first_chunk() {
            Some(table) => Ok(Activation(table)),
            None => Err(Error::Truncated { expected: 256, found: bytes.len() }),
        }
    }

    /// Channels alone.
    pub(super) const fn channels(&mut self, outputs: usize) -> Result<&'a [Channel], Error> {
        let (pairs, _) = tri!(self.take(outputs * 2)).as_chunks::<2>();
        if self.trusted {
            return Ok(words::channels_again(pairs));
        }
        let channels = tri!(words::channels(pairs));
        let mut i = 0;
        while i < outputs {
            if channels[i].bias < -MAX_BIAS || channels[i].bias > MAX_BIAS {
                let found = channels[i].bias as u32;
                return Err(Error::Scale { what: "bias of an output channel", found, allowed: "-2^30 to 2^30" });
            }
            i += 1;
        }
        Ok(channels)
    }

    pub(super) const fn pairing(&mut self) -> Result<Pairing, Error> {
        let found = tri!(self.word());
        match Pairing::of_word(found) {
            Some(pairing) => Ok(pairing),
            None => {
                let (allowed, found) = (Allowed::Between(0, 2), found as usize);
                Err(Error::Shape { what: "pairing of the rotation", allowed, found })
            }
        }
    }
}

/// The label of a class, of those in a section.
pub(super) const fn label_in(section: Reader<'_>, class: usize) -> Result<&str, Error> {
    // Each label is its length in one byte, and its bytes.
    let mut rest: &[u8] = must_cast_slice(section.words);
    let mut skip = class;
    while let Some((&length, after)) = rest.split_first() {
        let Some((label, after)) = after.split_at_checked(length as usize) else {
            return Err(Error::Truncated { expected: length as usize, found: after.len() });
        };
        if skip == 0 {
            return match core::str::from_utf8(label) {
                Ok(label) => Ok(label),
                Err(_) => Err(Error::Label { class }),
            };
        }
        skip -= 1;
        rest = after;
    }
    Ok("")
}

/// How many labels a section has; what is filled up with zeros counts, too, and so does a cut one.
pub(super) const fn labels_in(section: Reader<'_>) -> usize {
    let mut rest: &[u8] = must_cast_slice(section.words);
    let mut count = 0;
    while let Some((&length, after)) = rest.split_first() {
        count += 1;
        rest = match after.split_at_checked(length as usize) {
            Some((_, after)) => after,
            None => return count,
        };
    }
    count
}
