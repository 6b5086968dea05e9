//! What makes features of sound for a model that was trained on cepstra, so that its integers hear samples.

use crate::ImportError;
use crate::convert::ConvertError;
use crate::graph::{Input, Model};
use heedful::audio::{DesignError, MAX_BANDS, MAX_WINDOW, Params, Spectrum, Tables};
use heedful::format::write::{ChainModel, InputModel};
use serde::{Deserialize, Serialize};

/// What a sample of 16 bits counts at full scale.
const FULL_SCALE: f64 = 32_768.0;
/// Octaves that a floor or the full scale of samples may lie from those of the front end.
const FARTHEST: f64 = 64.0;

/// The `[audio]` table: how the features that the model was trained on were made of samples. Windows are periodic Hann
/// windows, the FFT has the power of two of points that holds one, triangles lie evenly on the scale
/// `2595·log10(1 + f/700)`, logarithms are natural, and cepstra the DCT-II with a factor of `√(2/bands)` for each.
///
/// What would be wrong in silence has no default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioConfig {
    /// Samples per second.
    pub rate: u32,
    /// Samples under a window.
    pub window: u32,
    /// Samples from a window's start to the next one's.
    pub hop: u32,
    /// Mel bands.
    pub bands: u32,
    /// Lower edge of the lowest band, Hz.
    pub low: u32,
    /// Upper edge of the highest band, Hz.
    pub high: u32,
    /// What is summed in a band.
    pub spectrum: SpectrumName,
    /// The least sum that a logarithm is taken of. The front end takes the nearest power of two.
    pub floor: f64,
    /// What a sample of full scale was in training: 1.0, or 32768.0 of integers.
    pub full_scale: f64,
    /// Whether the mean of the samples under a window was subtracted first.
    #[serde(default)]
    pub remove_mean: bool,
    /// Cepstra of a frame.
    pub cepstra: Option<usize>,
}

/// What is summed in a band: `|X|`, or its square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The words are the documentation.
pub enum SpectrumName {
    Magnitude,
    Power,
}

/// A front end whose cepstra are those that a float model was trained on, but for their units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrontEnd {
    params: Params,
    cepstra: usize,
    /// Octaves that a band of integer samples lies above the same of the samples in training.
    above: f64,
}

impl FrontEnd {
    /// That of a model.
    ///
    /// # Errors
    /// If a value is out of its range, or the model is not given as many cepstra; the error names the key.
    pub fn new(config: &AudioConfig, model: &Model) -> Result<Self, ImportError> {
        let Some(cepstra) = config.cepstra else {
            let expected = "how many there are: energies of bands, without cepstra, cannot be imported yet";
            return Err(ImportError::setting("audio.cepstra", "nothing", expected));
        };
        let front_end = Self::of(config, cepstra)?;
        let given = match model.input {
            Input::Features { channels, .. } => channels,
            Input::Image { channels: 1, width, .. } => width,
            Input::Image { .. } | Input::Tokens { .. } => {
                let expected = "a series of frames, or a picture of one channel whose rows are frames";
                return Err(ImportError::setting("input", "of another kind", expected));
            }
        };
        if given != cepstra {
            let expected = format!("{given}, which the model is given of each frame");
            return Err(ImportError::setting("audio.cepstra", cepstra, expected));
        }
        Ok(front_end)
    }

    /// That of a configuration.
    fn of(config: &AudioConfig, cepstra: usize) -> Result<Self, ImportError> {
        let AudioConfig { rate, window, hop, bands, low, high, floor, full_scale, .. } = *config;
        let (spectrum, octaves) = match config.spectrum {
            SpectrumName::Magnitude => (Spectrum::Magnitude, 1.0),
            SpectrumName::Power => (Spectrum::Power, 2.0),
        };
        // Of what is no number above 0, no number at all.
        let above = octaves * (FULL_SCALE / full_scale).log2();
        if !(full_scale > 0.0 && above.abs() <= FARTHEST) {
            return Err(ImportError::setting("audio.full_scale", full_scale, "such as 1.0 or 32768.0"));
        }
        let floor_log2 = (floor.log2() + above).round();
        if !(floor > 0.0 && floor_log2.abs() <= FARTHEST) {
            return Err(ImportError::setting("audio.floor", floor, "the least sum of a band, such as 1e-12"));
        }
        let params = Params {
            sample_rate: rate,
            window,
            hop,
            bands,
            low_hz: low,
            high_hz: high,
            floor_log2: floor_log2 as i32,
            spectrum,
            remove_dc: config.remove_mean,
            ..Params::DEFAULT
        };
        // With units of any size: those of the model are known when it is converted.
        Tables::design_cepstra(params, &vec![1.0; cepstra]).map_err(|error| refusal(error, config))?;
        Ok(Self { params, cepstra, above })
    }

    /// A model of features as one that hears: of the units that conversion chose.
    ///
    /// # Errors
    /// If no scale expresses a unit, or the input is something else than these features.
    pub fn hear(&self, mut chain: ChainModel) -> Result<ChainModel, ConvertError> {
        let InputModel::Features { steps: frames, columns, fine, channels, .. } = chain.input else {
            return Err(ConvertError::Unsupported("a front end of an input other than features"));
        };
        if columns * channels.len() != self.cepstra {
            return Err(ConvertError::Unsupported("a front end of another number of features"));
        }
        if !fine {
            return Err(ConvertError::Unsupported("a front end of cepstra before a stem of 8 bits, not 15"));
        }
        let units: Vec<f64> =
            channels.iter().map(|channel| f64::from(channel.unit)).cycle().take(self.cepstra).collect();
        let tables = self.tables(&units).map_err(|error| ConvertError::scale("front end", error))?;
        chain.input = InputModel::Audio { frames, is_picture: columns > 1, tables };
        Ok(chain)
    }

    /// Tables that take the logarithm of the samples' scale off each band. In the bias of a coefficient, after the
    /// floor: zeros that a stem pads with stay the model's own, as they would not if the stem's bias held it.
    fn tables(&self, units: &[f64]) -> Result<Tables, DesignError> {
        let mut tables = Tables::design_cepstra(self.params, units)?;
        if let Some(cepstra) = &mut tables.cepstra {
            let rows = cepstra.matrix.chunks_exact((self.params.bands as usize).next_multiple_of(2));
            for (channel, row) in cepstra.channels.iter_mut().zip(rows) {
                let sum: i64 = row.iter().map(|&x| i64::from(x)).sum();
                channel.bias -= (sum as f64 * self.above).round() as i32;
            }
        }
        Ok(tables)
    }
}

/// What a front end cannot be, by the names of the TOML.
fn refusal(error: DesignError, config: &AudioConfig) -> ImportError {
    let (key, found, expected) = match error {
        DesignError::Window(n) => ("audio.window", n.to_string(), format!("1 to {MAX_WINDOW} samples")),
        DesignError::Hop(n) => ("audio.hop", n.to_string(), format!("1 to {} samples, a window", config.window)),
        DesignError::Bands(n) => ("audio.bands", n.to_string(), format!("1 to {MAX_BANDS}")),
        DesignError::Cepstra(n) => ("audio.cepstra", n.to_string(), format!("1 to {}, the bands", config.bands)),
        DesignError::Edges { low_hz, high_hz } => {
            let expected = format!("`low` below `high`, and this at most {}, half the rate", config.rate / 2);
            ("audio.low and high", format!("{low_hz} and {high_hz}"), expected)
        }
        error => ("audio", error.to_string(), "a front end of heedful".into()),
    };
    ImportError::setting(key, found, expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use heedful::audio::fine_features;

    const CONFIG: AudioConfig = AudioConfig {
        rate: 8000,
        window: 200,
        hop: 80,
        bands: 12,
        low: 100,
        high: 3500,
        spectrum: SpectrumName::Magnitude,
        floor: 1e-12,
        full_scale: 1.0,
        remove_mean: false,
        cepstra: Some(6),
    };

    /// Cepstra of a frame as a float program makes them of samples of this scale.
    fn float(config: &AudioConfig, samples: &[i16]) -> Vec<f64> {
        use std::f64::consts::{PI, TAU};
        let mean = if config.remove_mean {
            samples.iter().map(|&s| f64::from(s)).sum::<f64>() / samples.len() as f64
        } else {
            0.0
        };
        let scaled = |(i, &s): (usize, &i16)| {
            let hann = 0.5 - 0.5 * (TAU * i as f64 / samples.len() as f64).cos();
            (f64::from(s) - mean) * config.full_scale / FULL_SCALE * hann
        };
        let x: Vec<f64> = samples.iter().enumerate().map(scaled).collect();
        let points = x.len().next_power_of_two();
        let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
        let (low, high) = (mel(f64::from(config.low)), mel(f64::from(config.high)));
        let bands = config.bands as usize;
        let mut sums = vec![0.0; bands];
        for bin in 0..=points / 2 {
            let turned = |of: fn(f64) -> f64| -> f64 {
                x.iter().enumerate().map(|(i, x)| x * of(TAU * (bin * i % points) as f64 / points as f64)).sum()
            };
            let magnitude = turned(f64::cos).hypot(turned(f64::sin));
            let place = (mel(bin as f64 * f64::from(config.rate) / points as f64) - low) / (high - low);
            for (band, sum) in sums.iter_mut().enumerate() {
                let share = (1.0 - (place * (bands + 1) as f64 - (band + 1) as f64).abs()).max(0.0);
                *sum += share * magnitude.powi(if config.spectrum == SpectrumName::Power { 2 } else { 1 });
            }
        }
        let coefficient = |j: usize| {
            let of = |(band, sum): (usize, &f64)| {
                sum.max(config.floor).ln() * (PI * j as f64 * (band as f64 + 0.5) / bands as f64).cos()
            };
            (2.0 / bands as f64).sqrt() * sums.iter().enumerate().map(of).sum::<f64>()
        };
        (0..config.cepstra.unwrap()).map(coefficient).collect()
    }

    fn samples(count: usize) -> Vec<i16> {
        let wave = |i: usize| (3000.0 * ((i * i) as f64 / 170.0).sin() + 500.0 * (i as f64 * 0.9).sin() + 40.0) as i16;
        (0..count).map(wave).collect()
    }

    #[test]
    fn cepstra_are_those_of_the_samples_scale_in_training() {
        let samples = samples(200);
        let power = AudioConfig { spectrum: SpectrumName::Power, floor: 1e-10, ..CONFIG };
        for config in [
            CONFIG,
            AudioConfig { full_scale: 32_768.0, floor: 1e-3, remove_mean: true, ..CONFIG },
            AudioConfig { full_scale: 0.3, ..power },
            AudioConfig { bands: 11, ..power },
        ] {
            let front_end = FrontEnd::of(&config, 6).unwrap();
            let units = [0.01, 0.002, 0.002, 0.002, 0.001, 0.001];
            let tables = front_end.tables(&units).unwrap();
            let mut found = [0; 6];
            fine_features(&tables.frontend(), &samples, 1, &mut found);
            for ((found, unit), expected) in found.into_iter().zip(units).zip(float(&config, &samples)) {
                let found = f64::from(found) * unit;
                assert!((found - expected).abs() < 0.03, "{config:?}: {found}, expected {expected}");
            }
            for (found, expected) in tables.frontend().units().into_iter().zip(units) {
                assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_floor_is_that_of_training() {
        // Of silence there is nothing but the floor, to half an octave: here, to 0.14.
        let front_end = FrontEnd::of(&CONFIG, 6).unwrap();
        let mut found = [0; 6];
        fine_features(&front_end.tables(&[0.01; 6]).unwrap().frontend(), &[0; 200], 1, &mut found);
        let expected = float(&CONFIG, &[0; 200])[0];
        assert!((f64::from(found[0]) * 0.01 - expected).abs() < 0.6, "{found:?}, expected {expected}");
        assert_eq!(found[1..], [0; 5]);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let refused = |config: AudioConfig| FrontEnd::of(&config, config.cepstra.unwrap()).unwrap_err().to_string();
        for (config, start) in [
            (AudioConfig { window: 2000, ..CONFIG }, "`audio.window` is 2000, expected 1 to 1024"),
            (AudioConfig { hop: 0, ..CONFIG }, "`audio.hop` is 0, expected 1 to 200"),
            (AudioConfig { bands: 81, ..CONFIG }, "`audio.bands` is 81, expected 1 to 80"),
            (AudioConfig { cepstra: Some(13), ..CONFIG }, "`audio.cepstra` is 13, expected 1 to 12"),
            (AudioConfig { high: 4001, ..CONFIG }, "`audio.low and high` is 100 and 4001, expected `low` below"),
            (AudioConfig { rate: 0, ..CONFIG }, "`audio.low and high` is 100 and 3500"),
            (AudioConfig { floor: 0.0, ..CONFIG }, "`audio.floor` is 0, expected"),
            (AudioConfig { floor: f64::NAN, ..CONFIG }, "`audio.floor` is NaN, expected"),
            (AudioConfig { full_scale: -1.0, ..CONFIG }, "`audio.full_scale` is -1, expected"),
            (AudioConfig { full_scale: f64::INFINITY, ..CONFIG }, "`audio.full_scale` is inf, expected"),
        ] {
            let found = refused(config);
            assert!(found.starts_with(start), "{found}");
        }
    }
}
