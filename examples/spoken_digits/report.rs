//! What is printed.

use crate::judge::Judge;
use std::fmt;
use std::io::{self, Write};

/// How many of the clips whose digit is known were heard right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub right: usize,
    pub all: usize,
}

impl Score {
    pub fn count(&mut self, right: bool) {
        self.right += usize::from(right);
        self.all += 1;
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { right, all } = *self;
        write!(f, "accuracy {:.3} ({right}/{all})", right as f64 / all as f64)
    }
}

/// The verdicts, a line per clip.
pub struct Table {
    /// Characters of the longest name.
    pub width: usize,
    /// Whether there is a column for the float model.
    pub float: bool,
}

/// A line of the table; names of classes as the model has them.
pub struct Line<'a> {
    pub file: &'a str,
    pub heard: (&'a str, f64),
    pub runner_up: (&'a str, f64),
    /// What the float model heard.
    pub float: Option<&'a str>,
    /// The digit that the file's name promises.
    pub spoken: Option<&'a str>,
}

impl Table {
    pub fn header(&self, out: &mut impl Write) -> io::Result<()> {
        let float = if self.float { "  float" } else { "" };
        writeln!(out, "{:<width$}  heard  probability  runner-up{float}", "file", width = self.width)
    }

    pub fn line(&self, out: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
        let (heard, probability) = line.heard;
        let runner_up = format!("{} {:.3}", line.runner_up.0, line.runner_up.1);
        let mut text =
            format!("{:<width$}  {heard:<5}  {probability:<11.3}  {runner_up:<9}", line.file, width = self.width);
        if let Some(float) = line.float {
            text += &format!("  {float:<5}");
        }
        if let Some(spoken) = line.spoken.filter(|&spoken| spoken != heard) {
            text += &format!("  WRONG: {spoken} was spoken");
        }
        writeln!(out, "{}", text.trim_end())
    }
}

/// What the model costs.
pub fn costs(out: &mut impl Write, judge: &Judge) -> io::Result<()> {
    let model = judge.model();
    let c = model.shape();
    writeln!(
        out,
        "model    {} positions of {} inputs, width {}, {} heads of {}, {} layers, {} classes",
        c.positions, c.inputs, c.width, c.heads, c.head_dim, c.layers, c.outputs
    )?;
    writeln!(out, "flash    {} bytes: the whole file", model.flash_bytes())?;
    let ram = judge.ram_bytes().map_or_else(
        || "not known: the file is not compiled into this program".to_owned(),
        |bytes| format!("{bytes} bytes: size_of the compiled-in model on this host, audio stream included"),
    );
    writeln!(out, "RAM      {ram}")?;
    writeln!(out, "MACs     {} multiply-accumulates per inference", model.macs())?;
    writeln!(out, "backend  {}", heedful::backend())
}
