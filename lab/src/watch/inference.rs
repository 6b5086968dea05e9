//! Rows of one inference, as they come.

use crate::inspect::measures::Map;
use heedful::watch::{End, Received, ReceivedRow};
use std::collections::BTreeMap;

/// A row that was received, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Position of the query.
    pub query: usize,
    /// The key that the first weight belongs to.
    pub first: usize,
    /// From one weight's key to the next one's.
    pub dilation: usize,
    /// The weights as integers.
    pub weights: Vec<u16>,
    /// The same as shares of the part.
    pub shares: Vec<f32>,
}

impl Kept {
    fn of(row: &ReceivedRow<'_>) -> Self {
        Self {
            query: row.query,
            first: row.first,
            dilation: row.dilation.max(1),
            weights: row.weights.to_vec(),
            shares: row.shares().collect(),
        }
    }

    /// Behind the last key.
    #[must_use]
    pub fn end(&self) -> usize {
        match self.weights.len() {
            0 => self.first,
            count => self.first.saturating_add((count - 1).saturating_mul(self.dilation)).saturating_add(1),
        }
    }
}

/// An inference that was received, as far as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inference {
    /// Its number among those received, from 1.
    pub number: usize,
    /// The rows of each layer and head, in their order.
    pub heads: BTreeMap<(usize, usize), Vec<Kept>>,
    /// Rows that came.
    pub rows: usize,
    /// Whether its start and its end came, and every row between them.
    pub is_whole: bool,
    /// What came out: the likeliest class, its probability, all outputs; none where the end did not come.
    pub said: Option<(usize, f32, Vec<i16>)>,
}

impl Inference {
    /// The map of a head; without rows where none came.
    ///
    /// Of a query that came in one piece, it holds the shares that [`heedful::dynamic::Model::infer_observed`] shows,
    /// to the bit.
    #[must_use]
    pub fn map(&self, layer: usize, head: usize, positions: usize) -> Map {
        let mut map = Map::hidden(positions, positions);
        let rows = self.heads.get(&(layer, head)).map_or(&[][..], Vec::as_slice);
        for parts in rows.chunk_by(|a, b| a.query == b.query) {
            for part in parts {
                let share = |at: usize| if parts.len() > 1 { part.weights[at].into() } else { part.shares[at].into() };
                // What does not fit a model was refused before.
                _ = map.put(part.query, part.first, part.dilation, (0..part.weights.len()).map(share));
            }
        }
        map.normalise();
        map
    }
}

/// Puts inferences together.
#[derive(Debug, Default)]
pub struct Assembler {
    /// The one under way.
    current: Inference,
    /// Its number as the device counts; none before the first.
    id: Option<u8>,
    /// Rows sent before its start, if this came.
    start: Option<u16>,
    /// The last row's place.
    last: Option<(usize, usize, usize, usize)>,
    begun: usize,
}

impl Assembler {
    /// Takes what a reader shows; gives the inference that it ends.
    pub fn take(&mut self, received: &Received<'_>) -> Option<Inference> {
        match received {
            Received::Start(start) => {
                let before = self.next(start.inference);
                self.start = Some(start.rows);
                before
            }
            Received::Row(row) => {
                let place = (row.layer, row.head, row.query, row.first);
                let is_next = self.id != Some(row.inference) || self.last.is_some_and(|last| place <= last);
                let before = if is_next { self.next(row.inference) } else { None };
                self.last = Some(place);
                self.current.rows += 1;
                self.current.heads.entry((row.layer, row.head)).or_default().push(Kept::of(row));
                before
            }
            Received::End(end) => self.end(end),
            _ => None,
        }
    }

    /// How many inferences began.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.begun
    }

    /// The one under way when the stream ended, if there is one.
    pub fn finish(&mut self) -> Option<Inference> {
        self.id.take().map(|_| std::mem::take(&mut self.current))
    }

    /// Another one begins; gives the one before if its end did not come.
    fn next(&mut self, id: u8) -> Option<Inference> {
        let before = self.finish();
        self.begun += 1;
        self.current.number = self.begun;
        (self.id, self.start, self.last) = (Some(id), None, None);
        before
    }

    fn end(&mut self, end: &End<'_>) -> Option<Inference> {
        // The end of one whose rows did not come: of it nothing is known but what it said.
        let before = if self.id == Some(end.inference) { None } else { self.next(end.inference) };
        let sent = self.start.map(|start| end.rows.wrapping_sub(start));
        self.current.is_whole = self.current.rows > 0 && sent == u16::try_from(self.current.rows % 65_536).ok();
        self.current.said = Some((end.class, f32::from(end.probability) / 32_768.0, end.outputs.to_vec()));
        // The one before is not whole: of the two, this one is shown.
        let own = self.finish();
        own.or(before)
    }
}

#[cfg(test)]
mod tests {
    use super::Assembler;
    use heedful::watch::{FrameReader, Frames};
    use heedful::{Narrow, Observer, Row};

    /// Reads rows of two heads, but for those whose frame is left out, with these queries in parts.
    fn read(skip: &[usize]) -> (Assembler, Vec<super::Inference>) {
        let mut pieces: Vec<Vec<u8>> = vec![];
        let mut frames = Frames::new(|bytes: &[u8]| pieces.push(bytes.to_vec()));
        for _ in 0..2 {
            frames.start();
            for (head, query, first) in [(0, 0, 0), (0, 0, 2), (0, 1, 0), (0, 1, 2), (1, 0, 1), (1, 1, 1)] {
                let weights = if head == 0 { [1, 2] } else { [255, 0] }.map(Narrow::from_bits);
                frames.row(Row { layer: 0, head, query, first, dilation: 1, weights: &weights });
            }
        }
        let (mut reader, mut assembler, mut all) = (FrameReader::new(), Assembler::default(), vec![]);
        for (at, piece) in pieces.iter().enumerate() {
            if !skip.contains(&at) {
                reader.push(piece, &mut |received| all.extend(assembler.take(&received)));
            }
        }
        all.extend(assembler.finish());
        (assembler, all)
    }

    /// Parts of a row are one row, and rows without an end are not taken together.
    #[test]
    fn parts_and_missing_ends() {
        for skip in [&[][..], &[7]] {
            let (assembler, all) = read(skip);
            assert_eq!((assembler.begun(), all.len()), (2, 2), "{skip:?}");
            for (at, inference) in all.iter().enumerate() {
                assert_eq!((inference.number, inference.rows, inference.is_whole), (at + 1, 6, false));
                let [first, second] = [0, 1].map(|head| inference.map(0, head, 4));
                assert_eq!(first.row(1), [1.0, 2.0, 1.0, 2.0].map(|w| w / 6.0));
                assert_eq!((second.row(0), second.sees(0, 0)), (&[0.0, 1.0, 0.0, 0.0][..], false));
            }
        }
    }
}
