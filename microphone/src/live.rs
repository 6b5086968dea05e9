//! The microphone itself.

use crate::{Chunk, Error};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{Device, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, StreamConfig};
use heedful_recordings::Resampling;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Chunks that wait for a program that is slow: at some 10 ms each, ten seconds.
const WAITING: usize = 1000;

/// What comes from the system's thread.
type Taken = Result<Vec<f64>, cpal::Error>;

/// The default microphone.
pub struct Microphone {
    // It records as long as it lives.
    _stream: cpal::Stream,
    taken: Receiver<Taken>,
    /// Samples at the microphone's rate for which there was no room, and how many of the other rate have been told.
    lost: Arc<AtomicU64>,
    told: u64,
    /// Samples per second, of the microphone and as asked for.
    rates: [u32; 2],
    resampling: Option<Resampling>,
}

impl Microphone {
    /// Opens the default microphone, for samples at so many a second.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(rate: u32) -> Result<Self, Error> {
        let device = cpal::default_host().default_input_device().ok_or(Error::Missing)?;
        let supported = device.default_input_config().map_err(system)?;
        let (sender, taken) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let config: StreamConfig = supported.config();
        let recorder = Recorder { device, config, sender, lost: lost.clone() };
        let stream = match supported.sample_format() {
            SampleFormat::I8 => recorder.record::<i8>(),
            SampleFormat::I16 => recorder.record::<i16>(),
            SampleFormat::I32 => recorder.record::<i32>(),
            SampleFormat::U8 => recorder.record::<u8>(),
            SampleFormat::U16 => recorder.record::<u16>(),
            SampleFormat::F32 => recorder.record::<f32>(),
            SampleFormat::F64 => recorder.record::<f64>(),
            other => return Err(Error::Form(other.to_string())),
        };
        let stream = stream.map_err(system)?;
        stream.play().map_err(system)?;
        let rates = [supported.sample_rate(), rate];
        let resampling = if rates[0] == rate { None } else { Some(Resampling::new(rates[0], rate)?) };
        Ok(Self { _stream: stream, taken, lost, told: 0, rates, resampling })
    }

    /// Waits for samples.
    ///
    /// # Errors
    /// If the microphone is gone.
    pub fn listen(&mut self) -> Result<Chunk, Error> {
        let mono = self.taken.recv().map_err(|_| Error::Missing)?.map_err(system)?;
        let [from, to] = self.rates.map(u64::from);
        let lost = self.lost.load(Ordering::Relaxed) * to / from.max(1);
        let new = lost - std::mem::replace(&mut self.told, lost);
        let mut samples = vec![];
        match &mut self.resampling {
            Some(resampling) => resampling.push(&mono, &mut samples)?,
            None => samples.extend(mono.iter().map(|&x| heedful_recordings::nearest(x))),
        }
        Ok(Chunk { lost: new, samples })
    }
}

fn system(error: cpal::Error) -> Error {
    Error::System(error.to_string())
}

/// A microphone that is being opened.
struct Recorder {
    device: Device,
    config: StreamConfig,
    sender: SyncSender<Taken>,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    fn record<T: SizedSample>(self) -> Result<cpal::Stream, cpal::Error>
    where
        f64: FromSample<T>,
    {
        let Self { device, config, sender, lost } = self;
        let (channels, failed) = (usize::from(config.channels).max(1), sender.clone());
        let take = move |samples: &[T], _: &_| {
            let mean = |frame: &[T]| frame.iter().map(|&x| f64::from_sample(x)).sum::<f64>() / channels as f64;
            let mono: Vec<f64> = samples.chunks_exact(channels).map(mean).collect();
            let count = mono.len() as u64;
            if sender.try_send(Ok(mono)).is_err() {
                lost.fetch_add(count, Ordering::Relaxed);
            }
        };
        let fail = move |error: cpal::Error| match error.kind() {
            // It records on.
            ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied | ErrorKind::Xrun => {}
            _ => _ = failed.try_send(Err(error)),
        };
        device.build_input_stream(config, take, fail, None)
    }
}

impl std::fmt::Debug for Microphone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Microphone").field("rates", &self.rates).finish_non_exhaustive()
    }
}
