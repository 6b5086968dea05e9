//! An inference in a terminal: a small map for each head, a row of them for each layer.

use super::inference::{Inference, Kept};
use crate::inspect::ramp;
use std::fmt::Write;

/// Columns between maps.
const GAP: usize = 2;
/// The smallest map, and the largest.
const SIDES: [usize; 2] = [6, 64];
/// From the least share to the largest, where there are no colours.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// What a terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns and lines that there are.
    pub columns: usize,
    /// Lines.
    pub lines: usize,
    /// Whether it has colours, of 24 bits.
    pub colours: bool,
}

/// What an inference says, in a line. `labels` name classes.
#[must_use]
pub fn line(inference: &Inference, labels: &[String]) -> String {
    let Inference { number, rows, is_whole, said, .. } = inference;
    let said = match said {
        Some((class, probability, _)) => {
            let label = labels.get(*class).map_or_else(|| format!("class {class}"), |label| label.clone());
            format!("{label} {probability:.3}")
        }
        None => "its end did not come".to_owned(),
    };
    let whole = if *is_whole { "" } else { ", not whole" };
    format!("inference {number}: {said}, {rows} rows{whole}")
}

/// The maps of an inference as lines: across, the key; down, the query; the lighter, the larger the share, up to the
/// largest of the head. What does not fit below is left out.
#[must_use]
pub fn draw(inference: &Inference, style: Style) -> Vec<String> {
    let all = || inference.heads.values().flatten();
    let positions = all().map(|row| row.end().max(row.query.saturating_add(1))).max().unwrap_or(0);
    let heads: Vec<_> = inference.heads.iter().collect();
    let layers: Vec<_> = heads.chunk_by(|(a, _), (b, _)| a.0 == b.0).collect();
    let side = side(positions, &layers.iter().map(|heads| heads.len()).collect::<Vec<_>>(), style);
    let per_line = ((style.columns + GAP) / (side + GAP)).max(1);
    let mut lines = vec![];
    for layer in layers {
        for heads in layer.chunks(per_line) {
            let title = |((layer, head), _): &(&(usize, usize), &Vec<Kept>)| {
                format!("{:width$}", format!("{layer}.{head}"), width = side + GAP)
            };
            lines.push(heads.iter().map(title).collect::<String>().trim_end().to_owned());
            let pictures: Vec<Vec<String>> =
                heads.iter().map(|(_, rows)| picture(rows, positions, side, style.colours)).collect();
            for at in 0..side.div_ceil(2) {
                let parts: Vec<&str> = pictures.iter().map(|picture| picture[at].as_str()).collect();
                lines.push(parts.join(&" ".repeat(GAP)));
            }
        }
    }
    lines.truncate(style.lines);
    lines
}

/// Columns of a map, so that all layers fit, if they can. A map is half as many lines high.
fn side(positions: usize, heads: &[usize], style: Style) -> usize {
    let [least, most] = SIDES;
    let fits = |side: usize| {
        let per_line = (style.columns + GAP) / (side + GAP);
        per_line > 0
            && heads.iter().map(|&heads| heads.div_ceil(per_line)).sum::<usize>() * (side.div_ceil(2) + 1)
                <= style.lines
    };
    let most = most.min(positions.max(1));
    (least..=most).rev().find(|&side| fits(side)).unwrap_or(least.min(most))
}

/// A map, in lines. Of cells that are drawn together, the largest counts.
fn picture(rows: &[Kept], positions: usize, side: usize, colours: bool) -> Vec<String> {
    let down = if colours { 2 * side.div_ceil(2) } else { side.div_ceil(2) };
    let mut cells = vec![0.0f32; down * side];
    for row in rows {
        for (at, &share) in row.shares.iter().enumerate() {
            let (key, query) = (row.first + at * row.dilation, row.query);
            let cell = &mut cells[query * down / positions * side + key * side / positions];
            *cell = cell.max(share);
        }
    }
    let most = cells.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let part = |cell: f32| cell / most;
    let mut lines = vec![];
    if colours {
        let colour = |cell: f32| ramp::colour((part(cell) * 255.0).round() as u8);
        for two in cells.chunks(2 * side) {
            let mut line = String::new();
            for (&upper, &lower) in two[..side].iter().zip(&two[side..]) {
                let ([r, g, b], [red, green, blue]) = (colour(upper), colour(lower));
                // Upper half of the cell in the colour of the letter, lower half in that behind it.
                _ = write!(line, "\x1b[38;2;{r};{g};{b}m\x1b[48;2;{red};{green};{blue}m▀");
            }
            lines.push(line + "\x1b[0m");
        }
    } else {
        for row in cells.chunks(side) {
            let shade = |&cell: &f32| SHADES[(part(cell) * (SHADES.len() - 1) as f32).round() as usize];
            lines.push(row.iter().map(shade).collect());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// An inference of so many heads in each layer, which look at the place of the query.
    fn inference(heads: &[usize], positions: usize) -> Inference {
        let row = |query| Kept { query, first: query, dilation: 1, weights: vec![9], shares: vec![1.0] };
        let of = |(layer, &heads): (usize, &usize)| (0..heads).map(move |head| (layer, head));
        let places = heads.iter().enumerate().flat_map(of);
        let heads: BTreeMap<_, _> = places.map(|place| (place, (0..positions).map(row).collect())).collect();
        Inference { number: 3, heads, rows: 7, is_whole: true, said: Some((1, 0.5, vec![])) }
    }

    #[test]
    fn diagonals() {
        let style = Style { columns: 30, lines: 20, colours: false };
        let lines = draw(&inference(&[2], 8), style);
        let row = |at: usize| format!("{:8}", format!("{}██", " ".repeat(2 * at)));
        let expected = [0, 1, 2, 3].map(|at| format!("{0}  {0}", row(at)));
        assert_eq!((lines[0].as_str(), &lines[1..]), ("0.0       0.1", &expected[..]));
        let coloured = draw(&inference(&[1], 8), Style { colours: true, ..style });
        assert_eq!((coloured.len(), coloured[1].matches('▀').count()), (5, 8));
        assert!(coloured[1].ends_with("\x1b[0m"));
    }

    /// Everything fits where it can, and nothing is wider or longer than the terminal.
    #[test]
    fn fits() {
        for (heads, positions, columns, lines) in [
            (&[3, 3, 3][..], 25, 80, 40),
            (&[3, 3, 3], 25, 80, 24),
            (&[8; 12], 400, 200, 50),
            (&[16], 9, 20, 10),
            (&[1], 1, 5, 5),
        ] {
            let all = draw(&inference(heads, positions), Style { columns, lines, colours: false });
            assert!(!all.is_empty() && all.len() <= lines, "{heads:?}");
            assert!(all.iter().all(|line| line.chars().count() <= columns.max(SIDES[0])), "{heads:?}");
            let titles = all.iter().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
            assert!(heads.len() > 3 || titles >= heads.len(), "{heads:?}");
        }
    }

    #[test]
    fn lines() {
        let labels = ["no", "yes"].map(str::to_owned);
        let mut one = inference(&[1], 2);
        assert_eq!(line(&one, &labels), "inference 3: yes 0.500, 7 rows");
        one.is_whole = false;
        assert_eq!(line(&one, &[]), "inference 3: class 1 0.500, 7 rows, not whole");
        one.said = None;
        assert_eq!(line(&one, &[]), "inference 3: its end did not come, 7 rows, not whole");
        assert!(draw(&Inference::default(), Style { columns: 9, lines: 9, colours: true }).is_empty());
    }
}
