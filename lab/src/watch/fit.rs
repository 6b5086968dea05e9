//! Whether what comes is of a model.

use super::WatchError;
use super::inference::{Inference, Kept};
use crate::inspect::look::Said;
use crate::inspect::measures::Map;
use heedful::dynamic::Model;
use heedful::format::{OutputKind, Softmax};
use heedful::watch::{Received, ReceivedRow, VERSION};
use heedful::{MAX_POSITIONS, Narrow, Weight, Wide};

/// A model, and what rows of it are like.
pub struct Fit<'m> {
    model: &'m Model,
    /// The checksum in the header of its file.
    file: Option<u32>,
}

impl<'m> Fit<'m> {
    /// Of a model and the bytes of its file.
    #[must_use]
    pub fn new(model: &'m Model, bytes: &[u8]) -> Self {
        // The fourth word of the header, in both versions of the format. The model itself may hold the file in another
        // version than the firmware does.
        let file = bytes.get(12..16).and_then(|word| word.first_chunk()).map(|&word| u32::from_le_bytes(word));
        Self { model, file }
    }

    /// Refuses frames of another version, and rows that no model has.
    ///
    /// # Errors
    /// [`WatchError::Version`], [`WatchError::Kind`] and [`WatchError::Position`].
    pub fn known(received: &Received<'_>) -> Result<(), WatchError> {
        match *received {
            Received::Unknown { version, .. } if version != VERSION => Err(WatchError::Version { found: version }),
            Received::Unknown { kind, .. } => Err(WatchError::Kind { found: kind }),
            Received::Row(row) => inside(&row, MAX_POSITIONS),
            _ => Ok(()),
        }
    }

    /// Refuses what is not of this model.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn check(&self, received: &Received<'_>) -> Result<(), WatchError> {
        let shape = self.model.shape();
        match *received {
            Received::Start(start) => match (self.file, start.file) {
                (Some(expected), Some(found)) if expected != found => Err(WatchError::OtherFile { expected, found }),
                _ => Ok(()),
            },
            Received::Row(row) => {
                let (layer, head, layers, positions) = (row.layer, row.head, self.model.heads().len(), shape.positions);
                let Some(&heads) = self.model.heads().get(layer) else {
                    return Err(WatchError::Layer { found: layer, layers });
                };
                if head >= heads {
                    return Err(WatchError::Head { layer, found: head, heads });
                }
                inside(&row, positions)?;
                let expected = match shape.softmax {
                    Softmax::Narrow => Narrow::FULL_SCALE,
                    Softmax::Wide => Wide::FULL_SCALE,
                } as u16;
                match row.full_scale {
                    found if found != expected => Err(WatchError::Weights { expected, found }),
                    _ => Ok(()),
                }
            }
            Received::End(end) => match (shape.values(), end.outputs.len()) {
                (expected, found) if expected != found => Err(WatchError::Outputs { expected, found }),
                _ => Ok(()),
            },
            _ => Self::known(received),
        }
    }

    /// The maps of all heads and what was said, of an inference that came whole and shows every query of every head.
    #[must_use]
    pub fn maps(&self, inference: &Inference) -> Option<(Vec<Map>, Said)> {
        let positions = self.model.shape().positions;
        let is_there = |rows: &Vec<Kept>| {
            let queries = rows.chunk_by(|a, b| a.query == b.query).map(|parts| parts[0].query);
            queries.eq(0..positions)
        };
        let (class, probability, outputs) = inference.said.as_ref().filter(|_| inference.is_whole)?;
        let mut maps = vec![];
        for (layer, &heads) in self.model.heads().iter().enumerate() {
            for head in 0..heads {
                inference.heads.get(&(layer, head)).filter(|rows| is_there(rows))?;
                maps.push(inference.map(layer, head, positions));
            }
        }
        let is_choice = self.model.shape().kind == OutputKind::Classes;
        let probability = if is_choice { *probability } else { 1.0 };
        Some((maps, Said { best: *class, probability, outputs: self.model.real(outputs) }))
    }
}

/// Whether a row's query and its last key are among so many positions.
fn inside(row: &ReceivedRow<'_>, positions: usize) -> Result<(), WatchError> {
    let steps = row.weights.len().saturating_sub(1).saturating_mul(row.dilation.max(1));
    let last = if row.weights.is_empty() { 0 } else { row.first.saturating_add(steps) };
    let outside = [("query", row.query), ("key", last)].into_iter().find(|&(_, at)| at >= positions);
    let (layer, head) = (row.layer, row.head);
    outside.map_or(Ok(()), |(what, found)| Err(WatchError::Position { layer, head, what, found, positions }))
}
