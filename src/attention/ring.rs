//! Which position lies in which slot of a key-value cache: the first few positions for good, and a ring of the last
//! ones.

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
    /// The least length to go back to for which all that it looks at is still there; below it, only what the sinks
    /// hold.
    earliest: u64,
}

/// Positions as patterns see them: beyond 2^30, queries stay there and keys keep their distance.
const FAR: u64 = 1 << 30;

impl Ring {
    /// `sinks` must be less than `slots`.
    pub(crate) const fn new(slots: usize, sinks: usize) -> Self {
        Self { slots, sinks, next: 0, filled: 0, seen: 0, earliest: 0 }
    }

    /// An empty one of no size yet is all zeros: a static of it takes no flash.
    #[inline]
    pub(crate) const fn sized(&mut self, slots: usize, sinks: usize) -> &mut Self {
        (self.slots, self.sinks) = (slots, sinks);
        self
    }

    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    pub(crate) const fn seen(&self) -> u64 {
        self.seen
    }

    /// As after so many positions, at least as many as there are slots.
    #[cfg(test)]
    pub(crate) fn after(slots: usize, sinks: usize, seen: u64) -> Self {
        let next = sinks + ((seen - sinks as u64) % (slots - sinks) as u64) as usize;
        Self { slots, sinks, next, filled: slots, seen, earliest: seen - 1 }
    }

    /// Takes the next position, and gives its slot.
    #[inline]
    pub(crate) const fn push(&mut self) -> CachedPositions {
        let slot = self.next;
        let position = self.seen;
        self.seen = self.seen.wrapping_add(1);
        self.next = slot + 1;
        if self.filled < self.next {
            self.filled = self.next;
        } else if position > self.earliest {
            // An older position was overwritten, or this one taken back: only it can be taken back.
            self.earliest = position;
        }
        if self.next >= self.slots {
            self.next = self.sinks;
        }
        CachedPositions {
            slot,
            position,
            filled: self.filled,
            ring: self.slots.saturating_sub(self.sinks),
            sinks: self.sinks,
        }
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
        if length <= self.sinks as u64 {
            // Sinks are never overwritten, and nothing else is looked at.
            self.filled = length as usize;
            self.next = self.filled;
            self.earliest = 0;
        } else if length < self.earliest {
            return Err(RewindError::Forgotten { earliest: self.earliest });
        } else if length < self.slots as u64 {
            self.filled = length as usize;
            self.next = self.filled;
        } else if length < self.seen {
            // By one position: the next takes its slot, the one before `next`.
            self.next = if self.next == self.sinks { self.slots } else { self.next } - 1;
        }
        self.seen = length;
        Ok(())
    }
}

/// Which position lies in which slot, as seen from the newest one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedPositions {
    /// Slot of the newest position.
    pub slot: usize,
    /// The newest position.
    pub position: u64,
    /// Slots in use.
    pub filled: usize,
    ring: usize,
    sinks: usize,
}

impl CachedPositions {
    /// Slots of the cache.
    #[inline]
    pub(crate) const fn slots(&self) -> usize {
        self.ring + self.sinks
    }

    /// The newest position, as patterns see it.
    #[inline]
    pub(crate) const fn newest(&self) -> usize {
        (if self.position > FAR { FAR } else { self.position }) as usize
    }

    /// The position in a slot, as patterns see it.
    #[inline]
    pub(crate) const fn position_in(&self, slot: usize) -> usize {
        if slot < self.sinks || self.position < self.filled as u64 {
            return slot;
        }
        let behind = if slot <= self.slot { self.slot - slot } else { self.slot + self.ring - slot };
        self.newest().saturating_sub(behind)
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
            self.newest().saturating_sub(self.ring.saturating_sub(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::vec;
    use std::vec::Vec;

    /// The same as a list: positions in order, each with its slot.
    struct Model {
        slots: usize,
        sinks: usize,
        kept: VecDeque<(u64, usize)>,
        /// What each slot holds, taken back or not.
        memory: Vec<Option<u64>>,
        seen: u64,
    }

    impl Model {
        fn new(slots: usize, sinks: usize) -> Self {
            Self { slots, sinks, kept: VecDeque::new(), memory: vec![None; slots], seen: 0 }
        }

        fn slot_of(&self, position: u64) -> usize {
            let (slots, sinks) = (self.slots as u64, self.sinks as u64);
            (if position < slots { position } else { sinks + (position - sinks) % (slots - sinks) }) as usize
        }

        /// The positions that there should be after `length`.
        fn window(&self, length: u64) -> Vec<u64> {
            let ring = (self.slots - self.sinks) as u64;
            let sinks = self.sinks as u64;
            (0..length).filter(|&position| position < sinks || position + ring >= length).collect()
        }

        fn push(&mut self) {
            let slot = self.slot_of(self.seen);
            self.kept.retain(|&(_, taken)| taken != slot);
            self.kept.push_back((self.seen, slot));
            self.memory[slot] = Some(self.seen);
            self.seen += 1;
        }

        /// Whether what the position after `length` looks at, its own slot aside, is still in memory.
        fn remembers(&self, length: u64) -> bool {
            let own = self.slot_of(length);
            self.window(length).iter().all(|&p| self.slot_of(p) == own || self.memory[self.slot_of(p)] == Some(p))
        }

        fn rewind(&mut self, length: u64) {
            self.seen = length;
            let own = self.slot_of(length);
            self.kept = self.window(length).iter().map(|&p| (p, self.slot_of(p))).filter(|&(_, s)| s != own).collect();
        }
    }

    /// All that a cached tells, against the list.
    fn compare(cached: CachedPositions, model: &Model) {
        let newest = *model.kept.back().unwrap();
        assert_eq!((cached.position, cached.slot), newest);
        assert_eq!((cached.newest() as u64, cached.filled), (newest.0, model.kept.len()));
        assert_eq!(cached.oldest() as u64, model.kept[0].0);
        let order: Vec<usize> = cached.in_order().into_iter().flatten().collect();
        assert!(order.iter().copied().eq(model.kept.iter().map(|&(_, slot)| slot)), "{cached:?}");
        for &(position, slot) in &model.kept {
            assert_eq!(cached.position_in(slot) as u64, position);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn is_a_list(
            slots in 1usize..12,
            sinks in 0usize..12,
            steps in prop::collection::vec((0u8..6, 0u64..40), 1..120),
        ) {
            let sinks = sinks % slots;
            let (mut ring, mut model) = (Ring::new(slots, sinks), Model::new(slots, sinks));
            for (kind, amount) in steps {
                let length = if kind == 4 { model.seen.saturating_sub(amount % 4) } else { amount };
                match kind {
                    0 => {
                        ring.reset();
                        model = Model::new(slots, sinks);
                    }
                    4 | 5 => {
                        let before = ring;
                        let expected = length <= model.seen && model.remembers(length);
                        match ring.rewind(length) {
                            Ok(()) => {
                                prop_assert!(expected, "{length} of {before:?}");
                                model.rewind(length);
                            }
                            Err(error) => {
                                // A ring of one slot looks at nothing older, but is no exception.
                                prop_assert!(!expected || sinks + 1 == slots, "{length} of {before:?}: {error}");
                                prop_assert_eq!(ring, before);
                                match error {
                                    RewindError::Ahead { seen } => prop_assert!(seen == model.seen && length > seen),
                                    RewindError::Forgotten { earliest } => {
                                        prop_assert!(length < earliest && earliest <= model.seen);
                                        prop_assert!(model.remembers(earliest));
                                        prop_assert!(!model.remembers(earliest - 1) || sinks + 1 == slots);
                                    }
                                }
                            }
                        }
                    }
                    _ => {
                        let cached = ring.push();
                        model.push();
                        compare(cached, &model);
                    }
                }
                prop_assert_eq!(ring.seen(), model.seen);
            }
        }
    }

    #[test]
    fn ten_million_positions() {
        for (slots, sinks) in [(1, 0), (7, 3), (16, 0), (61, 4)] {
            let mut ring = Ring::new(slots, sinks);
            let mut cached = ring.push();
            let positions = if cfg!(miri) { 1_000 } else { 10_000_000 };
            for _ in 1..positions {
                cached = ring.push();
            }
            assert_eq!((cached.position, ring), (positions - 1, Ring::after(slots, sinks, positions)));
        }
    }

    /// Keys keep their distance however far it goes: past 2^30, where queries stay, past 2^32 and 2^63.
    #[test]
    fn far_positions() {
        for (slots, sinks) in [(1, 0), (5, 0), (7, 3), (64, 4)] {
            let around = if cfg!(miri) { 5 } else { 100 };
            for start in [FAR, 1 << 32, 1 << 63].map(|cached: u64| cached - around) {
                let mut ring = Ring::after(slots, sinks, start);
                for position in start..start + 2 * around {
                    let cached = ring.push();
                    assert_eq!((cached.position, cached.filled), (position, slots));
                    assert_eq!(cached.newest() as u64, position.min(FAR));
                    let keys: Vec<usize> =
                        cached.in_order().into_iter().flatten().map(|slot| cached.position_in(slot)).collect();
                    assert!(keys[..sinks].iter().copied().eq(0..sinks));
                    let first = cached.newest() + 1 - (slots - sinks);
                    assert!(keys[sinks..].iter().copied().eq(first..=cached.newest()));
                    assert_eq!(cached.oldest(), if sinks > 0 { 0 } else { first });
                }
                let length = ring.seen();
                assert_eq!(ring.rewind(length - 1), Ok(()));
                assert_eq!(ring, Ring::after(slots, sinks, length - 1).with_earliest(length - 1));
                assert_eq!(ring.rewind(length - 2), Err(RewindError::Forgotten { earliest: length - 1 }));
                assert_eq!(ring.push().position, length - 1);
                assert_eq!(ring, Ring::after(slots, sinks, length));
            }
        }
    }

    impl Ring {
        fn with_earliest(self, earliest: u64) -> Self {
            Self { earliest, ..self }
        }
    }
}
