//! The listener of the README on a board: a minute of sound that a timer's interrupt brings, and what is lost of it.

#[path = "../../boards/common/src/minute.rs"]
mod minute;

use crate::host;
use crate::output::Fields;
use crate::targets::Target;
use crate::{emulator, firmware};
use anyhow::{Context, Result, ensure};
use heedful::events::{Detects, Event, Listener, ListenerSettings};
use heedful::model::Listen;
use minute::{CADENCE, Minute, RATE, SECONDS, SMALL_CADENCE};

heedful::model!(pub DigitsNothing = "../../models/digits_nothing.heed");
heedful::model!(DigitsSmall = "../../models/digits_small.heed");

/// An inference every 100 ms.
pub static EVERY_100_MS: ListenerSettings<{ DigitsNothing::CLASSES }> =
    ListenerSettings { cadence: CADENCE, ..*Listener::<DigitsNothing>::SETTINGS };
static EVERY_250_MS: ListenerSettings<{ DigitsSmall::CLASSES }> =
    ListenerSettings { cadence: SMALL_CADENCE, ..*Listener::<DigitsSmall>::SETTINGS };

/// What a board made of the minute.
#[derive(Debug, Default)]
pub struct Minutes {
    /// Clips that it is made of.
    clips: Vec<String>,
    /// A line for each event.
    pub events: Vec<String>,
    /// Samples that the long queue holds, that came, and that were lost.
    pub long: Queue,
    /// The same of the short queue.
    pub short: Queue,
    inferences: u64,
}

/// A queue of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Samples that it holds.
    pub holds: u64,
    /// Samples that the interrupt brought.
    pub brought: u64,
    /// Those that found it full.
    pub lost: u64,
}

/// Builds the firmware and runs it.
pub fn run(target: &Target) -> Result<Minutes> {
    let elf = firmware::build(target, firmware::MICROPHONE, &[])?;
    parse(&emulator::run(&target.in_real_time(), &elf)?)
}

/// Fails where a sample was lost, or an event is not the host's; says what was heard.
pub fn check(target: &Target, board: &Minutes) -> Result<String> {
    let Minutes { long, short, events, .. } = board;
    ensure!(long.lost == 0, "{} of {} samples are lost", long.lost, long.brought);
    ensure!(long.brought == (RATE * SECONDS) as u64, "the board heard {} samples", long.brought);
    ensure!(short.lost > 0, "a queue that is too short loses nothing: the measurement is wrong");
    let (host, inferences) = on_host(target, &board.clips)?;
    for (index, (found, expected)) in events.iter().zip(&host).enumerate() {
        ensure!(found == expected, "event {index}: the board gives {found}, the host {expected}");
    }
    ensure!(events.len() == host.len(), "the board gives {} events, the host {}", events.len(), host.len());
    ensure!(board.inferences == inferences, "the board infers {} times, the host {inferences}", board.inferences);
    Ok(format!(
        "the host's {} events; no sample lost of {}, {} of {} with room for {}",
        events.len(),
        long.brought,
        short.lost,
        short.brought,
        short.holds
    ))
}

/// Events of the minute of these clips, and the number of inferences.
fn on_host(target: &Target, clips: &[String]) -> Result<(Vec<String>, u64)> {
    ensure!(!clips.is_empty(), "the board has no clips");
    let clips: Vec<Vec<i16>> = clips.iter().map(|name| host::clip(name)).collect::<Result<_>>()?;
    let sound: Vec<i16> = Minute::new(clips.len(), |n| clips[n].as_slice()).collect();
    Ok(match target.hears {
        "digits_small" => hear(&mut Listener::<DigitsSmall>::new().with_settings(&EVERY_250_MS), &sound),
        _ => hear(&mut Listener::<DigitsNothing>::new().with_settings(&EVERY_100_MS), &sound),
    })
}

fn hear<M: Detects<Input: Listen<M>>>(ear: &mut Listener<M>, sound: &[i16]) -> (Vec<String>, u64) {
    let events = ear.push(sound).map(line).collect();
    (events, ear.inferences())
}

/// An event, as the board prints it.
fn line(event: Event) -> String {
    let Event { label, score, start, end, .. } = event;
    format!("event label={label} score={} start={start} end={end}", score.to_bits())
}

fn parse(printed: &str) -> Result<Minutes> {
    ensure!(printed.lines().any(|line| line == "microphone done"), "the board did not finish:\n{printed}");
    let mut minutes = Minutes::default();
    let mut is_over = false;
    for line in printed.lines() {
        let fields = Fields::of(line);
        match line.split(' ').next() {
            Some("clip") => minutes.clips.extend(line.split(' ').nth(1).map(str::to_owned)),
            Some("event") if !is_over => minutes.events.push(line.to_owned()),
            Some("minute") => {
                is_over = true;
                minutes.inferences = fields.number("inferences")?;
                let missed: u64 = fields.number("missed")?;
                ensure!(missed == 0, "{missed} events missed");
                minutes.long = queue(&fields, "heard")?;
            }
            Some("short") => minutes.short = queue(&fields, "brought")?,
            _ => {}
        }
    }
    Ok(minutes)
}

fn queue(fields: &Fields<'_>, brought: &str) -> Result<Queue> {
    let number = |key: &str| fields.number(key).with_context(|| format!("queue of {brought}"));
    Ok(Queue { holds: number("queue")?, brought: number(brought)?, lost: number("lost")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::targets::TARGETS;

    const PRINTED: &str = "clip a.wav\nevent label=3 score=5 start=1 end=2\n\
        minute queue=9 heard=8 lost=0 inferences=6 missed=0\n\
        event label=4 score=5 start=1 end=2\nshort queue=3 brought=2 lost=1\nmicrophone done\n";

    #[test]
    fn reads_what_a_board_prints() {
        let found = parse(PRINTED).unwrap();
        assert_eq!((found.clips, found.inferences), (vec!["a.wav".to_owned()], 6));
        assert_eq!(found.events, ["event label=3 score=5 start=1 end=2"]);
        assert_eq!(found.long, Queue { holds: 9, brought: 8, lost: 0 });
        assert_eq!(found.short, Queue { holds: 3, brought: 2, lost: 1 });
        assert!(parse(&PRINTED.replace("done", "")).is_err());
        assert!(parse(&PRINTED.replace("missed=0", "missed=1")).is_err());
    }

    /// Without an emulator: what boards gave once is what the host gives now.
    #[test]
    fn golden_events_are_the_host_s() {
        let target = |name: &str| TARGETS.iter().find(|target| target.name == name).unwrap();
        for target in [target("cortex-m4"), target("cortex-m0")] {
            let (clips, events) = golden::heard(target, target.models[0]).unwrap();
            assert_eq!(on_host(target, &clips).unwrap().0, events, "{}", target.name);
        }
    }

    #[test]
    fn the_minute_has_words_and_noise() {
        let clips = [vec![1000i16; 10], vec![2000; 20]];
        let sound: Vec<i16> = Minute::new(2, |n| clips[n].as_slice()).collect();
        assert_eq!(sound.len(), RATE * SECONDS);
        assert_eq!((&sound[..10], &sound[RATE..RATE + 20]), (&clips[0][..], &clips[1][..]));
        assert!(sound[20..RATE].iter().all(|sample| sample.abs() <= 12));
    }
}
