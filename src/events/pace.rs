//! When an inference is due.

use super::gate::{Gate, GateSettings};

/// The clock of a stream, and the frames since the last inference: what all listeners share. All zeros at the start.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    gate: Gate,
    /// Samples of sound or readings of sensors, those that were lost among them.
    heard: u64,
    lost: u64,
    /// Frames since the last inference, or since one was spared.
    frames: u32,
}

impl Pace {
    pub(crate) const NEW: Self = Self { gate: Gate::NEW, heard: 0, lost: 0, frames: 0 };

    /// Takes a sample of sound.
    #[inline]
    pub(crate) fn hear(&mut self, sample: i16, is_gated: bool) {
        self.tick();
        if is_gated {
            self.gate.hear(sample);
        }
    }

    /// A sample or a reading later.
    #[inline]
    pub(crate) fn tick(&mut self) {
        self.heard = self.heard.wrapping_add(1);
    }

    /// Samples that were lost.
    pub(crate) fn skip(&mut self, lost: u64) {
        self.heard = self.heard.wrapping_add(lost);
        self.lost = self.lost.saturating_add(lost);
    }

    /// A frame later: where an inference is due, whether the gate is open for it.
    pub(crate) fn end_frame(&mut self, cadence: u32, gate: Option<&GateSettings>, is_full: bool) -> Option<bool> {
        let is_open = gate.is_none_or(|gate| self.gate.end_frame(gate, self.heard));
        self.frames = self.frames.saturating_add(1);
        if !is_full || self.frames < cadence {
            return None;
        }
        self.frames = 0;
        Some(is_open)
    }

    /// The middle of a window that ends now.
    pub(crate) const fn middle(&self, window: u64) -> u64 {
        self.heard.saturating_sub(window / 2)
    }

    pub(crate) const fn heard(&self) -> u64 {
        self.heard
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }
}
