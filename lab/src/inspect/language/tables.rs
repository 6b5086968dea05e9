//! What a report of a language model says, as tables and as JSON.

use super::report::LanguageReport;
use super::scores::SHARES;
use super::templates::Relation;
use crate::inspect::tables::{Table, json_of, number, words};
use serde_json::{Value, json};

/// All tables.
#[must_use]
pub fn tables(report: &LanguageReport) -> Vec<Table> {
    vec![heads(report), tokens(report), relations(report)]
}

/// The measures over texts.
fn heads(report: &LanguageReport) -> Table {
    let heading = words(&[
        "head",
        "name",
        "pattern",
        "entropy, nats",
        "entropy, relative",
        "confidence",
        "distance",
        "distance, chance",
        "share on itself",
        "on the previous",
        "on the previous, chance",
        "on the first",
        "on the first, chance",
        "nearby",
        "strongest lag",
        "effective rank",
    ]);
    let row = |&head: &usize| {
        let own = &report.summaries[head];
        let pattern = own.pattern.map_or(String::new(), |(class, _)| class.to_string());
        let mut row = vec![report.number(head), report.names[head].clone(), pattern];
        let values = [
            own.entropy.mean(),
            own.relative_entropy.mean(),
            own.confidence.mean(),
            own.distance.map(|distance| distance.mean),
            own.distance.map(|distance| distance.chance),
            own.itself.map(|share| share.share),
            own.previous.map(|share| share.share),
            own.previous.map(|share| share.chance),
            own.first.map(|share| share.share),
            own.first.map(|share| share.chance),
            own.near.map(|share| share.share),
            own.strongest_lag.map(|(lag, _)| lag as f64),
            own.effective_rank.mean(),
        ];
        row.extend(values.map(number));
        row
    };
    Table { name: "heads".to_owned(), heading, rows: report.drawn.iter().map(row).collect() }
}

/// Shares on random tokens said twice.
pub(super) fn tokens(report: &LanguageReport) -> Table {
    let mut heading = words(&["head", "name"]);
    heading.extend(SHARES.iter().flat_map(|name| [(*name).to_owned(), format!("{name}, chance")]));
    let row = |&head: &usize| {
        let mut row = vec![report.number(head), report.names[head].clone()];
        let shares = report.scores[head].shares();
        row.extend(
            shares
                .into_iter()
                .flat_map(|share| [number(share.map(|share| share.share)), number(share.map(|share| share.chance))]),
        );
        row
    };
    Table { name: "repeated".to_owned(), heading, rows: report.drawn.iter().map(row).collect() }
}

/// Pairs in sentences of known grammar; nothing without words.
pub(super) fn relations(report: &LanguageReport) -> Table {
    let heading =
        words(&["head", "name", "relation", "share", "accuracy", "chance", "accuracy of one distance", "pairs"]);
    let rows = report.drawn.iter().flat_map(|&head| {
        let scores = Relation::ALL.into_iter().zip(report.scores[head].relations);
        scores.filter_map(move |(relation, score)| {
            let score = score?;
            Some(vec![
                report.number(head),
                report.names[head].clone(),
                relation.to_string(),
                number(Some(score.share)),
                number(Some(score.accuracy)),
                number(Some(score.chance)),
                number(Some(report.fixed[relation.index()])),
                score.pairs.to_string(),
            ])
        })
    });
    Table { name: "relations".to_owned(), heading, rows: rows.collect() }
}

/// All figures as JSON: the tables as lists of objects, and what is said of the model.
#[must_use]
pub fn json(report: &LanguageReport) -> Value {
    let (repeats, span) = report.repeats;
    let mut all = json!({
        "model": report.title,
        "flash": report.flash,
        "vocabulary": report.vocabulary,
        "texts": report.texts,
        "repeats": repeats,
        "tokens before the repeat": span,
        "sentences": report.sentences,
        "notes": report.notes,
    });
    if let Some(object) = all.as_object_mut() {
        object.extend(tables(report).iter().map(|one| (one.name.clone(), json_of(one))));
    }
    all
}
