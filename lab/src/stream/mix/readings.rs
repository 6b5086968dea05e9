//! Streams of readings of sensors.

use super::{Behind, Material, Mixed, Settings, between, in_turn, refused};
use crate::Error;
use crate::augment::{Draw, draw, normal};
use crate::dataset::{Content, Item};
use crate::project::Inputs;
use crate::stream::Spoken;
use std::ops::Range;

/// A recording that validates.
struct Piece {
    recording: usize,
    /// The class of its first example.
    class: usize,
    /// What is in it, in readings from its start.
    said: Vec<(Range<usize>, usize)>,
}

impl Piece {
    fn has_events(&self, silent: &[bool]) -> bool {
        self.said.iter().any(|(_, class)| !silent[*class])
    }
}

pub(super) fn mix(of: &Material, settings: &Settings) -> Result<Mixed, Error> {
    let Material { data, inputs, silent } = *of;
    let rate = data.rate.ok_or_else(|| refused("the series say no `rate`, expected one for a stream"))?;
    let Inputs::Series { usual, .. } = inputs else { return Err(refused("the data set holds no series")) };
    let random = &mut draw(settings.seed, 0, 0);
    let (mut labelled, mut others) = (vec![vec![]; data.labels.len()], vec![vec![]]);
    let pieces = pieces(of);
    for (at, piece) in pieces.iter().enumerate() {
        if piece.has_events(silent) { labelled[piece.class].push(at) } else { others[0].push(at) }
    }
    let length = (settings.minutes * 60.0 * rate) as usize;
    // Of its own, so that a noisy stream is the clean one with noise.
    let noise = draw(settings.seed, 1, 0);
    let mut stream = Stream { of, values: vec![], said: vec![], ratio: settings.ratio, rate, noise };

    let has_others = !others[0].is_empty();
    let mut between_them = in_turn(others, random);
    let mut background = |stream: &mut Stream, rows: usize| -> Result<(), Error> {
        let end = stream.rows() + rows;
        match (&settings.behind, has_others) {
            (Behind::Recordings(_), _) => return Err(refused("the background of series is what validates of them")),
            (Behind::Nothing, true) => {
                for at in between_them.by_ref() {
                    if stream.rows() >= end {
                        break;
                    }
                    stream.push(&pieces[at], end - stream.rows())?;
                }
            }
            (Behind::Nothing, false) if settings.is_background => {
                return Err(refused("there are no series for the background"));
            }
            (Behind::Nothing, false) => {}
            (Behind::Noise, _) => stream.still(rows, 1.0, usual),
            (Behind::Silence, _) => stream.still(rows, 0.0, usual),
        }
        Ok(())
    };
    if settings.is_background {
        background(&mut stream, length)?;
    } else {
        if labelled.iter().all(Vec::is_empty) {
            return Err(refused("no recording of a label validates"));
        }
        for at in in_turn(labelled, random) {
            background(&mut stream, between(settings.pause, rate, random))?;
            if stream.rows() >= length {
                break;
            }
            stream.push(&pieces[at], usize::MAX)?;
        }
    }
    let mut said = stream.said;
    said.retain(|spoken| spoken.end * rate <= length as f64);
    let channels = data.channels;
    let values = stream.values.iter().take(length * channels).map(|x| x.round() as i16).collect();
    Ok(Mixed { values, channels, rate, said })
}

/// Whether there is a recording with nothing in it that is an event.
pub(super) fn has_background(of: &Material) -> bool {
    pieces(of).iter().any(|piece| !piece.has_events(of.silent))
}

/// The recordings that validate, with what is in them: around marks each mark, of a recording of one label all of it,
/// of others the stretches of windows of one label.
fn pieces(of: &Material) -> Vec<Piece> {
    let data = of.data;
    let items: Vec<&Item> = data.split.validation.iter().map(|&item| &data.items[item]).collect();
    let mut pieces: Vec<Piece> = items
        .chunk_by(|a, b| a.recording == b.recording)
        .map(|items| {
            let rows = &data.recordings[items[0].recording].rows;
            let place = |row: i64| (row - rows.start as i64).clamp(0, rows.len() as i64) as usize;
            let is_one = items.iter().all(|item| item.class == items[0].class);
            let said = match () {
                () if data.has_marks() => items
                    .iter()
                    .filter_map(|item| item.span.map(|span| (span.start + span.length as i64 / 2, item.class)))
                    .map(|(middle, class)| (place(middle)..place(middle), class))
                    .collect(),
                () if is_one => vec![(0..rows.len(), items[0].class)],
                () => items
                    .chunk_by(|a, b| a.class == b.class)
                    .filter_map(|alike| Some((alike.first()?.span?, alike.last()?.span?, alike[0].class)))
                    .map(|(first, last, class)| (place(first.start)..place(last.start + last.length as i64), class))
                    .collect(),
            };
            Piece { recording: items[0].recording, class: items[0].class, said }
        })
        .collect();
    // Whatever the order of the files.
    pieces.sort_by_key(|piece| piece.recording);
    pieces
}

/// A stream that grows.
struct Stream<'a> {
    of: &'a Material<'a>,
    values: Vec<f32>,
    said: Vec<Spoken>,
    ratio: Option<f64>,
    rate: f64,
    noise: Draw,
}

impl Stream<'_> {
    fn rows(&self) -> usize {
        self.values.len() / self.of.data.channels.max(1)
    }

    /// So many readings of a recording at most, with noise as far below them as is asked for.
    fn push(&mut self, piece: &Piece, most: usize) -> Result<(), Error> {
        let Material { data, inputs, silent } = *self.of;
        let Content::Series { values, channels } = data.recording(piece.recording)? else {
            return Err(refused("the data set holds no series"));
        };
        let first = self.rows();
        let mut values = inputs.readings(&values, Some(piece.class));
        values.truncate(most.saturating_mul(channels));
        if let Some(ratio) = self.ratio {
            for channel in 0..channels {
                let of_channel = || values.iter().skip(channel).step_by(channels);
                let rows = of_channel().len().max(1) as f32;
                let mean = of_channel().sum::<f32>() / rows;
                let deviation = (of_channel().map(|x| (x - mean).powi(2)).sum::<f32>() / rows).sqrt();
                let noise = deviation * 10f32.powf(-ratio as f32 / 20.0);
                values.iter_mut().skip(channel).step_by(channels).for_each(|x| *x += noise * normal(&mut self.noise));
            }
        }
        let rows = values.len() / channels.max(1);
        self.values.extend(values);
        for (place, class) in piece.said.iter().filter(|(place, class)| !silent[*class] && place.end <= rows) {
            let seconds = |at: usize| (first + at) as f64 / self.rate;
            let label = data.labels[*class].clone();
            self.said.push(Spoken { start: seconds(place.start), end: seconds(place.end), label });
        }
        Ok(())
    }

    /// So many readings of a sensor at rest, with noise of so much of what it usually varies by.
    fn still(&mut self, rows: usize, noise: f32, usual: &[[f32; 2]]) {
        let mut values = Vec::with_capacity(rows * usual.len());
        for _ in 0..rows {
            values.extend(usual.iter().map(|[mean, deviation]| mean + noise * deviation * normal(&mut self.noise)));
        }
        self.values.extend(self.of.inputs.readings(&values, None));
    }
}
