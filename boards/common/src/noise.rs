//! Noise that is the same on all boards.

/// Its state.
pub struct Noise(pub u32);

impl Noise {
    /// A sample from `-loudest` to `loudest`.
    pub fn sample(&mut self, loudest: u32) -> i16 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((self.0 >> 16) % (2 * loudest + 1)) as i16 - loudest as i16
    }
}
