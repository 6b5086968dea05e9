//! What the script draws, as JSON: maps and inputs as bytes in base64.

use super::{base64, colours};
use crate::inspect::report::Report;
use crate::inspect::shown::{Shown, bytes, bytes_of, scaled};
use serde_json::{Value, json};

/// The data.
pub fn data(report: &Report) -> Value {
    let heads = report.drawn.iter().map(|&head| {
        let cells = report.collected.sums[head].cells();
        let mean = cells.mean();
        let (mean_map, mean_most) = bytes(&mean);
        let (spread, spread_most) = bytes_of(&cells.spread(), mean.queries(), mean.keys());
        let (normed, normed_most) = scaled(&report.again.norms.get(head).map_or(vec![], |normed| normed.mean()));
        json!({
            "number": report.number(head),
            "block": report.collected.heads[head].block,
            "name": report.names[head],
            "mean": base64(&mean_map), "meanMost": mean_most,
            "spread": base64(&spread), "spreadMost": spread_most,
            "normed": base64(&normed), "normedMost": normed_most,
        })
    });
    json!({
        "positions": report.positions,
        "classTokens": report.class_tokens,
        "grid": report.grid,
        "input": report.input,
        "seconds": report.seconds,
        "isSound": report.is_sound,
        "recordings": report.collected.recordings,
        "colours": colours(),
        "heads": heads.collect::<Value>(),
        "shown": report.collected.shown.iter().map(|shown| one(report, shown)).collect::<Value>(),
    })
}

fn one(report: &Report, shown: &Shown) -> Value {
    let maps: Vec<u8> = report.drawn.iter().flat_map(|&head| shown.maps[head].iter().copied()).collect();
    json!({
        "name": shown.name,
        "label": shown.class.map(|class| report.label(class)),
        "said": report.label(shown.said),
        "probability": shown.probability,
        "isWrong": shown.class.is_some_and(|class| class != shown.said),
        "maps": base64(&maps),
        "most": report.drawn.iter().map(|&head| shown.largest[head]).collect::<Vec<_>>(),
        "input": base64(&shown.input),
        "wave": base64(&shown.wave),
    })
}
