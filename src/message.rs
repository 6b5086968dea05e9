//! Text that a `const fn` can write, so that a failing constant says as much as an error at run time.

/// Bytes of the longest message.
const LONGEST: usize = 224;

/// What an error says, as a `const fn` wrote it: `panic!("{}", message.as_str())` works in a constant, too.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Message {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length);
        match core::str::from_utf8(text) {
            Ok(text) => text,
            // Only where a name of more than ASCII was cut.
            Err(_) => "",
        }
    }

    const fn byte(mut self, byte: u8) -> Self {
        if self.length < LONGEST {
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        self
    }

    pub(crate) const fn text(mut self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            self = self.byte(bytes[i]);
            i += 1;
        }
        self
    }

    pub(crate) const fn number(mut self, number: u64) -> Self {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            self = self.byte(b'0' + (number / power % 10) as u8);
            power /= 10;
        }
        self
    }

    pub(crate) const fn count(self, number: usize) -> Self {
        self.number(number as u64)
    }

    /// A word as `0x0123abcd`.
    pub(crate) const fn word(mut self, word: u32) -> Self {
        self = self.text("0x");
        let mut places = 8;
        while places > 0 {
            places -= 1;
            self = self.byte(b"0123456789abcdef"[(word >> (4 * places) & 15) as usize]);
        }
        self
    }

    /// Four digits, such as `0.25`; very large and very small numbers with a power of ten, such as `2.5e-9`.
    pub(crate) const fn real(mut self, real: f64) -> Self {
        if real.is_nan() {
            return self.text("NaN");
        }
        if real < 0.0 {
            self = self.byte(b'-');
        }
        let (mut lead, mut exponent) = (real.abs(), 0);
        if lead.is_infinite() {
            return self.text("infinity");
        }
        if lead == 0.0 {
            return self.byte(b'0');
        }
        while lead < 1.0 {
            lead *= 10.0;
            exponent -= 1;
        }
        while lead >= 10.0 {
            lead /= 10.0;
            exponent += 1;
        }
        // The cast of a positive float truncates.
        let mut digits = (lead * 1000.0 + 0.5) as u64;
        if digits >= 10_000 {
            digits /= 10;
            exponent += 1;
        }
        if exponent >= -4 && exponent < 6 {
            return self.decimal(digits, exponent);
        }
        self = self.decimal(digits, 0).byte(b'e');
        if exponent < 0 {
            self = self.byte(b'-');
        }
        self.number(exponent.unsigned_abs() as u64)
    }

    /// Four digits, of which the first stands for `10^exponent`.
    const fn decimal(mut self, digits: u64, exponent: i32) -> Self {
        let mut place = if exponent < 0 { 0 } else { exponent };
        let (mut power, mut rest) = (1000, digits);
        while place >= 0 || rest > 0 {
            if place == -1 {
                self = self.byte(b'.');
            }
            let digit = if place > exponent || power == 0 { 0 } else { rest / power };
            self = self.byte(b'0' + digit as u8);
            if place <= exponent && power > 0 {
                rest %= power;
                power /= 10;
            }
            place -= 1;
        }
        self
    }
}

impl core::fmt::Display for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn numbers() {
        for number in [0, 7, 10, 99, 100, 65_536, u64::MAX] {
            assert_eq!(Message::new().number(number).to_string(), number.to_string());
        }
        for word in [0, 0x0123_abcd, u32::MAX] {
            assert_eq!(Message::new().word(word).to_string(), format!("{word:#010x}"));
        }
    }

    #[test]
    fn reals() {
        for (real, text) in [
            (0.25, "0.25"),
            (-3.0, "-3"),
            (1.0 / 3.0, "0.3333"),
            (0.000_2, "0.0002"),
            (0.000_02, "2e-5"),
            (0.99999, "1"),
            (9.9999, "10"),
            (99_999.0, "100000"),
            (999_999.0, "1e6"),
            (123_456.0, "123500"),
            (40.07, "40.07"),
            (100.5, "100.5"),
            (1e300, "1e300"),
            (5e-324, "4.941e-324"),
            (0.0, "0"),
            (f64::NEG_INFINITY, "-infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(Message::new().real(real).to_string(), text);
        }
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let message = Message::new().text(&"x".repeat(LONGEST - 1)).number(12).text("y");
        assert_eq!((message.as_str().len(), message.as_str().ends_with("x1")), (LONGEST, true));
    }
}
