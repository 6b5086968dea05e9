//! Recordings and the microphone, as samples at the model's rate: by the reader and the resampler of the host's tools.

use heedful_recordings::Resampling;
use serde::Serialize;

/// A recording.
#[derive(Debug, Serialize)]
pub struct Decoded {
    /// Samples at the model's rate.
    #[serde(skip)]
    pub samples: Vec<i16>,
    /// Samples per second in the file.
    pub rate: u32,
    /// What had to be guessed or left out.
    pub warnings: Vec<String>,
}

/// Decodes the bytes of a WAV file.
///
/// # Errors
/// Why it cannot be read, which is so of any other kind of file.
pub fn decode(bytes: &[u8], rate: u32) -> Result<Decoded, String> {
    let recording = heedful_recordings::decode(bytes, rate).map_err(|reason| reason.to_string())?;
    let warnings = recording.warnings.iter().map(ToString::to_string).collect();
    Ok(Decoded { samples: recording.samples, rate: recording.file_rate, warnings })
}

/// Sound of another rate, as it comes.
pub struct Microphone {
    /// None where the rates are the same.
    resampling: Option<Resampling>,
}

impl Microphone {
    /// From a rate to that of the model, in samples per second.
    ///
    /// # Errors
    /// If the ratio of the two is none that can be resampled by.
    pub fn new(from: u32, to: u32) -> Result<Self, String> {
        let resampling = if from == to { None } else { Some(Resampling::new(from, to).map_err(|e| e.to_string())?) };
        Ok(Self { resampling })
    }

    /// Samples of full scale ±1 in, and what comes out at the model's rate.
    ///
    /// # Errors
    /// None that is known.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<i16>, String> {
        let samples: Vec<f64> = samples.iter().map(|&x| f64::from(x)).collect();
        let Some(resampling) = &mut self.resampling else {
            return Ok(samples.into_iter().map(heedful_recordings::nearest).collect());
        };
        let mut out = Vec::new();
        resampling.push(&samples, &mut out).map_err(|reason| reason.to_string())?;
        Ok(out)
    }
}
