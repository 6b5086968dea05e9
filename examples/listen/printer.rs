//! What is printed: a line for each event, and the level of the sound.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Characters of the level's bar, of 2 dB each.
const BAR: usize = 30;
/// How often it is drawn.
const PERIOD: Duration = Duration::from_millis(100);

/// An event, in seconds.
pub struct Line<'a> {
    pub start: f64,
    pub end: f64,
    pub label: &'a str,
    pub score: f64,
}

pub struct Printer<W> {
    out: W,
    is_csv: bool,
    /// When the level was drawn last; `None` where it never is.
    drawn: Option<Instant>,
}

impl<W: Write> Printer<W> {
    /// A level is drawn only in a terminal, and not between rows.
    pub fn new(mut out: W, is_csv: bool, is_terminal: bool) -> io::Result<Self> {
        if is_csv {
            writeln!(out, "start_s,end_s,label,score")?;
            out.flush()?;
        }
        Ok(Self { out, is_csv, drawn: (is_terminal && !is_csv).then(Instant::now) })
    }

    /// The name of a recording, where there are several.
    pub fn name(&mut self, name: &str) -> io::Result<()> {
        self.clear()?;
        writeln!(self.out, "{name}")
    }

    /// An event, at once.
    pub fn event(&mut self, Line { start, end, label, score }: &Line<'_>) -> io::Result<()> {
        self.clear()?;
        if self.is_csv {
            writeln!(self.out, "{start:.3},{end:.3},{},{score:.3}", quoted(label))?;
        } else {
            writeln!(self.out, "{start:8.2} s to {end:8.2} s  {label:<12}  {score:.3}")?;
        }
        self.out.flush()
    }

    /// Draws the level of the latest samples, in a terminal, if it is time to.
    pub fn level(&mut self, samples: &[i16]) -> io::Result<()> {
        if self.drawn.is_none_or(|last| last.elapsed() < PERIOD) {
            return Ok(());
        }
        let decibels = decibels(samples);
        let filled = ((decibels / 2.0) + BAR as f64).round().clamp(0.0, BAR as f64) as usize;
        write!(self.out, "\r{}{} {decibels:4.0} dB", "█".repeat(filled), "·".repeat(BAR - filled))?;
        self.out.flush()?;
        self.drawn = Some(Instant::now());
        Ok(())
    }

    /// Takes the level away, for a line in its place.
    pub fn clear(&mut self) -> io::Result<()> {
        if self.drawn.is_some() {
            write!(self.out, "\r{:1$}\r", "", BAR + 8)?;
        }
        self.out.flush()
    }
}

/// The peak below full scale, from -99.
pub fn decibels(samples: &[i16]) -> f64 {
    let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
    (20.0 * (f64::from(peak) / 32_768.0).log10()).max(-99.0)
}

/// A field of CSV (RFC 4180).
pub fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
