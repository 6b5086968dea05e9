//! `cargo xtask web --test`: the page in a browser, and its program under node, held against the host.

use crate::{host, root, skip, toolchain, web};
use anyhow::{Context, Result, anyhow, ensure};
use heedful::dynamic::{Listener, Model};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What drives the browser.
const DRIVER: &str = "playwright-core@1.65.1";
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Samples per second of the clips.
const RATE: u32 = 8000;

/// Builds the page and tests it; whether all passed.
pub fn run() -> Result<bool> {
    test_program()?;
    web::build()?;
    let work = root().join("target/web-test");
    fs::create_dir_all(&work)?;
    recordings(&work)?;
    let test = |args: &[&str]| -> Result<bool> {
        let mut node = Command::new("node");
        node.arg(root().join("web/test.mjs")).arg(web::folder()).arg(&work).args(args);
        Ok(node.status().context("cannot run node: apt-get install nodejs")?.success())
    };
    if !test(&[])? {
        return Ok(false);
    }
    let Some(browser) = BROWSERS.into_iter().find(|browser| toolchain::answers(browser)) else {
        let skipped = skip::skip(skip::Lack::Tool, "the page in a browser: no Chromium (apt-get install chromium)");
        return skipped.map(|()| true).map_err(|error| anyhow!(error));
    };
    if !work.join("node_modules/playwright-core").is_dir() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", DRIVER, "--prefix"]).arg(&work);
        ensure!(npm.status().context("cannot run npm")?.success(), "{DRIVER} cannot be installed");
    }
    test(&[browser])
}

/// The tests of the page's program on this machine, among them those of the golden file.
fn test_program() -> Result<()> {
    let status = toolchain::cargo().current_dir(root().join("web")).args(["test", "--locked"]).status()?;
    ensure!(status.success(), "the tests of web/ failed");
    Ok(())
}

/// Ten words, of two rates, and what the host hears in them.
fn recordings(work: &Path) -> Result<()> {
    let mut samples = Vec::new();
    for digit in 0..10 {
        // Faint noise between them.
        samples.extend((0..5000).map(|n: i32| (n.wrapping_mul(n).wrapping_mul(7919) % 25) as i16));
        samples.extend(host::clip(&format!("{digit}_lucas_5.wav"))?);
    }
    let path = root().join("models/digits_nothing.heed");
    let model = Model::load(&fs::read(&path)?).with_context(|| path.display().to_string())?;
    let mut expected = serde_json::Map::new();
    for (name, rate) in [("words.wav", RATE), ("words_9600.wav", 9600)] {
        heedful_recordings::write_wav(&work.join(name), &samples, rate)?;
        expected.insert(name.into(), events(&model, &heedful_recordings::read(&work.join(name), RATE)?.samples)?);
    }
    fs::write(work.join("events.json"), serde_json::to_vec(&expected)?)?;
    Ok(())
}

/// As the example `listen` hears: half a window of silence before, a window behind.
fn events(model: &Model, samples: &[i16]) -> Result<Value> {
    let window = model.frontend().context("a model that hears")?.params.samples(model.shape().input.steps);
    let mut ear = Listener::new(model)?;
    ear.push(&vec![0; window / 2]);
    let mut events = ear.push(samples);
    events.extend(ear.push(&vec![0; 2 * window]));
    let at = |position: u64| position.saturating_sub(window as u64 / 2).min(samples.len() as u64);
    let rows = events.iter().map(|e| json!([e.class, at(e.start), at(e.end), e.score.to_bits()]));
    Ok(rows.collect())
}
