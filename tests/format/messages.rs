//! What an error says: what is missing or wrong, what was found, what is allowed.

use crate::decoder_support::tiny;
use crate::support::{config, random_model};
use crate::{refusal, refusal_of};
use heedful::dynamic::{Decoder, Model};
use heedful::format::{File, Softmax};
use heedful::{Allowed, Error, HeadScale, NormChannel, ResidualScale, Scale, Slope, Steepness};

#[test]
fn errors_say_what_was_found_and_what_is_allowed() {
    let encoder = random_model(3, config(Softmax::Wide), None).to_bytes().unwrap();
    let decoder = tiny().to_bytes().unwrap();
    let cut = Model::load(&encoder[..encoder.len() - 4]).err().unwrap();
    assert_eq!(cut, Error::Truncated { expected: encoder.len(), found: encoder.len() - 4 });
    for (error, text) in [
        (refusal_of(b"CONF", 6, 3), "missing section of the .heed file: encoder block, 2 found, expected at least 3"),
        (
            refusal(|words| words[4] ^= 1),
            "missing section of the .heed file: configuration, 0 found, expected at least 1",
        ),
        (Decoder::load(&encoder).err().unwrap(), "the .heed file holds a classifier, expected a language model"),
        (Model::load(&decoder).err().unwrap(), "the .heed file holds a language model, expected a classifier"),
        (refusal_of(b"CONF", 0, 0), "wrong shape: positions: 0 found, allowed is 1 to 65536"),
        (refusal_of(b"CONF", 0, 70_000), "wrong shape: positions: 70000 found, allowed is 1 to 65536"),
        (refusal_of(b"CONF", 8, 9), "wrong shape: softmax weight bits: 9 found, allowed is 8 or 15"),
        (refusal_of(b"AUDI", 1, 1025), "wrong shape: samples of the audio window: 1025 found, allowed is 1 to 1024"),
        (refusal_of(b"CONF", 1, 7), "wrong shape: inputs of a model of mel bands: 7 found, allowed are multiples of 3"),
        (refusal_of(b"CONF", 0, 8), "wrong shape: values of the positions: 70 found, expected 80"),
        (
            refusal_of(b"CONF", 9, 3),
            "out of bounds: scale of the mean over positions is the word 0x00000003, \
             allowed is 2^-32 up to, but not, 1/4",
        ),
        (
            refusal_of(b"NORM", 0, 1 << 21),
            "out of bounds: epsilon of a norm is the word 0x00200000, allowed is 1 to 2^20",
        ),
        (Error::Magic { found: 1 }, "not a .heed file: it begins with 0x00000001, expected 0x44454548"),
        (Error::Version { found: 2, supported: 1 }, "version 2 of the .heed format, this crate reads version 1"),
        (Error::Checksum { expected: 1, found: 0xabc }, "damaged .heed file: checksum 0x00000abc, expected 0x00000001"),
        (Error::Misaligned { found: 3 }, "the bytes start 3 behind a word boundary, expected on one"),
        (Error::Label { class: 4 }, "the label of class 4 is not UTF-8"),
        (Error::Truncated { expected: 16, found: 3 }, "truncated .heed file: 3 bytes, expected at least 16"),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.message().as_str(), text, "in a constant");
    }
    assert_eq!(Allowed::MultipleOf(3).to_string(), "allowed are multiples of 3");
    let offset = File::from_bytes(&encoder[1..]).err();
    assert!(offset.is_some());
}

/// Each number just out of range is refused, with the range.
#[test]
fn scales_say_what_range_they_are_out_of() {
    let steepness = Steepness::from_real(0.01).unwrap();
    let scale = |real| Scale::from_real(real).result().unwrap_err();
    for (error, text) in [
        (scale(0.25), "scale: 0.25 is out of range, allowed is 2^-32 up to, but not, 1/4"),
        (scale(0.0), "scale: 0 is out of range, allowed is 2^-32 up to, but not, 1/4"),
        (scale(f64::NAN), "scale: NaN is out of range, allowed is 2^-32 up to, but not, 1/4"),
        (
            Steepness::from_real(0.0625).result().unwrap_err(),
            "steepness: 0.0625 is out of range, allowed is 2^-18 up to, but not, 1/16",
        ),
        (
            HeadScale::from_real(1e-6, 1.0).result().unwrap_err(),
            "steepness: 1e-6 is out of range, allowed is 2^-18 up to, but not, 1/16",
        ),
        (
            HeadScale::from_real(0.01, 32.0).result().unwrap_err(),
            "scale of the values over that of the head's output: 32 is out of range, \
             allowed is 2^-8 up to, but not, 32",
        ),
        (
            HeadScale::from_real(0.01, 1.0).unwrap().at_temperature(1e4).result().unwrap_err(),
            "steepness: 1e-6 is out of range, allowed is 2^-18 up to, but not, 1/16",
        ),
        (
            NormChannel::from_real(128.0, 0.0).result().unwrap_err(),
            "gain of a norm over the scale of its output: 128 is out of range, allowed is -128 up to, but not, 128",
        ),
        (
            NormChannel::from_real(1.0, -129.0).result().unwrap_err(),
            "offset of a norm over the scale of its output: -129 is out of range, allowed is -128 up to, but not, 128",
        ),
        (
            Slope::from_real(-1.0, steepness).result().unwrap_err(),
            "slope in units of the head's score: -144.3 is out of range, allowed is 0 up to, but not, 2^24",
        ),
        (
            ResidualScale::from_real(300.0).result().unwrap_err(),
            "scale of a norm's output over that of the residual stream: 300 is out of range, allowed is 2^-8 to 255",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

/// The ranges that the messages name are the ones that hold.
#[test]
fn ranges_are_as_they_say() {
    let below = |x: f64| x * (1.0 - 1e-12);
    assert!(Scale::from_real(2f64.powi(-32)).ok().is_some() && Scale::from_real(below(2f64.powi(-32))).ok().is_none());
    assert!(Scale::from_real(below(0.25)).ok().is_some() && Scale::from_real(0.25).ok().is_none());
    assert!(Steepness::from_real(2f64.powi(-18)).ok().is_some());
    let ratio = |ratio| HeadScale::from_real(0.01, ratio).ok();
    assert!(ratio(2f64.powi(-8)).is_some() && ratio(0.99 * 2f64.powi(-8)).is_none());
    assert!(ratio(31.999).is_some() && ratio(32.0).is_none());
    assert!(NormChannel::from_real(-128.0, 127.99).ok().is_some());
    assert!(NormChannel::from_real(-129.0, 0.0).ok().is_none() && NormChannel::from_real(0.0, 128.0).ok().is_none());
    assert_eq!(Scale::from_real(0.3).unwrap_or(Scale::from_real(0.1).unwrap()), Scale::from_real(0.1).unwrap());
}
