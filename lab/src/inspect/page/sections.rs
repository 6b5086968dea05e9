//! The parts of the page.

use super::{number, table};
use crate::inspect::picture;
use crate::inspect::report::Report;
use crate::inspect::tables;
use crate::inspect::tables::words;
use maud::{Markup, html};

/// Heads up to which pairs have a table in the page.
const PAIRS: usize = 64;

/// The model in a few lines.
pub fn summary(report: &Report) -> Markup {
    let collected = &report.collected;
    html! {
        p {
            (report.count()) " heads in " (collected.unlike.len()) " blocks, " (report.positions) " positions"
            @if let Some(seconds) = report.seconds { " over " (format!("{seconds:.2}")) " s" }
            "; " (report.flash) " bytes, " (report.macs) " multiply-accumulates. Seen on " (collected.recordings)
            " recordings"
            @if let Some(confusion) = &collected.confusion {
                ", accuracy " (format!("{:.4}", confusion.accuracy()))
                " (" (confusion.right()) "/" (confusion.total()) ")"
            }
            ". Weights and outputs are those of the integers that run on the target. Heads are numbered block.head, "
            "both from 0."
        }
        @for note in &report.notes { p class="hint" { (note) } }
        @if !report.warnings.is_empty() {
            ul class="warnings" aria-label="Warnings" {
                @for warning in &report.warnings { li { (report.warning(warning)) } }
            }
        }
    }
}

/// The maps, which the script draws.
pub fn maps(report: &Report) -> Markup {
    let shown = &report.collected.shown;
    html! {
        noscript { p { "The maps of single recordings need JavaScript; mean maps stand in the cards below." } }
        p class="hint" {
            "Across: the key, the moment looked at. Down: the query, the moment that looks. Arrow keys move, + and - "
            "zoom, 0 shows all, Page Up and Page Down change the head."
        }
        div class="controls" {
            label { "Recording " select id="recording" {
                option value="mean" { "mean of all " (report.collected.recordings) }
                @if !report.is_of_maps() && report.again.norms.iter().all(|normed| normed.moved.mean().is_some()) {
                    option value="normed" { "mean of what weights move (norm-based)" }
                }
                option value="spread" { "spread over all " (report.collected.recordings) }
                @for (at, shown) in shown.iter().enumerate() {
                    option value=(at) selected[at == 0] {
                        (shown.name) ": " (report.label(shown.said))
                        @if let Some(class) = shown.class.filter(|&class| class != shown.said) {
                            ", not " (report.label(class))
                        }
                    }
                }
            } }
            label { input type="checkbox" id="same"; " one scale for all heads" }
            span id="scale" role="img" aria-label="Colour scale from 0, dark, to the largest weight, light" {}
        }
        div class="viewer" {
            div id="overview" role="group" aria-label="All heads, a row for each block" {}
            div class="detail" {
                h3 id="title" aria-live="polite" {}
                canvas id="map" tabindex="0" role="img" aria-describedby="readout" {}
                div class="controls" {
                    button type="button" id="in" aria-label="Zoom in" { "+" }
                    button type="button" id="out" aria-label="Zoom out" { "−" }
                    button type="button" id="all" { "show all" }
                    button type="button" id="table" aria-expanded="false" { "as a table" }
                }
                p id="readout" aria-live="polite" {}
                div id="weights" class="wide" {}
            }
        }
        h3 id="many-title" { "The head in each recording" }
        div id="many" role="group" aria-labelledby="many-title" {}
    }
}

/// What is lost without heads.
pub fn importance(report: &Report) -> Markup {
    let importance = &report.importance;
    let (_, chart) = picture::importance(report);
    let name = report.accuracy_name();
    let rows = report.drawn.iter().map(|&head| {
        let alone = &importance.alone[head];
        let shapley = importance.shapley.get(head);
        let own = importance.own[head];
        let accuracy = |mean: f64| format!("{:+.3}", 0.0 - mean);
        vec![
            report.number(head),
            report.names[head].clone(),
            accuracy(alone.accuracy.mean),
            format!("{:.3} ± {:.3}", alone.loss.mean, alone.loss.error),
            shapley.map_or("–".to_owned(), |shapley| accuracy(shapley.accuracy.mean)),
            shapley.map_or("–".to_owned(), |shapley| format!("{:.3} ± {:.3}", shapley.loss.mean, shapley.loss.error)),
            format!("{:.3}", own.right),
        ]
    });
    let heading = ["head", "name", "without it", "loss", "Shapley", "loss", "it alone left"];
    let (orders, judged) = importance.orders;
    html! {
        p {
            "On " (importance.judged) " recordings, the whole model has " (name) " "
            (format!("{:.3}, loss {:.3} {}", importance.whole.right, importance.whole.loss, report.loss_unit()))
            "; without any head, " (format!("{:.3}, loss {:.3}", importance.none.right, importance.none.loss)) ". "
            @if judged > 0 {
                "A Shapley value is what a head adds to those before it, in the mean over " (orders)
                " orders for each of " (judged) " recordings; all of them add up to what the heads contribute."
            } @else { "There is too little to judge Shapley values on." }
        }
        (chart)
        (table(&format!("Loss of heads ({name}; ± is the standard error)"), &words(&heading), rows))
        (rankings(report))
        (pruning(report))
        (classes(report))
    }
}

fn rankings(report: &Report) -> Markup {
    let names: Vec<String> = report.rankings.iter().map(|ranking| ranking.name.to_owned()).collect();
    let mut heading = words(&["rank correlation"]);
    heading.extend(names.iter().cloned());
    let rows = (0..names.len()).map(|a| {
        let own = (0..names.len()).map(|b| number(report.agreement(a, b), 2));
        std::iter::once(names[a].clone()).chain(own).collect()
    });
    html! {
        (table("How far rankings of heads agree (Spearman): 1 in all, 0 in nothing", &heading, rows))
    }
}

fn pruning(report: &Report) -> Markup {
    let importance = &report.importance;
    let pruning = tables::pruning(report);
    let exact = report.costs.iter().all(|cost| cost.exact);
    let values: Vec<f64> =
        std::iter::once(importance.whole.right).chain(importance.greedy.iter().map(|step| step.left.right)).collect();
    html! {
        h3 { "What pruning saves" }
        p {
            @if importance.greedy.is_empty() {
                "Heads go in the order of what their loss alone costs; to try them one after the other would take too "
                "long."
            } @else {
                "Each time, the head goes without which the loss is least. "
                (picture::curve("Accuracy by the number of heads removed", &values))
            }
            @if !exact { " Bytes and work are worked out from the heads' shares of their layers." }
        }
        @let caption = format!("The model without its weakest heads ({})", report.accuracy_name());
        (table(&caption, &pruning.heading, pruning.rows.iter().cloned()))
    }
}

/// Which head each class needs.
fn classes(report: &Report) -> Markup {
    let alone = &report.importance.alone;
    let count = alone.first().map_or(0, |alone| alone.classes.len());
    let rows = (0..count).filter_map(|class| {
        let mut order: Vec<usize> = (0..alone.len()).collect();
        order.retain(|&head| alone[head].classes[class].is_finite());
        order.sort_by(|&a, &b| alone[b].classes[class].total_cmp(&alone[a].classes[class]));
        let best: Vec<String> = order
            .iter()
            .take(3)
            .map(|&head| format!("{} ({:+.3})", report.number(head), alone[head].classes[class]))
            .collect();
        (!best.is_empty()).then(|| vec![report.label(class), best.join(", ")])
    });
    let caption = "Which heads a class needs: loss on its recordings without each";
    html! { @if count > 0 { (table(caption, &words(&["class", "most needed heads"]), rows)) } }
}

/// How heads differ.
pub fn diversity(report: &Report) -> Markup {
    let collected = &report.collected;
    let names = picture::numbers(report);
    let is_small = report.count() <= PAIRS;
    html! {
        p {
            "There are " (format!("{:.1}", report.effective)) " different heads in effect among " (report.count())
            ", on " (collected.compared.min(collected.recordings)) " recordings."
            @if let Some(disagreement) = collected.disagreement {
                " Disagreement on positions " (format!("{disagreement:.3}"))
                " (-1: all look at the same key; 0: never)."
            }
        }
        div class="pictures" {
            @for (_, title, values, range) in picture::matrices(report) {
                figure {
                    (picture::matrix(title, &names, &values, &report.order, range))
                    figcaption { (title) ", alike heads side by side" }
                }
            }
        }
        @if is_small {
            @for one in tables::pairs(report) {
                details {
                    summary { "The matrix of " (one.name) " as a table" }
                    (table(&one.name, &one.heading, one.rows.iter().cloned()))
                }
            }
        }
        figure {
            (picture::scatter("Map of heads: near ones look at the same", report))
            figcaption {
                "A map of heads by how far their patterns are apart (classical scaling of Jensen-Shannon distances, of "
                "which this plane shows " (format!("{:.0} %", report.layout.shown * 100.0))
                "). The lighter, the later the block."
            }
        }
        @if !report.is_of_maps() { (collapse(report)) }
    }
}

fn collapse(report: &Report) -> Markup {
    let rows = report
        .collected
        .unlike
        .iter()
        .enumerate()
        .map(|(block, average)| vec![block.to_string(), number(average.mean(), 3), number(average.spread(), 3)]);
    table(
        "How far positions are from being all the same after the attention of each block (0: collapsed)",
        &words(&["block", "mean", "spread"]),
        rows,
    )
}

/// What was misjudged.
pub fn errors(report: &Report) -> Markup {
    let errors = &report.collected.errors;
    let kept = errors.misjudged();
    let rows = kept.iter().map(|wrong| {
        let unlike: Vec<String> = wrong
            .unlike
            .iter()
            .map(|&(head, what, far)| format!("{} ({what} {far:+.1})", report.number(head)))
            .collect();
        let (class, said) = (report.label(wrong.class), report.label(wrong.said));
        let unlike = if unlike.is_empty() { "–".to_owned() } else { unlike.join(", ") };
        vec![wrong.name.clone(), class, said, format!("{:.2}", wrong.probability), unlike]
    });
    let heading = words(&["recording", "class", "said", "probability", "heads unlike"]);
    html! {
        @if report.collected.confusion.is_none() {
            p { "No class is known that the model could misjudge." }
        } @else if errors.count == 0 {
            p { "No recording was misjudged." }
        } @else {
            p {
                (errors.count) " recordings were misjudged"
                @if errors.count > kept.len() { ", of which the first " (kept.len()) " follow" }
                ". A head is unlike if one of its traits is two or more standard deviations from its mean over rightly "
                "judged recordings of the class."
            }
            (table("Misjudged recordings", &heading, rows))
        }
    }
}
