//! What comes before a word and is louder: a click, a knock, settling, and a step.

type Disturbance = fn(usize) -> f64;

/// By name, for each sample at 8,000 a second.
pub const DISTURBANCES: [(&str, Disturbance); 4] = [
    ("click", |i| if i == 800 { 32_767.0 } else { 0.0 }),
    ("knock", |i| if (800..1300).contains(&i) { 32_767.0 * noise(i) } else { 0.0 }),
    ("settling", |i| -20_000.0 * (-(i as f64) / 400.0).exp()),
    ("step", |i| if i < 5000 { 12_000.0 } else { 0.0 }),
];

/// Three seconds, in which a clip is quiet, from 1.2 s on, and the disturbance is not.
pub fn disturbed(clip: &[i16], disturbance: Disturbance) -> Vec<i16> {
    let quiet = |i: usize| 3.0 * noise(3 * i) + disturbance(i);
    let word = |i: usize| i.checked_sub(9600).and_then(|i| clip.get(i)).map_or(0.0, |&sample| 0.1 * f64::from(sample));
    (0..24_000).map(|i| (word(i) + quiet(i)).round() as i16).collect()
}

fn noise(i: usize) -> f64 {
    (i * 7919 % 20_011) as f64 / 10_005.5 - 1.0
}
