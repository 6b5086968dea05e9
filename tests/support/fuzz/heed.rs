//! `.heed` files out of a fuzzer's bytes: any file with its checksum repaired, and files of any shape.
#![allow(dead_code)] // Each target uses some of it.

use crate::bytes::Bytes;
use heedful::format::OLD_MAJOR;

/// A file in the making, without its header.
pub struct Heed<'a, 'd> {
    pub from: &'a mut Bytes<'d>,
    words: Vec<u32>,
}

/// A file's words, with magic, version, length and checksum put right, so that what is wrong elsewhere is reached.
pub fn repaired(data: &[u8]) -> Vec<u8> {
    repaired_as(data, OLD_MAJOR)
}

/// [`repaired`], as a file of this major version.
pub fn repaired_as(data: &[u8], major: u16) -> Vec<u8> {
    let mut words: Vec<u32> = data.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
    words.resize(words.len().max(4), 0);
    seal(&mut words, major);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn seal(words: &mut [u32], major: u16) {
    words[0] = u32::from_le_bytes(*b"HEED");
    words[1] = u32::from(major) << 16;
    words[2] = words.len() as u32;
    let bytes = words[4..].iter().flat_map(|word| word.to_le_bytes());
    words[3] = !bytes.fold(!0, |crc, byte| CRC[usize::from(crc as u8 ^ byte)] ^ (crc >> 8));
}

/// CRC-32 of each byte.
static CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 8 * 256 {
        let crc = if i % 8 == 0 { i as u32 / 8 } else { table[i / 8] };
        table[i / 8] = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        i += 1;
    }
    table
};

impl<'a, 'd> Heed<'a, 'd> {
    pub fn new(from: &'a mut Bytes<'d>) -> Self {
        Self { from, words: vec![0; 4] }
    }

    /// The file of version 1, in one of four after a change of a word.
    pub fn finish(self) -> Vec<u8> {
        self.finish_as(OLD_MAJOR)
    }

    /// [`Heed::finish`], of this major version.
    pub fn finish_as(mut self, major: u16) -> Vec<u8> {
        if self.from.once_in(4) {
            let at = self.from.within(4, self.words.len() as u32 - 1) as usize;
            self.words[at] = if self.from.once_in(2) { self.from.word() } else { self.from.within(0, 300) };
        }
        seal(&mut self.words, major);
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    pub fn section(&mut self, tag: [u8; 4], content: impl FnOnce(&mut Self)) {
        self.put(u32::from_le_bytes(tag));
        let at = self.words.len();
        self.put(0);
        content(self);
        self.words[at] = (self.words.len() - at - 1) as u32;
    }

    pub fn put(&mut self, word: u32) {
        self.words.push(word);
    }

    pub fn counts(&mut self, counts: &[usize]) {
        self.words.extend(counts.iter().map(|&count| count as u32));
    }

    /// Words of any value.
    pub fn any(&mut self, count: usize) {
        for _ in 0..count {
            let word = self.from.word();
            self.put(word);
        }
    }

    /// int8 values: of any size, or all of the largest.
    pub fn values(&mut self, words: usize) {
        match self.from.byte() % 8 {
            0 => self.words.extend(std::iter::repeat_n(0x7f7f_7f7f, words)),
            1 => self.words.extend(std::iter::repeat_n(0x8080_8080, words)),
            _ => self.any(words),
        }
    }

    /// A multiplier and a shift from `shifts`.
    pub fn scale(&mut self, shifts: std::ops::RangeInclusive<u32>) {
        let multiplier = self.from.word() & !31;
        let shift = self.from.within(*shifts.start(), *shifts.end());
        self.put(1 << 31 | multiplier | shift);
    }

    pub fn steepness(&mut self) {
        let word = self.from.within(1 << 17, (1 << 31) - 1);
        // Flat and steep ones alike.
        let shift = self.from.within(0, 14);
        self.put((word >> shift).max(1 << 17));
    }

    pub fn bias(&mut self, bound: i32) {
        let bias = match self.from.byte() % 4 {
            0 => -bound,
            1 => bound,
            2 => 0,
            _ => (self.from.word() as i32).clamp(-bound, bound),
        };
        self.put(bias as u32);
    }

    pub fn linear(&mut self, inputs: usize, outputs: usize) {
        self.linear_within(inputs, outputs, 1 << 30);
    }

    pub fn linear_within(&mut self, inputs: usize, outputs: usize, bias: i32) {
        self.values(outputs * inputs.div_ceil(4));
        for _ in 0..outputs {
            self.bias(bias);
            self.scale(1..=30);
        }
    }

    pub fn norm(&mut self, width: usize) {
        let epsilon = self.from.within(1, 1 << 20);
        self.put(epsilon);
        self.values(width);
    }

    pub fn heads(&mut self, heads: usize) {
        for _ in 0..heads {
            self.steepness();
            self.scale(2..=14);
        }
    }

    /// Tokens with ranks and bytes; `count` of them.
    pub fn tokens(&mut self, count: usize) {
        self.put(count as u32);
        let mut bytes = vec![0; 3 * 259.min(count)];
        for _ in 259..count {
            bytes.extend(piece(self.from));
        }
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.words.extend(bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)));
    }
}

/// A token's rank, length and bytes, out of few different ones, so that pairs can be merged.
pub fn piece(from: &mut Bytes<'_>) -> Vec<u8> {
    let length = from.byte() % 5;
    let mut piece = vec![from.byte() % 16, u8::from(from.once_in(16)), length];
    piece.extend((0..length).map(|_| letter(from)));
    piece
}

/// Letters, spaces, and parts of characters of several bytes.
pub fn letter(from: &mut Bytes<'_>) -> u8 {
    match from.byte() {
        byte @ 0..200 => b"ab  cab\xc3\xa9\xe2\x82\xac"[usize::from(byte % 12)],
        byte => byte,
    }
}
