//! The report as one page that needs nothing else: its style, its script and its data are in it.

mod again;
pub(super) mod cards;
mod data;
mod flow;
mod sections;

use super::measures::Share;
use super::measures::head::HeadSummary;
use super::ramp;
use super::report::Report;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;

/// The page.
#[must_use]
pub fn page(report: &Report) -> String {
    let title = format!("Inside {}", report.title);
    let mut parts = vec![
        ("heads", "What each head attends to", sections::maps(report)),
        ("cards", "A card for each head", cards::cards(report)),
    ];
    if report.is_of_maps() {
        parts.push(("diversity", "Diversity", sections::diversity(report)));
    } else {
        parts.extend([
            ("flow", "From what it says back to what it hears", flow::flow(report)),
            ("importance", "Importance", sections::importance(report)),
            ("diversity", "Diversity", sections::diversity(report)),
            ("probes", "Probes", again::probes(report)),
            ("quantisation", "Float beside int8", again::quantisation(report)),
            ("errors", "Errors", html! { (sections::errors(report)) (again::states(report)) }),
        ]);
    }
    of_sections(&title, &sections::summary(report), &parts, &data::data(report), include_str!("script.js"))
}

/// A page of sections, each with its place and its heading, and a script that draws `data` into them.
pub(super) fn of_sections(
    title: &str,
    summary: &Markup,
    parts: &[(&str, &str, Markup)],
    data: &Value,
    script: &str,
) -> String {
    // No `<` is in the data, so that no text in it can end the script.
    let data = data.to_string().replace('<', "\\u003c");
    let inside = html! {
        header {
            h1 { (title) }
            (summary)
            nav aria-label="Sections" {
                @for (id, name, _) in parts { a href=(format!("#{id}")) { (name) } " " }
            }
        }
        main {
            @for (id, name, inside) in parts { section id=(id) { h2 { (name) } (inside) } }
        }
        script type="application/json" id="data" { (PreEscaped(data)) }
        script { (PreEscaped(include_str!("common.js"))) (PreEscaped(script)) }
    };
    document(title, &inside)
}

/// A page without a script.
pub(super) fn frame(title: &str, inside: &Markup) -> String {
    document(title, &html! { h1 { (title) } main { (inside) } })
}

fn document(title: &str, inside: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { (inside) }
        }
    }
    .into_string()
}

/// A number with so many digits; a dash where there is none.
pub(super) fn number(x: Option<f64>, digits: usize) -> String {
    x.filter(|x| x.is_finite()).map_or("–".to_owned(), |x| format!("{x:.digits$}"))
}

/// A share and what chance gives.
pub(super) fn share(share: Option<Share>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.2} (chance {:.2})", share.share, share.chance))
}

/// The class of pattern of most maps, and of how many.
pub(super) fn pattern(summary: &HeadSummary) -> String {
    summary.pattern.map_or("–".to_owned(), |(class, part)| format!("{class} ({:.0} %)", part * 100.0))
}

/// The distance back that gets most, and how much.
pub(super) fn lag(summary: &HeadSummary) -> String {
    summary.strongest_lag.map_or("–".to_owned(), |(lag, of)| format!("{lag}: {}", share(Some(of))))
}

/// Bytes for a script, in base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The scale of colours for a script.
pub(super) fn colours() -> String {
    base64(&(0..=255).flat_map(ramp::colour).collect::<Vec<u8>>())
}

/// A table with a heading; the first cell of a row is its name.
pub(super) fn table(caption: &str, heading: &[String], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    html! {
        div class="wide" tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for name in heading { th scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
