//! What a second look found: the float model beside the integers, probes, errors by what heads do.

use super::table;
use crate::inspect::report::Report;
use crate::inspect::tables;
use maud::{Markup, html};

/// Float beside int8.
pub fn quantisation(report: &Report) -> Markup {
    let one = tables::quantisation(report);
    html! {
        @match &report.again.quantisation {
            None => p { "There is no float model to compare with: --float FILE.safetensors names one." },
            Some(found) => {
                p {
                    "On " (found.compared) " recordings; both choose the same class on " (found.same) ". "
                    "The divergence (Jensen-Shannon) is that of the two maps: 0 if they are equal, 0.693 if they share "
                    "no key. 6 dB of signal-to-noise of a head's output are a bit."
                    @if let Some(worst) = found.worst() { " Integers hurt " (report.number(worst)) " most." }
                }
                (table("What int8 does to each head", &one.heading, one.rows.iter().cloned()))
            }
        }
    }
}

/// Probes.
pub fn probes(report: &Report) -> Markup {
    let one = tables::probes(report);
    html! {
        @if one.rows.is_empty() {
            p { "There are too few recordings, or too few of a kind, to probe for anything." }
        } @else {
            p {
                "What a linear classifier reads from the mean of an output over positions, trained on four of five "
                "groups (speakers, where these are known and are not what is asked for) and tested on the others, five "
                "times over, with a 95 % interval over groups. Beside it, from single positions, with a control task "
                "whose labels are "
                "drawn by chance for each position: what can be learned by heart. That something can be read does not "
                "say that the model uses it."
            }
            (table("Accuracy of probes", &one.heading, one.rows.iter().cloned()))
        }
    }
}

/// Errors by what heads do.
pub fn states(report: &Report) -> Markup {
    let one = tables::states(report);
    html! {
        @if !one.rows.is_empty() {
            h3 { "Errors by what a head does" }
            p {
                "For each head, the trait whose least and most third of the recordings differ most in errors, with "
                "95 % intervals. Of many heads and traits some differ by chance."
            }
            (table("Share of errors by third", &one.heading, one.rows.iter().cloned()))
        }
    }
}
