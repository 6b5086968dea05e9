//! Runs a fuzz target on a folder of inputs.

/// Inputs of a target under Miri, or a few more.
const MOST_UNDER_MIRI: usize = 5;

/// Of them, at least every twentieth must be one that the target has something to run for: a target that refuses all
/// tests nothing.
pub fn replay(folder: &str, target: impl Fn(&[u8]) -> bool) {
    let mut inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{folder}: {} inputs", inputs.len());
    if cfg!(miri) {
        // Which interprets: a few from all over.
        inputs = inputs.iter().step_by(inputs.len() / MOST_UNDER_MIRI).cloned().collect();
    }
    let mut ran = 0;
    for input in &inputs {
        // Shown where a target panics.
        println!("{}", input.display());
        ran += usize::from(target(&std::fs::read(input).unwrap()));
    }
    println!("{ran} of {} ran", inputs.len());
    assert!(20 * ran >= inputs.len(), "{folder}: only {ran} of {} ran", inputs.len());
}
