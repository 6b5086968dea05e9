//! What a fuzzer gives, as a supply of numbers.
#![allow(dead_code)] // Each target uses some of it.

/// Bytes that are taken one after the other; past their end come random ones, the same for the same bytes.
pub struct Bytes<'a> {
    rest: &'a [u8],
    random: u64,
}

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        // FNV-1a, so that short inputs differ in what comes after them.
        let seed = data
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { rest: data, random: seed }
    }

    /// Whether all bytes have been taken.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => {
                self.random =
                    self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (self.random >> 56) as u8
            }
        }
    }

    pub fn word(&mut self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub fn long(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    pub fn sample(&mut self) -> i16 {
        i16::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// `low ..= high`
    pub fn within(&mut self, low: u32, high: u32) -> u32 {
        let values = u64::from(high) - u64::from(low) + 1;
        let found = if values > 256 { self.word() } else { u32::from(self.byte()) };
        low + (u64::from(found) % values) as u32
    }

    /// `1 ..= most`
    pub fn count(&mut self, most: u32) -> usize {
        self.within(1, most) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u8) -> bool {
        self.byte() % times == times - 1
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// A number of any size, the extremes among them.
    pub fn any(&mut self) -> usize {
        match self.byte() % 6 {
            0 => 0,
            1 => usize::MAX,
            2 => usize::MAX / self.count(16),
            3 => 1 << (self.byte() % 64),
            4 => self.word() as usize,
            _ => usize::from(self.byte()),
        }
    }
}
