//! What firmware logs with defmt: the text that a decoder makes of it, which for an error is the one it displays.
//!
//! `cargo test --manifest-path tests/log_formats/Cargo.toml`

#![cfg(test)]

use defmt::Format;
use heedful::dynamic::Model;
use heedful::{Allowed, Error, Guess, Mask, RewindError, TextTooLong};
use object::{Object, ObjectSymbol};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local!(static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });

#[defmt::global_logger]
struct Logger;

// SAFETY: what is logged is kept by thread, so that no two writers meet.
unsafe impl defmt::Logger for Logger {
    fn acquire() {}
    unsafe fn flush() {}
    unsafe fn release() {}
    unsafe fn write(bytes: &[u8]) {
        LOGGED.with_borrow_mut(|logged| logged.extend(bytes));
    }
}

defmt::timestamp!("");

/// What this logs.
fn logged(value: &impl Format) -> Vec<u8> {
    LOGGED.take();
    defmt::println!("{}", value);
    LOGGED.take()
}

/// The format strings in this program, by the places of their symbols, of which 16 bits are logged.
struct Strings {
    strings: HashMap<u16, String>,
    /// Where the program was loaded.
    base: u16,
}

impl Strings {
    fn new() -> Self {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut strings = HashMap::new();
        for symbol in object::File::parse(&*program).unwrap().symbols() {
            let Ok(serde_json::Value::Object(name)) = serde_json::from_slice(symbol.name_bytes().unwrap()) else {
                continue;
            };
            strings.insert(symbol.address() as u16, name["data"].as_str().unwrap().to_owned());
        }
        LOGGED.take();
        defmt::println!("where this lies");
        let [low, high, ..] = LOGGED.take()[..] else { panic!("nothing was logged") };
        let place = *strings.iter().find(|(_, string)| *string == "where this lies").unwrap().0;
        Self { strings, base: u16::from_le_bytes([low, high]).wrapping_sub(place) }
    }

    /// The text that these bytes stand for.
    fn text(&self, bytes: &[u8]) -> String {
        let mut rest = bytes;
        let string = self.next(&mut rest).unwrap();
        let text = self.filled(string, "", &mut rest);
        assert!(rest.is_empty(), "{rest:?} after {text:?}");
        text
    }

    /// The next format string; none at the end of a sequence.
    fn next(&self, bytes: &mut &[u8]) -> Option<&str> {
        let place = number(bytes, 2) as u16;
        (place != 0).then(|| &*self.strings[&place.wrapping_sub(self.base)])
    }

    /// A format string with its arguments; those without a hint of their own take that of the string around.
    fn filled(&self, string: &str, outer: &str, bytes: &mut &[u8]) -> String {
        let mut text = String::new();
        let mut string = string;
        while let Some((before, from)) = string.split_once('{') {
            let (argument, after) = from.split_once('}').unwrap();
            let (kind, hint) = argument.split_once(':').unwrap_or((argument, outer));
            text += before;
            text += &self.argument(kind, hint, bytes);
            string = after;
        }
        text + string
    }

    fn argument(&self, kind: &str, hint: &str, bytes: &mut &[u8]) -> String {
        match kind {
            "" | "=?" => {
                let string = self.next(bytes).unwrap();
                self.filled(string, hint, bytes)
            }
            "=__internal_FormatSequence" => {
                let mut text = String::new();
                while let Some(string) = self.next(bytes) {
                    text += &self.filled(string, hint, bytes);
                }
                text
            }
            "=[?]" => {
                let length = number(bytes, 4);
                let string = self.next(bytes).unwrap();
                let items: Vec<String> = (0..length).map(|_| self.filled(string, hint, bytes)).collect();
                format!("[{}]", items.join(", "))
            }
            "=str" => {
                let length = number(bytes, 4) as usize;
                String::from_utf8(bytes.split_off(..length).unwrap().to_vec()).unwrap()
            }
            "=u16" => hinted(hint, number(bytes, 2)),
            "=u32" | "=usize" => hinted(hint, number(bytes, 4)),
            "=u64" => hinted(hint, number(bytes, 8)),
            "=i16" => (number(bytes, 2) as i16).to_string(),
            _ => panic!("an argument {kind:?}"),
        }
    }
}

fn number(bytes: &mut &[u8], width: usize) -> u64 {
    bytes.split_off(..width).unwrap().iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

fn hinted(hint: &str, value: u64) -> String {
    match hint {
        "" => value.to_string(),
        "02" => format!("{value:02}"),
        "#010x" => format!("{value:#010x}"),
        _ => panic!("a hint {hint:?}"),
    }
}

/// A part of which something is wrong.
const fn part(allowed: Allowed) -> Error {
    Error::Part { index: 300, part: "pooling", what: "pooled positions", allowed, found: 0x0012_3456 }
}

/// Numbers that no mistake in order, width or sign leaves as they are.
#[test]
fn errors_are_logged_as_they_are_displayed() {
    let strings = Strings::new();
    let errors = [
        Error::Truncated { expected: 70_000, found: 3 },
        Error::Magic { found: 0x00c0_ffee },
        Error::Version { found: 513, supported: 2 },
        Error::Checksum { expected: 0xfedc_ba98, found: 0x0000_1234 },
        Error::Misaligned { found: 3 },
        Error::Kind { expected: "an encoder", found: "a language model" },
        Error::Missing { section: "tokens", expected: 258, found: 1 },
        Error::Shape { what: "width", allowed: Allowed::Exactly(1023), found: 100_000 },
        Error::Shape { what: "width", allowed: Allowed::Between(1, 1024), found: 0 },
        Error::Shape { what: "weight bits", allowed: Allowed::Either(8, 15), found: 70_000 },
        Error::Shape { what: "width", allowed: Allowed::MultipleOf(4), found: 5 },
        Error::Scale { what: "the steepness of a head", found: 0x0012_3456, allowed: "2^-18 up to, but not, 1/16" },
        Error::Label { class: 513 },
        Error::Memory { expected: 70_000, found: 513 },
        part(Allowed::Exactly(1023)),
        part(Allowed::Between(1, 1024)),
        part(Allowed::Either(8, 15)),
        part(Allowed::MultipleOf(4)),
        part(Allowed::AtLeast(4096)),
        part(Allowed::Words("2^-8 to 255")),
        part(Allowed::Known),
    ];
    for error in errors {
        assert_eq!(strings.text(&logged(&error)), error.to_string());
    }
    for error in [RewindError::Ahead { seen: 1 << 33 | 5 }, RewindError::Forgotten { earliest: 3 << 40 | 7 }] {
        assert_eq!(strings.text(&logged(&error)), error.to_string());
    }
    let error = TextTooLong { needed: 300, found: 17 };
    assert_eq!(strings.text(&logged(&error)), error.to_string());
}

#[test]
fn masks_are_logged() {
    let strings = Strings::new();
    for (mask, text) in [
        (Mask::None, "no mask"),
        (Mask::Causal, "causal"),
        (Mask::Length(7), "the first 7"),
        (Mask::CausalLength(300), "causal, the first 300"),
    ] {
        assert_eq!(strings.text(&logged(&mask)), text);
    }
}

/// Probabilities without floats, rounded down to hundredths of a per cent.
#[test]
fn outcomes_are_logged() {
    let strings = Strings::new();
    for (bits, percent) in [(0, "0.00"), (16_384, "50.00"), (32_768, "100.00"), (99, "0.30"), (12_345, "37.67")] {
        let guess = Guess { class: 12, probability: heedful::fixed::types::U1F15::from_bits(bits) };
        assert_eq!(strings.text(&logged(&guess)), format!("class 12 ({percent} %)"));
    }
    let model = Model::load(include_bytes!("../models/wide.heed")).unwrap();
    let outcome = model.infer(&[100; 42]);
    assert!(outcome.logits().iter().any(|&logit| logit < 0), "{outcome:?}");
    let best = strings.text(&logged(&outcome.best()));
    assert_eq!(strings.text(&logged(&outcome)), format!("{best}, logits {:?}", outcome.logits()));
}

#[test]
fn events_are_logged() {
    use heedful::events::{ClassSettings, Detector, DistanceDetector, DistanceSettings, Settings};
    use heedful::fixed::types::U1F15;

    let strings = Strings::new();
    let settings =
        Settings { millihertz: 8_000_000, smoothing: 0, separation: 0, classes: [ClassSettings::of_window(8000)] };
    let mut detector = Detector::new(settings, &["seven"]);
    assert_eq!(detector.step([U1F15::from_bits(30_000)], 8000).count(), 0);
    let event = detector.step([U1F15::ZERO], 12_000).next().unwrap();
    assert_eq!(strings.text(&logged(&event)), "seven (91.55 %), 1000 to 1500 ms");
    let mut detector = DistanceDetector::new(DistanceSettings {
        millihertz: 100_000,
        smoothing: 0,
        enter: 500,
        leave: 300,
        shortest: 20,
        longest: 1000,
        hold_off: 100,
    });
    assert_eq!(detector.step(700, 100), None);
    let event = detector.step(0, 150).unwrap();
    assert_eq!(strings.text(&logged(&event)), "distance 700, 1000 to 1500 ms");
}
