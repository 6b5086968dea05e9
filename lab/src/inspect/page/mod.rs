//! The report as one page that needs nothing else: its style, its script and its data are in it.

mod again;
mod cards;
mod data;
mod flow;
mod sections;

use super::report::Report;
use maud::{DOCTYPE, Markup, PreEscaped, html};

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
    let inside = html! {
        header {
            h1 { (title) }
            (sections::summary(report))
            nav aria-label="Sections" {
                @for (id, name, _) in &parts { a href=(format!("#{id}")) { (name) } " " }
            }
        }
        main {
            @for (id, name, inside) in &parts {
                section id=(id) { h2 { (name) } (inside) }
            }
        }
        script type="application/json" id="data" { (PreEscaped(data::data(report))) }
        script { (PreEscaped(include_str!("script.js"))) }
    };
    document(&title, &inside)
}

/// A page without a script.
pub(super) fn frame(title: &str, inside: &Markup) -> String {
    document(title, &html! { h1 { (title) } main { (inside) } })
}

pub(super) fn document(title: &str, inside: &Markup) -> String {
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
