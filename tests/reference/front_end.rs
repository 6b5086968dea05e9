//! The log-mel front end against a discrete Fourier transform and logarithms in f64.

use crate::support::{Errors, Random};
use fixed::types::U0F16;
use heedful::audio::{DesignError, Frontend, MAX_BANDS, MelBin, Params, Stream, Tables, centre, excerpt, features};
use std::f64::consts::TAU;

/// Energies of each band in eighths of an octave, neither rounded nor clamped: the definition, from the parameters
/// alone.
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
        let n = params.window as usize;
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
            hann: (0..n).map(|i| 0.5 - 0.5 * (TAU * i as f64 / n as f64).cos()).collect(),
            filters: (0..=n / 2).map(|bin| (0..params.bands).map(|band| filter(bin, band)).collect()).collect(),
            turn: (0..n).map(|i| (TAU * i as f64 / n as f64).sin_cos()).map(|(s, c)| (c, s)).collect(),
        }
    }

    fn log_mel(&self, samples: &[i16]) -> Vec<f64> {
        let n = self.hann.len();
        let x: Vec<f64> = samples.iter().zip(&self.hann).map(|(&s, w)| f64::from(s) * w).collect();
        let mut bands = vec![0.0; self.params.bands as usize];
        for (bin, filters) in self.filters.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in x.iter().enumerate() {
                let (cos, sin) = self.turn[bin * i % n];
                re += x * cos;
                im -= x * sin;
            }
            for (band, filter) in bands.iter_mut().zip(filters) {
                *band += filter * (re * re + im * im);
            }
        }
        bands.iter().map(|power| 8.0 * (power.log2() - f64::from(self.params.floor_log2))).collect()
    }
}

fn signals(random: &mut Random, n: usize) -> Vec<Vec<i16>> {
    let mut signals = Vec::new();
    for amplitude in [10.0, 300.0, 9000.0, 60_000.0] {
        for _ in 0..6 {
            signals.push((0..n).map(|_| (amplitude * random.normal()) as i16).collect());
            // Two tones above a noise, so that no band is empty.
            let (f, g) = (random.uniform() * 0.5, random.uniform() * 0.5);
            let tone = |f: f64, i: usize| (TAU * f * i as f64).sin();
            signals.push(
                (0..n).map(|i| (amplitude * (tone(f, i) + 0.3 * tone(g, i) + 0.01 * random.normal())) as i16).collect(),
            );
        }
    }
    signals.push((0..n).map(|i| if i / 20 % 2 == 0 { i16::MAX } else { i16::MIN }).collect());
    signals.push((0..n).map(|i| if i == n / 2 { i16::MIN } else { 0 }).collect());
    signals
}

#[test]
fn log_mel() {
    let mut random = Random(11);
    let common =
        Params { sample_rate: 8000, window: 256, hop: 80, bands: 32, low_hz: 60, high_hz: 4000, floor_log2: 10 };
    let mut pairs = Vec::new();
    for params in [
        common,
        Params { bands: 5, low_hz: 300, high_hz: 3000, floor_log2: 0, ..common },
        Params { sample_rate: 16_000, window: 512, bands: 40, high_hz: 8000, ..common },
    ] {
        let (tables, exact) = (Tables::design(params).unwrap(), Exact::new(params));
        for signal in signals(&mut random, params.window as usize) {
            let mut out = vec![0; params.bands as usize];
            tables.frontend().log_mel(&signal, &mut vec![0.0; params.window as usize], &mut out);
            pairs.extend(
                out.iter().map(|&y| f64::from(y)).zip(exact.log_mel(&signal).iter().map(|y| y.clamp(0.0, 255.0))),
            );
        }
    }
    Errors::of(pairs).within(0.02, 0.295, 0.55);
}

/// The two real values that the FFT packs into one: the mean, and the alternation from sample to sample.
#[test]
fn ends_of_the_spectrum() {
    let params = Params { sample_rate: 8000, window: 256, hop: 80, bands: 2, low_hz: 0, high_hz: 4000, floor_log2: 10 };
    let tables = Tables::design(Params { bands: 8, ..params }).unwrap();
    let mut mel = [MelBin { upper: MelBin::OUTSIDE, rise: U0F16::ZERO }; 129];
    mel[0] = MelBin { upper: 0, rise: U0F16::MAX };
    mel[128] = MelBin { upper: 1, rise: U0F16::MAX };
    let frontend = Frontend { params, window: &tables.window, mel: &mel };
    for (constant, alternating) in [(1000, 30), (30, 1000), (7, 7)] {
        let samples: Vec<i16> =
            (0..256).map(|i| constant + if i % 2 == 0 { alternating } else { -alternating }).collect();
        let mut out = [0; 2];
        frontend.log_mel(&samples, &mut [0.0; 256], &mut out);
        // The window's values sum to 128.
        let exact = [constant, alternating].map(|amplitude| 16.0 * (128.0 * f64::from(amplitude)).log2() - 80.0);
        Errors::of(out.iter().map(|&y| f64::from(y)).zip(exact)).within(0.55, 0.55, 0.55);
    }
}

#[test]
fn silence() {
    let params =
        Params { sample_rate: 8000, window: 256, hop: 80, bands: 32, low_hz: 60, high_hz: 4000, floor_log2: 10 };
    let tables = Tables::design(params).unwrap();
    let mut out = [1; 32];
    tables.frontend().log_mel(&[0; 256], &mut [f32::NAN; 256], &mut out);
    assert_eq!(out, [0; 32]);
    // A window that no FFT is built for.
    let mut out = [1; 32];
    let mut frontend = tables.frontend();
    frontend.params.window = 128;
    frontend.log_mel(&[1000; 256], &mut [0.0; 256], &mut out);
    assert_eq!(out, [0; 32]);
}

/// A recording's features: placement, frames, and the mean over all of them taken away.
#[test]
fn whole_recordings() {
    let params =
        Params { sample_rate: 8000, window: 256, hop: 80, bands: 12, low_hz: 60, high_hz: 4000, floor_log2: 10 };
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
    let fits = Params { sample_rate: 8000, window: 256, hop: 80, bands: 16, low_hz: 100, high_hz: 4000, floor_log2: 0 };
    let design = |change: &dyn Fn(&mut Params)| {
        let mut params = fits;
        change(&mut params);
        Tables::design(params).map(|tables| tables.params == params)
    };
    assert_eq!(design(&|_| ()), Ok(true));
    assert_eq!(design(&|p| p.window = 512), Ok(true));
    for window in [0, 128, 255, 257, 1024] {
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
    // The first band has a bin at its edge, where it hears nothing, and no other.
    let edge = |bands| design(&|p| (p.sample_rate, p.low_hz, p.bands) = (32_000, 125, bands));
    assert_eq!([20, 30].map(edge), [Ok(true), Err(DesignError::Bands(30))]);
}

#[test]
fn excerpts() {
    let placed = |recording: &[i16], length| excerpt(recording, length).collect::<Vec<_>>();
    assert_eq!(placed(&[], 3), [0, 0, 0]);
    assert_eq!(placed(&[1, 2], 5), [0, 1, 2, 0, 0]);
    assert_eq!(placed(&[1, 2, 3], 3), [1, 2, 3]);
    assert!(placed(&[1, 2, 3], 0).is_empty());
    // The loudest stretch, the first of several; i16::MIN is as loud as it gets.
    assert_eq!(placed(&[0, 5, 6, 0, 6, 5, 0], 2), [5, 6]);
    assert_eq!(placed(&[0, 9, 0, i16::MIN, 1, 0, 9], 2), [i16::MIN, 1]);
    let mut recording = vec![0; 4000];
    recording[3000..3640].fill(1000);
    let best = placed(&recording, 640);
    // Within half a step of length / 64.
    assert!(best.iter().filter(|&&s| s == 1000).count() >= 635);
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
    let params =
        Params { sample_rate: 8000, window: 256, hop: 80, bands: 3, low_hz: 100, high_hz: 4000, floor_log2: 10 };
    assert_eq!((params.samples(usize::MAX), params.samples(usize::MAX / 80)), (usize::MAX, usize::MAX));
    assert_eq!(excerpt(&[1, 2], usize::MAX).skip(usize::MAX / 2 - 1).take(3).collect::<Vec<_>>(), [1, 2, 0]);
    assert_eq!(excerpt(&[1, 2], usize::MAX - 1).take(5).count(), 5);

    let tables = Tables::design(params).unwrap();
    let mut stream = Stream::<256, 3, 2>::new();
    for i in 0..400i16 {
        stream.push(&tables.frontend(), i.wrapping_mul(i));
    }
    let (mut near, mut far) = ([0; 6], [0; 6]);
    stream.token(1, stream.mean(), &mut near);
    stream.token(usize::MAX, stream.mean(), &mut far);
    assert_eq!(near, far, "a ring of two");
    stream.token(0, i16::MIN, &mut near);
    stream.token(0, i16::MAX, &mut far);
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
        features(&Frontend { params, ..tables.frontend() }, &recording, 2, &mut out);
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
