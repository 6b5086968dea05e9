//! Which position lies in which slot of a key-value cache: the first few positions for good, and a ring of the last ones.

/// Why a cache cannot go back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RewindError {
    /// So many positions have not been seen yet.
    Ahead {
        /// Positions seen.
        seen: u64,
    },
    /// The cache has been full, and has forgotten positions that would be looked at again.
    Forgotten {
        /// The earliest length that can be gone back to.
        earliest: u64,
    },
}

impl core::fmt::Display for RewindError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match *self {
            Self::Ahead { seen } => write!(f, "the cache has seen only {seen} positions"),
            Self::Forgotten { earliest } => {
                write!(f, "the cache has forgotten positions: it can go back to a length of {earliest} or more")
            }
        }
    }
}

impl core::error::Error for RewindError {}

/// The order of a cache's slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ring {
    slots: usize,
    /// Slots that keep their positions for good.
    sinks: usize,
    /// The slot of the next position.
    next: usize,
    /// Slots in use, always the first ones.
    filled: usize,
    /// Positions so far.
    seen: u64,
}

/// Positions as reaches see them: beyond 2^30, queries stay there and keys keep their distance.
const FAR: u64 = 1 << 30;

impl Ring {
    /// `sinks` must be less than `slots`.
    pub(crate) const fn new(slots: usize, sinks: usize) -> Self {
        Self { slots, sinks, next: 0, filled: 0, seen: 0 }
    }

    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes the next position, and gives its slot.
    #[inline]
    pub(crate) const fn push(&mut self) -> Place {
        let slot = self.next;
        let position = self.seen;
        self.seen = self.seen.wrapping_add(1);
        self.next = slot + 1;
        if self.filled < self.next {
            self.filled = self.next;
        }
        if self.next >= self.slots {
            self.next = self.sinks;
        }
        Place { slot, position, filled: self.filled, ring: self.slots.saturating_sub(self.sinks), sinks: self.sinks }
    }

    /// Forgets all.
    pub(crate) const fn reset(&mut self) {
        *self = Self::new(self.slots, self.sinks);
    }

    /// Goes back to the state after `length` positions.
    pub(crate) const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        if length > self.seen {
            return Err(RewindError::Ahead { seen: self.seen });
        }
        if self.seen <= self.slots as u64 {
            self.filled = length as usize;
            self.next = self.filled;
        } else if self.seen - length == 1 {
            // The slot of the newest position is the one that the next would take.
            self.next = if self.next == self.sinks { self.slots } else { self.next } - 1;
        } else if self.seen > length {
            // What was overwritten since would be looked at again.
            return Err(RewindError::Forgotten { earliest: self.seen - 1 });
        }
        self.seen = length;
        if self.next == self.slots {
            self.next = self.sinks;
        }
        Ok(())
    }
}

/// Where the newest position lies, and all others as seen from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Slot of the newest position.
    pub slot: usize,
    /// The newest position.
    pub position: u64,
    /// Slots in use.
    pub filled: usize,
    ring: usize,
    sinks: usize,
}

impl Place {
    /// The newest position, as reaches see it.
    #[inline]
    pub(crate) const fn query(&self) -> usize {
        (if self.position > FAR { FAR } else { self.position }) as usize
    }

    /// The position in a slot, as reaches see it.
    #[inline]
    pub(crate) const fn key(&self, slot: usize) -> usize {
        if slot < self.sinks || self.position < self.filled as u64 {
            return slot;
        }
        let behind = if slot <= self.slot { self.slot - slot } else { self.slot + self.ring - slot };
        self.query().saturating_sub(behind)
    }

    /// The slots in the order of their positions: sinks, the older part of the ring, the newer.
    pub(crate) fn in_order(&self) -> [core::ops::Range<usize>; 3] {
        if self.position < self.filled as u64 {
            return [0..self.filled, 0..0, 0..0];
        }
        [0..self.sinks, self.slot + 1..self.filled, self.sinks..self.slot + 1]
    }

    /// The earliest position there is.
    #[inline]
    pub(crate) const fn oldest(&self) -> usize {
        if self.sinks > 0 || self.position < self.filled as u64 {
            0
        } else {
            self.query().saturating_sub(self.ring.saturating_sub(1))
        }
    }
}
