//! Whether there is anything to hear.

use super::settings::bounded;
use crate::error::Error;

/// The largest level of a gate: eighths of an octave of power.
pub const MAX_GATE_LEVEL: u32 = 8 * 38 + 7;

/// When sound is loud enough for inferences. Levels are in eighths of an octave of power (0.376 dB) above a mean square
/// of 2^-8, of samples that count as integers and without their mean.
///
/// The floor follows the quietest frames: down by a quarter of the way in each frame, up by [`GateSettings::rise`].
/// What stays loud therefore becomes the floor in time. The gate is open at the start of a stream, and after each frame
/// that lies [`GateSettings::above`] the floor, for the hangover.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GateSettings {
    /// How far above the floor a frame opens the gate, 1 to [`MAX_GATE_LEVEL`].
    pub above: u32,
    /// How far the floor rises in a frame, in 256ths of an eighth of an octave, 1 to 65,535.
    pub rise: u32,
    /// The lowest floor, 0 to [`MAX_GATE_LEVEL`]: what is quieter is silence, such as the noise of a converter.
    pub least: u32,
    /// Samples that the gate stays open after a loud frame. More than half the window of the model, so that the end of
    /// a word comes to its middle; less than all of it, which would hear the silence after the word alone.
    pub hangover: u32,
}

impl GateSettings {
    /// A gate that opens 6 dB above the floor, which rises by 2 dB a second and is at least a root mean square of 4,
    /// and stays open for three quarters of a window; for frames every `hop` samples of so many a second, and a model
    /// whose window has so many samples.
    #[must_use]
    pub const fn of_window(samples: u32, hop: u32, sample_rate: u32) -> Self {
        // 2 dB are 1,361 units, in this many frames.
        let rise = match (1361 * hop as u64).checked_div(sample_rate as u64) {
            Some(rise @ 1..=65_535) => rise as u32,
            _ => 1,
        };
        Self { above: 16, rise, least: 8 * (8 + 4), hangover: samples / 4 * 3 }
    }

    /// Whether all numbers are in their bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub const fn check(&self) -> Result<(), Error> {
        match bounded("level above the floor that opens the gate", self.above, 1, MAX_GATE_LEVEL, "1 to 311") {
            Ok(()) => {}
            Err(error) => return Err(error),
        }
        match bounded("rise of the gate's floor", self.rise, 1, 65_535, "1 to 65,535") {
            Ok(()) => bounded("lowest floor of the gate", self.least, 0, MAX_GATE_LEVEL, "0 to 311"),
            Err(error) => Err(error),
        }
    }
}

/// The energy of the samples of a frame, and the floor. All zeros at the start.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    sum: i64,
    squares: u64,
    count: u32,
    /// In 256ths of an eighth of an octave.
    floor: u32,
    has_floor: bool,
    /// Where the last loud frame ended.
    last_loud: u64,
}

impl Gate {
    pub(super) const NEW: Self = Self { sum: 0, squares: 0, count: 0, floor: 0, has_floor: false, last_loud: 0 };

    /// Takes a sample of the frame.
    #[inline]
    pub(super) fn hear(&mut self, sample: i16) {
        let sample = i32::from(sample);
        self.sum += i64::from(sample);
        self.squares += u64::from((sample * sample) as u32);
        self.count += 1;
    }

    /// Ends the frame at a position; whether the gate is open there.
    pub(super) fn end_frame(&mut self, settings: &GateSettings, position: u64) -> bool {
        let level = self.level() << 8;
        (self.sum, self.squares, self.count) = (0, 0, 0);
        if !self.has_floor {
            (self.has_floor, self.floor, self.last_loud) = (true, level, position);
        }
        self.floor = if level < self.floor {
            self.floor - (self.floor - level).div_ceil(4)
        } else {
            self.floor.saturating_add(settings.rise).min(level)
        };
        if level >= self.floor.max(settings.least << 8).saturating_add(settings.above << 8) {
            self.last_loud = position;
        }
        position.wrapping_sub(self.last_loud) < u64::from(settings.hangover)
    }

    /// Eighths of an octave of the samples' variance above 2^-8.
    fn level(&self) -> u32 {
        let count = u64::from(self.count);
        // Frames have at most 1,024 samples: 2^10 times 2^40, and 8 bits.
        let spread = (count * self.squares).saturating_sub(self.sum.unsigned_abs().pow(2));
        let variance = (spread << 8).checked_div(count * count).unwrap_or(0);
        let octave = 63 - (variance | 1).leading_zeros();
        8 * octave + ((variance << 3 >> octave) & 7) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the logarithm in f64: the eighths are along a line within each octave.
    #[test]
    fn levels() {
        for amplitude in [1, 2, 3, 5, 9, 40, 900, 20_000, 32_767] {
            for offset in [0i32, 100, -7000] {
                let mut gate = Gate::NEW;
                let samples = (0..80).map(|i| ((if i % 2 == 0 { amplitude } else { -amplitude }) + offset) as i16);
                let samples: std::vec::Vec<i16> = samples.collect();
                let mean = samples.iter().map(|&x| f64::from(x)).sum::<f64>() / 80.0;
                let variance = samples.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 80.0;
                samples.iter().for_each(|&sample| gate.hear(sample));
                let exact = 8.0 * (256.0 * variance).log2();
                assert!((f64::from(gate.level()) - exact).abs() < 1.7, "{amplitude}, {offset}: {exact}");
            }
        }
        let mut gate = Gate::NEW;
        (0..1024).for_each(|i| gate.hear(if i % 2 == 0 { i16::MIN } else { i16::MAX }));
        assert!(gate.level() <= MAX_GATE_LEVEL);
        let mut gate = Gate::NEW;
        (0..1024).for_each(|_| gate.hear(i16::MIN));
        assert_eq!((gate.level(), Gate::NEW.level()), (0, 0));
    }

    /// A gate, and where its stream is.
    struct Stream(Gate, u64);

    impl Stream {
        /// Frames of a square wave of this amplitude; in how many of them the gate is open.
        fn hear(&mut self, amplitude: i16, frames: usize) -> usize {
            let settings = GateSettings { hangover: 800, ..GateSettings::of_window(8000, 80, 8000) };
            let Self(gate, position) = self;
            let frame = |_: &usize| {
                (0..80).for_each(|i| gate.hear(if i % 2 == 0 { amplitude } else { -amplitude }));
                *position += 80;
                gate.end_frame(&settings, *position)
            };
            (0..frames).filter(frame).count()
        }
    }

    #[test]
    fn the_floor_follows() {
        let mut stream = Stream(Gate::NEW, 0);
        // Open at the start, for the hangover; the first sound is the floor.
        assert_eq!(stream.hear(4000, 50), 10);
        // In quiet the floor falls, and what was below it is loud then.
        assert_eq!(stream.hear(20, 50), 0);
        assert_eq!(stream.hear(400, 50), 50);
        // Hangover, of which the last loud frame is a part.
        assert_eq!(stream.hear(20, 50), 9);
        // A sound that stays is the floor after some time: 26 - 6 dB at 2 dB a second.
        let open = stream.hear(400, 3000);
        assert!((950..1150).contains(&open), "{open} frames");
        // 5 dB above it are not enough, 7 dB are.
        assert_eq!((stream.hear(710, 1), stream.hear(900, 1)), (0, 1));
    }

    #[test]
    fn the_noise_of_a_converter_is_silence() {
        let mut stream = Stream(Gate::NEW, 0);
        assert_eq!(stream.hear(0, 30), 10);
        assert_eq!(stream.hear(3, 30), 0);
        assert_eq!(stream.hear(40, 30), 30);
    }
}
