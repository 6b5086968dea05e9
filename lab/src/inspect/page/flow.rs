//! What the model depends on: ways from the output back to the input, and heads swapped between recordings.

use super::table;
use crate::inspect::flow::agreement;
use crate::inspect::flow_picture::svg;
use crate::inspect::report::Report;
use crate::inspect::tables::words;
use maud::{Markup, html};

/// The section.
pub fn flow(report: &Report) -> Markup {
    let shown = &report.collected.shown;
    html! {
        p class="hint" {
            "Rollout and attention flow say what the maps let through (Abnar and Zuidema 2020); occlusion sets the "
            "input round a position to its mean ("
            (report.stretch) @if report.stretch == 1 { " position" } @else { " positions" }
            " together), and value zeroing has the values of a position count as 0 in all heads: "
            "what the output then loses "
            @if report.is_choice { "is the fall of the log-probability of what the model chose, in nats. " }
            @else { "is how far the outputs move. " }
            "The latter two change the integers of the inference; where they disagree with the maps, believe them."
        }
        label class="controls" { "Recording " select id="flow-recording" {
            @for (at, shown) in shown.iter().enumerate().filter(|(_, shown)| !shown.flow.is_empty()) {
                option value=(at) { (shown.name) }
            }
        } }
        div id="flows" {
            @for picture in shown.iter().filter_map(|shown| svg(report, shown)) {
                figure class="flow wide" { (picture) }
            }
        }
        (agreements(report))
        (patching(report))
    }
}

fn agreements(report: &Report) -> Markup {
    let shown = &report.collected.shown;
    let names: Vec<String> =
        shown.first().map_or(vec![], |shown| shown.flow.iter().map(|curve| curve.name.clone()).collect());
    let all = || shown.iter().map(|shown| shown.flow.as_slice());
    let rows = (0..names.len()).map(|a| {
        let one = |b: usize| agreement(all(), a, b).map_or("–".to_owned(), |(mean, _)| format!("{mean:.2}"));
        std::iter::once(names[a].clone()).chain((0..names.len()).map(one)).collect()
    });
    let caption = format!(
        "How far these ways agree (Spearman, mean over {} recordings)",
        all().filter(|flow| !flow.is_empty()).count()
    );
    let mut heading = words(&["rank correlation"]);
    heading.extend(names.iter().cloned());
    html! { @if names.len() > 1 { (table(&caption, &heading, rows)) } }
}

fn patching(report: &Report) -> Markup {
    let patching = &report.patching;
    let heads = report.drawn.iter().filter_map(|&head| {
        let moved = patching.heads.get(head)?;
        Some(vec![report.number(head), report.names[head].clone(), format!("{:.3} ± {:.3}", moved.mean, moved.error)])
    });
    let blocks = patching.blocks.iter().enumerate().map(|(block, moved)| {
        let (name, mean) = (format!("block {block}"), format!("{:.3} ± {:.3}", moved.mean, moved.error));
        vec![name, "all of its heads".to_owned(), mean]
    });
    html! {
        h3 { "Heads swapped between recordings" }
        @if patching.pairs == 0 {
            p { "There are no two rightly judged recordings of unlike classes to swap heads between." }
        } @else {
            p {
                "A head gives what it gave in a recording of another class (activation patching, " (patching.pairs)
                " pairs). The figure is the part of the way that the two classes' logits then go to those of the other "
                "recording: 0 if the head carries nothing that tells the two apart, 1 if it carries all of it."
            }
            (table("Part of the way; ± is the standard error", &words(&["head", "name", "moved"]), heads.chain(blocks)))
        }
    }
}
