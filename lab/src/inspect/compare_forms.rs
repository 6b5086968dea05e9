//! A comparison as text, as a page and as JSON.

use super::compare::Comparison;
use super::page::{frame, table};
use super::picture::{bars_of, matrices, matrix, numbers, png};
use super::report::Report;
use super::shown::{SIDE, bytes};
use super::tables::{Table, json_of};
use maud::{Markup, html};
use serde_json::{Value, json};
use std::fmt::Write;

/// Columns of heads that a terminal has room for.
const COLUMNS: [&str; 5] = ["name", "entropy, relative", "distance", "lost alone, loss", "Shapley, loss"];

/// Tables for a terminal.
#[must_use]
pub fn text(comparison: &Comparison) -> String {
    let (same, all) = comparison.same;
    let mut out = format!("both choose the same class on {same} of {all} recordings\n");
    for one in comparison.tables() {
        let kept: Vec<usize> = (0..one.heading.len())
            .filter(|&at| {
                let name = one.heading[at].trim_end_matches(", second");
                one.name != "heads" || at == 0 || COLUMNS.contains(&name)
            })
            .collect();
        let cell = |row: &[String], at: usize| match row[at].parse::<f64>() {
            Ok(x) if row[at].contains('.') && at > 0 && one.name != "models" => format!("{x:.3}"),
            _ => row[at].clone(),
        };
        let lines: Vec<Vec<String>> = std::iter::once(one.heading.as_slice())
            .chain(one.rows.iter().map(Vec::as_slice))
            .map(|row| kept.iter().map(|&at| cell(row, at)).collect())
            .collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..kept.len()).map(width).collect();
        out.push('\n');
        for line in &lines {
            let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            _ = writeln!(out, "{}", cells.join("  ").trim_end());
        }
    }
    out
}

/// All figures as JSON.
#[must_use]
pub fn json(comparison: &Comparison) -> Value {
    let mut all = json!({
        "models": comparison.titles(),
        "recordings": comparison.same.1,
        "same": comparison.same.0,
        "divergence": comparison.maps.as_ref().map(|maps| {
            maps.row_iter().map(|row| row.iter().copied().collect::<Vec<f64>>()).collect::<Vec<_>>()
        }),
    });
    if let Some(object) = all.as_object_mut() {
        object.extend(comparison.tables().iter().map(|one| (format!("table of {}", one.name), json_of(one))));
    }
    all
}

/// The page.
#[must_use]
pub fn page(comparison: &Comparison) -> String {
    let [a, b] = comparison.titles();
    let (same, all) = comparison.same;
    let tables = comparison.tables();
    let caption = |one: &Table| match one.name.as_str() {
        "models" => "The models as a whole",
        "heads" => "Heads of the same number",
        _ => "Heads that look alike: Jensen-Shannon divergence of maps",
    };
    let side = |of: &dyn Fn(&Report) -> Markup| {
        html! {
            div class="pictures" {
                @for report in &comparison.reports { figure { (of(report)) figcaption { (report.title) } } }
            }
        }
    };
    let inside = html! {
        p { "On " (same) " of " (all) " recordings both choose the same class." }
        @for one in &tables { (table(caption(one), &one.heading, one.rows.iter().cloned())) }
        h2 { "Importance" }
        (side(&|report| bars_of("Loss without each head", report)))
        h2 { "Mean maps" }
        (side(&maps))
        h2 { "Diversity" }
        @for at in 0..2 { (side(&|report| pair(report, at))) }
    };
    frame(&format!("{a} beside {b}"), &inside)
}

fn maps(report: &Report) -> Markup {
    let blocks = report.collected.heads.iter().map(|head| head.block + 1).max().unwrap_or(0);
    html! {
        @for block in 0..blocks {
            div class="row" {
                @for head in (0..report.count()).filter(|&head| report.collected.heads[head].block == block) {
                    @let mean = report.collected.sums[head].cells().mean();
                    @let (values, most) = bytes(&mean);
                    @let (width, height) = (mean.keys().min(SIDE), mean.queries().min(SIDE));
                    figure {
                        img src=(png(&values, width, height)) width="110" height="110" alt=(format!(
                            "Mean map of head {}: {}; largest weight {most:.2}",
                            report.number(head), report.names[head]
                        ));
                        figcaption { (report.number(head)) " " (report.names[head]) }
                    }
                }
            }
        }
    }
}

fn pair(report: &Report, at: usize) -> Markup {
    let all = matrices(report);
    let (_, title, values, range) = &all[at];
    matrix(title, &numbers(report), values, &report.order, *range)
}
