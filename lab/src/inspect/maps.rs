//! A picture of what each head attends to in a recording, as SVG.

use super::measures::head::Looks;
use super::ramp;
use super::report::Report;
use super::shown::{SIDE, Shown};
use maud::{Markup, PreEscaped, html};
use std::fmt::Write;

/// Pixels of a head's square, about.
const SQUARE: usize = 175;
/// Pixels between squares, and round the picture.
const GAP: usize = 26;
/// Shades between the lightest and the darkest.
const SHADES: usize = 12;
/// Pixels of the curve above the squares.
const CURVE: usize = 34;

/// A square per head, a row of squares per block: across, the key; down, the query; the darker, the larger the share of
/// the query's attention. The loudness of the recording runs above each column.
#[must_use]
pub fn svg(report: &Report, shown: &Shown) -> Markup {
    let positions = report.positions.min(SIDE);
    let cell = (SQUARE / positions).max(1);
    let side = positions * cell;
    // Blocks that have a head that is drawn.
    let of_block = |block: usize| {
        let drawn = report.drawn.iter().copied();
        drawn.filter(move |&head| report.collected.heads[head].block == block).collect::<Vec<usize>>()
    };
    let blocks = report.collected.heads.iter().map(|head| head.block + 1).max().unwrap_or(0);
    let rows: Vec<Vec<usize>> = (0..blocks).map(of_block).filter(|row| !row.is_empty()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (columns * (side + GAP) + GAP, CURVE + rows.len() * (side + GAP) + 2 * GAP);
    let heard = format!("{}: {}, probability {:.3}", shown.name, report.label(shown.said), shown.probability);
    let level = shown.level(report);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height)
            role="img" aria-label=(format!("What each head attends to in {}", shown.name)) font-family="sans-serif"
            font-size="11" fill="#444" {
            rect width="100%" height="100%" fill="#fff" {}
            text x=(GAP) y="17" { (heard) }
            @for column in 0..columns {
                @let x = GAP + column * (side + GAP);
                @if !level.is_empty() {
                    path d=(curve(&level, side, x, GAP + CURVE)) fill="#bbb" {}
                }
                @let own = rows.iter().enumerate().filter_map(|(row, heads)| Some((row, *heads.get(column)?)));
                @for (row, head) in own {
                    @let y = GAP + CURVE + GAP / 2 + row * (side + GAP);
                    text x=(x) y=(y - 3) { (report.number(head)) (name(report, head)) }
                    (PreEscaped(squares(&shown.maps[head], positions, cell, x, y)))
                    rect x=(x) y=(y) width=(side) height=(side) fill="none" stroke="#999" {}
                }
                @if let Some(seconds) = report.seconds {
                    text x=(x) y=(height - GAP / 2) { "0" }
                    text x=(x + side) y=(height - GAP / 2) text-anchor="end" { (format!("{seconds:.2} s")) }
                }
            }
        }
    }
}

/// The name of a head that has one, and for more than these few recordings.
fn name(report: &Report, head: usize) -> String {
    let name = &report.names[head];
    let has_none = report.is_few() || *name == Looks::Mixed.to_string();
    if has_none { String::new() } else { format!(": {name}") }
}

/// One path per shade holds all cells of it. On paper, much is dark.
fn squares(shares: &[u8], positions: usize, cell: usize, left: usize, top: usize) -> String {
    let mut out = String::new();
    for shade in 1..=SHADES {
        let mut path = String::new();
        for (i, &share) in shares.iter().enumerate() {
            if (usize::from(share) * SHADES + 127) / 255 == shade {
                let (x, y) = (left + i % positions * cell, top + i / positions * cell);
                _ = write!(path, "M{x} {y}h{cell}v{cell}h-{cell}z");
            }
        }
        if !path.is_empty() {
            let opacity = shade as f32 / SHADES as f32;
            _ = write!(out, "<path d=\"{path}\" fill=\"{}\" fill-opacity=\"{opacity:.2}\"/>", ramp::hex(20));
        }
    }
    out
}

/// The level at each time, as an area.
fn curve(level: &[f64], side: usize, left: usize, bottom: usize) -> String {
    let (low, high) = level.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    let mut path = format!("M{left} {bottom}");
    for (i, x) in level.iter().enumerate() {
        let y = bottom as f64 - (x - low) / (high - low).max(1e-9) * (CURVE - 12) as f64;
        let (from, to) = (left + i * side / level.len(), left + (i + 1) * side / level.len());
        _ = write!(path, "L{from} {y:.0}H{to}");
    }
    _ = write!(path, "V{bottom}z");
    path
}

impl Shown {
    /// The mean of what goes in at each step; empty where steps are no time.
    #[must_use]
    pub fn level(&self, report: &Report) -> Vec<f64> {
        let values = report.input[1] * report.input[2];
        if report.grid[1] != 1 || values == 0 {
            return vec![];
        }
        let mean = |row: &[u8]| row.iter().map(|&x| f64::from(x)).sum::<f64>() / values as f64;
        self.input.chunks_exact(values).map(mean).collect()
    }
}
