//! A listener as a task of an asynchronous executor, on a board.

use crate::microphone::Minutes;
use crate::output::Fields;
use crate::targets::Target;
use crate::{emulator, firmware};
use anyhow::{Result, ensure};

/// The core that it runs on.
pub const TARGET: &str = "cortex-m4";
/// Samples that it hears.
const HEARD: u64 = 80_000;

/// Builds and runs it; fails where another task was late, a sample was lost, or an event is not that of the minute,
/// of which this is the beginning.
pub fn check(target: &Target, minutes: &Minutes) -> Result<String> {
    let elf = firmware::build(target, firmware::LISTEN_EMBASSY, &[firmware::EMBASSY])?;
    compare(&emulator::run(&target.in_real_time(), &elf)?, &minutes.events)
}

fn compare(printed: &str, minute: &[String]) -> Result<String> {
    let (events, rest): (Vec<&str>, Vec<&str>) = printed.lines().partition(|line| line.starts_with("event "));
    let [figures, "embassy done"] = rest[..] else { anyhow::bail!("unexpected output:\n{printed}") };
    let fields = Fields::of(figures);
    let number = |key: &str| fields.number::<u64>(key);
    let (late, lost, heard, yields) = (number("late")?, number("lost")?, number("heard")?, number("yields")?);
    ensure!(late == 0, "the other task was late for {late} buffers");
    ensure!(lost == 0 && heard == HEARD, "{lost} samples lost, {heard} heard");
    ensure!(events.len() >= 5 && minute.len() >= events.len(), "{} events", events.len());
    for (index, (found, expected)) in events.iter().zip(minute).enumerate() {
        ensure!(found == expected, "event {index}: the task gives {found}, the loop {expected}");
    }
    Ok(format!("{} events, no sample lost of {heard}, {yields} slices", events.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_board_prints() {
        let minute: Vec<String> = (0..20).map(|i| format!("event label={i}")).collect();
        let figures = "embassy heard=80000 lost=0 late=0 yields=9\nembassy done\n";
        let printed = minute[..15].join("\n") + "\n" + figures;
        assert!(compare(&printed, &minute).is_ok());
        for (old, new) in [("late=0", "late=1"), ("lost=0", "lost=1"), ("label=3", "label=4"), ("embassy done", "")] {
            assert!(compare(&printed.replace(old, new), &minute).is_err(), "{old}");
        }
        assert!(compare(figures, &minute).is_err());
    }
}
