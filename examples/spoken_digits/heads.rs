//! Where in time each attention head looks, drawn with block characters.

use heedful::{Observer, Row, Weight};
use std::io::{self, Write};

/// Heights of a bar, lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The share of attention that each position receives from each head, averaged over the queries.
pub struct Heads {
    heads: usize,
    positions: usize,
    /// Sums over the queries, `[layer][head][position]`; every query adds 1.
    shares: Vec<f64>,
}

impl Heads {
    pub fn new(layers: usize, heads: usize, positions: usize) -> Self {
        Self { heads, positions, shares: vec![0.0; layers * heads * positions] }
    }

    /// Adds the weights that one query gives to the positions.
    pub fn add(&mut self, layer: usize, head: usize, weights: impl Iterator<Item = f64> + Clone) {
        let sum: f64 = weights.clone().sum();
        let start = (layer * self.heads + head) * self.positions;
        for (share, weight) in self.shares[start..][..self.positions].iter_mut().zip(weights) {
            *share += weight / sum;
        }
    }

    /// Draws a line per head under the loudness of the sound, above an axis of `seconds`.
    ///
    /// Bars are as high as the square root of a share, so that small shares beside a large one can be
    /// seen; each line's full height is its own peak, whose share stands at its end.
    pub fn draw(&self, out: &mut impl Write, loudness: &[f64], seconds: f64) -> io::Result<()> {
        let wide = if self.positions <= 40 { 2 } else { 1 };
        let quietest = loudness.iter().copied().fold(f64::INFINITY, f64::min);
        let above: Vec<f64> = loudness.iter().map(|l| l - quietest).collect();
        writeln!(out, "  {:<14} {}", "loudness", bars(&above, wide))?;
        for (i, head) in self.shares.chunks_exact(self.positions).enumerate() {
            let name = format!("head {}.{}", i / self.heads, i % self.heads);
            let (place, share) = peak(head);
            let percent = 100.0 * share / head.iter().sum::<f64>();
            let at = (place as f64 + 0.5) * seconds / self.positions as f64;
            let roots: Vec<f64> = head.iter().map(|share| share.sqrt()).collect();
            writeln!(out, "  {name:<14} {}  {percent:4.1} % at {at:.2} s", bars(&roots, wide))?;
        }
        writeln!(out, "  {:<14} {}", "seconds", axis(self.positions * wide, seconds))
    }
}

impl<W: Weight> Observer<W> for Heads {
    fn row(&mut self, row: Row<'_, W>) {
        self.add(row.layer, row.head, row.weights.iter().map(|w| f64::from(w.to_int())));
    }
}

/// The largest value, which is at least 0, and its place.
fn peak(values: &[f64]) -> (usize, f64) {
    let larger = |best: (usize, f64), (i, &v): (usize, &f64)| if v > best.1 { (i, v) } else { best };
    values.iter().enumerate().fold((0, 0.0), larger)
}

/// One bar per value, `wide` characters wide, relative to the largest one.
fn bars(values: &[f64], wide: usize) -> String {
    let (_, top) = peak(values);
    let bar = |v: &f64| BARS[((v / top * 7.0).round() as usize).min(7)];
    values.iter().flat_map(|v| std::iter::repeat_n(bar(v), wide)).collect()
}

/// Marks at every fifth of a second (or as many seconds as keep them apart) over `width` characters.
fn axis(width: usize, seconds: f64) -> String {
    let mut step = 0.2;
    while width as f64 * step / seconds < 6.0 {
        step *= 2.0;
    }
    let mut line = String::new();
    for mark in (0..).map(|i| f64::from(i) * step).take_while(|&t| t < seconds + 1e-9) {
        let place = (mark / seconds * width as f64).round() as usize;
        line = format!("{line:<place$}{mark:.1}");
    }
    line
}
