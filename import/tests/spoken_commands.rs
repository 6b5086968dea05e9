//! Commands that flite and espeak-ng speak, from samples: `models/commands.heed` beside the float network, whose
//! features are computed in f64 from the same samples.
//!
//! ```sh
//! HEEDFUL_ALL_WORDS=1 HEEDFUL_KWT1=… cargo test -p heedful-import --test spoken_commands -- --nocapture
//! ```

mod common;

use common::kwt1::{SECOND, best, decibels, folder, heard, logits, model, reference, shipped};
use common::skip::{Lack, skipped};
use heedful::audio::excerpt;
use heedful_import::graph::{NoTaps, Sample};
use std::f64::consts::{PI, TAU};
use std::path::Path;
use std::process::Command;

/// The classes "yes" to "go", which follow silence and unknown words.
const WORDS: [&str; 10] = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"];
const FIRST: usize = 2;
const FLITE: [&str; 4] = ["kal", "awb", "rms", "slt"];
const ESPEAK: [&str; 6] = ["en-us", "en-gb", "en-gb-scotland", "en-us+m3", "en-us+f3", "en-gb+f4"];
/// Words a minute.
const SPEEDS: [&str; 3] = ["120", "150", "190"];

const WINDOW: usize = 480;
const HOP: usize = 160;
const POINTS: usize = 512;
const BANDS: usize = 80;
const CEPSTRA: usize = 40;

/// The features that the network was trained on, as its data says.
struct Features {
    /// Of a whole turn.
    turn: Vec<[f64; 2]>,
    /// `[band][bin]`
    filters: Vec<Vec<f64>>,
}

impl Features {
    fn new() -> Self {
        let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
        let (low, high) = (mel(20.0), mel(7600.0));
        let spacing = (high - low) / (BANDS + 1) as f64;
        let share = |band: usize, bin: usize| {
            let place = (mel(bin as f64 * SECOND as f64 / POINTS as f64) - low) / spacing;
            (1.0 - (place - (band + 1) as f64).abs()).max(0.0)
        };
        // The first bin, of the mean, is in no band.
        let filter = |band| (0..=POINTS / 2).map(|bin| if bin == 0 { 0.0 } else { share(band, bin) }).collect();
        let angle = |i: usize| TAU * i as f64 / POINTS as f64;
        Self {
            turn: (0..POINTS).map(|i| [angle(i).cos(), angle(i).sin()]).collect(),
            filters: (0..BANDS).map(filter).collect(),
        }
    }

    fn of(&self, samples: &[i16]) -> Vec<f32> {
        samples.windows(WINDOW).step_by(HOP).flat_map(|window| self.frame(window)).collect()
    }

    fn frame(&self, window: &[i16]) -> Vec<f32> {
        let hann = |i: usize| 0.5 - 0.5 * (TAU * i as f64 / WINDOW as f64).cos();
        let x: Vec<f64> = window.iter().enumerate().map(|(i, &s)| f64::from(s) / 32_768.0 * hann(i)).collect();
        let magnitude = |bin: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, x) in x.iter().enumerate() {
                let [cos, sin] = self.turn[bin * i % POINTS];
                re += x * cos;
                im += x * sin;
            }
            f64::hypot(re, im)
        };
        let spectrum: Vec<f64> = (0..=POINTS / 2).map(magnitude).collect();
        let log = |filter: &Vec<f64>| filter.iter().zip(&spectrum).map(|(a, b)| a * b).sum::<f64>().max(1e-12).ln();
        let logs: Vec<f64> = self.filters.iter().map(log).collect();
        let cepstrum = |j: usize| {
            let angle = |band: usize| PI * j as f64 * (band as f64 + 0.5) / BANDS as f64;
            let sum: f64 = logs.iter().enumerate().map(|(band, log)| log * angle(band).cos()).sum();
            (sum * (2.0 / BANDS as f64).sqrt()) as f32
        };
        (0..CEPSTRA).map(cepstrum).collect()
    }
}

/// All ways to speak a word: a name, and the program that writes it to a file.
fn voices(word: &str, to: &Path) -> Vec<(String, Command)> {
    let command = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).arg(to);
        if program == "flite" {
            &mut command
        } else {
            command.arg(word)
        };
        command
    };
    let flite = FLITE.map(|voice| (format!("flite {voice}"), command("flite", &["-voice", voice, "-t", word, "-o"])));
    let espeak = ESPEAK.iter().flat_map(|voice| {
        let speak = |speed| {
            let arguments = ["-v", voice, "-s", speed, "-w"];
            (format!("espeak-ng {voice} {speed}"), command("espeak-ng", &arguments))
        };
        SPEEDS.map(speak)
    });
    flite.into_iter().chain(espeak).collect()
}

/// The reference of the measurement is right itself.
#[test]
fn float_features_are_the_published_ones() {
    let Some(folder) = folder() else { return };
    let bytes = std::fs::read(folder.join("reference.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let audio = tensors.tensor("audio").unwrap();
    let samples: Vec<i16> = audio.data().as_chunks().0.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect();
    let (_, expected) = reference(&folder, "audio_features", 3);
    let features = Features::new();
    let found: Vec<f32> = samples.chunks_exact(SECOND).flat_map(|clip| features.of(clip)).collect();
    let quality = decibels(&expected, &found);
    println!("{quality:.1} dB");
    assert!(quality > 80.0, "{quality}");
}

/// Each word by two of the 22 voices, other ones for each; by all of them, in minutes, where `HEEDFUL_ALL_WORDS` is
/// set.
#[test]
fn commands_are_heard_as_by_the_float_network() {
    let Some(folder) = folder() else { return };
    if ["flite", "espeak-ng"].iter().any(|program| Command::new(program).arg("--version").output().is_err()) {
        return skipped(Lack::Tool, "flite and espeak-ng speak the commands");
    }
    let (model, heed, features) = (model(&folder), shipped(), Features::new());
    let scratch = std::env::temp_dir().join(format!("heedful-commands-{}.wav", std::process::id()));
    let (mut spoken, mut right, mut kept, mut same) = (0, 0, 0, 0);
    let (mut expected, mut found, mut qualities) = (vec![], vec![], vec![]);
    for (class, word) in WORDS.iter().enumerate().map(|(index, word)| (FIRST + index, word)) {
        let all = std::env::var_os("HEEDFUL_ALL_WORDS").is_some();
        let chosen = |number: usize| all || number % 11 == class - FIRST;
        let speak = voices(word, &scratch).into_iter().enumerate().filter(|(number, _)| chosen(*number));
        for (voice, mut command) in speak.map(|(_, speak)| speak) {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{voice}: {}", String::from_utf8_lossy(&output.stderr));
            let recording = heedful_recordings::read(&scratch, SECOND as u32).unwrap().samples;
            let samples: Vec<i16> = excerpt(&recording, SECOND).collect();
            let floats = features.of(&samples);
            let float = model.run(Sample::Values(&floats), &mut NoTaps).unwrap();
            let integers = logits(&heed, &samples);
            qualities.push(decibels(&floats, &heard(&heed, &samples)));
            spoken += 1;
            same += usize::from(best(&float) == best(&integers));
            if best(&float) == class {
                right += 1;
                kept += usize::from(best(&integers) == class);
            }
            if best(&float) != best(&integers) {
                println!("{word}, {voice}: float {}, integers {}", best(&float), best(&integers));
            }
            expected.extend(float);
            found.extend(integers);
        }
    }
    std::fs::remove_file(&scratch).unwrap();
    qualities.sort_by(f64::total_cmp);
    println!("{spoken} words spoken; the float network knows {right}, and of these the integers, from samples, {kept}");
    println!("the same class for {same}; logits {:.1} dB", decibels(&expected, &found));
    println!("features: {:.1} dB, at least {:.1} dB", qualities[qualities.len() / 2], qualities[0]);
    // The float network knows most, or the figure would say nothing.
    assert!(2 * right > spoken && 100 * kept >= 95 * right, "{kept} of {right}");
}
