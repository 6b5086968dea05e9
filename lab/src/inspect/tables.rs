//! What a report says, as tables and as JSON.

use super::measures::probe::{Interval, ProbeResult};
use super::picture::matrices;
use super::report::Report;
use nalgebra::DMatrix;
use serde_json::{Value, json};

/// A table: its name, its heading, its rows.
pub struct Table {
    /// Its name, and that of its file.
    pub name: String,
    /// What the columns are.
    pub heading: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As CSV.
    ///
    /// # Errors
    /// Never, in memory.
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut out = csv::Writer::from_writer(vec![]);
        out.write_record(&self.heading)?;
        self.rows.iter().try_for_each(|row| out.write_record(row))?;
        out.into_inner().map_err(|error| error.into_error().into())
    }
}

pub(super) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

pub(super) fn number(x: Option<f64>) -> String {
    x.filter(|x| x.is_finite()).map_or(String::new(), |x| format!("{x:.5}"))
}

/// All measures, head by head: the name of each, and its value for each head.
#[must_use]
pub fn measures(report: &Report) -> Vec<(&'static str, Vec<Option<f64>>)> {
    let (collected, importance) = (&report.collected, &report.importance);
    let all: Vec<_> = collected.summaries.iter().collect();
    let of = |value: &dyn Fn(usize) -> Option<f64>| (0..all.len()).map(value).collect::<Vec<_>>();
    let mut measures = vec![
        ("entropy, nats", of(&|head| all[head].entropy.mean())),
        ("entropy, relative", of(&|head| all[head].relative_entropy.mean())),
        ("entropy, spread", of(&|head| all[head].relative_entropy.spread())),
        ("confidence", of(&|head| all[head].confidence.mean())),
        ("distance", of(&|head| Some(all[head].distance?.mean))),
        ("distance, spread", of(&|head| Some(all[head].distance?.spread))),
        ("looks back by", of(&|head| Some(all[head].distance?.offset))),
        ("share on itself", of(&|head| Some(all[head].itself?.share))),
        ("on the previous", of(&|head| Some(all[head].previous?.share))),
        ("on the next", of(&|head| Some(all[head].next?.share))),
        ("on the first", of(&|head| Some(all[head].first?.share))),
        ("nearby", of(&|head| Some(all[head].near?.share))),
        ("on onsets", of(&|head| Some(all[head].cues.first()?.1?.share))),
        ("on ends", of(&|head| Some(all[head].cues.get(1)?.1?.share))),
        ("on the loudest", of(&|head| Some(all[head].cues.get(2)?.1?.share))),
        ("period", of(&|head| Some(all[head].period?.lag as f64))),
        ("position R²", of(&|head| all[head].position_r2)),
        ("vertical", of(&|head| Some(all[head].shares.vertical))),
        ("diagonal", of(&|head| Some(all[head].shares.diagonal))),
        ("block", of(&|head| Some(all[head].shares.block))),
        ("effective rank", of(&|head| all[head].effective_rank.mean())),
        ("adds, of its layer", of(&|head| all[head].output.mean())),
        ("lost alone, accuracy", of(&|head| Some(importance.alone.get(head)?.accuracy.mean))),
        ("lost alone, loss", of(&|head| Some(importance.alone.get(head)?.loss.mean))),
        ("lost alone, error", of(&|head| Some(importance.alone.get(head)?.loss.error))),
        ("Shapley, accuracy", of(&|head| Some(importance.shapley.get(head)?.accuracy.mean))),
        ("Shapley, loss", of(&|head| Some(importance.shapley.get(head)?.loss.mean))),
        ("Shapley, error", of(&|head| Some(importance.shapley.get(head)?.loss.error))),
        ("alone left, accuracy", of(&|head| Some(importance.own.get(head)?.right))),
        ("swapped, moves", of(&|head| Some(report.patching.heads.get(head)?.mean))),
        ("moved by weighted values", of(&|head| report.again.norms.get(head)?.moved.mean())),
        ("norm-based against weights, nats", of(&|head| report.again.norms.get(head)?.divergence.mean())),
        ("on the first, norm-based", of(&|head| report.again.norms.get(head)?.first[1].mean())),
        ("sensitivity", of(&|head| Some(report.again.sensitivity.get(head)?.mean))),
        ("sensitivity, error", of(&|head| Some(report.again.sensitivity.get(head)?.error))),
        ("swapped, error", of(&|head| Some(report.patching.heads.get(head)?.error))),
    ];
    if report.is_of_maps() {
        measures.retain(|(_, values)| values.iter().any(Option::is_some));
    }
    measures
}

/// All tables.
#[must_use]
pub fn tables(report: &Report) -> Vec<Table> {
    let measures = measures(report);
    let mut heading = words(&["head", "name", "pattern"]);
    heading.extend(measures.iter().map(|(name, _)| (*name).to_owned()));
    let row = |&head: &usize| {
        let pattern = report.collected.summaries[head].pattern.map_or(String::new(), |(class, _)| class.to_string());
        let mut row = vec![report.number(head), report.names[head].clone(), pattern];
        row.extend(measures.iter().map(|(_, values)| number(values[head])));
        row
    };
    let rows = report.drawn.iter().map(row).collect();
    let mut tables = vec![Table { name: "heads".to_owned(), heading, rows }];
    if report.is_of_maps() {
        tables.extend(pairs(report));
        return tables;
    }
    tables.extend([pruning(report), classes(report)]);
    tables.extend(pairs(report));
    let wrong = report.collected.errors.misjudged();
    let rows = wrong.iter().map(|wrong| {
        let unlike: Vec<String> =
            wrong.unlike.iter().map(|&(head, what, far)| format!("{} {what} {far:+.1}", report.number(head))).collect();
        let (class, said) = (report.label(wrong.class), report.label(wrong.said));
        vec![wrong.name.clone(), class, said, format!("{:.4}", wrong.probability), unlike.join("; ")]
    });
    let heading = words(&["recording", "class", "said", "probability", "heads unlike"]);
    tables.push(Table { name: "misjudged".to_owned(), rows: rows.collect(), heading });
    tables.push(flow(report));
    tables.extend([quantisation(report), probes(report), states(report)]);
    tables
}

/// The float model beside the integers.
#[must_use]
pub fn quantisation(report: &Report) -> Table {
    let heads = report.again.quantisation.iter().flat_map(|found| report.drawn.iter().map(move |&head| (found, head)));
    let rows = heads.map(|(found, head)| {
        let hurt = &found.heads[head];
        let (divergence, decibels) = (number(hurt.divergence.mean()), number(hurt.decibels()));
        vec![report.number(head), report.names[head].clone(), divergence, decibels]
    });
    let heading = words(&["head", "name", "divergence, nats", "signal-to-noise, dB"]);
    Table { name: "quantisation".to_owned(), rows: rows.collect(), heading }
}

/// What can be read where.
#[must_use]
pub fn probes(report: &Report) -> Table {
    let rows = report.again.probes.iter().map(|probed| {
        let (pooled, single) = (&probed.pooled, probed.single);
        let of = |value: fn(&ProbeResult) -> Option<f64>| number(single.as_ref().and_then(value));
        vec![
            probed.asked.clone(),
            probed.place.clone(),
            number(Some(pooled.accuracy)),
            number(Some(pooled.interval.low)),
            number(Some(pooled.interval.high)),
            number(Some(pooled.majority)),
            of(|single| Some(single.accuracy)),
            of(|single| single.control),
            of(|single| single.selectivity()),
        ]
    });
    let heading = words(&[
        "asked",
        "place",
        "accuracy",
        "from",
        "to",
        "majority",
        "single positions",
        "control task",
        "selectivity",
    ]);
    Table { name: "probes".to_owned(), rows: rows.collect(), heading }
}

/// Errors by what heads do.
#[must_use]
pub fn states(report: &Report) -> Table {
    let rows = report.collected.errors.states.of_heads().into_iter().map(|state| {
        let mut row = vec![report.number(state.head), state.name.to_owned()];
        for third in state.thirds {
            let Interval { low, high } = third.interval;
            let (rate, (wrong, all)) = (third.rate(), third.errors);
            row.push(format!("{:.3}", third.mean));
            row.push(format!("{rate:.3} ({wrong}/{all}; {low:.3} to {high:.3})"));
        }
        row
    });
    let heading =
        words(&["head", "trait", "least third", "errors", "middle third", "errors there", "most", "errors at most"]);
    Table { name: "states".to_owned(), rows: rows.collect(), heading }
}

/// What the model depends on, position by position of each recording that is drawn.
fn flow(report: &Report) -> Table {
    let shown = &report.collected.shown;
    let mut heading = words(&["recording", "position", "seconds"]);
    heading.extend(shown.iter().take(1).flat_map(|shown| shown.flow.iter().map(|curve| curve.name.clone())));
    let seconds = |position: usize| {
        let heard = position.checked_sub(report.class_tokens)? as f64;
        Some((heard + 0.5) * report.step()?)
    };
    let rows = shown.iter().filter(|shown| !shown.flow.is_empty()).flat_map(|shown| {
        (0..report.positions).map(move |position| {
            let mut row = vec![shown.name.clone(), position.to_string(), number(seconds(position))];
            row.extend(shown.flow.iter().map(|curve| number(Some(curve.values[position]))));
            row
        })
    });
    Table { name: "flow".to_owned(), rows: rows.collect(), heading }
}

/// The matrices.
#[must_use]
pub fn pairs(report: &Report) -> Vec<Table> {
    let one = |name: &str, values: &DMatrix<f64>| {
        let mut heading = words(&["head"]);
        heading.extend((0..report.count()).map(|head| report.number(head)));
        let row = |a: usize| {
            let own = (0..report.count()).map(|b| number(Some(values[(a, b)])));
            std::iter::once(report.number(a)).chain(own).collect()
        };
        Table { name: name.to_owned(), heading, rows: (0..report.count()).map(row).collect() }
    };
    matrices(report).iter().map(|(name, _, values, _)| one(name, values)).collect()
}

/// What is left when the weakest heads go, one after the other.
#[must_use]
pub fn pruning(report: &Report) -> Table {
    let importance = &report.importance;
    let left = std::iter::once(importance.whole).chain(importance.greedy.iter().map(|step| step.left));
    let mut left: Vec<_> = left.map(Some).collect();
    left.resize(report.costs.len(), None);
    let rows = report.costs.iter().zip(left).enumerate().map(|(gone, (cost, left))| {
        let head = gone.checked_sub(1).map_or(String::new(), |at| report.number(report.weakest[at]));
        let (right, loss) = (left.map(|left| left.right), left.map(|left| left.loss));
        vec![gone.to_string(), head, number(right), number(loss), cost.flash.to_string(), cost.macs.to_string()]
    });
    let heading = words(&["removed", "head", report.accuracy_name(), "loss", "flash bytes", "multiply-accumulates"]);
    Table { name: "pruning".to_owned(), rows: rows.collect(), heading }
}

/// What the loss of each head costs each class.
fn classes(report: &Report) -> Table {
    let count = report.importance.alone.first().map_or(0, |alone| alone.classes.len());
    let mut heading = words(&["head"]);
    heading.extend((0..count).map(|class| report.label(class)));
    let row = |&head: &usize| {
        let own = report.importance.alone[head].classes.iter().map(|&loss| number(Some(loss)));
        std::iter::once(report.number(head)).chain(own).collect()
    };
    Table { name: "classes".to_owned(), heading, rows: report.drawn.iter().map(row).collect() }
}

/// A table as a list of objects.
#[must_use]
pub fn json_of(table: &Table) -> Value {
    let row = |row: &Vec<String>| -> Value {
        let cell = |text: &String| text.parse::<f64>().map_or(json!(text), |x| json!(x));
        let own = table.heading.iter().zip(row).map(|(name, text)| {
            let is_name = ["head", "name", "recording", "class", "said", "asked", "place"].contains(&name.as_str());
            (name.clone(), if is_name { json!(text) } else { cell(text) })
        });
        Value::Object(own.collect())
    };
    table.rows.iter().map(row).collect()
}

/// All figures as JSON: the tables as lists of objects, and what is said of the model.
#[must_use]
pub fn json(report: &Report) -> Value {
    let tables = tables(report);
    let mut all = json!({
        "model": report.title,
        "flash": report.flash,
        "macs": report.macs,
        "recordings": report.collected.recordings,
        "judged": report.importance.judged,
        "notes": report.notes,
        "accuracy": report.collected.confusion.as_ref().map(|confusion| confusion.accuracy()),
        "effective_heads": report.effective,
        "float": report.again.quantisation.as_ref().map(|found| {
            json!({ "recordings": found.compared, "same": found.same })
        }),
        "warnings": report.warnings.iter().map(|warning| report.warning(warning)).collect::<Vec<_>>(),
        "order": report.order.iter().map(|&head| report.number(head)).collect::<Vec<_>>(),
        "map": report.layout.points.iter().enumerate()
            .map(|(head, point)| (report.number(head), json!(point)))
            .collect::<serde_json::Map<_, _>>(),
        "mean_maps": report.drawn.iter().map(|&head| {
            let mean = report.collected.sums[head].cells().mean();
            let rows = (0..mean.queries()).map(|query| json!(mean.row(query)));
            (report.number(head), rows.collect::<Value>())
        }).collect::<serde_json::Map<_, _>>(),
    });
    if let Some(object) = all.as_object_mut() {
        object.extend(tables.iter().map(|one| (one.name.clone(), json_of(one))));
    }
    all
}
