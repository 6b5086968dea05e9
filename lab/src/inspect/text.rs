//! The essence of a report, for a terminal.

use super::measures::probe::Interval;
use super::probes::Probed;
use super::report::Report;
use std::fmt::Write;

/// A number with so many digits; a dash where there is none.
pub(super) fn number(x: Option<f64>, digits: usize) -> String {
    x.map_or("-".to_owned(), |x| format!("{x:.digits$}"))
}

/// A line of the model, one for each head that is drawn, and what stands out.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let mut line = |text: String| _ = writeln!(out, "{text}");
    let (collected, importance) = (&report.collected, &report.importance);
    let accuracy = match &collected.confusion {
        Some(confusion) => {
            format!(", accuracy {:.4} ({}/{})", confusion.accuracy(), confusion.right(), confusion.total())
        }
        None => String::new(),
    };
    line(format!("{}: {} heads, {} recordings{accuracy}", report.title, report.count(), collected.recordings));
    report.notes.iter().for_each(|note| line(note.clone()));
    line(String::new());
    let width = report.drawn.iter().map(|&head| report.names[head].chars().count()).max().unwrap_or(4).max(4);
    let lost = if report.is_of_maps() { "" } else { "  lost alone        Shapley value" };
    line(format!("head   {:width$}  entropy  largest  distance  position R²{lost}", "name"));
    for &head in &report.drawn {
        let summary = &collected.summaries[head];
        let shapley = importance
            .shapley
            .get(head)
            .map_or("-".to_owned(), |shapley| format!("{:>6.3} ± {:.3}", shapley.loss.mean, shapley.loss.error));
        let lost = importance
            .alone
            .get(head)
            .map_or(String::new(), |alone| format!("  {:>7.3} ± {:.3}  {shapley}", alone.loss.mean, alone.loss.error));
        line(format!(
            "{:<6} {:width$}  {:>7}  {:>7}  {:>8}  {:>11}{lost}",
            report.number(head),
            report.names[head],
            number(summary.relative_entropy.mean(), 2),
            number(summary.confidence.mean(), 2),
            number(summary.distance.map(|distance| distance.mean), 1),
            number(summary.position_r2, 2),
        ));
    }
    line(String::new());
    let lost = if report.is_of_maps() {
        String::new()
    } else {
        format!("; what is lost is loss ({}), on {} recordings", report.loss_unit(), importance.judged)
    };
    line(format!("entropy is over that of an even row; distance in positions{lost}"));
    line(format!("effective number of heads {:.1} of {}", report.effective, report.count()));
    if let Some(step) = importance.greedy.iter().rev().find(|step| step.left.right >= importance.whole.right - 0.01) {
        let place = importance.greedy.iter().position(|other| other.head == step.head).map_or(0, |at| at + 1);
        let gone: Vec<String> = report.weakest[..place].iter().map(|&head| report.number(head)).collect();
        let (whole, left) = (report.costs[0], report.costs[place]);
        line(format!(
            "without {}: {} {:.3} (all heads {:.3}), {} bytes and {} multiply-accumulates less",
            gone.join(", "),
            report.accuracy_name(),
            step.left.right,
            importance.whole.right,
            whole.flash - left.flash,
            whole.macs - left.macs,
        ));
    }
    let moved = report.drawn.iter().filter_map(|&head| Some((head, report.patching.heads.get(head)?)));
    if let Some((head, most)) = moved.max_by(|a, b| a.1.mean.total_cmp(&b.1.mean)) {
        line(format!(
            "swapped between recordings, {} moves the answer most: {:.2} ± {:.2} of the way ({} pairs)",
            report.number(head),
            most.mean,
            most.error,
            report.patching.pairs
        ));
    }
    if let Some((found, worst)) = report.again.quantisation.as_ref().and_then(|found| Some((found, found.worst()?))) {
        line(format!(
            "float and int8 choose the same class on {} of {}; int8 hurts {} most: {:.1} dB, divergence {:.4} nats",
            found.same,
            found.compared,
            report.number(worst),
            found.heads[worst].decibels().unwrap_or(f64::NAN),
            found.heads[worst].divergence.mean().unwrap_or(f64::NAN),
        ));
    }
    for probed in best_probes(report) {
        let Interval { low, high } = probed.pooled.interval;
        line(format!(
            "{} is read best from {}: {:.3} ({low:.3} to {high:.3}; always the commonest {:.3})",
            probed.asked, probed.place, probed.pooled.accuracy, probed.pooled.majority
        ));
    }
    report.warnings.iter().for_each(|warning| line(format!("warning: {}", report.warning(warning))));
    for wrong in collected.errors.misjudged().iter().take(10) {
        let unlike: Vec<String> = wrong
            .unlike
            .iter()
            .map(|&(head, what, far)| format!("{} ({what} {far:+.1} deviations)", report.number(head)))
            .collect();
        let unlike = if unlike.is_empty() { String::new() } else { format!("; unlike: {}", unlike.join(", ")) };
        let (class, said) = (report.label(wrong.class), report.label(wrong.said));
        line(format!("misjudged: {} is {class}, said {said} ({:.2}){unlike}", wrong.name, wrong.probability));
    }
    out
}

/// Where each thing is read best.
fn best_probes(report: &Report) -> Vec<&Probed> {
    let mut best: Vec<&Probed> = vec![];
    for probed in &report.again.probes {
        match best.iter_mut().find(|other| other.asked == probed.asked) {
            Some(other) if other.pooled.accuracy < probed.pooled.accuracy => *other = probed,
            Some(_) => {}
            None => best.push(probed),
        }
    }
    best
}
