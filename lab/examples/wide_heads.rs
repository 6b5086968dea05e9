//! Trains a model of spoken digits whose heads are wider than itself, where fused query-key weights pay; see the
//! README.
//!
//!     cargo run --release -p heedful-lab --example wide_heads -- DIR wide.safetensors

use heedful_lab::settings::Settings;
use heedful_lab::train::{Observer, Report, Run};
use heedful_lab::{Config, Preset, checkpoint, data};
use std::error::Error;
use std::path::PathBuf;

/// A line per epoch.
struct Lines;

impl Observer for Lines {
    fn epoch(&mut self, Report { epoch, loss, accuracy, .. }: Report) -> bool {
        println!("epoch {epoch:>2}: loss {loss:.4}, validation {:.4}", accuracy.unwrap_or(0.0));
        true
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: wide_heads DIR FILE.safetensors".into());
    };
    // Two heads of 48 in a model of width 24.
    let config = Config { head_width: 48, ..Preset::DigitsSmall.config() };
    let clips = data::digits(&folder, config.audio.sample_rate)?;
    let run = Run::new(&config, Settings { epochs: 80, seed: 1, ..Settings::default() })?;
    let checkpoint = checkpoint::path_for(&out);
    if let Some(weights) = run.finish(&clips, &checkpoint, &mut Lines)? {
        weights.save(&out)?;
        std::fs::remove_file(checkpoint)?;
    }
    Ok(())
}
