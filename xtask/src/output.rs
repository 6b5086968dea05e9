//! The lines that the firmware prints (`boards/common/src/report.rs` describes them), read back.

use anyhow::{Context, Result, bail, ensure};
use std::str::FromStr;

/// What one model did on a board.
#[derive(Debug, Default)]
pub struct ModelRun {
    /// File name under `models`, without its ending.
    pub name: String,
    /// The kernels that the firmware was built with.
    pub kernels: String,
    /// Bytes of RAM: the model and all its state.
    pub state: u64,
    /// Bytes of stack that hearing a clip takes.
    pub stack: u64,
    /// Instructions of the attention model on the first clip, when an observer watches its heads.
    pub watched: u64,
    /// One entry per clip.
    pub clips: Vec<ClipRun>,
}

/// What a model made of one clip.
#[derive(Debug)]
pub struct ClipRun {
    /// File name under `examples/clips`.
    pub name: String,
    /// Instructions of the front end, for all frames.
    pub front_end: u64,
    /// Frames of the clip.
    pub frames: u64,
    /// Instructions of the attention model.
    pub inference: u64,
    /// One per class.
    pub logits: Vec<i16>,
}

/// Reads a whole run; it must end with `done`.
pub fn parse(printed: &str) -> Result<Vec<ModelRun>> {
    let mut models: Vec<ModelRun> = Vec::new();
    let mut done = false;
    for line in printed.lines() {
        ensure!(!done, "a line after the last: {line:?}");
        let mut words = line.split_whitespace();
        match words.next() {
            Some("model") => models.push(model(words).with_context(|| format!("line {line:?}"))?),
            Some("watch") => {
                let watched =
                    Fields(words.collect()).number("instructions").with_context(|| format!("line {line:?}"))?;
                models.last_mut().context("watched before any model")?.watched = watched;
            }
            Some("clip") => {
                let clip = clip(words).with_context(|| format!("line {line:?}"))?;
                models.last_mut().context("a clip before any model")?.clips.push(clip);
            }
            Some("done") => done = true,
            _ => bail!("unexpected line {line:?}"),
        }
    }
    ensure!(done, "the output ends early, after {} lines", printed.lines().count());
    Ok(models)
}

fn model<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<ModelRun> {
    let mut model = ModelRun { name: words.next().context("no name")?.into(), ..ModelRun::default() };
    let fields = Fields(words.collect());
    model.state = fields.number("state")?;
    model.stack = fields.number("stack")?;
    model.kernels = fields.text("kernels")?.into();
    Ok(model)
}

fn clip<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<ClipRun> {
    let name = words.next().context("no name")?.into();
    let fields = Fields(words.collect());
    Ok(ClipRun {
        name,
        front_end: fields.number("front_end")?,
        frames: fields.number("frames")?,
        inference: fields.number("inference")?,
        logits: logits(fields.text("logits")?)?,
    })
}

/// Numbers with commas between.
pub fn logits(text: &str) -> Result<Vec<i16>> {
    text.split(',').map(|n| n.parse().with_context(|| format!("{n:?} is no logit"))).collect()
}

/// Words of the form `key=value`.
#[derive(Debug)]
pub struct Fields<'a>(Vec<&'a str>);

impl<'a> Fields<'a> {
    /// Those of a line.
    pub fn of(line: &'a str) -> Self {
        Self(line.split_whitespace().collect())
    }

    /// The value of a key.
    pub fn text(&self, key: &str) -> Result<&'a str> {
        let value = |word: &&'a str| word.strip_prefix(key)?.strip_prefix('=');
        self.0.iter().find_map(value).with_context(|| format!("no {key}="))
    }

    /// The same as a number.
    pub fn number<T: FromStr<Err: Into<anyhow::Error>>>(&self, key: &str) -> Result<T> {
        self.text(key)?.parse().map_err(Into::into).with_context(|| format!("{key}= is no number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "model digits state=100 stack=20 kernels=portable\nwatch rows=3 instructions=8\n";
    const CLIP: &str = "clip 0_x_5.wav front_end=9 frames=3 inference=7 logits=1,-2\n";

    #[test]
    fn reads_what_the_firmware_prints() {
        let models = parse(&format!("{MODEL}{CLIP}{CLIP}done\n")).unwrap();
        assert_eq!((models.len(), models[0].clips.len(), models[0].state), (1, 2, 100));
        assert_eq!((models[0].watched, &models[0].clips[1].logits[..]), (8, &[1, -2][..]));
    }

    #[test]
    fn refuses_output_that_is_cut_or_damaged() {
        for cut in [MODEL, "", "done\nmore\n", "panicked at 1\n", "model\ndone\n"] {
            assert!(parse(cut).is_err(), "{cut:?}");
        }
        assert!(parse(&format!("{CLIP}done\n")).is_err());
        assert!(parse(&format!("{MODEL}{}done\n", CLIP.replace("1,-2", "1,-70000"))).is_err());
    }
}
