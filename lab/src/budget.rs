//! The most flash and RAM that a model may take.

use crate::target::{self, Core};
use heedful::dynamic::Model;
use std::str::FromStr;

/// A number of bytes: `65536`, `64K` or `1M`, of 1,024 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub usize);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no number of bytes, such as 65536, 64K or 1M");
        number(text, 1 << 10).map(Self).ok_or_else(wrong)
    }
}

/// A number that may end in K, of `thousand`, or M, of a thousand of these.
#[must_use]
pub fn number(text: &str, thousand: usize) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, thousand),
        None => text.strip_suffix(['M', 'm']).map_or((text, 1), |digits| (digits, thousand * thousand)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// What a model may take at most.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Budget {
    /// Bytes of the file.
    pub flash: Option<usize>,
    /// Bytes of working memory.
    pub ram: Option<usize>,
    /// Where; without it, wherever it is most.
    pub core: Option<&'static Core>,
}

impl Budget {
    /// What a model has too much, in words.
    #[must_use]
    pub fn over(&self, model: &Model) -> Option<String> {
        let say = |found: usize, most: Option<usize>, what: &str, of: &str| {
            let over = found.checked_sub(most?).filter(|&over| over > 0)?;
            Some(format!("{found} bytes of {what}{of}, {over} more than --{what} allows"))
        };
        let (ram, name) = self.ram(model);
        let flash = say(model.flash_bytes(), self.flash, "flash", "");
        let ram = say(ram, self.ram, "ram", &format!(" on {name}"));
        match (flash, ram) {
            (Some(flash), Some(ram)) => Some(format!("{flash}; {ram}")),
            (flash, ram) => flash.or(ram),
        }
    }

    /// Bytes of working memory, and on which core.
    fn ram(&self, model: &Model) -> (usize, &'static str) {
        let of = |core: &'static Core| (core.memory(model), core.name);
        match self.core {
            Some(core) => of(core),
            None => target::CORES.iter().map(of).max_by_key(|(bytes, _)| *bytes).unwrap_or((0, "any core")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_of_a_command_line() {
        assert_eq!(["7", "64K", "1m"].map(str::parse), [Ok(Bytes(7)), Ok(Bytes(65_536)), Ok(Bytes(1 << 20))]);
        for wrong in ["", "K", "-1", "1.5K", "64 KB", "99999999999999999999", "99999999999999999M"] {
            assert!(wrong.parse::<Bytes>().unwrap_err().contains("64K"), "{wrong}");
        }
    }
}
