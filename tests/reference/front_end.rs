//! The front end against a discrete Fourier transform, logarithms and cosines in f64.

use crate::support::{Errors, Random};
use fixed::types::U0F16;
use heedful::audio::{
    CepstraFrames, DesignError, Frames, Frontend, Level, LogMelFrames, MAX_BANDS, MelBin, Params, Spectrum, Stream,
    Tables, centre, excerpt, features, fine_features,
};
use std::f64::consts::TAU;

/// Octaves of each band, neither rounded nor clamped: the definition, from the parameters alone.
struct Exact {
    params: Params,
    hann: Vec<f64>,
    /// `[bin][band]`
    filters: Vec<Vec<f64>>,
    /// `cos` and `sin` of a whole turn.
    turn: Vec<(f64, f64)>,
}

impl Exact {
    fn new(params: Params) -> Self {
        let (window, n) = (params.window, params.points());
        let mel = |hz: f64| 2595.0 * (1.0 + hz / 700.0).log10();
        let (low, high) = (mel(params.low_hz.into()), mel(params.high_hz.into()));
        let edge = |i: u32| low + (high - low) * f64::from(i) / f64::from(params.bands + 1);
        let filter = |bin: usize, band: u32| {
            let m = mel(bin as f64 * f64::from(params.sample_rate) / n as f64);
            let rising = (m - edge(band)) / (edge(band + 1) - edge(band));
            let falling = (edge(band + 2) - m) / (edge(band + 2) - edge(band + 1));
            rising.min(falling).max(0.0)
        };
        Self {
            params,
            hann: (0..window).map(|i| 0.5 - 0.5 * (TAU * f64::from(i) / f64::from(window)).cos()).collect(),
            filters: (0..=n / 2).map(|bin| (0..params.bands).map(|band| filter(bin, band)).collect()).collect(),
            turn: (0..n).map(|i| (TAU * i as f64 / n as f64).sin_cos()).map(|(s, c)| (c, s)).collect(),
        }
    }

    /// Octaves above the floor; of empty bands minus infinity.
    fn octaves(&self, samples: &[i16]) -> Vec<f64> {
        let mean = samples.iter().map(|&s| f64::from(s)).sum::<f64>() / f64::from(self.params.window);
        let offset = if self.params.remove_dc { mean } else { 0.0 };
        let x: Vec<f64> = samples.iter().zip(&self.hann).map(|(&s, w)| (f64::from(s) - offset) * w).collect();
        let mut bands = vec![0.0; self.params.bands as usize];
        for (bin, filters) in self.filters.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in x.iter().enumerate() {
                let (cos, sin) = self.turn[bin * i % self.turn.len()];
                re += x * cos;
                im -= x * sin;
            }
            let power: f64 = re * re + im * im;
            let energy = if self.params.spectrum == Spectrum::Magnitude { power.sqrt() } else { power };
            for (band, filter) in bands.iter_mut().zip(filters) {
                *band += filter * energy;
            }
        }
        bands.iter().map(|energy| energy.log2() - f64::from(self.params.floor_log2)).collect()
    }

    /// In eighths of an octave, as far as a byte holds them.
    fn log_mel(&self, samples: &[i16]) -> Vec<f64> {
        self.octaves(samples).iter().map(|octaves| (8.0 * octaves).clamp(0.0, 255.0)).collect()
    }
}

/// A name, and windows of samples.
type Sounds = Vec<(&'static str, Vec<Vec<i16>>)>;

/// Windows of `n` samples of all that a microphone may hear, and some that it should not.
fn sounds(random: &mut Random, n: usize) -> Sounds {
    let clip = recording();
    let windows = |gain: f64| -> Vec<Vec<i16>> {
        let scaled: Vec<i16> = clip.iter().map(|&s| (f64::from(s) * gain).round() as i16).collect();
        scaled.windows(n).step_by(331).map(<[i16]>::to_vec).collect()
    };
    let tone = |f: f64, i: usize| (TAU * f * i as f64).sin();
    let mut noise = |amplitude: f64| -> Vec<Vec<i16>> {
        (0..10).map(|_| (0..n).map(|_| (amplitude * random.normal()) as i16).collect()).collect()
    };
    let noises = [300.0, 9000.0].into_iter().flat_map(&mut noise).collect();
    let silence = noise(1.0);
    let mut clipped = noise(60_000.0);
    let mut sine = |amplitude: f64| -> Vec<Vec<i16>> {
        // Two tones 50 dB above a noise: 70 dB below a tone, the rounding of window and twiddles shows.
        let mut one = |_| {
            let (f, g) = (random.uniform() * 0.5, random.uniform() * 0.5);
            let mut sample =
                |i| amplitude * (tone(f, i) + 0.3 * tone(g, i)) + (2.0 + amplitude / 300.0) * random.normal();
            (0..n).map(|i| sample(i).round() as i16).collect()
        };
        (0..10).map(&mut one).collect()
    };
    let sines = [30.0, 1000.0, 20_000.0].into_iter().flat_map(&mut sine).collect();
    clipped.extend(windows(30.0));
    // Between the harmonics of a square wave there is nothing but what rounding leaves, 80 dB below them.
    let square = (0..n).map(|i| if i / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
    let click = (0..n).map(|i| if i == n / 2 { i16::MIN } else { 0 }).collect();
    vec![
        ("recording", windows(1.0)),
        ("recording at 3 % of its level", windows(0.03)),
        ("recording at 0.3 % of its level", windows(0.003)),
        ("sines", sines),
        ("noise", noises),
        ("noise of the last bit", silence),
        ("clipped", clipped),
        ("click", vec![click]),
        ("square wave of full scale", vec![square]),
    ]
}

/// Samples of a recording; in the published archive, which has no clips, of a hum over noise.
fn recording() -> Vec<i16> {
    let clip = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/clips/7_theo_5.wav");
    if let Ok(bytes) = std::fs::read(clip) {
        // Behind a header of 44 bytes.
        return bytes[44..].as_chunks().0.iter().map(|&sample| i16::from_le_bytes(sample)).collect();
    }
    let mut random = Random(5);
    let hum = |i: usize| (1..20).map(|n| (TAU * 0.015 * (n * i) as f64).sin() / n as f64).sum::<f64>();
    (0..4000).map(|i| (3000.0 * hum(i) * (i as f64 / 1300.0).sin() + 40.0 * random.normal()) as i16).collect()
}

#[test]
fn log_mel() {
    let mut random = Random(11);
    let common = Params::DEFAULT;
    let kinds = [
        common,
        Params { bands: 5, low_hz: 300, high_hz: 3000, floor_log2: 7, ..common },
        Params { sample_rate: 16_000, window: 512, bands: 40, high_hz: 8000, ..common },
        Params { sample_rate: 16_000, window: 480, bands: 60, high_hz: 7600, floor_log2: 8, remove_dc: true, ..common },
        Params { window: 1000, bands: 80, ..common },
        Params { window: 255, bands: 16, spectrum: Spectrum::Magnitude, floor_log2: 4, ..common },
        Params { window: 20, hop: 10, bands: 4, remove_dc: true, floor_log2: 6, ..common },
    ];
    println!("| sound | values | mean | RMS | largest |\n|---|---:|---:|---:|---:|");
    for kind in 0..sounds(&mut random, 20).len() {
        let mut pairs = Vec::new();
        let mut name = "";
        for params in kinds {
            let (tables, exact) = (Tables::design(params).unwrap(), Exact::new(params));
            let (sound, windows) = sounds(&mut random, params.window as usize).swap_remove(kind);
            name = sound;
            for window in windows {
                let mut out = vec![0; params.bands as usize];
                tables.frontend().log_mel(&window, &mut vec![0; params.points()], &mut out);
                pairs.extend(out.iter().map(|&y| f64::from(y)).zip(exact.log_mel(&window)));
            }
        }
        let count = pairs.len();
        let errors = Errors::of(pairs);
        println!("| {name} | {count} | {:+.3} | {:.3} | {:.3} |", errors.mean, errors.rms, errors.max);
        if name.starts_with("square") {
            errors.within(0.5, 2.0, 13.0);
        } else {
            errors.within(0.05, 0.3, 1.0);
        }
    }
}

/// The features of a published keyword transformer: magnitudes, 80 bands, 40 cepstra, natural logarithms.
#[test]
fn cepstra() {
    let params = Params {
        sample_rate: 16_000,
        window: 480,
        hop: 160,
        bands: 80,
        low_hz: 20,
        high_hz: 7600,
        floor_log2: 1,
        spectrum: Spectrum::Magnitude,
        ..Params::DEFAULT
    };
    let units: Vec<f64> = (0..40).map(|j| 0.02 / f64::from(1 + j)).collect();
    let (tables, exact) = (Tables::design_cepstra(params, &units).unwrap(), Exact::new(params));
    let mut random = Random(31);
    for (name, windows) in sounds(&mut random, 480) {
        let mut pairs = Vec::new();
        for window in windows {
            let mut out = [0; 40];
            tables.frontend().cepstra(&window, &mut [0; 512], &mut out);
            // What lies between two bins is at the floor.
            let octaves: Vec<f64> = exact.octaves(&window).iter().map(|octaves| octaves.max(0.0)).collect();
            for (j, (y, unit)) in out.into_iter().zip(&units).enumerate() {
                let cos = |b: usize| (TAU / 2.0 * j as f64 * (b as f64 + 0.5) / 80.0).cos();
                let ln = |octaves: f64| (octaves + 1.0) * std::f64::consts::LN_2;
                let sum: f64 = octaves.iter().enumerate().map(|(b, &o)| ln(o) * cos(b) * (2.0_f64 / 80.0).sqrt()).sum();
                // In natural logarithms, with which such models are trained: they are some tens.
                if (sum / unit).abs() < 16_000.0 {
                    pairs.push((f64::from(y) * unit, sum));
                }
            }
        }
        println!("{name}: {} values", pairs.len());
        let square = name.starts_with("square");
        Errors::of(pairs).within(0.03, if square { 0.1 } else { 0.015 }, if square { 0.5 } else { 0.1 });
    }
}

/// Each band against its running mean.
#[test]
fn running_means() {
    let params = Params { bands: 8, level: Level::Running { shift: 4 }, remove_dc: true, ..Params::DEFAULT };
    let (tables, exact) = (Tables::design(params).unwrap(), Exact::new(params));
    let recording: Vec<i16> = recording().into_iter().cycle().take(params.samples(60)).collect();
    let mut out = vec![0; 60 * 8];
    features(&tables.frontend(), &recording, 60, &mut out);
    let mut means = exact.log_mel(&recording[..256]);
    let mut pairs = Vec::new();
    for (i, out) in out.chunks_exact(8).enumerate() {
        for ((mean, energy), &y) in means.iter_mut().zip(exact.log_mel(&recording[80 * i..][..256])).zip(out) {
            *mean += (energy - *mean) / 16.0;
            pairs.push((f64::from(y), energy - *mean));
        }
    }
    Errors::of(pairs).within(0.05, 0.45, 1.3);
}

/// Streams of either kind give what the recording as a whole gives.
#[test]
fn streams_of_all_kinds() {
    let clip = recording();
    let heard = Params { window: 100, hop: 40, bands: 6, level: Level::Running { shift: 3 }, ..Params::DEFAULT };
    let tables = Tables::design(heard).unwrap();
    let mut stream = Stream::<100, 128, LogMelFrames<6, 20, 6>>::new();
    clip.iter().take(heard.samples(20)).for_each(|&sample| _ = stream.push(&tables.frontend(), sample));
    assert!(stream.frames().is_full());
    let (mut expected, mut found) = ([0; 120], [1; 120]);
    features(&tables.frontend(), &clip[..heard.samples(20)], 20, &mut expected);
    // From the middle of a frame on, too.
    let (first, rest) = found.split_at_mut(45);
    stream.frames().features(0, stream.frames().level(), first, &mut []);
    stream.frames().features(45, stream.frames().level(), rest, &mut []);
    assert_eq!(found, expected);
    assert!(expected.iter().any(|&value| value != 0));

    let heard = Params { level: Level::Mean, ..heard };
    let tables = Tables::design_cepstra(heard, &[0.01, 0.002, 0.002]).unwrap();
    let mut stream = Stream::<100, 128, CepstraFrames<3, 20>>::new();
    clip.iter().take(heard.samples(20)).for_each(|&sample| _ = stream.push(&tables.frontend(), sample));
    let (mut expected, mut high, mut low, mut rounded) = ([0; 60], [0; 60], [0; 60], [0; 60]);
    fine_features(&tables.frontend(), &clip[..heard.samples(20)], 20, &mut expected);
    stream.frames().features(0, 0, &mut high, &mut low);
    stream.frames().features(0, 0, &mut rounded, &mut []);
    for (((&fine, high), low), rounded) in expected.iter().zip(high).zip(low).zip(rounded) {
        assert_eq!((i16::from(high) << 7) + i16::from(low), fine);
        assert!((i16::from(rounded) * 128 - fine).abs() <= if rounded == 127 { 127 } else { 64 });
    }
    assert!(expected.iter().any(|&value| value != 0));
}

/// The two real values that the FFT packs into one: the mean, and the alternation from sample to sample.
#[test]
fn ends_of_the_spectrum() {
    let params = Params { bands: 2, low_hz: 0, ..Params::DEFAULT };
    let tables = Tables::design(Params { bands: 8, ..params }).unwrap();
    let mut mel = [MelBin { upper: MelBin::OUTSIDE, rise: U0F16::ZERO }; 129];
    mel[0] = MelBin { upper: 0, rise: U0F16::MAX };
    mel[128] = MelBin { upper: 1, rise: U0F16::MAX };
    let frontend = Frontend::new(params, &tables.window, &mel, None);
    for (constant, alternating) in [(1000, 30), (30, 1000), (7, 7)] {
        let samples: Vec<i16> =
            (0..256).map(|i| constant + if i % 2 == 0 { alternating } else { -alternating }).collect();
        let mut out = [0; 2];
        frontend.log_mel(&samples, &mut [0; 256], &mut out);
        // The window's values sum to 128.
        let exact = [constant, alternating].map(|amplitude| 16.0 * (128.0 * f64::from(amplitude)).log2() - 80.0);
        Errors::of(out.iter().map(|&y| f64::from(y)).zip(exact)).within(0.55, 0.55, 0.55);
    }
}

#[test]
fn silence() {
    let params = Params::DEFAULT;
    let tables = Tables::design(params).unwrap();
    let mut out = [1; 32];
    tables.frontend().log_mel(&[0; 256], &mut [i32::MIN; 256], &mut out);
    assert_eq!(out, [0; 32]);
    // A window that no FFT is built for.
    let mut out = [1; 32];
    let frontend = Frontend::new(Params { window: 1025, ..params }, &tables.window, &tables.mel, None);
    frontend.log_mel(&[1000; 256], &mut [0; 256], &mut out);
    assert_eq!(out, [0; 32]);
}

/// A recording's features: placement, frames, and the mean over all of them taken away.
#[test]
fn whole_recordings() {
    let params = Params { bands: 12, ..Params::DEFAULT };
    let (tables, exact) = (Tables::design(params).unwrap(), Exact::new(params));
    let mut random = Random(12);
    let mut pairs = Vec::new();
    let frames = 20;
    for length in [1500, params.samples(frames), 2500] {
        let recording: Vec<i16> = (0..length).map(|_| (1000.0 * random.normal()) as i16).collect();
        let mut out = vec![0; frames * 12];
        features(&tables.frontend(), &recording, frames, &mut out);
        let placed: Vec<i16> = excerpt(&recording, params.samples(frames)).collect();
        let energies: Vec<f64> =
            (0..frames).flat_map(|f| exact.log_mel(&placed[f * 80..][..256])).map(|y| y.clamp(0.0, 255.0)).collect();
        let mean = energies.iter().sum::<f64>() / energies.len() as f64;
        pairs.extend(out.iter().zip(energies).map(|(&y, e)| (f64::from(y), (e - mean).clamp(-128.0, 127.0))));
    }
    // Both the energies and their mean are rounded.
    Errors::of(pairs).within(0.5, 0.6, 1.05);
}

/// What is the last to fit, and what no longer does.
#[test]
fn designs_that_do_not_fit() {
    let fits = Params { bands: 16, low_hz: 100, floor_log2: 0, ..Params::DEFAULT };
    let design = |change: &dyn Fn(&mut Params)| {
        let mut params = fits;
        change(&mut params);
        Tables::design(params).map(|tables| tables.params == params)
    };
    assert_eq!(design(&|_| ()), Ok(true));
    assert_eq!([100, 255, 512, 1024].map(|window| design(&|p| p.window = window)), [Ok(true); 4]);
    for window in [0, 1025, u32::MAX] {
        assert_eq!(design(&|p| p.window = window), Err(DesignError::Window(window)));
    }
    assert_eq!([1, 256].map(|hop| design(&|p| p.hop = hop)), [Ok(true); 2]);
    assert_eq!([0, 257].map(|hop| design(&|p| p.hop = hop)), [0, 257].map(|hop| Err(DesignError::Hop(hop))));
    for (low_hz, high_hz) in [(4000, 4000), (4000, 100), (100, 4001)] {
        let design = design(&|p| (p.low_hz, p.high_hz) = (low_hz, high_hz));
        assert_eq!(design, Err(DesignError::Edges { low_hz, high_hz }));
    }
    for bands in [0, MAX_BANDS as u32 + 1] {
        assert_eq!(design(&|p| p.bands = bands), Err(DesignError::Bands(bands)));
    }
    for shift in [0, 13] {
        assert_eq!(design(&|p| p.level = Level::Running { shift }), Err(DesignError::Shift(shift)));
    }
    let cepstra = |units: &[f64]| Tables::design_cepstra(fits, units).map(|tables| tables.frontend().values());
    assert_eq!([1, 16].map(|count| cepstra(&vec![0.01; count])), [Ok(1), Ok(16)]);
    assert_eq!([0, 17].map(|count| cepstra(&vec![0.01; count])), [0, 17].map(|n| Err(DesignError::Cepstra(n))));
    for unit in [0.0, -1.0, f64::INFINITY, 1e-9, 1e9] {
        assert_eq!(cepstra(&[0.01, unit]), Err(DesignError::Unit { coefficient: 1, unit }));
    }
    // The first band has a bin at its edge, where it hears nothing, and no other.
    let edge = |bands| design(&|p| (p.sample_rate, p.low_hz, p.bands) = (32_000, 125, bands));
    assert_eq!([20, 30].map(edge), [Ok(true), Err(DesignError::Bands(30))]);
}

#[test]
fn centring() {
    let mut random = Random(13);
    for count in [1, 2, 3, 100, 3200] {
        let frames: Vec<u8> = (0..count).map(|_| random.next() as u8).collect();
        let mean = (frames.iter().map(|&f| f64::from(f)).sum::<f64>() / f64::from(count) + 0.5).floor();
        let mut out = vec![0; count as usize];
        centre(&frames, &mut out);
        assert!(out.iter().zip(frames).all(|(&y, f)| f64::from(y) == (f64::from(f) - mean).clamp(-128.0, 127.0)));
    }
}

/// Lengths, places and means that make no sense are no reason to panic.
#[test]
fn arguments_of_any_size() {
    let params = Params { bands: 3, low_hz: 100, ..Params::DEFAULT };
    assert_eq!((params.samples(usize::MAX), params.samples(usize::MAX / 80)), (usize::MAX, usize::MAX));
    assert_eq!(excerpt(&[1, 2], usize::MAX).skip(usize::MAX / 2 - 1).take(3).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(excerpt(&[1, 2], usize::MAX - 1).take(5).count(), 5);

    let tables = Tables::design(params).unwrap();
    let mut stream = Stream::<256, 256, LogMelFrames<3, 2>>::new();
    for i in 0..400i16 {
        stream.push(&tables.frontend(), i.wrapping_mul(i));
    }
    let (mut near, mut far) = ([0; 6], [0; 6]);
    stream.frames().features(3, stream.frames().level(), &mut near, &mut []);
    stream.frames().features(usize::MAX, stream.frames().level(), &mut far, &mut []);
    assert_eq!(near, far, "a ring of two");
    stream.frames().features(0, i16::MIN, &mut near, &mut []);
    stream.frames().features(0, i16::MAX, &mut far, &mut []);
    assert_eq!((near, far), ([127; 6], [-128; 6]));

    // More frames than there is room for, and front ends that no file may have.
    let recording: Vec<i16> = (0..400).map(|i: i16| i.wrapping_mul(i)).collect();
    let (mut all, mut more) = ([1; 6], [2; 6]);
    features(&tables.frontend(), &recording, 2, &mut all);
    features(&tables.frontend(), &recording, usize::MAX, &mut more);
    assert_eq!(all, more);
    assert_ne!(all, [0; 6]);
    let refused = [
        Params { window: u32::MAX, ..params },
        Params { hop: 0, ..params },
        Params { hop: u32::MAX, ..params },
        Params { bands: 0, ..params },
        Params { bands: u32::MAX, ..params },
    ];
    for params in refused {
        let mut out = [1; 6];
        features(&Frontend::new(params, &tables.window, &tables.mel, None), &recording, 2, &mut out);
        assert_eq!(out, [0; 6], "{params:?}");
    }
}

/// The sum of so many does not fit 32 bits.
#[test]
fn a_mean_of_many_frames() {
    let frames = vec![255; (1 << 24) + 70_000];
    let mut out = [0];
    centre(&frames, &mut out);
    assert_eq!(out, [0]);
}
