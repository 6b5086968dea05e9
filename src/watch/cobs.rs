//! Bytes without zeros, and a zero before and behind them: Cheshire and Baker, "Consistent Overhead Byte Stuffing"
//! (1999).
//!
//! Wherever a reader begins, and whatever was lost, the next zero is the edge of a frame. The well-kept crates that
//! encode it want room for a whole frame, and a row may have 65,536 weights; this needs 257 bytes for any.

/// Bytes of a block without a zero, at most.
const BLOCK: usize = 254;
/// A zero, a block with its code, a zero.
const ROOM: usize = BLOCK + 3;

/// Encodes frames, and hands them over in pieces.
#[derive(Debug)]
pub(super) struct Cobs<S> {
    sink: S,
    room: [u8; ROOM],
    used: usize,
    /// Where the code of the block stands: how far it is to the next zero.
    code: usize,
}

impl<S: FnMut(&[u8])> Cobs<S> {
    pub const fn new(sink: S) -> Self {
        Self { sink, room: [0; ROOM], used: 0, code: 0 }
    }

    pub fn begin(&mut self) {
        self.used = 0;
        self.put(0);
        self.open();
    }

    pub fn push(&mut self, byte: u8) {
        // A full block stands for no zero behind it.
        if self.used.wrapping_sub(self.code) > BLOCK {
            self.close();
            self.open();
        }
        if byte == 0 {
            self.close();
            self.open();
        } else {
            self.make_room();
            self.put(byte);
        }
    }

    pub fn end(&mut self) {
        self.close();
        self.put(0);
        let Self { sink, room, used, .. } = self;
        sink(room.get(..*used).unwrap_or(&[]));
    }

    fn put(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
    }

    /// A block begins, with room for its code.
    fn open(&mut self) {
        self.code = self.used;
        self.make_room();
        self.code = self.used;
        self.put(0);
    }

    /// A block is complete.
    fn close(&mut self) {
        let length = self.used.wrapping_sub(self.code);
        if let Some(code) = self.room.get_mut(self.code) {
            *code = length as u8;
        }
    }

    /// Where there is room for the last zero alone, hands over what comes before the block.
    fn make_room(&mut self) {
        if self.used + 1 < ROOM {
            return;
        }
        let Self { sink, room, used, code } = self;
        sink(room.get(..*code).unwrap_or(&[]));
        let mut kept = 0;
        while let Some(&byte) = room.get(*code + kept).filter(|_| *code + kept < *used) {
            if let Some(place) = room.get_mut(kept) {
                *place = byte;
            }
            kept += 1;
        }
        (*used, *code) = (kept, 0);
    }
}

/// What a frame between two zeros holds; none if it is no frame.
#[cfg(feature = "std")]
pub(super) fn decode(frame: &[u8], into: &mut std::vec::Vec<u8>) -> Option<()> {
    into.clear();
    let mut rest = frame;
    while let Some((&code, after)) = rest.split_first() {
        let (block, after) = after.split_at_checked(usize::from(code).checked_sub(1)?)?;
        into.extend_from_slice(block);
        if code != u8::MAX && !after.is_empty() {
            into.push(0);
        }
        rest = after;
    }
    Some(())
}
