//! Words of a file, read in place as what they hold. It is here for its `unsafe` alone: the safe casts take only
//! types of which any bits are valid, and those that check are no `const fn`s.

use crate::arithmetic::head_scale::HeadScale;
use crate::arithmetic::requantise::{Channel, Scale};
use crate::arithmetic::softmax::Steepness;
use crate::error::Error;
use core::slice::from_raw_parts;

/// Pairs of words as channels, if all are.
pub(crate) const fn channels(pairs: &[[u32; 2]]) -> Result<&[Channel], Error> {
    const { assert!(size_of::<Channel>() == 8 && align_of::<Channel>() == align_of::<[u32; 2]>()) }
    let mut i = 0;
    while i < pairs.len() {
        let [_, scale] = pairs[i];
        if Scale::from_word(scale).is_none() {
            return Err(Error::Scale { what: "scale of an output channel", found: scale, allowed: Scale::RANGE });
        }
        i += 1;
    }
    // SAFETY: a channel is a bias, any word, and a scale, a word that has been found to be one, in this order
    // (`repr(C)`); sizes and alignments are those of the pairs, whose borrow goes on.
    Ok(unsafe { from_raw_parts(pairs.as_ptr().cast(), pairs.len()) })
}

/// Pairs of words as channels, where [`channels`] has found that all are: it is not looked at again.
///
/// With others, results would be wrong, and a shift may panic where overflows are checked.
pub(crate) const fn channels_again(pairs: &[[u32; 2]]) -> &[Channel] {
    // SAFETY: a channel is two words of which any bits are values of their types (`repr(C)`, `repr(transparent)`);
    // sizes and alignments are those of the pairs, whose borrow goes on.
    unsafe { from_raw_parts(pairs.as_ptr().cast(), pairs.len()) }
}

/// Pairs of words as the scales of heads, where [`heads`] has found that all are.
pub(crate) const fn heads_again(pairs: &[[u32; 2]]) -> &[HeadScale] {
    // SAFETY: as for channels.
    unsafe { from_raw_parts(pairs.as_ptr().cast(), pairs.len()) }
}

/// Pairs of words as the scales of heads, if all are.
pub(crate) const fn heads(pairs: &[[u32; 2]]) -> Result<&[HeadScale], Error> {
    const { assert!(size_of::<HeadScale>() == 8 && align_of::<HeadScale>() == align_of::<[u32; 2]>()) }
    let mut i = 0;
    while i < pairs.len() {
        let [found, value] = pairs[i];
        let Some(steepness) = Steepness::from_word(found) else {
            return Err(Error::Scale { what: "steepness of a head's softmax", found, allowed: Steepness::RANGE });
        };
        let fits = match Scale::from_word(value) {
            Some(value) => HeadScale::new(steepness, value).is_some(),
            None => false,
        };
        if !fits {
            return Err(Error::Scale { what: "scale of a head's output", found: value, allowed: HeadScale::RATIO });
        }
        i += 1;
    }
    // SAFETY: a head has a steepness and a scale, words that have been found to be such and to go together, in this
    // order (`repr(C)`); sizes and alignments are those of the pairs, whose borrow goes on.
    Ok(unsafe { from_raw_parts(pairs.as_ptr().cast(), pairs.len()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_place() {
        let scale = Scale::from_real(0.01).unwrap();
        let pairs = [[5, scale.to_word()], [7, Scale::from_real(1e-6).unwrap().to_word()]];
        let read = channels(&pairs).unwrap();
        assert_eq!(read[0], Channel { bias: 5, scale });
        assert_eq!(bytemuck::cast_slice::<_, [u32; 2]>(read), pairs);
        assert_eq!(read.as_ptr().addr(), pairs.as_ptr().addr());
        assert_eq!(channels(&[]), Ok(&[][..]));

        let head = HeadScale::from_real(0.01, 1.0).unwrap();
        let pairs = [[head.steepness().to_word(), head.value().to_word()]];
        assert_eq!(heads(&pairs), Ok(&[head][..]));
        assert_eq!(heads(&pairs).unwrap().as_ptr().addr(), pairs.as_ptr().addr());
    }

    #[test]
    fn refused() {
        let good = Scale::from_real(0.01).unwrap().to_word();
        // No shift, one too long, a multiplier too small.
        for word in [0, u32::MAX, good & !31, good | 31, good & !(1 << 31)] {
            let (what, allowed) = ("scale of an output channel", Scale::RANGE);
            assert_eq!(channels(&[[0, good], [0, word]]), Err(Error::Scale { what, found: word, allowed }));
        }
        let [steepness, value] = HeadScale::from_real(0.01, 1.0)
            .ok()
            .map(|head| [head.steepness().to_word(), head.value().to_word()])
            .unwrap();
        for word in [0, (1 << 17) - 1, 1 << 31, u32::MAX] {
            let (what, allowed) = ("steepness of a head's softmax", Steepness::RANGE);
            assert_eq!(heads(&[[word, value]]), Err(Error::Scale { what, found: word, allowed }));
        }
        // The last ones are scales, but none of heads.
        for word in [0, value & !31, value & !31 | 1, value & !31 | 15] {
            let (what, allowed) = ("scale of a head's output", HeadScale::RATIO);
            assert_eq!(heads(&[[steepness, word]]), Err(Error::Scale { what, found: word, allowed }));
        }
    }
}
