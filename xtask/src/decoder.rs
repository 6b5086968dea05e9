//! A small language model and a stream of attention: each board against the host.

#[path = "../../tests/support/writing.rs"]
mod writing;

use crate::targets::Target;
use crate::{emulator, firmware};
use anyhow::{Result, bail, ensure};
use writing::{Stream, Tiny, each};

/// Runs the board's texts; tokens and digests must be the host's.
pub fn check(target: &Target) -> Result<String> {
    let elf = firmware::build(target, firmware::DECODER, &[])?;
    compare(&emulator::run(target, &elf)?)
}

/// Links the language model where a panic does not link.
pub fn without_panics(target: &Target) -> Result<String> {
    firmware::build(target, firmware::NO_PANIC, &[firmware::WRITING]).map(|_| "links without a panic handler".into())
}

/// What a program printed, against the host.
pub fn compare(printed: &str) -> Result<String> {
    ensure!(printed.lines().any(|line| line.starts_with("texts done")), "the output ends early");
    let lines: Vec<String> = host();
    for line in &lines {
        let head = |line: &str| line.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
        match printed.lines().find(|found| head(found) == head(line)) {
            Some(found) if found.trim_end() == line.trim_end() => {}
            found => {
                bail!("other bits than the host's:\n    host:   {line}\n    target: {}", found.unwrap_or("nothing"))
            }
        }
    }
    Ok(format!("{} texts and streams, the same bits as the host", lines.len()))
}

/// The lines that a program should print.
fn host() -> Vec<String> {
    let mut lines = Vec::new();
    each(&mut Box::new(Tiny::new()), &mut Box::new(Stream::new()), |name, tokens, digest| {
        let tokens: Vec<String> = tokens.iter().map(u16::to_string).collect();
        lines.push(format!("text {name} {digest:016x} {}", tokens.join(",")));
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_differ_from_each_other_and_from_damaged_ones() {
        let lines = host();
        let printed = lines.join("\n") + "\ntexts done state=1 backend=x\n";
        assert!(compare(&printed).is_ok());
        assert!(compare(&lines.join("\n")).is_err());
        let digests: std::collections::BTreeSet<&str> =
            lines.iter().filter_map(|line| line.split(' ').nth(2)).collect();
        assert_eq!((digests.len(), lines.len()), (4, 4));
        for (i, letter) in printed.char_indices().filter(|(_, letter)| letter.is_ascii_digit()).step_by(40).take(12) {
            let mut other = printed.clone();
            other.replace_range(i..=i, if letter == '0' { "1" } else { "0" });
            assert!(compare(&other).is_err());
        }
    }
}
