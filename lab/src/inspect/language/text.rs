//! The essence of a report of a language model, for a terminal.

use super::report::LanguageReport;
use super::scores::SHARES;
use super::templates::Relation;
use crate::inspect::measures::Share;
use crate::inspect::text::number;
use std::fmt::Write;

/// A line for each head that is drawn, and the best heads for each relation.
#[must_use]
pub fn text(report: &LanguageReport) -> String {
    let mut out = String::new();
    let mut line = |text: String| _ = writeln!(out, "{text}");
    line(format!("{}: {} heads, {} tokens, {}", report.title, report.heads.len(), report.vocabulary, seen(report)));
    report.notes.iter().for_each(|note| line(note.clone()));
    line(String::new());
    let width = report.drawn.iter().map(|&head| report.names[head].chars().count()).max().unwrap_or(4).max(4);
    line(format!("head   {:width$}  entropy  largest  distance  first  previous  duplicate  induction", "name"));
    for &head in &report.drawn {
        let (summary, scores) = (&report.summaries[head], &report.scores[head]);
        let [previous, duplicate, induction] = scores.shares().map(|share| number(share.map(|share| share.share), 2));
        line(format!(
            "{:<6} {:width$}  {:>7}  {:>7}  {:>8}  {:>5}  {previous:>8}  {duplicate:>9}  {induction:>9}",
            report.number(head),
            report.names[head],
            number(summary.relative_entropy.mean(), 2),
            number(summary.confidence.mean(), 2),
            number(summary.distance.map(|distance| distance.mean), 1),
            number(summary.first.map(|share| share.share), 2),
        ));
    }
    line(String::new());
    line(
        "entropy is over that of an even row; distance in tokens; the last three on random tokens said twice"
            .to_owned(),
    );
    for (at, name) in SHARES.into_iter().enumerate() {
        if let Some((head, share)) = best_share(report, at) {
            line(format!("{name}: most in {}, {:.2} (chance {:.2})", report.number(head), share.share, share.chance));
        }
    }
    for relation in Relation::ALL {
        let at = relation.index();
        let all = report.drawn.iter().filter_map(|&head| Some((head, report.scores[head].relations[at]?)));
        if let Some((head, score)) = all.max_by(|a, b| a.1.accuracy.total_cmp(&b.1.accuracy)) {
            line(format!(
                "{relation}: most in {}, {:.2} of {} pairs (chance {:.2}, one distance {:.2}), share {:.2}",
                report.number(head),
                score.accuracy,
                score.pairs,
                score.chance,
                report.fixed[at],
                score.share
            ));
        }
    }
    out
}

/// What the model was seen on.
pub(super) fn seen(report: &LanguageReport) -> String {
    let texts = if report.is_made { "made sentences" } else { "texts" };
    let (repeats, span) = report.repeats;
    format!("{} {texts}, {repeats} times {span} random tokens said twice", report.texts)
}

fn best_share(report: &LanguageReport, at: usize) -> Option<(usize, Share)> {
    let all = report.drawn.iter().filter_map(|&head| Some((head, report.scores[head].shares()[at]?)));
    all.max_by(|a, b| a.1.share.total_cmp(&b.1.share))
}
