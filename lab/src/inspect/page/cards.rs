//! A card for each head: its mean map, its name, its measures.

use super::{lag, number, pattern, share};
use crate::inspect::picture::png;
use crate::inspect::report::Report;
use crate::inspect::shown::{SIDE, bytes};
use maud::{Markup, html};

/// Rows of a card, its last ones, that maps alone do not tell.
const BEYOND_MAPS: usize = 4;
/// Heads from which cards are closed until they are asked for.
const MANY: usize = 40;

pub fn cards(report: &Report) -> Markup {
    html! {
        p class="hint" {
            "Means over recordings. Entropy is over that of an even row; a share stands before what chance gives; R² "
            "is the part of the variance that position alone explains. A map shows where a head looks, not what it "
            "says of it"
            @if report.is_of_maps() { "." } @else { ": the figures of importance stand beside." }
        }
        (frames(report.drawn.iter().map(|&head| (report.number(head), &*report.names[head], inside(report, head)))))
    }
}

/// A frame for each card: a head's number, its name, and what is inside.
pub fn frames<'a>(cards: impl ExactSizeIterator<Item = (String, &'a str, Markup)>) -> Markup {
    let is_many = cards.len() > MANY;
    html! {
        div class="cards" {
            @for (number, name, inside) in cards {
                article class="card" id=(format!("head-{number}")) {
                    h3 { (number) " " span { (name) } }
                    @if is_many { details { summary { "measures" } (inside) } } @else { (inside) }
                }
            }
        }
    }
}

fn inside(report: &Report, head: usize) -> Markup {
    let summary = &report.collected.summaries[head];
    let mean = report.collected.sums[head].cells().mean();
    let side = |count: usize| count.min(SIDE);
    let (values, most) = bytes(&mean);
    let picture = png(&values, side(mean.keys()), side(mean.queries()));
    let alone = report.importance.alone.get(head);
    let mut rows = vec![
        ("pattern", pattern(summary)),
        ("entropy", spread(summary.relative_entropy.mean(), summary.relative_entropy.spread())),
        ("largest weight", spread(summary.confidence.mean(), summary.confidence.spread())),
        ("distance", distance(report, head)),
        ("on itself", share(summary.itself)),
        ("previous, next", format!("{}, {}", share(summary.previous), share(summary.next))),
        ("first", share(summary.first)),
        ("strongest lag", lag(summary)),
        ("period", summary.period.map_or("–".to_owned(), |period| format!("{} ({:.2})", period.lag, period.strength))),
        ("position R²", number(summary.position_r2, 2)),
        ("effective rank", number(summary.effective_rank.mean(), 1)),
        ("adds, of its layer", number(summary.output.mean(), 2)),
        ("answers to", answers(report, head)),
        ("moves", moves(report, head)),
        (
            "loss without it",
            alone.map_or("–".to_owned(), |alone| format!("{:.3} ± {:.3}", alone.loss.mean, alone.loss.error)),
        ),
    ];
    if report.is_of_maps() {
        rows.truncate(rows.len() - BEYOND_MAPS);
    }
    html! {
        img src=(picture) width="150" height="150" alt=(format!(
            "Mean attention map of head {}: {}; largest weight {most:.2}",
            report.number(head), report.names[head]
        ));
        table {
            @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } }
        }
    }
}

fn spread(mean: Option<f64>, spread: Option<f64>) -> String {
    match spread {
        Some(_) => format!("{} ± {}", number(mean, 2), number(spread, 2)),
        None => number(mean, 2),
    }
}

fn distance(report: &Report, head: usize) -> String {
    let Some(distance) = report.collected.summaries[head].distance else { return "–".to_owned() };
    let time = report.step().map_or(String::new(), |step| format!(", {:.0} ms", distance.mean * step * 1000.0));
    format!("{:.1} ± {:.1}{time} (chance {:.1})", distance.mean, distance.spread, distance.chance)
}

fn answers(report: &Report, head: usize) -> String {
    report.collected.summaries[head].response.map_or("–".to_owned(), |response| {
        format!("{} (d′ {:.1}, R² {:.2})", report.label(response.class), response.selectivity, response.explained)
    })
}

/// Norm-based: how far from its weights, and what of its share on the first position is left.
fn moves(report: &Report, head: usize) -> String {
    let Some(normed) = report.again.norms.get(head) else { return "–".to_owned() };
    let [weight, moved] = normed.first.map(|share| number(share.mean(), 2));
    format!("{} from its map; first {weight}, moved {moved}", number(normed.divergence.mean(), 3))
}
