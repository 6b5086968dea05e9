//! What a model depends on in a recording, drawn over its input, one way under the other.

use super::flow::Curve;
use super::picture::png;
use super::ramp;
use super::report::Report;
use super::shown::Shown;
use maud::{Markup, html};
use std::fmt::Write;

/// Pixels of the names on the left, of the time axis, and of a way's height.
const LEFT: usize = 190;
const WIDTH: usize = 520;
const HEIGHT: usize = 40;
/// Pixels of the input above them.
const INPUT: usize = 72;
/// Pixels of an image.
const SQUARE: usize = 130;
/// Positions up to which each says its values when pointed at.
const POINTED: usize = 128;

/// The picture; none where there is nothing to draw.
#[must_use]
pub fn svg(report: &Report, shown: &Shown) -> Option<Markup> {
    let heard = report.positions.checked_sub(report.class_tokens).filter(|&heard| heard > 0)?;
    if shown.flow.is_empty() {
        return None;
    }
    let title = format!("What the model depends on in {}: {}", shown.name, report.label(shown.said));
    Some(if report.grid[1] > 1 { images(report, shown, &title) } else { series(report, shown, heard, &title) })
}

fn frame(width: usize, height: usize, title: &str, inside: &Markup) -> Markup {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height)
            role="img" aria-label=(title) font-family="sans-serif" font-size="12" fill="currentColor" {
            text x="4" y="14" { (title) }
            (inside)
        }
    }
}

fn series(report: &Report, shown: &Shown, heard: usize, title: &str) -> Markup {
    let top = 24;
    let values = (report.input[1] * report.input[2]).max(1);
    let steps = shown.input.len() / values;
    // Bands upwards.
    let turned: Vec<u8> =
        (0..values).rev().flat_map(|value| (0..steps).map(move |step| shown.input[step * values + value])).collect();
    let bottom = top + INPUT + 6 + shown.flow.len() * (HEIGHT + 6);
    let time = |position: usize| match report.step() {
        Some(step) => format!("{:.2} s", (position as f64 + 0.5) * step),
        None => format!("position {position}"),
    };
    let says = |position: usize| {
        let mut text = time(position);
        let values = shown.flow.iter().map(|curve| (&curve.name, curve.values[report.class_tokens + position]));
        values.filter(|(_, value)| value.is_finite()).for_each(|(name, value)| _ = write!(text, "; {name} {value:.3}"));
        text
    };
    let inside = html! {
        text x="4" y=(top + INPUT / 2 + 4) { "input" }
        image x=(LEFT) y=(top) width=(WIDTH) height=(INPUT) preserveAspectRatio="none"
            href=(png(&turned, steps, values)) style="image-rendering: pixelated" {}
        @for (at, curve) in shown.flow.iter().enumerate() {
            @let y = top + INPUT + 6 + at * (HEIGHT + 6);
            @let own = &curve.values[report.class_tokens..];
            @let [low, high] = ends(curve);
            text x="4" y=(y + HEIGHT / 2 + 1) { (curve.name) }
            text x="4" y=(y + HEIGHT / 2 + 14) font-size="10" opacity="0.7" { (format!("{low:.3} to {high:.3}")) }
            path d=(area(own, [low, high], y)) fill=(ramp::hex(110)) {}
            rect x=(LEFT) y=(y) width=(WIDTH) height=(HEIGHT) fill="none" stroke="#999" stroke-opacity="0.6" {}
        }
        @if heard <= POINTED {
            @for position in 0..heard {
                @let (from, to) = (position * WIDTH / heard, (position + 1) * WIDTH / heard);
                rect x=(LEFT + from) y=(top) width=(to - from) height=(bottom - top) fill="transparent" class="point" {
                    title { (says(position)) }
                }
            }
        }
        text x=(LEFT) y=(bottom + 12) { (time(0)) }
        text x=(LEFT + WIDTH) y=(bottom + 12) text-anchor="end" { (time(heard - 1)) }
    };
    frame(LEFT + WIDTH + 10, bottom + 20, title, &inside)
}

/// From 0, or what is less, to the largest.
fn ends(curve: &Curve) -> [f64; 2] {
    let finite = curve.values.iter().copied().filter(|x| x.is_finite());
    finite.fold([0.0, 0.0], |[low, high], x| [low.min(x), high.max(x)])
}

fn area(values: &[f64], [low, high]: [f64; 2], top: usize) -> String {
    let range = (high - low).max(1e-12);
    let place = |x: f64| top as f64 + (high - x) / range * HEIGHT as f64;
    let mut path = format!("M{LEFT} {:.1}", place(0.0));
    for (at, &value) in values.iter().enumerate() {
        let y = place(if value.is_finite() { value } else { 0.0 });
        _ = write!(path, "V{y:.1}H{}", LEFT + (at + 1) * WIDTH / values.len());
    }
    _ = write!(path, "V{:.1}z", place(0.0));
    path
}

fn images(report: &Report, shown: &Shown, title: &str) -> Markup {
    let [rows, columns] = report.grid;
    let [_, width, channels] = report.input;
    let grey: Vec<u8> = shown.input.iter().copied().step_by(channels.max(1)).collect();
    let mut all = vec![("input".to_owned(), String::new(), png(&grey, width, grey.len() / width.max(1)))];
    for curve in &shown.flow {
        let [low, high] = ends(curve);
        let byte = |&x: &f64| ((x - low) / (high - low).max(1e-12) * 255.0).round() as u8;
        let bytes: Vec<u8> = curve.values[report.class_tokens..].iter().map(byte).collect();
        all.push((curve.name.clone(), format!("{low:.3} to {high:.3}"), png(&bytes, columns, rows)));
    }
    let (across, each) = (4, SQUARE + 50);
    let inside = html! {
        @for (at, (name, range, picture)) in all.iter().enumerate() {
            @let (x, y) = (4 + at % across * each, 24 + at / across * each);
            text x=(x) y=(y + 12) { (name) }
            image x=(x) y=(y + 18) width=(SQUARE) height=(SQUARE) href=(picture) preserveAspectRatio="none"
                style="image-rendering: pixelated" {}
            text x=(x) y=(y + SQUARE + 30) font-size="10" { (range) }
        }
    };
    frame(across * each, 24 + all.len().div_ceil(across) * each, title, &inside)
}
