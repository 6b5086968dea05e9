//! The front end: any tables, any samples, any places.

use crate::bytes::Bytes;
use fixed::types::{I1F15, U0F16};
use heedful::audio::{
    CepstraFrames, Frames, Frontend, Level, LogMelFrames, MelBin, Params, Spectrum, Stream, Tables, centre, excerpt,
    features, fine_features,
};

/// True if the tables could be designed.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let mut params = Params {
        sample_rate: from.within(4_000, 48_000),
        window: if from.once_in(2) { 512 } else { 256 },
        hop: from.within(1, 256),
        bands: from.within(1, 20),
        low_hz: from.within(0, 500),
        high_hz: from.within(500, 4_000),
        floor_log2: from.within(0, 40) as i32 - 8,
        spectrum: if from.once_in(4) { Spectrum::Magnitude } else { Spectrum::Power },
        remove_dc: from.once_in(4),
        level: if from.once_in(4) { Level::Running { shift: from.within(0, 40) } } else { Level::Mean },
    };
    let Params { sample_rate, window, hop, bands, low_hz, high_hz, .. } = &mut params;
    if from.once_in(4) {
        *window = from.within(1, 1024);
    }
    for word in [sample_rate, window, hop, bands, low_hz, high_hz] {
        if from.once_in(16) {
            *word = from.any() as u32;
        }
    }
    let designed = Tables::design(params);
    let is_designed = designed.is_ok();
    // Those that nobody designed are of any length.
    let tables = designed.unwrap_or_else(|_| Tables {
        params,
        window: (0..from.within(0, 600)).map(|_| I1F15::from_bits(from.sample())).collect(),
        mel: (0..from.within(0, 300))
            .map(|_| MelBin { upper: from.sample() as u16, rise: U0F16::from_bits(from.sample() as u16) })
            .collect(),
        cepstra: None,
    });
    let frontend = tables.frontend();
    stream::<256, 256, 5, 3>(&frontend, &mut from);
    stream::<512, 512, 20, 4>(&frontend, &mut from);
    stream::<7, 9, 1, 1>(&frontend, &mut from);
    stream::<0, 32, 3, 0>(&frontend, &mut from);

    let samples: Vec<i16> = (0..from.within(0, 700)).map(|_| from.sample()).collect();
    let length = from.any();
    let placed = excerpt(&samples, length).take(2_000).count();
    assert_eq!(placed, length.min(2_000));
    let mut energies = vec![0; from.within(0, 70) as usize];
    frontend.log_mel(&samples, &mut vec![0; from.within(0, 600) as usize], &mut energies);
    let mut centred = vec![0; from.within(0, 70) as usize];
    centre(&energies, &mut centred);
    let _ = params.samples(from.any());
    let frames = if from.once_in(8) { from.any() } else { from.within(0, 8) as usize };
    features(&frontend, &samples, frames, &mut centred);
    cepstra(params, &samples, &mut from);
    is_designed
}

/// A stream of these lengths, whether they are those of the front end or not.
fn stream<const WINDOW: usize, const POINTS: usize, const BANDS: usize, const FRAMES: usize>(
    frontend: &Frontend<'_>,
    from: &mut Bytes<'_>,
) {
    let mut stream = Stream::<WINDOW, POINTS, LogMelFrames<BANDS, FRAMES>>::new();
    let mut frames = 0;
    for _ in 0..from.within(0, if cfg!(miri) { 300 } else { 1_000 }) {
        frames += usize::from(stream.push(frontend, from.sample()));
    }
    assert_eq!(stream.frames().is_full(), frames >= FRAMES);
    let mean = if from.once_in(4) { from.sample() } else { stream.frames().level() };
    stream.frames().features(from.any(), mean, &mut [0; 33], &mut []);
    stream.reset();
    assert_eq!(stream.frames().is_full(), FRAMES == 0);
}

/// Cepstra in any units.
fn cepstra(params: Params, samples: &[i16], from: &mut Bytes<'_>) {
    let units: Vec<f64> = (0..from.within(0, 5)).map(|_| f64::from(from.sample()) / 4096.0).collect();
    let Ok(tables) = Tables::design_cepstra(params, &units) else { return };
    let frontend = tables.frontend();
    let mut whole = vec![0; from.within(0, 40) as usize];
    fine_features(&frontend, samples, from.within(0, 8) as usize, &mut whole);
    let mut stream = Stream::<256, 256, CepstraFrames<3, 2>>::new();
    for &sample in samples {
        stream.push(&frontend, sample);
    }
    stream.frames().features(from.any(), 0, &mut [0; 7], &mut [0; 7]);
}
