//! Pictures as SVG: they stand in the page and, as files, in papers.

use super::ramp;
use super::removal::Mean;
use super::report::Report;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage};
use maud::{Markup, PreEscaped, html};
use nalgebra::DMatrix;
use std::io::Cursor;

/// Pixels of a letter, about.
const LETTER: f64 = 6.6;

/// An SVG of its own, with a title that screen readers say.
fn svg(width: f64, height: f64, title: &str, inside: &Markup) -> Markup {
    let size = format!("0 0 {width:.0} {height:.0}");
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(size) width=(format!("{width:.0}"))
            height=(format!("{height:.0}")) role="img" aria-label=(title) font-family="sans-serif" font-size="12"
            fill="currentColor" {
            title { (title) }
            (inside)
        }
    }
}

/// A value with what it is called and its error.
pub struct Bar {
    /// What it is called.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

/// Bars, one below the other, with their errors.
#[must_use]
pub fn bars(title: &str, bars: &[Bar]) -> Markup {
    let row = 18.0;
    let left = 12.0 + LETTER * bars.iter().map(|bar| bar.name.chars().count()).max().unwrap_or(0) as f64;
    let (low, high) = bars
        .iter()
        .fold((0.0f64, 1e-9f64), |(low, high), bar| (low.min(bar.value - bar.error), high.max(bar.value + bar.error)));
    let (width, place) = (left + 420.0, |x: f64| left + (x - low) / (high - low) * 340.0);
    let inside = html! {
        @for (at, bar) in bars.iter().enumerate() {
            @let y = at as f64 * row + 4.0;
            @let (from, to) = (place(bar.value.min(0.0)), place(bar.value.max(0.0)));
            text x=(format!("{:.0}", left - 8.0)) y=(format!("{:.0}", y + 11.0)) text-anchor="end" { (bar.name) }
            rect x=(format!("{from:.1}")) y=(format!("{y:.1}")) width=(format!("{:.1}", (to - from).max(0.5)))
                height="13" fill=(ramp::hex(90)) {}
            path d=(format!("M{:.1} {:.1}H{:.1}", place(bar.value - bar.error), y + 6.5, place(bar.value + bar.error)))
                stroke="#c80" stroke-width="2" fill="none" {}
            text x=(format!("{:.0}", place(bar.value + bar.error).max(to) + 6.0)) y=(format!("{:.0}", y + 11.0)) {
                (format!("{:.3}", bar.value))
            }
        }
        path d=(format!("M{0:.1} 0V{1:.1}", place(0.0), bars.len() as f64 * row + 4.0)) stroke="currentColor"
            fill="none" {}
    };
    svg(width, bars.len() as f64 * row + 8.0, title, &inside)
}

/// Heads up to which each pair of a matrix is a square of its own.
const PAIRS: usize = 64;

/// A matrix of pairs of heads, in the order given, with values from `low` to `high`.
#[must_use]
pub fn matrix(title: &str, names: &[String], values: &DMatrix<f64>, order: &[usize], [low, high]: [f64; 2]) -> Markup {
    if order.len() > PAIRS {
        let share = |value: f64| ((value - low) / (high - low)).clamp(0.0, 1.0);
        let cells = order.iter().flat_map(|&a| order.iter().map(move |&b| share(values[(a, b)])));
        let picture = png(&cells.map(|x| (x * 255.0).round() as u8).collect::<Vec<_>>(), order.len(), order.len());
        let inside = html! { image width="560" height="560" href=(picture) style="image-rendering: pixelated" {} };
        return svg(560.0, 560.0, title, &inside);
    }
    let cell = (560.0 / order.len().max(1) as f64).clamp(4.0, 34.0);
    let (left, top) = (44.0, 24.0);
    let is_large = cell >= 24.0;
    let side = cell * order.len() as f64;
    let inside = html! {
        @for (row, &a) in order.iter().enumerate() {
            @let y = top + row as f64 * cell;
            @if cell >= 11.0 {
                text x=(format!("{:.0}", left - 6.0)) y=(format!("{:.1}", y + cell / 2.0 + 4.0)) text-anchor="end" {
                    (names[a])
                }
                text x=(format!("{:.1}", left + (row as f64 + 0.5) * cell)) y=(format!("{:.0}", top - 8.0))
                    text-anchor="middle" font-size=(if is_large { "12" } else { "7" }) { (names[a]) }
            }
            @for (column, &b) in order.iter().enumerate() {
                @let (value, x) = (values[(a, b)], left + column as f64 * cell);
                @let share = (value - low) / (high - low);
                rect x=(format!("{x:.1}")) y=(format!("{y:.1}")) width=(format!("{cell:.1}"))
                    height=(format!("{cell:.1}"))
                    fill=(if value.is_nan() { "none".to_owned() } else { ramp::of_share(share) }) {
                    title { (format!("{} and {}: {value:.2}", names[a], names[b])) }
                }
                @if is_large && !value.is_nan() {
                    text x=(format!("{:.1}", x + cell / 2.0)) y=(format!("{:.1}", y + cell / 2.0 + 4.0))
                        text-anchor="middle" font-size="10" fill=(if share < 0.55 { "#fff" } else { "#000" }) {
                        (format!("{value:.2}"))
                    }
                }
            }
        }
        rect x=(left) y=(top) width=(format!("{side:.1}")) height=(format!("{side:.1}")) fill="none"
            stroke="currentColor" {}
    };
    svg(left + side + 4.0, top + side + 4.0, title, &inside)
}

/// Bytes in the colours of the scale, as a picture in the page.
#[must_use]
pub fn png(values: &[u8], width: usize, height: usize) -> String {
    let pixels: Vec<u8> = values.iter().flat_map(|&value| ramp::colour(value)).collect();
    let mut bytes = Cursor::new(vec![]);
    let written = RgbImage::from_raw(width as u32, height as u32, pixels)
        .is_some_and(|image| image.write_to(&mut bytes, ImageFormat::Png).is_ok());
    if written { format!("data:image/png;base64,{}", STANDARD.encode(bytes.into_inner())) } else { String::new() }
}

/// Heads as points in the plane: near ones are alike.
#[must_use]
pub fn scatter(title: &str, report: &Report) -> Markup {
    let points = &report.layout.points;
    let most = points.iter().flatten().fold(1e-9f64, |most, x| most.max(x.abs()));
    let (width, height) = (520.0, 400.0);
    let x = |point: &[f64; 2]| width / 2.0 + point[0] / most * (width / 2.0 - 40.0);
    let y = |point: &[f64; 2]| height / 2.0 - point[1] / most * (height / 2.0 - 24.0);
    let blocks = report.collected.heads.iter().map(|head| head.block).max().unwrap_or(0).max(1);
    let inside = html! {
        rect x="1" y="1" width=(width - 2.0) height=(height - 2.0) fill="none" stroke="#999" {}
        @for (head, point) in points.iter().enumerate() {
            @let shade = 30 + 170 * report.collected.heads[head].block / blocks;
            circle cx=(format!("{:.1}", x(point))) cy=(format!("{:.1}", y(point))) r="6" stroke="currentColor"
                fill=(ramp::hex(shade as u8)) {
                title { (report.number(head)) ": " (report.names[head]) }
            }
            text x=(format!("{:.1}", x(point) + 9.0)) y=(format!("{:.1}", y(point) + 4.0)) { (report.number(head)) }
        }
    };
    svg(width, height, title, &inside)
}

/// A value against the heads that are left, from all to none.
#[must_use]
pub fn curve(title: &str, values: &[f64]) -> Markup {
    let (width, height, left, bottom) = (520.0, 220.0, 44.0, 24.0);
    let steps = values.len().saturating_sub(1).max(1) as f64;
    let high = values.iter().copied().fold(1e-9f64, f64::max);
    let place = |at: usize, value: f64| {
        let x = left + at as f64 / steps * (width - left - 12.0);
        (x, 8.0 + (1.0 - value.max(0.0) / high) * (height - bottom - 8.0))
    };
    let line: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(at, &value)| {
            let (x, y) = place(at, value);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let inside = html! {
        @for tick in 0..=4 {
            @let value = high * f64::from(tick) / 4.0;
            @let (_, y) = place(0, value);
            path d=(format!("M{left} {y:.1}H{width}")) stroke="#999" stroke-opacity="0.4" fill="none" {}
            text x=(left - 6.0) y=(format!("{:.1}", y + 4.0)) text-anchor="end" { (format!("{value:.2}")) }
        }
        polyline points=(line.join(" ")) fill="none" stroke="currentColor" stroke-width="2" {}
        @for (at, &value) in values.iter().enumerate() {
            @let (x, y) = place(at, value);
            circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="3" {
                title { (format!("{} heads removed: {value:.3}", at)) }
            }
            @if values.len() <= 24 {
                text x=(format!("{x:.1}")) y=(height - 6.0) text-anchor="middle" { (at) }
            }
        }
    };
    svg(width, height, title, &inside)
}

/// A picture as a file.
#[must_use]
pub fn file(picture: &Markup) -> String {
    // On paper, ink is black.
    let PreEscaped(text) = picture;
    format!("{}\n", text.replace("currentColor", "#222"))
}

/// Importance: the Shapley values, or else what the loss of each head alone costs.
#[must_use]
pub fn importance(report: &Report) -> (String, Markup) {
    let importance = &report.importance;
    let shapley: Vec<_> = importance.shapley.iter().map(|shapley| shapley.loss).collect();
    let (what, means) = match shapley.is_empty() {
        false => ("Loss that each head avoids (Shapley value)", shapley),
        true => ("Loss without each head", importance.alone.iter().map(|alone| alone.loss).collect()),
    };
    chart(what, report, &means)
}

/// Bars of a loss of each head, with their title.
fn chart(what: &str, report: &Report, means: &[Mean]) -> (String, Markup) {
    let title = format!("{what}, {}, with standard errors", report.loss_unit());
    let bar = |(head, mean): (usize, &Mean)| Bar { name: report.number(head), value: mean.mean, error: mean.error };
    let picture = bars(&title, &means.iter().enumerate().map(bar).collect::<Vec<_>>());
    (title, picture)
}

/// What the loss of each head alone costs, of two models alike.
#[must_use]
pub fn bars_of(what: &str, report: &Report) -> Markup {
    chart(what, report, &report.importance.alone.iter().map(|alone| alone.loss).collect::<Vec<_>>()).1
}

/// The matrices: a title, what it shows, the values and their range.
#[must_use]
pub fn matrices(report: &Report) -> Vec<(&'static str, &'static str, DMatrix<f64>, [f64; 2])> {
    let collected = &report.collected;
    let mut all = vec![
        ("patterns", "Correlation of attention patterns", collected.correlation.clone(), [-1.0, 1.0]),
        (
            "divergence",
            "Jensen-Shannon divergence of attention patterns (nats)",
            collected.divergence.clone(),
            [0.0, std::f64::consts::LN_2],
        ),
    ];
    if let Some(cka) = &collected.cka {
        all.push(("outputs", "Similarity of outputs (linear CKA)", cka.clone(), [0.0, 1.0]));
    }
    all
}

/// Numbers of all heads.
#[must_use]
pub fn numbers(report: &Report) -> Vec<String> {
    (0..report.count()).map(|head| report.number(head)).collect()
}
