//! A picture of what each head attends to, as SVG.

use crate::Error;
use heedful::Row;
use heedful::dynamic::Model;
use std::fmt::Write;

/// Pixels of a position in a head's square.
const CELL: usize = 7;
/// Pixels between squares, and round the picture.
const GAP: usize = 26;
/// Shades between white and the darkest.
const SHADES: usize = 12;
/// Pixels of the loudness curve above the squares.
const CURVE: usize = 34;

/// Draws a square per head, a row of squares per block: across, the key in time; down, the query in time;
/// darker, the larger the share of the query's attention. The loudness of the recording runs above each column.
///
/// # Errors
/// If the model has no audio front end.
pub fn svg(model: &Model, recording: &[i16], title: &str) -> Result<String, Error> {
    let config = model.shape();
    let (positions, layers) = (config.positions, config.layers);
    // Those that there are; a file may leave room for more.
    let heads = model.heads().iter().copied().max().unwrap_or(0);
    let (Some(frontend), Some(heard)) = (model.frontend(), model.hear(recording)) else {
        return Err(Error::Training("the model has no audio front end".to_owned()));
    };
    let levels = heard.upper_bits();

    let square = || vec![0.0f32; positions * positions];
    let mut shares: Vec<Vec<_>> = model.heads().iter().map(|&heads| (0..heads).map(|_| square()).collect()).collect();
    let outcome = model.infer_observed(heard.input(), |row: Row<'_, f32>| {
        let square = &mut shares[row.layer][row.head];
        square[row.query * positions..][..row.weights.len()].copy_from_slice(row.weights);
    });
    let best = outcome.best();
    let label = model.labels().get(best.class).map_or("?", String::as_str);
    let side = positions * CELL;
    let (width, height) = (heads * (side + GAP) + GAP, CURVE + layers * (side + GAP) + 2 * GAP);
    let seconds = frontend.params.samples(config.input.steps) as f32 / frontend.params.sample_rate as f32;

    let mut out = String::new();
    // Writing to a string cannot fail.
    let mut line = |text: std::fmt::Arguments<'_>| _ = writeln!(out, "{text}");
    line(format_args!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"#444\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{GAP}\" y=\"17\">{}: heard {label}, probability {:.3}</text>",
        escape(title),
        f64::from(best.probability)
    ));
    for head in 0..heads {
        let x = GAP + head * (side + GAP);
        line(format_args!(
            "<path d=\"{}\" fill=\"#bbb\"/>",
            curve(&levels, levels.len().div_ceil(positions).max(1), x, GAP + CURVE)
        ));
        // Pruned blocks have fewer.
        let blocks = shares.iter().zip(model.heads()).enumerate();
        for (layer, (shares, _)) in blocks.filter(|&(_, (_, &heads))| head < heads) {
            let y = GAP + CURVE + GAP / 2 + layer * (side + GAP);
            line(format_args!("<text x=\"{x}\" y=\"{}\">block {layer}, head {head}</text>", y - 3));
            squares(&shares[head], positions, x, y, &mut line);
            line(format_args!(
                "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" fill=\"none\" stroke=\"#999\"/>"
            ));
        }
        let y = height - GAP / 2;
        line(format_args!("<text x=\"{x}\" y=\"{y}\">0</text>"));
        line(format_args!("<text x=\"{}\" y=\"{y}\" text-anchor=\"end\">{seconds:.2} s</text>", x + side));
    }
    line(format_args!("</svg>"));
    Ok(out)
}

/// One path per shade holds all cells of it.
fn squares(shares: &[f32], positions: usize, left: usize, top: usize, line: &mut impl FnMut(std::fmt::Arguments<'_>)) {
    let largest = shares.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    for shade in 1..=SHADES {
        let mut path = String::new();
        for (i, share) in shares.iter().enumerate() {
            if (share / largest * SHADES as f32).round() as usize == shade {
                let (x, y) = (left + i % positions * CELL, top + i / positions * CELL);
                _ = write!(path, "M{x} {y}h{CELL}v{CELL}h-{CELL}z");
            }
        }
        if !path.is_empty() {
            let opacity = shade as f32 / SHADES as f32;
            line(format_args!("<path d=\"{path}\" fill=\"#7a1f5c\" fill-opacity=\"{opacity:.2}\"/>"));
        }
    }
}

/// The mean of each position's features, as an area.
fn curve(features: &[i8], inputs: usize, left: usize, bottom: usize) -> String {
    let levels: Vec<f32> =
        features.chunks(inputs).map(|x| x.iter().map(|&x| f32::from(x)).sum::<f32>() / inputs as f32).collect();
    let (low, high) = levels.iter().fold((f32::MAX, f32::MIN), |(l, h), &x| (l.min(x), h.max(x)));
    let mut path = format!("M{left} {bottom}");
    for (i, level) in levels.iter().enumerate() {
        let y = bottom as f32 - (level - low) / (high - low).max(1.0) * (CURVE - 12) as f32;
        _ = write!(path, "L{} {y:.0}h{CELL}", left + i * CELL);
    }
    _ = write!(path, "V{bottom}z");
    path
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
