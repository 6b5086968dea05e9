//! Two models side by side, on the same recordings.

use super::look::{look, without};
use super::measures::Map;
use super::measures::diversity::divergence;
use super::report::Report;
use super::source::Source;
use super::tables::{Table, measures, number};
use crate::Error;
use heedful::dynamic::Model;
use nalgebra::DMatrix;
use rayon::prelude::*;

/// Recordings that maps are compared on, at most.
const RECORDINGS: usize = 100;
/// Weights that are compared with each other, about.
const COMPARED: usize = 400_000_000;

/// What two models have in common, and what not.
pub struct Comparison {
    /// What was found of each.
    pub reports: [Report; 2],
    /// Recordings that both were given, and on how many both choose the same.
    pub same: (usize, usize),
    /// Jensen-Shannon divergence of the maps of each head of the first and each of the second, in nats, mean over
    /// recordings; none where positions are unlike.
    pub maps: Option<DMatrix<f64>>,
}

impl Comparison {
    /// Compares two models, of which reports are known, on recordings of the same names.
    ///
    /// # Errors
    /// The first recording that cannot be read.
    pub fn new(reports: [Report; 2], models: [&Model; 2], sources: [&Source; 2]) -> Result<Self, Error> {
        let count = sources[0].len().min(sources[1].len());
        let [a, b] = models.map(|model| (model.heads().iter().sum::<usize>(), model.shape().positions));
        let is_alike = a.1 == b.1;
        let cells = a.0 * b.0 * a.1 * a.1;
        let compared = (COMPARED / cells.max(1)).clamp(1, RECORDINGS);
        // The same inputs, or else nothing of two recordings can be said.
        let one = |index: usize| {
            let [x, y] = [0, 1].map(|at| sources[at].read(models[at], index));
            let (x, y) = (x?, y?);
            if x.name != y.name {
                return Ok(None);
            }
            let heard = [(models[0], &x.heard), (models[1], &y.heard)];
            let (said, maps) = if is_alike && index < compared {
                let [x, y] = heard.map(|(model, heard)| look(model, heard));
                let maps = far(&x.maps, &y.maps);
                ([x.said, y.said], Some(maps))
            } else {
                (heard.map(|(model, heard)| without(model, heard, &[])), None)
            };
            let [a, b] = [0, 1].map(|at| reports[at].label(said[at].best));
            Ok(Some((a == b, maps)))
        };
        let found: Vec<Option<(bool, Option<DMatrix<f64>>)>> =
            (0..count).into_par_iter().map(one).collect::<Result<_, Error>>()?;
        let both: Vec<_> = found.into_iter().flatten().collect();
        let same = (both.iter().filter(|(same, _)| *same).count(), both.len());
        let maps: Vec<DMatrix<f64>> = both.into_iter().filter_map(|(_, maps)| maps).collect();
        let (zero, all) = (DMatrix::zeros(a.0, b.0), maps.len() as f64);
        let maps = (!maps.is_empty()).then(|| maps.iter().fold(zero, |sum, one| sum + one) / all);
        Ok(Self { reports, same, maps })
    }

    /// Names of the two.
    #[must_use]
    pub fn titles(&self) -> [&str; 2] {
        [&self.reports[0].title, &self.reports[1].title]
    }

    /// All tables.
    #[must_use]
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.models(), self.heads()];
        tables.extend(self.nearest());
        tables
    }

    /// What each is as a whole.
    fn models(&self) -> Table {
        type Of = fn(&Report) -> Option<f64>;
        let whole: [(&str, Of, usize); 11] = [
            ("heads", |report| Some(report.count() as f64), 0),
            ("flash bytes", |report| Some(report.flash as f64), 0),
            ("multiply-accumulates", |report| Some(report.macs as f64), 0),
            ("recordings", |report| Some(report.collected.recordings as f64), 0),
            ("accuracy", |report| Some(report.collected.confusion.as_ref()?.accuracy()), 4),
            ("loss", |report| Some(report.importance.whole.loss), 4),
            ("loss without any head", |report| Some(report.importance.none.loss), 4),
            ("effective heads", |report| Some(report.effective), 2),
            ("disagreement on positions", |report| report.collected.disagreement, 4),
            (
                "float and int8 alike",
                |report| {
                    let found = report.again.quantisation.as_ref()?;
                    Some(found.same as f64 / found.compared as f64)
                },
                4,
            ),
            ("warnings", |report| Some(report.warnings.len() as f64), 0),
        ];
        let row = |(name, of, digits): &(&str, Of, usize)| {
            let [a, b] = [0, 1].map(|at| of(&self.reports[at]));
            let text = |x: Option<f64>| x.map_or(String::new(), |x| format!("{x:.digits$}"));
            let change = a.zip(b).map_or(String::new(), |(a, b)| format!("{:+.digits$}", b - a));
            vec![(*name).to_owned(), text(a), text(b), change]
        };
        let [a, b] = self.titles();
        let heading = ["", a, b, "change"].map(str::to_owned).to_vec();
        Table { name: "models".to_owned(), heading, rows: whole.iter().map(row).collect() }
    }

    /// Heads by their numbers: each measure of both.
    fn heads(&self) -> Table {
        let measured = [0, 1].map(|at| measures(&self.reports[at]));
        let mut heading = vec!["head".to_owned(), "name".to_owned(), "name, second".to_owned()];
        for (name, _) in &measured[0] {
            heading.extend([(*name).to_owned(), format!("{name}, second")]);
        }
        let mut numbers: Vec<_> = self.reports.iter().flat_map(|report| report.collected.heads.clone()).collect();
        numbers.sort_by_key(|head| (head.block, head.head));
        numbers.dedup();
        let row = |number: &crate::head_index::HeadIndex| {
            let at = [0, 1].map(|of| self.reports[of].collected.heads.iter().position(|head| head == number));
            let name = |of: usize| at[of].map_or("–".to_owned(), |at| self.reports[of].names[at].clone());
            let mut row = vec![number.to_string(), name(0), name(1)];
            for measure in 0..measured[0].len() {
                for of in [0, 1] {
                    let values = measured[of].get(measure).map_or(&[][..], |(_, values)| values);
                    row.push(super::tables::number(at[of].and_then(|at| values.get(at).copied().flatten())));
                }
            }
            row
        };
        Table { name: "heads".to_owned(), heading, rows: numbers.iter().map(row).collect() }
    }

    /// For each head of the first, the head of the second that looks most alike.
    fn nearest(&self) -> Option<Table> {
        let maps = self.maps.as_ref()?;
        let [a, b] = &self.reports;
        let row = |head: usize| {
            let order = (0..b.count()).min_by(|&x, &y| maps[(head, x)].total_cmp(&maps[(head, y)]));
            let own = b.collected.heads.iter().position(|other| *other == a.collected.heads[head]);
            let of = |other: Option<usize>| number(other.map(|other| maps[(head, other)]));
            let name = order.map_or(String::new(), |other| format!("{} {}", b.number(other), b.names[other]));
            vec![a.number(head), a.names[head].clone(), of(own), name, of(order)]
        };
        let words = ["head", "name", "divergence from the same number, nats", "most alike", "divergence, nats"];
        let heading = words.map(str::to_owned).to_vec();
        Some(Table { name: "maps".to_owned(), heading, rows: (0..a.count()).map(row).collect() })
    }
}

/// How far each map of one is from each of the other; without rows in common, as far as can be.
fn far(a: &[Map], b: &[Map]) -> DMatrix<f64> {
    DMatrix::from_fn(a.len(), b.len(), |x, y| divergence(&a[x], &b[y]).unwrap_or(std::f64::consts::LN_2))
}
