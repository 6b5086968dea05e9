//! `cargo xtask on-target`: every check of every target.

use crate::count::parts;
use crate::firmware::{LISTEN, NO_PANIC, PANICKING, PanicLeft};
use crate::host::{self, Reference};
use crate::hosted::{self, Hosted};
use crate::output::{self, ModelRun};
use crate::report::{Report, Row};
use crate::skip::Lack;
use crate::targets::Target;
use crate::{
    constant, decoder, embassy, emulator, external, firmware, golden, infer, kernels, kinds, listening, microphone,
    stories, toolchain, watch,
};
use anyhow::{Result, anyhow, bail, ensure};
use std::path::Path;
use std::thread;

/// Clips of a model that differ from the host's and that an error lists.
const LISTED: usize = 3;

/// Runs targets, boards and programs of other systems, with `all` a minute of sound on each board; whether everything
/// passed. Boards do not wait for each other.
pub fn run(targets: &[&Target], hosted: &[&Hosted], bless: bool, all: bool) -> Result<bool> {
    let published = stories::published()?;
    let mut boards: Vec<&str> = targets.iter().map(|target| target.board).collect();
    boards.sort_unstable();
    boards.dedup();
    let mut report = Report::default();
    thread::scope(|scope| {
        let published = published.as_deref();
        let start = |board| {
            let its = targets.iter().filter(move |target| target.board == board);
            scope.spawn(move || {
                let mut report = Report::default();
                its.for_each(|target| check(target, published, bless, all, &mut report));
                report
            })
        };
        let running: Vec<_> = boards.into_iter().map(start).collect();
        for thread in running {
            report.add(thread.join().map_err(|_| anyhow!("the checks of a board panicked"))?);
        }
        anyhow::Ok(())
    })?;
    for target in hosted {
        report.check(target.name, "kernels, kinds and clips", hosted::check(target.name));
    }
    if let Some(model) = published {
        std::fs::remove_file(&model)?;
    }
    Ok(report.close())
}

/// Runs the checks of a target.
fn check(target: &Target, published: Option<&Path>, bless: bool, all: bool, report: &mut Report) {
    let prepared = toolchain::ensure_emulator(target).and_then(|()| toolchain::ensure_target(target.triple));
    if prepared.is_err() {
        return report.check(target.name, "tools", prepared.map(|()| String::new()));
    }
    if target.kernels {
        report.check(target.name, "kernels", kernels::check(target));
    }
    report.check(target.name, "kinds", kinds::check(target));
    report.check(target.name, "language model", decoder::check(target));
    report.check(target.name, "language model without panics", decoder::without_panics(target));
    match external::check(target).transpose() {
        Some(placed) => report.check(target.name, "weights where they were put", placed),
        None => println!("{}  skipped  weights where they were put: this machine has no memory for it", target.name),
    }
    if infer::USUAL.contains(&target.name) {
        report.check(target.name, "published keyword transformer", infer::check(target));
    }
    match published {
        Some(model) if stories::USUAL.contains(&target.name) => {
            report.check(target.name, "published language model", stories::check(target, model));
        }
        None if stories::USUAL.contains(&target.name) => {
            let why = "no stories260K.bin; HEEDFUL_STORIES names its folder";
            report.skip(target.name, "published language model", Lack::Data, why);
        }
        _ => {}
    }
    if watch::USUAL.contains(&target.name) {
        report.check(target.name, "frames of attention", watch::check(target));
        report.check(target.name, "frames without panics", watch::without_panics(target));
    }
    if target.name == parts::CHECKED {
        report.check(target.name, "a model by its parts", parts::check(target));
    }
    if constant::USUAL.contains(&target.name) {
        report.check(target.name, "instructions", constant::check(target));
    }
    let events = (all || !target.is_another_core).then(|| hear(target, report));
    report.check(target.name, "a listener without panics", listening::without_panics(target));
    match listen(target) {
        Ok(models) => compare(target, models, events.as_deref(), bless, report),
        Err(error) => report.check(target.name, "run", Err(error)),
    }
    let sensitive = refuses_a_panic(target).map(|()| "a panic put in on purpose does not link".into());
    report.check(target.name, "the no-panic check", sensitive);
}

/// Hears a minute of sound; gives its events, or none where something was wrong.
fn hear(target: &Target, report: &mut Report) -> Vec<String> {
    let minutes = microphone::run(target);
    let heard = minutes.as_ref().map_err(|error| anyhow!("{error:#}"));
    let heard = heard.and_then(|minutes| microphone::check(target, minutes));
    if let (embassy::TARGET, Ok(minutes)) = (target.name, &minutes) {
        report.check(target.name, "a task of embassy", embassy::check(target, minutes));
    }
    let events = heard.is_ok().then_some(minutes).and_then(Result::ok).map_or(vec![], |minutes| minutes.events);
    report.check(target.name, &format!("a minute of sound through {}", target.hears), heard);
    events
}

/// Builds and runs the firmware that hears the clips.
pub fn listen(target: &Target) -> Result<Vec<ModelRun>> {
    let elf = firmware::build(target, LISTEN, &[])?;
    let models = output::parse(&emulator::run(target, &elf)?)?;
    let heard: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    ensure!(heard == target.models, "expected the models {:?}, the firmware ran {heard:?}", target.models);
    Ok(models)
}

/// Holds what the board printed against the host and the golden file.
fn compare(target: &Target, models: Vec<ModelRun>, events: Option<&[String]>, bless: bool, report: &mut Report) {
    let verdicts: Vec<_> = models.iter().map(|model| against_host(target, model)).collect();
    let as_host = verdicts.iter().all(|(_, verdict)| verdict.is_ok());
    let golden = match (bless, events.filter(|events| as_host && !events.is_empty())) {
        (true, Some(events)) => golden::bless(target, &models, events).map(|()| "written anew".into()),
        (true, None) => Err(anyhow!("not written, for the host disagrees")),
        (false, _) => golden::compare(target, &models, events).map(|lines| format!("{lines} lines equal")),
    };
    for (model, (equal, verdict)) in models.into_iter().zip(verdicts) {
        let name = model.name.clone();
        report.check(target.name, &format!("{name} against the host"), verdict);
        let flash = firmware::smallest(target, &name).and_then(|elf| firmware::flash(&elf));
        let flash_bytes = flash.as_ref().ok().copied();
        report.check(
            target.name,
            &format!("{name} without panics"),
            flash.map(|_| "links without a panic handler".into()),
        );
        report.row(Row { target: target.name, run: model, equal, flash: flash_bytes });
    }
    report.check(target.name, "golden file", golden);
}

/// Equal clips, and whether they are all.
pub fn against_host(target: &Target, run: &ModelRun) -> (usize, Result<String>) {
    let mut equal = 0;
    let mut different = Vec::new();
    let verdict = (|| {
        ensure!(!run.clips.is_empty(), "the board heard no clip");
        let reference = Reference::load(&run.name)?;
        for clip in &run.clips {
            let host = reference.logits(&clip.name)?;
            if host == clip.logits {
                equal += 1;
            } else {
                different.push(format!("{}\n    host:  {host:?}\n    board: {:?}", clip.name, clip.logits));
            }
        }
        if !different.is_empty() {
            different.truncate(LISTED);
            let count = run.clips.len() - equal;
            bail!("{count} of {} clips differ, such as\n  {}", run.clips.len(), different.join("\n  "));
        }
        if target.all_clips {
            let all = host::clips()?;
            let heard: Vec<&String> = run.clips.iter().map(|clip| &clip.name).collect();
            ensure!(heard.iter().copied().eq(&all), "the board heard {} of {} clips", heard.len(), all.len());
        }
        Ok(format!("{equal} clips, the same bits"))
    })();
    (equal, verdict)
}

/// Fails if [`NO_PANIC`] links although a panic is in it: then its linking would prove nothing.
fn refuses_a_panic(target: &Target) -> Result<()> {
    match firmware::build(target, NO_PANIC, &[PANICKING]) {
        Ok(_) => bail!("a panic put in on purpose goes unnoticed"),
        Err(error) if error.is::<PanicLeft>() => Ok(()),
        Err(error) => Err(error.context("fails, but not for the panic put in on purpose")),
    }
}
