//! The report of a language model as one page that needs nothing else.

use super::report::{LanguageReport, ShownText};
use super::scores::SHARES;
use super::tables::{relations, tokens};
use super::templates::Relation;
use super::text::seen;
use crate::inspect::measures::language::PairScore;
use crate::inspect::page::cards::frames;
use crate::inspect::page::{base64, colours, lag, number, of_sections, pattern, share, table};
use crate::inspect::picture::png;
use crate::inspect::shown::bytes;
use maud::{Markup, html};
use serde_json::{Value, json};

/// The page.
#[must_use]
pub fn page(report: &LanguageReport) -> String {
    let title = format!("Inside {}", report.title);
    let parts = [
        ("heads", "What each head attends to", maps(report)),
        ("cards", "A card for each head", cards(report)),
        ("tokens", "Random tokens said twice", repeats(report)),
        ("relations", "Words that belong together", pairs(report)),
    ];
    let summary = html! {
        p {
            (report.heads.len()) " heads; " (report.vocabulary) " tokens; " (report.flash) " bytes. Seen on "
            (seen(report)) ". Weights are those of the integers that run on the target. Heads are numbered "
            "block.head, both from 0."
        }
        @for note in &report.notes { p class="hint" { (note) } }
    };
    of_sections(&title, &summary, &parts, &data(report), include_str!("page.js"))
}

/// The maps, which the script draws.
fn maps(report: &LanguageReport) -> Markup {
    html! {
        noscript { p { "The maps need JavaScript; the first text's stand in the cards below." } }
        p class="hint" {
            "Across: the key, the token looked at. Down: the query, the token that looks. A space is drawn as ·, of a "
            "long text the first " (ShownText::TOKENS) " tokens. Arrow keys move, Page Up and Page Down change the "
            "head."
        }
        div class="controls" {
            label { "Text " select id="recording" {
                @for (at, shown) in report.shown.iter().enumerate() { option value=(at) { (shown.name) } }
            } }
            span id="scale" role="img" aria-label="Colour scale from 0, dark, to the largest weight, light" {}
        }
        div class="viewer" {
            div id="overview" role="group" aria-label="All heads, a row for each block" {}
            div class="detail" {
                h3 id="title" aria-live="polite" {}
                canvas id="map" tabindex="0" role="img" aria-describedby="readout" {}
                p id="readout" aria-live="polite" {}
            }
        }
    }
}

fn cards(report: &LanguageReport) -> Markup {
    html! {
        p class="hint" {
            "Means over texts. Entropy is over that of an even row; a share stands before what chance gives. The map "
            "is that of the first text. A map shows where a head looks, not what it says of it."
        }
        (frames(report.drawn.iter().enumerate().map(|(at, &head)| {
            (report.number(head), &*report.names[head], card(report, at, head))
        })))
    }
}

fn card(report: &LanguageReport, at: usize, head: usize) -> Markup {
    let (own, scores) = (&report.summaries[head], &report.scores[head]);
    let distance = own
        .distance
        .map_or("–".to_owned(), |far| format!("{:.1} ± {:.1} (chance {:.1})", far.mean, far.spread, far.chance));
    let mut rows = vec![
        ("pattern".to_owned(), pattern(own)),
        ("entropy".to_owned(), number(own.relative_entropy.mean(), 2)),
        ("largest weight".to_owned(), number(own.confidence.mean(), 2)),
        ("distance".to_owned(), distance),
        ("on itself".to_owned(), share(own.itself)),
        ("previous".to_owned(), share(own.previous)),
        ("first".to_owned(), share(own.first)),
        ("strongest lag".to_owned(), lag(own)),
        ("position R²".to_owned(), number(own.position_r2, 2)),
        ("effective rank".to_owned(), number(own.effective_rank.mean(), 1)),
    ];
    rows.extend(SHARES.into_iter().zip(scores.shares()).map(|(name, of)| (format!("{name}, repeated"), share(of))));
    let relations = Relation::ALL.into_iter().zip(scores.relations);
    rows.extend(relations.filter_map(|(relation, score)| Some((relation.to_string(), hits(score?)))));
    html! {
        @if let Some(map) = report.shown.first().and_then(|shown| shown.maps.get(at)) {
            @let (values, most) = bytes(map);
            img src=(png(&values, map.keys(), map.queries())) width="150" height="150" alt=(format!(
                "Attention map of head {}, {}, in the first text; largest weight {most:.2}",
                report.number(head), report.names[head]
            ));
        }
        table { @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } } }
    }
}

fn hits(score: PairScore) -> String {
    format!("{:.2} of pairs (chance {:.2})", score.accuracy, score.chance)
}

fn repeats(report: &LanguageReport) -> Markup {
    let (count, span) = report.repeats;
    let tokens = tokens(report);
    html! {
        @if count == 0 { p { "The model has no room for tokens said twice." } } @else {
            p {
                (count) " sequences of " (span) " different tokens by chance, each said twice. A previous-token head "
                "looks at the token before, a duplicate-token head at the token's earlier place, an induction head at "
                "what followed there. Nothing in such a text but the repeat tells what comes next."
            }
            (table("Share of attention, beside chance", &tokens.heading, tokens.rows.iter().cloned()))
        }
    }
}

fn pairs(report: &LanguageReport) -> Markup {
    let relations = relations(report);
    html! {
        @if report.sentences == 0 { p { "The model has no words to make sentences of." } } @else {
            p {
                (report.sentences) " made sentences, word by word: what a word's tokens get adds up. Accuracy is the "
                "share of pairs whose key weighs most in its row. Beside chance stands what a head would hit that "
                "always looks the same distance back: only what is above both says that a head knows of the relation. "
                "The best of many heads is above chance by luck, too."
            }
            (table("Pairs", &relations.heading, relations.rows.iter().cloned()))
        }
    }
}

/// What the script draws.
fn data(report: &LanguageReport) -> Value {
    let heads = report.drawn.iter().map(
        |&head| json!({ "number": report.number(head), "block": report.heads[head].block, "name": report.names[head] }),
    );
    let shown = report.shown.iter().map(|shown| {
        let (maps, most): (Vec<Vec<u8>>, Vec<f32>) = shown.maps.iter().map(bytes).unzip();
        json!({
            "name": shown.name, "tokens": shown.pieces, "maps": base64(&maps.concat()), "most": most,
        })
    });
    json!({ "colours": colours(), "heads": heads.collect::<Value>(), "shown": shown.collect::<Value>() })
}
