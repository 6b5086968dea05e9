//! What `--report` prints.

use heedful_import::report::{Bench, Converted, ReportError, worst};

/// Inputs of which fewer leave much to chance.
const FEW: usize = 32;

/// Signal to noise of each layer, the worst, and what helps.
pub fn print(bench: &Bench<'_>, converted: &Converted, inputs: usize) -> Result<(), ReportError> {
    let layers = bench.layers(converted)?;
    let wide = layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0);
    say!("{:wide$}  signal to noise  share of the noise", "after");
    let all: f64 = layers.iter().map(|layer| layer.added).sum();
    for layer in &layers {
        let share = if all > 0.0 { 100.0 * layer.added / all } else { 0.0 };
        say!("{:wide$}  {:>12.1} dB  {share:>16.0} %", layer.name, layer.decibels);
    }
    if let Some(worst) = worst(&layers) {
        say!("worst: {}", worst.name);
    }
    say!("what to do:");
    let mut helps = 0;
    for (what, trial) in bench.trials(converted.settings)? {
        if let Some(gain) = trial.gain_over(converted) {
            helps += 1;
            let bytes = trial.bytes.len() as i64 - converted.bytes.len() as i64;
            say!("  {what}: {gain:+.1} dB, {bytes:+} bytes");
        }
    }
    let flattered = bench.flattery(converted.settings)?;
    match flattered {
        Some(flattered) if flattered >= 1.0 => {
            helps += 1;
            say!("  more calibration data: what half of it has not seen is {flattered:.1} dB worse");
        }
        _ if inputs < FEW => {
            helps += 1;
            say!("  more calibration data: there are {inputs}, some {FEW} or more are better");
        }
        _ => {}
    }
    if helps == 0 {
        say!("  nothing that import could: training with quantisation in the loop, or a wider model");
    } else {
        say!("  (--auto tries what needs no data)");
    }
    Ok(())
}
